import type { IpAddress, IpVersion } from '../address/ip.js';
import type { Device } from '../packet/device.js';
import {
  Table,
  type Nexthop,
  type Route,
  type RouteEntry,
  type RouteType,
  type RoutingRule,
} from './routeModel.js';
import { Stretches } from './stretches.js';

/** What a lookup is asked with (`struct flowi4`, `struct flowi6`); reused by its owner, so all members change. */
export class Flow {
  version: IpVersion = 4;
  s0 = 0;
  s1 = 0;
  s2 = 0;
  s3 = 0;
  d0 = 0;
  d1 = 0;
  d2 = 0;
  d3 = 0;
  mark = 0;
  tos = 0;
  /** The device it came in by; loopback for what the host sends. */
  iif: Device | null = null;
  /** Where it must leave: routes through other devices do not count (IPv4), or come second (IPv6 unless `strict`). */
  oif: Device | null = null;
  /** IPv6: RT6_LOOKUP_F_IFACE. */
  strict = false;
  protocol = 0;
  sourcePort = 0;
  destinationPort = 0;
  uid = -1;
}

/** Routing tables of one IP version and the rules that lead to them. */
export class Fib {
  private readonly tables = new Map<number, PrefixTable>();
  private readonly vrfTables: ReadonlyMap<string, number>;
  /** Rules other than those every host has. */
  readonly hasCustomRules: boolean;
  /** Local routes that were not made for an address (`fib_has_custom_local_routes`). */
  readonly hasCustomLocalRoutes: boolean;
  readonly usesMark: boolean;
  readonly usesTos: boolean;
  readonly usesPorts: boolean;
  private readonly rules: readonly RoutingRule[];
  /** Of IPv4. */
  readonly stretches: Stretches;
  private readonly jumps: readonly number[];

  /** @param vrfTables the table of each VRF, by the VRF's and its members' device names */
  constructor(
    readonly version: IpVersion,
    entries: readonly RouteEntry[],
    rules: readonly RoutingRule[],
    vrfTables: ReadonlyMap<string, number> = new Map(),
  ) {
    this.vrfTables = vrfTables;
    this.rules = rules;
    this.stretches = new Stretches(version === 4 ? entries : []);
    // A target that does not exist makes a goto do nothing (`fib_rules_lookup()`, net/core/fib_rules.c).
    this.jumps = rules.map((rule, i) =>
      rule.action === 'goto' ? rules.findIndex((r, j) => j > i && r.priority === rule.target) : -1,
    );
    this.hasCustomRules = rules.some((r) => r.priority !== 0 && r.priority !== 32766 && r.priority !== 32767);
    this.hasCustomLocalRoutes = entries.some(
      (e) => e.table === Table.local && e.type === 'local' && !e.byKernel,
    );
    this.usesMark = rules.some((r) => r.markMask !== 0);
    this.usesTos = rules.some((r) => r.tos !== 0) || entries.some((e) => e.tos !== 0);
    this.usesPorts = rules.some((r) => r.protocol !== null || r.sourcePorts || r.destinationPorts || r.uids);
    for (const entry of mergeSiblings(entries).sort(order)) {
      let table = this.tables.get(entry.table);
      if (!table) this.tables.set(entry.table, (table = new PrefixTable(version)));
      table.add(entry);
    }
  }

  /**
   * The rules in order, then the longest prefix (`fib_lookup()`, `fib6_rule_lookup()`); null where no rule leads to
   * a route. A refusal (`unreachable`, `prohibit`, `blackhole`) is a route without a device.
   */
  lookup(flow: Flow): Route | null {
    const { rules } = this;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i];
      if (!ruleMatches(rule, flow)) continue;
      if (rule.action === 'goto') {
        // Always forward, so this ends; the rule it lands on is asked for its own selector.
        if (this.jumps[i] >= 0) i = this.jumps[i] - 1;
        continue;
      }
      const found = this.act(rule, flow);
      if (found) return found;
    }
    return null;
  }

  /** One table alone, as `inet_addr_type()` asks for `local`. */
  lookupIn(table: number, flow: Flow): Route | null {
    return this.tables.get(table)?.lookup(flow) ?? null;
  }

  private act(rule: RoutingRule, flow: Flow): Route | null {
    switch (rule.action) {
      case 'goto':
      case 'nop':
        return null;
      case 'unreachable':
      case 'blackhole':
      case 'prohibit':
        return REFUSALS[rule.action];
      case 'l3mdev': {
        const device = flow.oif ?? flow.iif;
        const table = device ? this.vrfTables.get(device.name) : undefined;
        return table === undefined ? null : this.use(table, rule, flow);
      }
      case 'lookup':
        return this.use(rule.table, rule, flow);
    }
  }

  private use(table: number, rule: RoutingRule, flow: Flow): Route | null {
    const route = this.tables.get(table)?.lookup(flow);
    if (!route || route.type === 'throw') return null;
    // `fib4_rule_suppress()`, `fib6_rule_suppress()`: as if the table had no such route.
    if (route.prefixLength <= rule.suppressPrefixLength) return null;
    if (rule.suppressGroup >= 0 && route.device?.group === rule.suppressGroup) return null;
    return route;
  }
}

