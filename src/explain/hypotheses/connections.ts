import { parseAddress, parseNetwork } from '../../address/ip.js';
import type { Difference } from '../../compare/result.js';
import type { ConntrackEntry, ConntrackTuple } from '../../host/conntrackText.js';
import { Protocol } from '../../packet/numbers.js';
import type { Clues } from './clues.js';
import type { Hypothesis } from './hypothesis.js';
import { otherwise } from './otherHost.js';
import { KIND_BITS } from './ruleChanges.js';
import { endsKey } from './translated.js';

/**
 * Connections that were known before: all that begin here in the middle, as they are seen first or the other way round,
 * translated as the capture shows it or as the rules do it.
 */
export function* olderConnections(clues: Clues): Generator<Hypothesis> {
  const { host } = clues.world;
  const tuples = firstTuples(clues);
  const isListed = host.parts.conntrack !== null && host.parts.conntrack !== undefined && !clues.beginsLate;
  const known = new Set<string>();
  for (const ways of [
    (t: Tuples): Tuples => seen(clues, t),
    (t: Tuples): Tuples => turned(seen(clues, t)),
    (t: Tuples): Tuples => ({ ...t, ...clues.walks.opened.get(t.frame) }),
  ]) {
    const entries = entriesOf(tuples, ways);
    const text = entries.map((e) => [e.original, e.reply].map(sideText).join(' ')).join('; ');
    if (entries.length === 0 || known.has(text)) continue;
    known.add(text);
    yield {
      claim: { kind: 'olderConnections', facts: { count: entries.length } },
      suspect: { conntrack: connectionText(entries[0]) },
      bits: KIND_BITS + (isListed ? UNLISTED : UNKNOWN) + 2 * entries.length,
      frames: null,
      alsoExplains: (d) => isOfEarlier(clues, d),
      change: () => ({ host: otherwise(host, { conntrack: [...(host.parts.conntrack ?? []), ...entries] }) }),
    };
  }
}

/** What was logged, or counted, of packets before the first one that was captured. */
function isOfEarlier({ beginsLate, frameOf }: Clues, d: Difference): boolean {
  if (d.kind === 'onlyHost') return d.time < 0 && frameOf(d) === 0;
  return beginsLate && d.kind === 'counter' && Number(d.host) > Number(d.simulated);
}

/** Each connection once: the second direction of one is no other. */
function entriesOf(tuples: readonly Tuples[], way: (tuples: Tuples) => Tuples): ConntrackEntry[] {
  const out: ConntrackEntry[] = [];
  const known = new Set<string>();
  for (const one of tuples) {
    if (known.has(`${one.protocol} ${sideText(one.original)}`)) continue;
    const { protocol, original, reply } = way(one);
    for (const side of [original, reply]) known.add(`${protocol} ${sideText(side)}`);
    out.push(entryOf(protocol, original, reply));
  }
  return out;
}

/** With the translation that the capture shows. */
function seen({ translated }: Clues, tuples: Tuples): Tuples {
  const { protocol, original } = tuples;
  const behind = translated.get(
    endsKey(protocol, {
      source: original.source.toString(),
      destination: original.destination.toString(),
      sourcePort: original.sourcePort ?? 0,
      destinationPort: original.destinationPort ?? 0,
    }),
  );
  const source = parseAddress(behind?.source ?? '');
  const destination = parseAddress(behind?.destination ?? '');
  if (!behind || !source || !destination) return tuples;
  return {
    ...tuples,
    reply: {
      source: destination,
      destination: source,
      sourcePort: behind.destinationPort,
      destinationPort: behind.sourcePort,
    },
  };
}

function turned(tuples: Tuples): Tuples {
  return { ...tuples, original: tuples.reply, reply: tuples.original };
}

function sideText({ source, destination, sourcePort, destinationPort }: ConntrackTuple): string {
  return `${source.toString()} ${sourcePort} ${destination.toString()} ${destinationPort}`;
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
  for (const { frame, traits } of clues.walks.visits) {
    const ends = endsOf(frame, traits);
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
  readonly frame: number;
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
    const ends = endsOf(frame, traits);
    if (ends) out.set(traits.filter((t) => !/^-[io] |ctstate/.test(t)).join(' '), ends);
  }
  return [...out.values()];
}

function endsOf(frame: number, traits: readonly string[]): Tuples | null {
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
    frame,
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
