import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCaptures } from '../capture/open.js';
import { conntrackEvent, conntrackText, nftText, saveText } from '../engine/state.js';
import type { PredictedLine } from '../engine/events.js';
import { nftTraceWriter } from '../engine/nftTrace.js';
import { parseConntrack, printConntrack } from '../host/conntrackText.js';
import { loadGiven } from '../given.js';
import { type ReplayResult, runReplay } from '../run.js';
import { Diagnostics, formatDiagnostic } from '../source/diagnostic.js';

/** What differs between the simulated host and the real one; empty lists where they agree. `-` is the kernel, `+` the simulation. */
export interface Agreement {
  readonly log: readonly string[];
  readonly counters: readonly string[];
  readonly conntrack: readonly string[];
  readonly timeouts: readonly string[];
  /** New and changed connections as they came; when what is over is thrown out is the kernel's own affair. */
  readonly events: readonly string[];
  readonly egress: readonly string[];
  /** Where rules of nft trace packets: the steps in order. */
  readonly traces: readonly string[];
}

export function agrees(agreement: Agreement): boolean {
  return Object.values(agreement).every((differences: readonly string[]) => differences.length === 0);
}

export function agreementText(agreement: Agreement): string {
  return Object.entries(agreement)
    .filter(([, list]: [string, readonly string[]]) => list.length > 0)
    .map(([kind, list]: [string, readonly string[]]) => `${kind}:\n  ${list.slice(0, 12).join('\n  ')}`)
    .join('\n');
}

/**
 * Replays a recording and holds the simulated host against what was recorded.
 * @param knowsNeighbours so that no packet waits for its neighbour's address, and all that were to leave did
 */
export async function compareRecording(directory: string, knowsNeighbours = false): Promise<Agreement> {
  const diagnostics = new Diagnostics();
  const given = loadGiven({ hostDir: join(directory, 'host') }, diagnostics);
  const errors = diagnostics.list.filter((d) => d.severity === 'error').map(formatDiagnostic);
  const source = openCaptures([join(directory, 'any.pcap')]);
  await source.open();
  let sent = 0;
  const events: string[] = [];
  const traceText = nftTraceWriter();
  const traces: string[] = [];
  const result = await runReplay(source, given, {
    sinks: {
      sent: () => sent++,
      traced: (step) => void traces.push(traceText(step)),
      created: (entry, now) => void events.push(conntrackEvent('NEW', entry, now)),
      updated: (entry, changes, now) => void events.push(conntrackEvent('UPDATE', entry, now, changes)),
    },
  });
  return {
    log: [...errors, ...compareLog(read(directory, 'kernel.log'), result.lines)],
    events: difference(eventsOf(read(directory, 'conntrack-events.txt').split('\n')), eventsOf(events)),
    traces: difference(tracesOf(read(directory, 'nft-trace.txt')), tracesOf(traces.join(''))),
    ...compareState(directory, result, source.epoch, knowsNeighbours ? sent : 0),
  };
}

/** The simulated host, as it is after a recording's capture, against the recorded one; not its log. */
function compareState(
  directory: string,
  { replay }: ReplayResult,
  epoch: bigint,
  sent: number,
): Omit<Agreement, 'log' | 'events' | 'traces'> {
  const taken = Number(read(directory, 'after/time.txt')) * 1e9 - Number(epoch);
  const real = listing(read(directory, 'after/conntrack.txt'));
  const simulated = listing(conntrackText(replay.kernel.tracker, taken));
  const { program } = replay.kernel;
  const counters = ([4, 6] as const).flatMap((version) =>
    difference(
      withoutComments(read(directory, `after/${version === 4 ? 'iptables' : 'ip6tables'}-save.txt`)),
      withoutComments(saveText(program, version)),
    ),
  );
  const nft = program.running.size > 0 ? nftText(program, taken) : '';
  return {
    counters: [...counters, ...difference(listed(read(directory, 'after/nft-ruleset.nft')), listed(nft))],
    conntrack: difference([...real.keys()].sort(), [...simulated.keys()].sort()),
    timeouts: compareTimeouts(real, simulated),
    egress: [
      ...some('-', replay.counts.unexplained, 'captured leaving that was not predicted'),
      ...some('+', sent - replay.counts.accounted, 'predicted to leave that was not captured'),
    ],
  };
}