function refusal(type: RouteType): Route {
  return {
    type,
    device: null,
    gateway: null,
    preferredSource: null,
    mtu: null,
    table: 0,
    realm: 0,
    prefixLength: 0,
    entry: null,
    alternatives: [],
  };
}
const REFUSALS = {
  unreachable: refusal('unreachable'),
  blackhole: refusal('blackhole'),
  prohibit: refusal('prohibit'),
};

/** `fib_rule_match()`, `fib4_rule_match()`, `fib6_rule_match()`. */
function ruleMatches(rule: RoutingRule, flow: Flow): boolean {
  const suits =
    (rule.iif === null || rule.iif === flow.iif?.name) &&
    (rule.oif === null || rule.oif === flow.oif?.name) &&
    ((rule.mark ^ flow.mark) & rule.markMask) === 0 &&
    (rule.uids === null || (flow.uid >= rule.uids.first && flow.uid <= rule.uids.last)) &&
    (rule.source === null || rule.source.contains(flow.s0, flow.s1, flow.s2, flow.s3)) &&
    (rule.destination === null || rule.destination.contains(flow.d0, flow.d1, flow.d2, flow.d3)) &&
    (rule.tos === 0 || rule.tos === (flow.tos & 0xfc)) &&
    (rule.protocol === null || rule.protocol === flow.protocol) &&
    (rule.sourcePorts === null ||
      (flow.sourcePort >= rule.sourcePorts.first && flow.sourcePort <= rule.sourcePorts.last)) &&
    (rule.destinationPorts === null ||
      (flow.destinationPort >= rule.destinationPorts.first &&
        flow.destinationPort <= rule.destinationPorts.last));
  return suits !== rule.not;
}

/** Older kernels and iproute2 list each IPv6 nexthop of a multipath route as a route of its own. */
function mergeSiblings(entries: readonly RouteEntry[]): RouteEntry[] {
  const merged = new Map<string, Nexthop[]>();
  const all: RouteEntry[] = [];
  for (const entry of entries) {
    if (entry.version === 4 || entry.type !== 'unicast' || !entry.nexthops.every((n) => n.gateway)) {
      all.push(entry);
      continue;
    }
    const source = entry.source?.toString() ?? '';
    const key = `${entry.table} ${entry.destination.toString()} ${source} ${entry.metric}`;
    const known = merged.get(key);
    if (known) for (const hop of entry.nexthops) known.push(hop);
    else {
      const nexthops = [...entry.nexthops];
      merged.set(key, nexthops);
      all.push({ ...entry, nexthops });
    }
  }
  return all;
}

interface Candidate {
  readonly entry: RouteEntry;
  readonly routes: readonly Route[];
  readonly weights: number;
}

/** One table: entries by prefix, longest first. */
class PrefixTable {
  /** Prefix lengths in use, longest first, each with its entries by the prefix's words mixed. */
  private readonly lengths: { length: number; mask: readonly number[]; entries: Map<number, Candidate[]> }[] =
    [];

  constructor(private readonly version: IpVersion) {}

  /** Entries of one prefix come in the order in which they are tried. */
  add(entry: RouteEntry): void {
    let level = this.lengths.find((l) => l.length === entry.prefixLength);
    if (!level) {
      const { mask } = entry.destination;
      level = { length: entry.prefixLength, mask: [mask.a, mask.b, mask.c, mask.d], entries: new Map() };
      this.lengths.push(level);
      this.lengths.sort((x, y) => y.length - x.length);
    }
    const { a, b, c, d } = entry.destination.address;
    const key = mix(a, b, c, d);
    const bucket = level.entries.get(key);
    if (bucket) bucket.push(makeCandidate(entry));
    else level.entries.set(key, [makeCandidate(entry)]);
  }

