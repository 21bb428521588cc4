import { IpAddress, IpNetwork, parseAddress, parseNetwork, type IpVersion } from '../address/ip.js';
import type { Device } from '../packet/device.js';
import { Protocol } from '../packet/numbers.js';
import { parseScope, Scope } from './addresses.js';
import { has, integerIn, isObject, numberIn, objectIn, objectsIn, stringIn, stringsIn } from './json.js';
import type { JsonObject } from './json.js';
import {
  ANY_RULE,
  Table,
  type Nexthop,
  type PortRange,
  type RouteEntry,
  type RouteType,
  type RoutingRule,
} from './routeModel.js';

const TYPES: ReadonlySet<string> = new Set<RouteType>([
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
]);

/** Numbers for the tables that the snapshot calls by a name of /etc/iproute2/rt_tables; numbers are themselves. */
export class TableNames {
  private readonly numbers = new Map<string, number>([
    ['default', Table.default],
    ['main', Table.main],
    ['local', Table.local],
  ]);

  number(name: string | undefined): number {
    if (name === undefined) return Table.main;
    if (/^\d{1,10}$/.test(name)) return Number(name);
    let number = this.numbers.get(name);
    // Which number a name stands for is not in the snapshot, nor does it matter: -1, -2… clash with none.
    if (number === undefined) this.numbers.set(name, (number = -this.numbers.size));
    return number;
  }
}

/** What the reader of routes found, and how many it could not use. */
export interface ParsedRoutes {
  readonly entries: RouteEntry[];
  readonly skipped: string[];
}

/**
 * `ip -j route show table all`, `ip -6 -j …`; a listing may hold both versions.
 * @param version of a `default` that does not show its own
 */
export function parseRoutes(
  json: unknown,
  version: IpVersion,
  devices: ReadonlyMap<string, Device>,
  tables: TableNames,
): ParsedRoutes {
  const entries: RouteEntry[] = [];
  const skipped: string[] = [];
  for (const row of Array.isArray(json) ? json.filter(isObject) : []) {
    const entry = parseRoute(row, version, devices, tables);
    if (typeof entry === 'string') skipped.push(entry);
    else if (entry) entries.push(entry);
  }
  return { entries, skipped };
}

/** A route's JSON as an entry; words where it names what is not there; null for what takes no packets. */
function parseRoute(
  row: JsonObject,
  listed: IpVersion,
  devices: ReadonlyMap<string, Device>,
  tables: TableNames,
): RouteEntry | string | null {
  const type = stringIn(row, 'type') ?? 'unicast';
  const text = stringIn(row, 'dst') ?? '';
  if (!TYPES.has(type)) return `${type} ${text}: no such type of route`;
  const flags = stringsIn(row, 'flags');
  // Entries of the route cache and those whose device is down are listed, but not used.
  if (flags.includes('cloned') || flags.includes('dead')) return null;
  const destination = text === 'default' ? everything(routeVersion(row, listed)) : parseNetwork(text);
  if (!destination) return `${text}: no destination`;
  const multipath = objectsIn(row, 'nexthops');
  const nexthops: Nexthop[] = [];
  for (const hop of multipath.length > 0 ? multipath : [row]) {
    if (stringsIn(hop, 'flags').includes('dead')) continue;
    const name = stringIn(hop, 'dev');
    if (name === undefined) continue;
    const device = devices.get(name);
    if (!device) return `${text}: no device ${name}`;
    nexthops.push({ device, gateway: gatewayOf(hop), weight: Math.max(1, integerIn(hop, 'weight') ?? 1) });
  }
  if (type === 'unicast' && nexthops.length === 0) return `${text}: no device`;
  const flow = objectIn(row, 'flow');
  const mtu = objectsIn(row, 'metrics').map((m) => integerIn(m, 'mtu'))[0];
  return {
    version: destination.version,
    type: type as RouteType,
    table: tables.number(stringIn(row, 'table')),
    destination,
    prefixLength: destination.prefixLength ?? 0,
    source: parseNetwork(stringIn(row, 'from') ?? '') ?? null,
    metric: integerIn(row, 'metric') ?? 0,
    tos: numberIn(row, 'tos') ?? 0,
    scope: parseScope(stringIn(row, 'scope')) ?? Scope.universe,
    preferredSource: parseAddress(stringIn(row, 'prefsrc') ?? '') ?? null,
    mtu: mtu ?? null,
    realm: (flow && numberIn(flow, 'to')) ?? 0,
    byKernel: stringIn(row, 'protocol') === 'kernel',
    nexthops,
  };
}

