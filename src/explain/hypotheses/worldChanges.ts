import { parseNetwork } from '../../address/ip.js';
import { printIpsetSave } from '../../frontend/ipset/print.js';
import { readIpsetSave } from '../../frontend/ipset/read.js';
import { Assumptions } from '../../host/assumptions.js';
import type { ConntrackEntry, ConntrackTuple } from '../../host/conntrackText.js';
import { type Host, type HostParts, makeHost } from '../../host/host.js';
import type { RouteEntry } from '../../host/routeModel.js';
import { Protocol } from '../../packet/numbers.js';
import { Diagnostics } from '../../source/diagnostic.js';
import type { Clues } from './clues.js';
import type { Hypothesis } from './hypothesis.js';
import { nftElementChanges } from './nftSets.js';
import { KIND_BITS } from './ruleChanges.js';

/** What may be otherwise beside the rules. */
export function worldChanges(clues: Clues): Hypothesis[] {
  return [
    ...settings(clues),
    ...routeChanges(clues),
    ...elementChanges(clues),
    ...nftElementChanges(clues),
    ...olderConnections(clues),
  ];
}

function otherwise(host: Host, change: Partial<HostParts>): Host {
  return makeHost({ ...host.parts, ...change, assumptions: new Assumptions() });
}

/** Settings that decide where packets go and what conntrack takes them for, and the values that they are found with. */
const SETTINGS: readonly (readonly [name: string, also: RegExp | null, values: readonly string[]])[] = [
  ['net.ipv4.ip_forward', /^net\.ipv4\.conf\..*\.forwarding$/, ['0', '1']],
  ['net.ipv6.conf.all.forwarding', /^net\.ipv6\.conf\..*\.forwarding$/, ['0', '1']],
  ['net.ipv4.conf.all.rp_filter', null, ['0', '1', '2']],
  ['net.ipv4.conf.all.route_localnet', null, ['0', '1']],
  ['net.bridge.bridge-nf-call-iptables', null, ['0', '1']],
  ['net.bridge.bridge-nf-call-ip6tables', null, ['0', '1']],
  ['net.netfilter.nf_conntrack_tcp_loose', null, ['0', '1']],
  ['net.netfilter.nf_conntrack_tcp_be_liberal', null, ['0', '1']],
];

function* settings({ world: { host } }: Clues): Generator<Hypothesis> {
  const { sysctls } = host.parts;
  for (const [name, also, values] of SETTINGS) {
    const given = sysctls.get(name);
    if (given === undefined) continue;
    for (const value of values) {
      if (value === given) continue;
      yield {
        claim: { kind: 'sysctl', facts: { name, given, host: value } },
        suspect: { sysctl: name },
        bits: KIND_BITS + Math.log2(SETTINGS.length) + 2,
        frames: null,
        change: () => {
          const changed = new Map(sysctls).set(name, value);
          if (also) for (const key of sysctls.keys()) if (also.test(key)) changed.set(key, value);
          return { host: otherwise(host, { sysctls: changed }) };
        },
      };
    }
  }
}

/** Routes looked at: a full table of the Internet is not gone through. */
const MOST_ROUTES = 64;

function* routeChanges({ world: { host } }: Clues): Generator<Hypothesis> {
  for (const family of ['routes4', 'routes6'] as const) {
    const routes = host.parts[family] ?? [];
    const own = routes.filter((r) => !r.byKernel && r.type === 'unicast').slice(0, MOST_ROUTES);
    for (const route of own)
      yield {
        claim: { kind: 'route', facts: { given: routeText(route), host: null } },
        suspect: { route: routeText(route) },
        bits: KIND_BITS + Math.log2(own.length) + 2,
        frames: null,
        change: () => ({ host: otherwise(host, { [family]: routes.filter((r) => r !== route) }) }),
      };
  }
}

function routeText({ destination, prefixLength, nexthops }: RouteEntry): string {
  const to = prefixLength === 0 ? 'default' : destination.toString();
  const hops = nexthops.map(
    ({ gateway, device }) =>
      `${gateway ? ` via ${gateway.toString()}` : ''}${device ? ` dev ${device.name}` : ''}`,
  );
  return `${to}${hops.join(' nexthop')}`;
}

/** Elements tried for leaving, and addresses for coming in. */
const MOST_ELEMENTS = 64;
const MOST_ADDRESSES = 16;

function* elementChanges(clues: Clues): Generator<Hypothesis> {
  const { world } = clues;
  const asked = clues.rules.map((r) => r.what.text).join('\n');
  const sets = world.sets();
  const used = [...sets.values()].filter((s) => asked.includes(` ${s.name} `));
  if (used.length === 0) return;
  const lines = printIpsetSave(sets, 0).split('\n');
  const bits = KIND_BITS + Math.log2(lines.length) + 1;
  const withLines = (text: readonly string[]) => () => ({
    sets: () => readIpsetSave(text.join('\n'), '', new Diagnostics()),
  });
  for (const { name, type } of used) {
    const own = lines.filter((l) => l.startsWith(`add ${name} `));
    for (const line of own.slice(0, MOST_ELEMENTS)) {
      const element = line.split(' ')[2];
      yield {
        claim: { kind: 'setElement', facts: { set: name, table: null, element, onHost: false } },
        suspect: { set: name, element },
        bits,
        frames: null,
        change: withLines(lines.filter((l) => l !== line)),
      };
    }
    if (type.name !== 'hash:ip' && type.name !== 'hash:net' && type.name !== 'bitmap:ip') continue;
    for (const element of addressesOf(clues).slice(0, MOST_ADDRESSES))
      yield {
        claim: { kind: 'setElement', facts: { set: name, table: null, element, onHost: true } },
        suspect: { set: name, element },
        bits: bits + 1,
        frames: null,
        change: withLines([...lines, `add ${name} ${element}`, '']),
      };
  }
}

/** The addresses of the packets that differ. */
function addressesOf({ walks, frames }: Clues): string[] {
  const out = new Set<string>();
  for (const visit of walks.visits)
    if (frames.has(visit.frame))
      for (const trait of visit.traits)
        if (/^-[sd] /.test(trait)) out.add(trait.slice(3).replace(/\/(32|128)$/, ''));
  return [...out];
}

/** Connections that were known before: all that begin here in the middle, as they are seen first or the other way round. */
function* olderConnections(clues: Clues): Generator<Hypothesis> {
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
