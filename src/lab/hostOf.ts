import type { IpVersion } from '../address/ip.js';
import { formatMac } from '../address/mac.js';
import { printIpsetSave } from '../frontend/ipset/print.js';
import { printSave } from '../frontend/iptables/print.js';
import { printNft } from '../frontend/nft/print/print.js';
import type { Given } from '../given.js';
import type { HostAddress } from '../host/addresses.js';
import type { Host } from '../host/host.js';
import type { Link } from '../host/links.js';
import { defaultRules, type Nexthop, type RouteEntry, type RoutingRule, Table } from '../host/routeModel.js';
import { SYSCTL_DEFAULTS } from '../host/sysctl.js';
import { LinkKind } from '../packet/numbers.js';
import { unknownMatch } from '../rules/matches/unknown.js';
import { type Rule, ruleAddress } from '../rules/model.js';
import { unknownTarget } from '../rules/targets/unknown.js';
import type { LabHost, LabInterface, LabNeighbour, LabSetup } from './namespaces.js';
import { PEER } from './record.js';

/** A host as it can be built in a namespace. */
export interface BuiltHost {
  readonly host: LabHost;
  /** What it has and the lab has not, a sentence each. */
  readonly leftOut: readonly string[];
  /** Why its rules must not be given to a kernel, a sentence each. */
  readonly refused: readonly string[];
}

/** What `ip -batch` takes for a name: nothing that it would read as more than one word. */
const NAME = /^[^\s"'\\#/\0-\x1f]{1,15}$/;

/**
 * Describes a host for `buildLab`. What came from a snapshot came from somebody else, and commands of root are made of it:
 * every word is a number, an address, or a name that was looked at.
 * @param neighbours whom it will speak to, beside those that it knows
 */
export function hostOf({ host, ruleset, sets }: Given, neighbours: readonly LabNeighbour[] = []): BuiltHost {
  const leftOut: string[] = [];
  const links = host.links.filter(({ device }) => {
    const usable = NAME.test(device.name);
    if (!usable) leftOut.push('an interface whose name no command can be given');
    return usable && !device.isLoopback;
  });
  const names = new Set(['lo', ...links.map((l) => l.device.name)]);
  for (const { device } of links)
    if (device.kind !== LinkKind.ethernet)
      leftOut.push(`${device.name} is no Ethernet interface: here it is one, and its log lines have a MAC=`);
  const versions = [4, 6] as const;
  const usesIpv6 = host.addresses.some((a) => a.address.version === 6 && !a.device.isLoopback);
  const told = host.parts.routes4 !== undefined;
  const tables = (version: IpVersion): readonly RouteEntry[] =>
    version === 4
      ? (host.parts.routes4 ?? [])
      : usesIpv6
        ? (host.parts.routes6 ?? []).filter((r) => r.type !== 'multicast' && r.type !== 'anycast')
        : [];
  const routes = [...versions.flatMap(tables), ...(host.parts.moreRoutes ?? [])]
    .filter((r) => !(r.byKernel && r.table === Table.local) && r.type !== 'broadcast')
    .filter((r) => r.nexthops.every((n) => n.device === null || names.has(n.device.name)));
  const suspicious = ruleset.tables
    .flatMap((t) => [...t.chains.values()].flatMap((c) => c.rules))
    .filter(namesProgram);
  return {
    host: {
      interfaces: interfacesOf(host, links, names),
      neighbours: [...neighbours, ...knownNeighbours(host)].filter((n) => names.has(n.interface)),
      // Those that need no gateway first: a gateway must be reachable when its route is set.
      routes: routes.sort((a, b) => Number(hasGateway(a)) - Number(hasGateway(b))).map(routeWords),
      hasAllRoutes: told,
      rules: [
        ...ruleWords(host.parts.rules4, 4, names),
        ...(usesIpv6 ? ruleWords(host.parts.rules6, 6, names) : []),
      ],
      sysctls: {
        ...ROUTER,
        ...Object.fromEntries([...host.parts.sysctls].filter(([name]) => isTaken(name))),
      },
      usesIpv6,
      setups: setupsOf({ ruleset, sets }),
    },
    leftOut,
    refused: suspicious.map((rule) => `${ruleAddress(rule)} names a program that would be run: ${rule.text}`),
  };
}

/** What a host is taken to have where nothing tells (src/host/sysctl.ts): it forwards. */
const ROUTER = Object.fromEntries(
  ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'].map((name) => [
    name,
    SYSCTL_DEFAULTS.get(name) ?? 0,
  ]),
);

