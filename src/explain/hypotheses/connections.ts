import { parseNetwork } from '../../address/ip.js';
import type { ConntrackEntry, ConntrackTuple } from '../../host/conntrackText.js';
import { Protocol } from '../../packet/numbers.js';
import type { Clues } from './clues.js';
import type { Hypothesis } from './hypothesis.js';
import { otherwise } from './otherHost.js';
import { KIND_BITS } from './ruleChanges.js';

/** Connections that were known before: all that begin here in the middle, as they are seen first or the other way round. */
export function* olderConnections(clues: Clues): Generator<Hypothesis> {
  const { host } = clues.world;
  const tuples = firstTuples(clues);
  if (tuples.length === 0) return;
  for (const turned of [false, true]) {
    const entries = tuples.map((t) =>
      turned ? entryOf(t.protocol, t.reply, t.original) : entryOf(t.protocol, t.original, t.reply),
    );
    yield {
      claim: { kind: 'olderConnections', facts: { count: entries.length } },
      suspect: { conntrack: connectionText(entries[0]) },
      bits: KIND_BITS + (host.parts.conntrack ? UNLISTED : UNKNOWN) + 2 * entries.length,
      frames: null,
      change: () => ({ host: otherwise(host, { conntrack: [...(host.parts.conntrack ?? []), ...entries] }) }),
    };
  }
}

/** Helpers of the kernel and the port, or ports, of the connections that they read (net/netfilter/nf_conntrack_*.c). */
const HELPERS: readonly (readonly [name: string, ports: readonly number[]])[] = [
  ['ftp', [21]],
  ['tftp', [69]],
  ['sip', [5060]],
  ['irc', [6667]],
  ['pptp', [1723]],
  ['h323', [1720]],
  ['amanda', [10080]],
  ['sane', [6566]],
];

/** Connections that a helper of the host expects, of hosts that have one that it reads: they are RELATED there. */
export function* helpers(clues: Clues): Generator<Hypothesis> {
  const { host } = clues.world;
  const tuples = firstTuples(clues);
  if (tuples.length === 0) return;
  const controls = new Map<string, Set<number>>();
  for (const { traits } of clues.walks.visits) {
    const ends = endsOf(traits);
    if (!ends) continue;
    const key = pairOf(ends.original);
    const ports = controls.get(key) ?? new Set();
    controls.set(key, ports.add(ends.original.destinationPort ?? 0));
  }
  for (const [name, ports] of HELPERS) {
    const expected = tuples.filter(
      ({ original }) =>
        ports.some((port) => controls.get(pairOf(original))?.has(port)) &&
        !ports.includes(original.destinationPort ?? 0) &&
        !ports.includes(original.sourcePort ?? 0),
    );
    if (expected.length === 0) continue;
    const entries = expected.map(({ protocol, original, reply }) => ({
      ...entryOf(protocol, original, reply),
      ...(protocol === Protocol.tcp && { state: 'SYN_SENT' }),
      unreplied: true,
      assured: false,
      expected: true,
    }));
    yield {
      claim: { kind: 'helper', facts: { name } },
      suspect: { conntrack: connectionText(entries[0]) },
      bits: KIND_BITS + 6 + entries.length,
      frames: null,
      change: () => ({ host: otherwise(host, { conntrack: [...(host.parts.conntrack ?? []), ...entries] }) }),
    };
  }
}

/** Two hosts, in whatever direction. */
function pairOf({ source, destination }: ConntrackTuple): string {
  return [source.toString(), destination.toString()].sort().join(' ');
}

/** Bits for connections that a listing does not have, and for those that none was asked for. */
const UNLISTED = 14;
const UNKNOWN = 4;

interface Tuples {
  readonly protocol: number;
  readonly original: ConntrackTuple;
  readonly reply: ConntrackTuple;
}

const MOST_CONNECTIONS = 1000;

/** The connections that differing packets are the first of, as they came. */
function firstTuples({ walks, frames }: Clues): Tuples[] {
  const out = new Map<string, Tuples>();
  const seen = new Set<number>();
  for (const { frame, traits } of walks.visits) {
    if (!frames.has(frame) || seen.has(frame) || out.size >= MOST_CONNECTIONS) continue;
    seen.add(frame);
    if (traits.some((t) => / --ctstate (ESTABLISHED|RELATED)$/.test(t))) continue;
    const ends = endsOf(traits);
    if (ends) out.set(traits.filter((t) => !/^-[io] |ctstate/.test(t)).join(' '), ends);
  }
  return [...out.values()];
}

function endsOf(traits: readonly string[]): Tuples | null {
  const value = (pattern: RegExp): string | undefined => {
    for (const trait of traits) {
      const m = pattern.exec(trait);
      if (m) return m[1];
    }
    return undefined;
  };
  const source = parseNetwork(value(/^-s (\S+)$/) ?? '')?.address;
  const destination = parseNetwork(value(/^-d (\S+)$/) ?? '')?.address;
  const sourcePort = Number(value(/--sport (\d+)$/));
  const destinationPort = Number(value(/--dport (\d+)$/));
  const protocol = value(/^-p (\S+)$/) === 'tcp' ? Protocol.tcp : Protocol.udp;
  if (!source || !destination || Number.isNaN(sourcePort) || Number.isNaN(destinationPort)) return null;
  return {
    protocol,
    original: { source, destination, sourcePort, destinationPort },
    reply: {
      source: destination,
      destination: source,
      sourcePort: destinationPort,
      destinationPort: sourcePort,
    },
  };
}

/** Seconds that an established TCP connection, or a stream of UDP, is kept (nf_conntrack-sysctl.rst). */
const TIMEOUTS = { tcp: 432_000, udp: 120 } as const;

function entryOf(protocol: number, original: ConntrackTuple, reply: ConntrackTuple): ConntrackEntry {
  const tcp = protocol === Protocol.tcp;
  return {
    version: original.source.version,
    protocol,
    timeout: tcp ? TIMEOUTS.tcp : TIMEOUTS.udp,
    ...(tcp && { state: 'ESTABLISHED' }),
    original,
    reply,
    unreplied: false,
    assured: true,
  };
}

function connectionText({ protocol, original }: ConntrackEntry): string {
  const { source, destination, sourcePort, destinationPort } = original;
  const name = protocol === Protocol.tcp ? 'tcp' : 'udp';
  return `${name} src=${source.toString()} dst=${destination.toString()} sport=${sourcePort} dport=${destinationPort}`;
}