/** Events without their timeouts, and without those of entries that ended. */
function eventsOf(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const entry = parseConntrack(line.replace(/^\[\d+\.\d+\]\s+/, ''));
    if (!entry || entry.event === undefined || entry.event === 'DESTROY') return [];
    return [printConntrack({ ...entry, timeout: undefined }).trim()];
  });
}

/** Steps without what the kernel names their packets by: a hash, which may be another one behind a bridge. */
function tracesOf(text: string): string[] {
  return text.split('\n').flatMap((line) => /^trace id [0-9a-f]+ (.*?) ?$/.exec(line)?.[1] ?? []);
}

function some(sign: string, n: number, what: string): string[] {
  return n > 0 ? [`${sign}${n} ${n === 1 ? 'packet' : 'packets'} ${what}`] : [];
}

/** '' where there is no such file. */
function read(directory: string, name: string): string {
  const path = join(directory, name);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** A listing of nft without what runs on between two looks at it. */
function listed(text: string): string[] {
  return text
    .split('\n')
    .map((l) => l.replace(/ expires [0-9a-z]+/g, '').trimEnd())
    .filter((l) => l !== '');
}

/** What the host made and no capture saw has no known identification or flow label. */
function maskId(line: string): string {
  return line.replace(/(TTL=\d+ ID=|FLOWLBL=)\d+/, '$1*');
}

function compareLog(kernelLog: string, lines: Iterable<PredictedLine>): string[] {
  const real = kernelLog
    .split('\n')
    .filter((l) => l !== '')
    .map((l) => l.replace(/^\[\s*\d+\.\d+\] /, '').trimEnd());
  const simulated = [...lines].map((l, i) => {
    const text = l.text.trimEnd();
    if (!l.uncaptured || maskId(text) !== maskId(real[i] ?? '')) return text;
    return real[i];
  });
  return difference(real, simulated);
}

function withoutComments(save: string): string[] {
  return save.split('\n').filter((l) => l !== '' && !l.startsWith('#'));
}

/** Entries without their timeouts, and the timeouts in seconds. */
function listing(text: string): Map<string, number> {
  const entries = new Map<string, number>();
  for (const line of text.split('\n')) {
    const entry = parseConntrack(line);
    if (!entry) continue;
    entries.set(printConntrack({ ...entry, timeout: 0, use: 1 }), entry.timeout ?? 0);
  }
  return entries;
}

/** The kernel rounds, and took its list a moment before it looked at the clock. */
const TOLERANCE = 1;

function compareTimeouts(real: Map<string, number>, simulated: Map<string, number>): string[] {
  const differences: string[] = [];
  for (const [entry, timeout] of real) {
    const other = simulated.get(entry);
    if (other !== undefined && Math.abs(other - timeout) > TOLERANCE)
      differences.push(`-${timeout} +${other} ${entry}`);
  }
  return differences;
}

/** The lines that are only on one side, in order; a longest common subsequence for short texts. */
function difference(real: readonly string[], simulated: readonly string[]): string[] {
  let from = 0;
  while (from < real.length && from < simulated.length && real[from] === simulated[from]) from++;
  let a = real.length;
  let b = simulated.length;
  while (a > from && b > from && real[a - 1] === simulated[b - 1]) {
    a--;
    b--;
  }
  const left = real.slice(from, a);
  const right = simulated.slice(from, b);
  const width = right.length + 1;
  const lengths = new Int32Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        left[i] === right[j]
          ? lengths[(i + 1) * width + j + 1] + 1
          : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
  const out: string[] = [];
  for (let i = 0, j = 0; i < left.length || j < right.length;) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      i++;
      j++;
    } else if (
      j >= right.length ||
      (i < left.length && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])
    )
      out.push(`-${left[i++]}`);
    else out.push(`+${right[j++]}`);
  }
  return out;
}
