import { type ConntrackEntry, printConntrack } from '../host/conntrackText.js';
import type { Difference } from './result.js';

/** A rule or a policy, and what it counted in the simulation and on the host; null: that is not known. */
export interface CountedRow {
  readonly address: string;
  readonly text: string;
  readonly packets: number;
  readonly bytes: number;
  readonly hostPackets: number | null;
  readonly hostBytes: number | null;
}

/**
 * Counters of rules and policies that are not as the host has them behind the capture.
 * @param time of the differences, ns since capture start
 */
export function* counterDifferences(rows: Iterable<CountedRow>, time: number): Generator<Difference> {
  for (const { address: rule, text, packets, bytes, hostPackets, hostBytes } of rows)
    for (const [field, own, other] of [
      ['packets', packets, hostPackets],
      ['bytes', bytes, hostBytes],
    ] as const)
      if (other !== null && own !== other)
        yield difference('counter', time, text, { field, rule, simulated: String(own), host: String(other) });
}

/** Seconds: an entry that had so little left may have gone before it was listed. */
const EXPIRING = 10;

/** Connections that only one side has in its table, or that are otherwise there. */
export function* conntrackDifferences(
  simulated: readonly ConntrackEntry[],
  host: readonly ConntrackEntry[],
  time: number,
): Generator<Difference> {
  const ours = byTuple(simulated);
  for (const entry of host) {
    const key = keyOf(entry);
    const own = ours.get(key);
    ours.delete(key);
    const theirs = shown(entry);
    if (!own) {
      if ((entry.timeout ?? 0) > 0)
        yield difference('conntrack', time, theirs, { simulated: null, host: theirs });
    } else if (shown(own) !== theirs)
      yield difference('conntrack', time, theirs, { field: 'entry', simulated: shown(own), host: theirs });
  }
  for (const entry of ours.values())
    if ((entry.timeout ?? 0) > EXPIRING)
      yield difference('conntrack', time, shown(entry), { simulated: shown(entry), host: null });
}

function byTuple(entries: readonly ConntrackEntry[]): Map<string, ConntrackEntry> {
  return new Map(entries.map((entry) => [keyOf(entry), entry]));
}

function keyOf({ protocol, original, zone }: ConntrackEntry): string {
  const { source, destination, sourcePort, destinationPort, icmp } = original;
  const ends = `${source.toString()} ${destination.toString()} ${sourcePort} ${destinationPort}`;
  return `${protocol} ${zone ?? 0} ${ends} ${icmp ? `${icmp.type} ${icmp.code} ${icmp.id}` : ''}`;
}

/** Without what runs on between two looks at it. */
function shown(entry: ConntrackEntry): string {
  return printConntrack({ ...entry, timeout: 0, use: 1 });
}

function difference(
  kind: 'counter' | 'conntrack',
  time: number,
  line: string,
  about: Partial<Difference>,
): Difference {
  return {
    kind,
    time,
    frame: 0,
    field: null,
    simulated: null,
    host: null,
    rule: null,
    reason: null,
    position: null,
    line,
    finding: null,
    ...about,
  };
}