/** Sysctls that make no packets of their own, and are no matter of memory or of neighbours. */
function isTaken(name: string): boolean {
  return (
    /^net\.(ipv4|ipv6|netfilter|bridge)\./.test(name) &&
    !/\.(neigh|route)\.|mem$|_secret$|tcp_fastopen_key|igmp_|mld|autoconf|accept_ra|accept_dad|dad_transmits|router_solicit|addr_gen_mode|disable_ipv6|use_tempaddr|ndisc_notify|optimistic_dad/.test(
      name,
    )
  );
}

/** Bridges and VRFs first: the others belong to them. A bridge without a port gets one. */
function interfacesOf(host: Host, links: readonly Link[], names: Set<string>): LabInterface[] {
  const masters: LabInterface[] = [];
  const others: LabInterface[] = [];
  links.forEach((link, i) => {
    const { device, up, kind, master } = link;
    const table = kind === 'vrf' ? host.parts.vrfTables?.get(device.name) : undefined;
    const common = {
      name: device.name,
      mac: device.mac.length === 6 && !device.mac.every((b) => b === 0) ? formatMac(device.mac) : ownMac(i),
      addresses: host.addressesOf(device).map(addressWords),
      mtu: device.mtu >= 68 && device.mtu <= 65535 ? device.mtu : undefined,
      group: device.group,
      down: !up,
    };
    if (table !== undefined) masters.push({ ...common, mtu: undefined, kind: 'vrf', table });
    else if (device.isBridge) {
      masters.push({ ...common, kind: 'bridge' });
      if (!links.some((l) => l.device.master === device)) {
        const port = freeName(names);
        others.push({ name: port, master: device.name, addresses: [], peerMac: PEER, mtu: common.mtu });
      }
    } else {
      const isVrf = master !== null && host.parts.vrfTables?.has(master) === true;
      const belongsTo = device.master?.name ?? (isVrf ? master : undefined);
      others.push({
        ...common,
        master: belongsTo && names.has(belongsTo) ? belongsTo : undefined,
        peerMac: PEER,
      });
    }
  });
  return [...masters, ...others];
}

function freeName(names: Set<string>): string {
  let n = 0;
  while (names.has(`nfrport${n}`)) n++;
  names.add(`nfrport${n}`);
  return `nfrport${n}`;
}

/** For one whose address nothing tells; locally administered. */
function ownMac(i: number): string {
  return formatMac(Uint8Array.from([2, 0, 0x5e, 1, i >> 8, i]));
}

function addressWords(own: HostAddress): string {
  const words = own.peer
    ? [`${String(own.address)} peer ${String(own.peer)}/${own.prefixLength}`]
    : [`${String(own.address)}/${own.prefixLength}`];
  if (own.broadcast) words.push(`broadcast ${String(own.broadcast)}`);
  words.push(`scope ${own.scope}`);
  if (own.address.version === 6) words.push('nodad');
  if (own.noPrefixRoute) words.push('noprefixroute');
  return words.join(' ');
}

function knownNeighbours(host: Host): LabNeighbour[] {
  return host.neighbours.map(({ device, address, mac }) => ({
    interface: device.name,
    address: String(address),
    mac: formatMac(mac),
  }));
}

function hasGateway(route: RouteEntry): boolean {
  return route.nexthops.some((n) => n.gateway !== null);
}

/** Numbers of tables whose name alone is known (`TableNames`) begin here. */
const NAMED_TABLES = 0x7f000000;

function tableNumber(table: number): number {
  return table >= 0 ? table : NAMED_TABLES - table;
}

