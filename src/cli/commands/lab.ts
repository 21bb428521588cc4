import { cpSync, createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Passage } from '../../engine/passage.js';
import { loadGiven } from '../../given.js';
import { type Agreement, compareRecording } from '../../lab/agreement.js';
import { LabError, removeWithUs } from '../../lab/children.js';
import { createFeed, type Feed } from '../../lab/feed.js';
import { hostOf } from '../../lab/hostOf.js';
import { missingForLab } from '../../lab/namespaces.js';
import { linesOf, tracesNft } from '../../lab/ourLines.js';
import { record } from '../../lab/record.js';
import type { Ruleset } from '../../rules/model.js';
import { readLogs, runReplay } from '../../run.js';
import { Diagnostics } from '../../source/diagnostic.js';
import { escapeControls } from '../../source/text.js';
import { type Inputs, readCaptures, readInputs } from '../inputs.js';
import { Status, Unusable } from '../io.js';
import type { LabOptions } from '../options.js';
import type { Terminal } from '../terminal.js';
import { type Beside, compareWith } from './compare.js';

/** `nfreplay lab`: gives the host and the captured packets to this machine's own kernel, and holds the simulation against it. */
export async function lab(
  paths: readonly string[],
  options: LabOptions,
  terminal: Terminal,
): Promise<number> {
  const inputs = await readInputs(paths, options, terminal);
  mayRun(inputs.given.ruleset);
  const { feed, isCut } = await gather(inputs, options);
  const packets = feed.packets(options.speed);
  if (packets.length === 0)
    throw new Unusable(
      'no packet of the capture came in by an interface of the host: there is nothing to feed',
    );
  const { host, leftOut, refused } = hostOf(inputs.given, feed.neighbours());
  if (refused.length > 0) throw new Unusable(refused[0], 'Take the rule out of the rules.');
  for (const what of [...leftOut, ...feed.leftOut()]) terminal.note(what);
  const seconds = packets.reduce((sum, p) => sum + p.wait, 0) / 1e6;
  if (seconds >= 10) terminal.note(`this takes ${Math.ceil(seconds)} s; --speed 10 is ten times as fast`);

  const directory = mkdtempSync(join(tmpdir(), 'nfreplay-lab-'));
  removeWithUs(directory);
  try {
    const isOurs = linesOf(inputs.given.ruleset, host);
    const traces = tracesNft(inputs.given.ruleset);
    await record({ host, packets, isOurs, traces }, directory, {
      built: (words) => words.forEach((w) => terminal.warn(`not as on the host: ${w}`)),
      waits: (lock) => terminal.note(`waits for another lab, which has ${lock}: they share the kernel's log`),
    });
    // What was counted when it ended stands where a snapshot has it.
    cpSync(join(directory, 'after'), join(directory, 'host', 'after'), { recursive: true });
    if (options.out !== undefined) cpSync(directory, join(options.out, 'lab'), { recursive: true });
    const status = await hold(directory, paths, options, terminal);
    return isCut ? Status.unusable : status;
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    throw new Unusable(`the lab failed: ${error.message}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @throws Unusable where this machine is no place for a lab */
function mayRun({ tables }: Ruleset): void {
  const tools = ['ip', 'unshare', 'nsenter', 'setsid', 'flock', 'tcpdump', 'conntrack', 'stdbuf'];
  for (const { family, nft } of tables)
    tools.push(nft ? 'nft' : family === 'ip6' ? 'ip6tables-legacy-restore' : 'iptables-legacy-restore');
  const missing = missingForLab([...new Set(tools)]);
  if (missing === 'needs root')
    throw new Unusable(
      'lab needs root: it makes network namespaces',
      'Use sudo, or replay, which needs none.',
    );
  if (missing !== null)
    throw new Unusable(
      `lab ${missing}`,
      'On Debian: apt-get install iproute2 iptables nftables conntrack tcpdump.',
    );
  try {
    createRequire(import.meta.url)('cap');
  } catch {
    throw new Unusable(
      'lab sends frames with the npm package cap, which cannot be loaded',
      'npm install cap',
    );
  }
}

/** Replays the capture on the simulated host, to learn which of its packets came in, and who will be spoken to. */
async function gather(
  { given, captures }: Inputs,
  { seed }: LabOptions,
): Promise<{ feed: Feed; isCut: boolean }> {
  const feed = createFeed();
  const sinks = { sent: (passage: Passage) => feed.sent(passage) };
  await runReplay(captures.source, given, { admits: feed.admits, sinks, keepsLines: false, seed });
  return { feed, isCut: captures.tell() };
}

/** Where the lab's log can be read when the lab is gone, or what to call it where it is kept nowhere. */
function nameOfLog(out: string | undefined): string {
  return out === undefined ? "the lab's kernel log" : join(out, 'lab', 'kernel.log');
}

/** Replays what the lab recorded, on the lab's own host, and compares. */
async function hold(
  directory: string,
  paths: readonly string[],
  options: LabOptions,
  terminal: Terminal,
): Promise<number> {
  const host = join(directory, 'host');
  const agreement = await compareRecording(directory, true);
  const diagnostics = new Diagnostics();
  const given = loadGiven({ hostDir: host }, diagnostics);
  const text = createReadStream(join(directory, 'kernel.log'));
  const log = await readLogs([{ file: nameOfLog(options.out), text }], diagnostics);
  const captures = await readCaptures([join(directory, 'any.pcap')], {}, terminal);
  const about = [`capture: ${paths.join(', ')}`, "the host: this machine's kernel, in a namespace"];
  return compareWith(
    {
      inputs: { given, captures },
      observed: { log, isEmpty: false },
      about,
      beside: beside(agreement, tracesNft(given.ruleset)),
    },
    { ...options, host },
    terminal,
  );
}

const TITLES = {
  counters: 'counters',
  conntrack: 'connections',
  timeouts: 'timeouts of connections',
  events: 'events of connections',
  egress: 'packets that left',
  traces: 'traces of nft',
} as const;
/** Differences of one kind that the text shows. */
const MOST = 12;

function beside(agreement: Agreement, isTraced: boolean): Beside {
  const kinds = Object.keys(TITLES) as (keyof typeof TITLES)[];
  const differing = kinds.filter((kind) => agreement[kind].length > 0);
  const alike = kinds
    .filter((kind) => !differing.includes(kind) && (kind !== 'traces' || isTraced))
    .map((kind) => TITLES[kind]);
  const text = differing.flatMap((kind) => {
    const list = agreement[kind];
    const more = list.length > MOST ? [`  and ${list.length - MOST} more`] : [];
    const rows = list.slice(0, MOST).map((row) => `  ${escapeControls(row)}`);
    return [`${TITLES[kind]} differ (- this kernel, + the simulation):`, ...rows, ...more];
  });
  if (alike.length > 0) text.push(`the same on both: ${alike.join(', ')}`);
  return {
    agrees: differing.length === 0,
    json: { lab: Object.fromEntries(kinds.map((kind) => [kind, agreement[kind]])) },
    text: text.map((line) => `${line}\n`).join(''),
  };
}
