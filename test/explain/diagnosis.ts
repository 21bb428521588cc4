import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { openCaptures } from '../../src/capture/open.js';
import { remember } from '../../src/capture/remember.js';
import type { Comparison } from '../../src/compare/result.js';
import type { Finding, Suspect } from '../../src/explain/finding.js';
import type { Limits } from '../../src/explain/findings.js';
import { loadAfter, loadGiven } from '../../src/given.js';
import { wordsOf } from '../../src/report/words.js';
import { causes, compareWithHost, keepSets, readLogs } from '../../src/run.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import type { Mutation } from './mutateNft.js';
import { randomOf, type Random } from './random.js';

export interface Compared {
  readonly comparison: Comparison;
  readonly findings: readonly Finding[];
}

/** A recording: `any.pcap`, `kernel.log` and the snapshot `host/` (captures/README.md). */
export interface Recording {
  readonly capture: string;
  readonly host: string;
  readonly log: string;
}

export function recordingIn(dir: string): Recording {
  return { capture: join(dir, 'any.pcap'), host: join(dir, 'host'), log: join(dir, 'kernel.log') };
}

/** Contents of files by their names: `any.pcap`, `kernel.log`, and those of the snapshot; null: it is gone. */
export type Contents = Readonly<Record<string, string | Uint8Array | null>>;

const BESIDE_HOST: readonly string[] = ['any.pcap', 'kernel.log'];

/** `compare` on a recording whose files have other contents. */
export async function compareOtherwise(
  { capture, host, log }: Recording,
  otherwise: Contents = {},
  limits: Partial<Limits> = {},
): Promise<Compared> {
  const dir = mkdtempSync(join(tmpdir(), 'nfreplay-causes-'));
  try {
    cpSync(host, join(dir, 'host'), { recursive: true });
    writeFileSync(join(dir, 'any.pcap'), readFileSync(capture));
    writeFileSync(join(dir, 'kernel.log'), readFileSync(log));
    for (const [name, content] of Object.entries(otherwise)) {
      const file = BESIDE_HOST.includes(name) ? join(dir, name) : join(dir, 'host', name);
      if (content === null) rmSync(file, { force: true, recursive: true });
      else writeFileSync(file, content);
    }
    const frames = remember(openCaptures([join(dir, 'any.pcap')]));
    await frames.open();
    const diagnostics = new Diagnostics();
    const given = loadGiven({ hostDir: join(dir, 'host') }, diagnostics);
    const after = loadAfter(join(dir, 'host'));
    const sets = keepSets(given.sets);
    const observed = await readLogs([{ file: join(dir, 'kernel.log') }], diagnostics);
    const held = await compareWithHost(frames, given, { observed, after });
    const findings = await causes({ frames, ...held, sets, after, limits });
    const { comparison } = held;
    return { comparison, findings };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export type Mutator = (text: string, random: Random) => Mutation | null;

export interface Diagnosis {
  readonly recording: string;
  readonly what: string;
  /** Where the suspect stands among the findings, from 1; 0: not among the first three. */
  readonly place: number;
  readonly said: string;
}

/** Mutates a file of a recording's snapshot some times and looks who is named; without an effect it does not count. */
export async function diagnose(
  recording: Recording,
  name: string,
  file: string,
  mutate: Mutator,
  { seed, count }: { readonly seed: string; readonly count: number },
): Promise<Diagnosis[]> {
  const random = randomOf(`${seed}/${name}`);
  const text = readFileSync(join(recording.host, file), 'utf8');
  const out: Diagnosis[] = [];
  for (let tries = 0; tries < 6 * count && out.length < count; tries++) {
    const mutation = mutate(text, random);
    if (!mutation) continue;
    const { comparison, findings } = await compareOtherwise(recording, {
      [file]: mutation.text,
      ...(file === 'nft-ruleset.nft' && { 'nft-ruleset.json': null }),
    });
    if (comparison.differences.length === 0) continue;
    const place = findings.slice(0, 3).findIndex((f) => isNamed(f.suspect, mutation)) + 1;
    const [first] = findings;
    const said = first ? `${JSON.stringify(first.suspect)} ${wordsOf(first).statement}` : 'nothing';
    out.push({ recording: name, what: mutation.what, place, said });
  }
  return out;
}

function isNamed(suspect: Suspect | null, { suspect: wanted }: Mutation): boolean {
  if (!suspect) return false;
  if ('set' in wanted) return 'set' in suspect && suspect.set === wanted.set;
  if (!('chain' in suspect) || suspect.table !== wanted.table || suspect.chain !== wanted.chain) return false;
  return wanted.rules === null
    ? suspect.rule === null
    : suspect.rule !== null && wanted.rules.includes(suspect.rule);
}

/** The recordings below a directory whose log says anything, by name. */
export function recordingsIn(corpus: string, only: RegExp): string[] {
  return readdirSync(corpus)
    .filter((name) => only.test(name) && hasLog(join(corpus, name)))
    .map((name) => join(corpus, name));
}

/** The example captures of the repository whose log says anything, with the rulesets of the same names. */
export function exampleRecordings(): Recording[] {
  return readdirSync('captures')
    .filter((name) => hasLog(join('captures', name)) && existsSync(join('rulesets', name)))
    .map((name) => ({ ...recordingIn(join('captures', name)), host: join('rulesets', name) }));
}

function hasLog(dir: string): boolean {
  const log = join(dir, 'kernel.log');
  return existsSync(join(dir, 'any.pcap')) && existsSync(log) && statSync(log).size > 0;
}

export const nameOf = (dir: string): string => basename(dir);