function routeWords(route: RouteEntry): string {
  const words = [route.type, `${String(route.destination)}`, `table ${tableNumber(route.table)}`];
  if (route.source) words.push(`from ${String(route.source)}`);
  if (route.version === 4) {
    if (route.tos) words.push(`tos ${route.tos}`);
    words.push(`scope ${route.scope}`);
    if (route.realm) words.push(`realms ${route.realm}`);
  }
  if (route.metric) words.push(`metric ${route.metric}`);
  if (route.preferredSource) words.push(`src ${String(route.preferredSource)}`);
  if (route.mtu) words.push(`mtu ${route.mtu}`);
  if (route.byKernel) words.push('proto kernel');
  const [first] = route.nexthops;
  if (route.nexthops.length > 1)
    words.push(...route.nexthops.map((n) => `nexthop ${nexthopWords(n)} weight ${n.weight}`));
  else if (first) words.push(nexthopWords(first));
  return words.join(' ');
}

function nexthopWords({ gateway, device }: Nexthop): string {
  const family = gateway?.version === 6 ? 'inet6 ' : '';
  return [gateway && `via ${family}${String(gateway)}`, device && `dev ${device.name}`]
    .filter(Boolean)
    .join(' ');
}

/** What makes the standard rules into these. */
function ruleWords(
  rules: readonly RoutingRule[] | undefined,
  version: IpVersion,
  names: Set<string>,
): string[] {
  if (!rules) return [];
  const lead = version === 6 ? '-6 ' : '';
  const standard = defaultRules(version).map((r) => ruleText(r));
  const wanted = rules
    .filter((r) => [r.iif, r.oif].every((name) => name === null || names.has(name) || NAME.test(name)))
    .map((r) => ruleText(r));
  return [
    ...wanted.filter((r) => !standard.includes(r)).map((r) => `${lead}add ${r}`),
    ...standard.filter((r) => !wanted.includes(r)).map((r) => `${lead}del ${r}`),
  ];
}

function ruleText(rule: RoutingRule): string {
  const words = [`pref ${rule.priority}`];
  if (rule.not) words.unshift('not');
  if (rule.source) words.push(`from ${String(rule.source)}`);
  if (rule.destination) words.push(`to ${String(rule.destination)}`);
  if (rule.iif !== null) words.push(`iif ${rule.iif}`);
  if (rule.oif !== null) words.push(`oif ${rule.oif}`);
  if (rule.markMask !== 0) words.push(`fwmark ${rule.mark >>> 0}/${rule.markMask >>> 0}`);
  if (rule.tos) words.push(`tos ${rule.tos}`);
  if (rule.protocol !== null) words.push(`ipproto ${rule.protocol}`);
  for (const [word, range] of [
    ['sport', rule.sourcePorts],
    ['dport', rule.destinationPorts],
    ['uidrange', rule.uids],
  ] as const)
    if (range) words.push(`${word} ${range.first}-${range.last}`);
  switch (rule.action) {
    case 'lookup':
      words.push(`table ${tableNumber(rule.table)}`);
      if (rule.suppressPrefixLength >= 0) words.push(`suppress_prefixlength ${rule.suppressPrefixLength}`);
      if (rule.suppressGroup >= 0) words.push(`suppress_ifgroup ${rule.suppressGroup}`);
      break;
    case 'goto':
      words.push(`goto ${rule.target}`);
      break;
    default:
      words.push(rule.action);
  }
  return words.join(' ');
}

function setupsOf({ ruleset, sets }: Pick<Given, 'ruleset' | 'sets'>): LabSetup[] {
  const setups: LabSetup[] = [];
  if (sets.size > 0) setups.push({ command: 'ipset restore', input: printIpsetSave(sets, 0) });
  const tables = ruleset.tables.filter((t) => !t.nft);
  for (const [family, version, command] of [
    ['ip', 4, 'iptables-legacy-restore -c'],
    ['ip6', 6, 'ip6tables-legacy-restore -c'],
  ] as const)
    if (tables.some((t) => t.family === family)) setups.push({ command, input: printSave(tables, version) });
  const nft = ruleset.tables.flatMap((t) => t.nft ?? []);
  if (nft.length > 0) setups.push({ command: 'nft -f -', input: printNft({ tables: nft }) });
  return setups;
}

/** -M and --modprobe of iptables name what loads modules; it is told to no shell that runs as root. */
function namesProgram({ steps, text }: Rule): boolean {
  const isUnknown = steps.some(
    (s) =>
      (s.kind === 'match' && s.definition === unknownMatch) ||
      (s.kind === 'target' && s.definition === unknownTarget),
  );
  return isUnknown && /(^|[\s"'])-(M|-mo)/.test(text);
}