  lookup(flow: Flow): Route | null {
    for (const level of this.lengths) {
      const [a, b, c, d] = level.mask;
      const bucket = level.entries.get(mix(flow.d0 & a, flow.d1 & b, flow.d2 & c, flow.d3 & d));
      if (!bucket) continue;
      const route = this.version === 4 ? select4(bucket, flow) : select6(bucket, flow);
      if (route) return route;
    }
    return null;
  }
}

/** fib_insert_alias(): TOS descending, then metric ascending, then as listed; IPv6 has longer sources first. */
function order(x: RouteEntry, y: RouteEntry): number {
  return (
    (y.source?.prefixLength ?? 0) - (x.source?.prefixLength ?? 0) || y.tos - x.tos || x.metric - y.metric
  );
}

function mix(a: number, b: number, c: number, d: number): number {
  return (a ^ Math.imul(b, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b) ^ Math.imul(d, 0xc2b2ae35)) | 0;
}

function makeCandidate(entry: RouteEntry): Candidate {
  const routes: Route[] = [];
  const alternatives = entry.nexthops.length > 1 ? routes : [];
  for (const hop of entry.nexthops.length > 0 ? entry.nexthops : [{ device: null, gateway: null }])
    routes.push({
      type: entry.type,
      device: hop.device,
      gateway: hop.gateway,
      preferredSource: entry.preferredSource,
      mtu: entry.mtu,
      table: entry.table,
      realm: entry.realm,
      prefixLength: entry.prefixLength,
      entry,
      alternatives,
    });
  return { entry, routes, weights: entry.nexthops.reduce((sum, n) => sum + n.weight, 0) };
}

/** `fib_table_lookup()` (net/ipv4/fib_trie.c): the first entry whose TOS suits and that has a nexthop for `oif`. */
function select4(bucket: readonly Candidate[], flow: Flow): Route | null {
  for (const candidate of bucket) {
    const { entry } = candidate;
    if (!entry.destination.contains(flow.d0, 0, 0, 0)) continue;
    if (entry.tos !== 0 && entry.tos !== (flow.tos & 0xfc)) continue;
    if (flow.oif === null || isRefusal(entry.type)) return choose(candidate, flow);
    const route = candidate.routes.find((r) => r.device === flow.oif);
    if (route) return route;
  }
  return null;
}

/** `rt6_select()` and `rt6_score_route()` (net/ipv6/route.c): the least metric; among equals one through `oif`. */
function select6(bucket: readonly Candidate[], flow: Flow): Route | null {
  let best: Route | null = null;
  let bestEntry: RouteEntry | null = null;
  for (const candidate of bucket) {
    const { entry } = candidate;
    if (!entry.destination.contains(flow.d0, flow.d1, flow.d2, flow.d3)) continue;
    if (entry.source && !entry.source.contains(flow.s0, flow.s1, flow.s2, flow.s3)) continue;
    if (bestEntry && order(bestEntry, entry) !== 0) break;
    const through = flow.oif && candidate.routes.find((r) => r.device === flow.oif);
    if (through) return through;
    if (flow.oif && flow.strict) continue;
    if (!best) {
      best = choose(candidate, flow);
      bestEntry = entry;
    }
  }
  return best;
}

function isRefusal(type: RouteType): boolean {
  return type === 'blackhole' || type === 'unreachable' || type === 'prohibit' || type === 'throw';
}

/** A nexthop by weight from a hash of both addresses: the kernel's policy 0, without its secret seed. */
function choose(candidate: Candidate, flow: Flow): Route {
  const { routes } = candidate;
  if (routes.length === 1) return routes[0];
  const hash = mix(flow.s0 ^ flow.d0, flow.s1 ^ flow.d1, flow.s2 ^ flow.d2, flow.s3 ^ flow.d3);
  let left = (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) % candidate.weights;
  for (let i = 0; i < routes.length - 1; i++) {
    left -= candidate.entry.nexthops[i].weight;
    if (left < 0) return routes[i];
  }
  return routes[routes.length - 1];
}

export function setDestination(flow: Flow, address: IpAddress): void {
  flow.d0 = address.a;
  flow.d1 = address.b;
  flow.d2 = address.c;
  flow.d3 = address.d;
}

export function setSource(flow: Flow, address: IpAddress): void {
  flow.s0 = address.a;
  flow.s1 = address.b;
  flow.s2 = address.c;
  flow.s3 = address.d;
}
