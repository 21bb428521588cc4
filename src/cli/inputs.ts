import { openCaptures } from '../capture/open.js';
import type { FrameDirection, FrameSource } from '../capture/frame.js';
import { type Given, loadGiven } from '../given.js';
import type { LogSource } from '../observed/readLog.js';
import { Diagnostics } from '../source/diagnostic.js';
import { Unusable } from './io.js';
import type { CaptureOptions, HostOptions } from './options.js';
import type { Terminal } from './terminal.js';

/** What a replay needs, read and found fit for use. */
export interface Inputs {
  readonly given: Given;
  readonly captures: Captures;
}

/** Reads the host, its rules and the heads of the captures; says everything that is wrong before it gives up. */
export async function readInputs(
  paths: readonly string[],
  options: HostOptions & CaptureOptions,
  terminal: Terminal,
): Promise<Inputs> {
  if (capturesOf(paths, options).length === 0)
    throw new Unusable(
      'no capture is given',
      'Name the captures before --rules and --log, which take all that follows.',
    );
  const given = readGiven(options, terminal);
  const captures = await openAll(paths, options, terminal);
  if (given && captures) return { given, captures };
  await captures?.source.close();
  throw new Unusable('');
}

/** null: unusable, and why was said. */
export function readGiven(options: HostOptions, terminal: Terminal): Given | null {
  const { host, rules, addr, route, link, sysctl, socket } = options;
  if (host === undefined && rules === undefined)
    throw new Unusable(
      'neither --host nor --rules is given: there is nothing to replay against',
      '--host takes a host snapshot; `nfreplay collect` prints a script that makes one.',
    );
  const told = Object.entries({ addr, route, link, sysctl, socket }).filter(
    ([, value]) => value !== undefined,
  );
  if (host !== undefined && told.length > 0)
    throw new Unusable(`--${told[0][0]} tells what the snapshot of --host tells: give one or the other`);
  const diagnostics = new Diagnostics();
  const given = loadGiven(
    {
      hostDir: host,
      rulesFiles: rules,
      addresses: addr,
      routes: route,
      interfaces: link,
      sysctls: sysctl,
      sockets: socket,
    },
    diagnostics,
  );
  terminal.tell(diagnostics);
  const wrong = host === undefined && diagnostics.list.some((d) => d.severity === 'error' && !d.position);
  if (given.unusable.length > 0 || wrong) return null;
  if (given.ruleset.tables.length === 0) terminal.warn('there are no rules: every packet is accepted');
  return given;
}

/** Captures that were opened, and what there is to say of them. */
export interface Captures {
  readonly source: FrameSource;
  /** Opens the same captures from their start. */
  readonly again: () => FrameSource;
  /** Says what was found since the last time; true where a capture could not be read to its end. */
  readonly tell: () => boolean;
}

/** Opens captures; one that cannot be read makes them all unusable. */
export async function readCaptures(
  paths: readonly string[],
  options: CaptureOptions,
  terminal: Terminal,
): Promise<Captures> {
  const captures = await openAll(paths, options, terminal);
  if (!captures) throw new Unusable('');
  return captures;
}

/** The captures that are named, by `--in` and `--egress` too. */
function capturesOf(paths: readonly string[], options: CaptureOptions): readonly string[] {
  const directed = [...(options.in ?? []), ...(options.egress ?? [])].map((text) => directedOf(text).file);
  return [...new Set([...paths, ...directed])];
}

/** null: unusable, and why was said. */
async function openAll(
  named: readonly string[],
  options: CaptureOptions,
  terminal: Terminal,
): Promise<Captures | null> {
  const paths = capturesOf(named, options);
  if (paths.length === 0) throw new Unusable('no capture is given');
  if (paths.filter((path) => path === '-').length > 1)
    throw new Unusable('standard input can be read only once');
  const told = interfacesOf(paths, options);
  const again = (): FrameSource => openCaptures(paths, { told, stdin: terminal.io.stdin });
  const source = again();
  await source.open();
  const tell = teller(source, terminal);
  if (tell()) {
    await source.close();
    return null;
  }
  return { source, again, tell };
}

/** Says what a source has found since it was asked last; true where there were errors. */
export function teller(source: FrameSource, terminal: Terminal): () => boolean {
  const diagnostics = new Diagnostics();
  const said = { errors: 0, warnings: 0 };
  return () => {
    const errors = source.errors.slice(said.errors);
    for (const { file, message, advice } of errors)
      diagnostics.error(`${file}: ${message}`, { advice: sentence(advice) });
    for (const warning of source.warnings.slice(said.warnings)) diagnostics.warning(warning);
    said.errors = source.errors.length;
    said.warnings = source.warnings.length;
    terminal.tell(diagnostics);
    return said.errors > 0;
  };
}

/** A log by its name; `-` is standard input. */
export function logSource(file: string, { io }: Terminal): LogSource {
  return file === '-' ? { file, text: io.stdin } : { file };
}

/** Advice that was written to follow a colon. */
function sentence(text: string): string {
  if (text === '') return '';
  return text[0].toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? '' : '.');
}

type Told = Map<string, { interface: string; direction?: FrameDirection }>;

const INTERFACE = /^[^\s/]{1,15}$/;

function interfacesOf(paths: readonly string[], options: CaptureOptions): Told {
  const told: Told = new Map();
  for (const text of options.interface ?? []) {
    const equals = text.lastIndexOf('=');
    const name = text.slice(equals + 1);
    if (!INTERFACE.test(name))
      throw new Unusable(
        `not an interface: ${text}`,
        'Write -i eth0, or -i eth0.pcap=eth0 for one of several captures.',
      );
    const path = text.slice(0, Math.max(0, equals));
    if (path !== '' && !paths.includes(path))
      throw new Unusable(`-i names ${path}, which is none of the captures`);
    for (const each of path === '' ? paths : [path]) told.set(each, { interface: name });
  }
  for (const direction of ['in', 'out'] as const)
    for (const text of (direction === 'in' ? options.in : options.egress) ?? []) {
      const { name, file } = directedOf(text);
      if (told.get(file)?.direction) throw new Unusable(`${file} is told twice where its packets went`);
      told.set(file, { interface: name, direction });
    }
  return told;
}

/** `eth0=file`, as --in and --egress take it. */
function directedOf(text: string): { readonly name: string; readonly file: string } {
  const equals = text.indexOf('=');
  const [name, file] = [text.slice(0, Math.max(0, equals)), text.slice(equals + 1)];
  if (!INTERFACE.test(name) || file === '')
    throw new Unusable(
      `not an interface and a capture: ${text}`,
      'Write --in eth0=in.pcap --egress eth0=out.pcap.',
    );
  return { name, file };
}