function everything(version: IpVersion): IpNetwork {
  return IpNetwork.ofPrefix(new IpAddress(version, 0), 0);
}

/** `default` stands for both 0.0.0.0/0 and ::/0; iproute2 prints `pref` (RFC 4191) with IPv6 routes only. */
function routeVersion(row: JsonObject, listed: IpVersion): IpVersion {
  const gateway = parseAddress(stringIn(row, 'gateway') ?? '');
  return gateway?.version ?? (has(row, 'pref') ? 6 : listed);
}

function gatewayOf(hop: JsonObject): IpAddress | null {
  const via = objectIn(hop, 'via');
  return parseAddress(stringIn(hop, 'gateway') ?? (via && stringIn(via, 'host')) ?? '') ?? null;
}

const RULE_PROTOCOLS: ReadonlyMap<string, number> = new Map(Object.entries(Protocol));

/** `ip -j rule`, in the order of priority. */
export function parseRules(json: unknown, version: IpVersion, tables: TableNames): RoutingRule[] {
  const rows = Array.isArray(json) ? json.filter(isObject) : [];
  return rows.map((row) => parseRule(row, version, tables)).sort((a, b) => a.priority - b.priority);
}

function parseRule(row: JsonObject, version: IpVersion, tables: TableNames): RoutingRule {
  const action = stringIn(row, 'action');
  const target = integerIn(row, 'goto');
  return {
    ...ANY_RULE,
    priority: integerIn(row, 'priority') ?? 0,
    not: has(row, 'not'),
    source: selector(row, 'src', 'srclen', version),
    destination: selector(row, 'dst', 'dstlen', version),
    iif: stringIn(row, 'iif') ?? null,
    oif: stringIn(row, 'oif') ?? null,
    mark: (numberIn(row, 'fwmark') ?? 0) | 0,
    markMask: has(row, 'fwmark') ? (numberIn(row, 'fwmask') ?? -1) | 0 : 0,
    tos: numberIn(row, 'tos') ?? numberIn(row, 'dsfield') ?? 0,
    protocol: ruleProtocol(row),
    sourcePorts: range(row, 'sport', 'sport_start', 'sport_end'),
    destinationPorts: range(row, 'dport', 'dport_start', 'dport_end'),
    uids: range(row, 'uid', 'uid_start', 'uid_end'),
    action: has(row, 'nop')
      ? 'nop'
      : has(row, 'l3mdev')
        ? 'l3mdev'
        : target !== undefined
          ? 'goto'
          : action === 'unreachable' || action === 'blackhole' || action === 'prohibit'
            ? action
            : has(row, 'table')
              ? 'lookup'
              : 'nop',
    table: tables.number(stringIn(row, 'table')),
    target: target ?? 0,
    suppressPrefixLength: integerIn(row, 'suppress_prefixlen') ?? -1,
    suppressGroup:
      numberIn(row, 'suppress_ifgroup') ?? (stringIn(row, 'suppress_ifgroup') === 'default' ? 0 : -1),
  };
}

function selector(row: JsonObject, key: string, lengthKey: string, version: IpVersion): IpNetwork | null {
  const address = parseAddress(stringIn(row, key) ?? '');
  if (!address || address.version !== version) return null;
  return IpNetwork.ofPrefix(address, integerIn(row, lengthKey) ?? (version === 4 ? 32 : 128));
}

function range(row: JsonObject, single: string, first: string, last: string): PortRange | null {
  const one = integerIn(row, single);
  if (one !== undefined) return { first: one, last: one };
  const from = integerIn(row, first);
  return from === undefined ? null : { first: from, last: integerIn(row, last) ?? from };
}

function ruleProtocol(row: JsonObject): number | null {
  const text = stringIn(row, 'ipproto');
  if (text === undefined) return integerIn(row, 'ipproto') ?? null;
  if (/^\d{1,3}$/.test(text)) return Number(text);
  return RULE_PROTOCOLS.get(text === 'ipv6-icmp' ? 'icmpv6' : text) ?? null;
}
