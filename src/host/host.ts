import type { Device } from '../packet/device.js';
import type { RouteView } from '../rules/context.js';
import type { HostAddress } from './addresses.js';
import { Assumptions } from './assumptions.js';
import { connectedRoutes } from './connected.js';
import type { ConntrackEntry } from './conntrackText.js';
import type { DeviceConf, RoutingWorld } from './decision.js';
import { Fib } from './fib.js';
import { Groups, standardGroups } from './groups.js';
import { makeDevice, type Link } from './links.js';
import type { Neighbour } from './neighbours.js';
import { defaultRules, type RouteEntry, type RoutingRule } from './routeModel.js';
import { Routing } from './routes.js';
import { makeRouteView } from './routeView.js';
import type { ListeningSocket } from './sockets.js';
import { SourceAddresses } from './sourceAddress.js';
import { Sysctls } from './sysctl.js';

/** The host that the packets met, as far as the snapshot or the user tells. */
export interface Host {
  readonly devices: readonly Device[];
  deviceByName(name: string): Device | undefined;
  deviceByIndex(index: number): Device | undefined;
  /** Whether the devices have the numbers that the host's own had. */
  readonly isNumbered: boolean;
  /** The device of that name; one that the snapshot lacks is assumed to be an Ethernet interface. */
  deviceFor(name: string): Device;
  readonly links: readonly Link[];
  readonly addresses: readonly HostAddress[];
  addressesOf(device: Device): readonly HostAddress[];
  sysctl(name: string): string | undefined;
  /** The value, else `fallback`, else the kernel's default; what was not told is an assumption that mattered. */
  sysctlNumber(name: string, fallback?: number): number;
  readonly sysctls: Sysctls;
  /** The TTL or hop limit of what the host itself sends through a device (ip_default_ttl, hop_limit). */
  hopLimit(version: 4 | 6, device: Device | null): number;
  /** net.ipv6.icmp.ratemask: whether ICMPv6 messages of a type are limited. */
  limitsIcmpv6(type: number): boolean;
  /** IPv6 packets on other devices are dropped on receipt (`ip6_rcv_core()`). */
  acceptsIpv6(device: Device): boolean;
  readonly sockets: readonly ListeningSocket[];
  /** The table when the capture began. */
  readonly conntrack: readonly ConntrackEntry[];
  readonly neighbours: readonly Neighbour[];
  /** When CLOCK_MONOTONIC stood at 0, ns since the epoch; null: not told. */
  readonly bootTime: bigint | null;
  readonly routing: Routing;
  readonly routes: RouteView;
  readonly assumptions: Assumptions;
  /** What it was made of, for one that is otherwise in some part. */
  readonly parts: HostParts;
}

/** What a host is made of; what is undefined was not told. */
export interface HostParts {
  readonly links: readonly Link[];
  readonly addresses: readonly HostAddress[];
  readonly sysctls: ReadonlyMap<string, string>;
  readonly sockets?: readonly ListeningSocket[];
  readonly conntrack?: readonly ConntrackEntry[];
  readonly neighbours?: readonly Neighbour[];
  readonly bootTime?: bigint | null;
  /** Whole tables, local and connected routes among them. */
  readonly routes4?: readonly RouteEntry[];
  readonly routes6?: readonly RouteEntry[];
  /** Beside the connected ones, where the tables were not told. */
  readonly moreRoutes?: readonly RouteEntry[];
  readonly rules4?: readonly RoutingRule[];
  readonly rules6?: readonly RoutingRule[];
  readonly groups?: readonly [device: string, group: string][];
  readonly vrfTables?: ReadonlyMap<string, number>;
  readonly assumptions?: Assumptions;
  /** false: the devices' numbers are not the host's own; they are unless told. */
  readonly isNumbered?: boolean;
}

/** Devices beyond this many are all one, so that a capture cannot make them without end. */
const MOST_ASSUMED_DEVICES = 1024;

export function makeHost(parts: HostParts): Host {
  const assumptions = parts.assumptions ?? new Assumptions();
  const links = [...parts.links];
  const sysctls = new Sysctls(parts.sysctls, assumptions);
  const byName = new Map(links.map((l) => [l.device.name, l.device]));
  const byIndex = new Map(links.map((l) => [l.device.index, l.device]));
  let nextIndex = Math.max(0, ...byIndex.keys()) + 1;
  const most = links.length + MOST_ASSUMED_DEVICES;

  const add = (name: string): Device => {
    const device = makeDevice({ index: nextIndex++, name });
    byName.set(name, device);
    byIndex.set(device.index, device);
    links.push({ device, up: true, multicast: true, broadcast: true, master: null, kind: '' });
    return device;
  };
  const loopback = links.find((l) => l.device.isLoopback)?.device ?? add('lo');

  const deviceFor = (name: string): Device => {
    const known = byName.get(name);
    if (known) return known;
    const full = links.length >= most;
    assumptions.record(
      full ? 'devices' : `device ${name}`,
      full
        ? 'There are more interfaces than the snapshot has; those beyond the first thousand are taken for one.'
        : `The interface ${name} is not in the snapshot; it was taken for an Ethernet interface without addresses.`,
      true,
    );
    return full ? links[links.length - 1].device : add(name);
  };

  const byDevice = new Map<Device, HostAddress[]>();
  for (const own of parts.addresses) {
    const list = byDevice.get(own.device);
    if (list) list.push(own);
    else byDevice.set(own.device, [own]);
  }
  let limited6: (readonly [number, number])[] | undefined;
  const routing = new Routing(makeWorld(parts, links, loopback, sysctls, byDevice, assumptions));
  return {
    get devices() {
      return links.map((l) => l.device);
    },
    links,
    isNumbered: parts.isNumbered ?? true,
    deviceByName: (name) => byName.get(name),
    deviceByIndex: (index) => byIndex.get(index),
    deviceFor,
    addresses: parts.addresses,
    addressesOf: (device) => byDevice.get(device) ?? [],
    sysctl: (name) => sysctls.text(name),
    sysctlNumber: (name, fallback) => sysctls.number(name, fallback),
    sysctls,
    hopLimit: (version, device) => hopLimit(sysctls, version, device),
    limitsIcmpv6: (type) => {
      limited6 ??= sysctls.ranges('net.ipv6.icmp.ratemask', '0-1,3-127');
      return limited6.some(([from, to]) => type >= from && type <= to);
    },
    acceptsIpv6: (device) => sysctls.conf(6, device.name, 'disable_ipv6', 'own') === 0,
    get sockets() {
      assumptions.rely('ss-listen.txt');
      return parts.sockets ?? [];
    },
    get conntrack() {
      assumptions.rely('conntrack.txt');
      return parts.conntrack ?? [];
    },
    neighbours: parts.neighbours ?? [],
    bootTime: parts.bootTime ?? null,
    routing,
    routes: makeRouteView(routing.world),
    assumptions,
    parts,
  };
}

/** Linux's default where nothing tells. */
const HOP_LIMIT = 64;

function hopLimit(sysctls: Sysctls, version: 4 | 6, device: Device | null): number {
  const name = device === null ? 'all' : device.name.replaceAll('.', '/');
  const text = sysctls.text(version === 4 ? 'net.ipv4.ip_default_ttl' : `net.ipv6.conf.${name}.hop_limit`);
  const told = Number(text);
  return Number.isInteger(told) && told >= 1 && told <= 255 ? told : HOP_LIMIT;
}

function makeWorld(
  parts: HostParts,
  links: readonly Link[],
  loopback: Device,
  sysctls: Sysctls,
  byDevice: ReadonlyMap<Device, readonly HostAddress[]>,
  assumptions: Assumptions,
): RoutingWorld {
  const confs = new Map<Device, DeviceConf>();
  const conf = (device: Device): DeviceConf => {
    let known = confs.get(device);
    if (!known) confs.set(device, (known = makeConf(device, sysctls, byDevice)));
    return known;
  };
  const has6 =
    parts.routes6 !== undefined
      ? parts.routes6.some((r) => !r.nexthops.every((n) => n.device?.isLoopback))
      : parts.addresses.some((a) => a.address.version === 6 && !a.device.isLoopback);
  const forwarding6 = has6 && sysctls.number('net.ipv6.conf.all.forwarding') !== 0;
  const derived = [...connectedRoutes(parts.addresses, links, forwarding6), ...(parts.moreRoutes ?? [])];
  const routes = (version: 4 | 6, told: readonly RouteEntry[] | undefined): RouteEntry[] =>
    (told ?? derived).filter((r) => r.version === version);
  return {
    fib4: new Fib(4, routes(4, parts.routes4), parts.rules4 ?? defaultRules(4), parts.vrfTables),
    fib6: new Fib(6, routes(6, parts.routes6), parts.rules6 ?? defaultRules(6), parts.vrfTables),
    sources: new SourceAddresses(parts.addresses, (device) => conf(device).routeLocalnet),
    groups: new Groups(
      parts.groups !== undefined,
      parts.groups ?? standardGroups(links, parts.addresses, forwarding6),
    ),
    loopback,
    conf,
    forwarding6,
    asked: (version) => {
      for (const file of version === 4 ? ROUTING_FILES_4 : ROUTING_FILES_6) assumptions.rely(file);
    },
  };
}

const ROUTING_FILES_4 = ['ip-route.json', 'ip-rule.json'];
const ROUTING_FILES_6 = ['ip-6-route.json'];

/** linux/inetdevice.h: IN_DEV_FORWARD, IN_DEV_RPFILTER and the like. */
function makeConf(
  device: Device,
  sysctls: Sysctls,
  byDevice: ReadonlyMap<Device, readonly HostAddress[]>,
): DeviceConf {
  const or = (key: string, fallback = 0): boolean => sysctls.conf(4, device.name, key, 'or', fallback) !== 0;
  const { name } = device;
  const forwards = sysctls.text(`net.ipv4.conf.${name.replaceAll('.', '/')}.forwarding`);
  return {
    forwarding: forwards === undefined ? sysctls.number('net.ipv4.ip_forward') !== 0 : forwards !== '0',
    rpFilter: sysctls.conf(4, name, 'rp_filter', 'max'),
    routeLocalnet: or('route_localnet'),
    acceptLocal: or('accept_local'),
    validMark: or('src_valid_mark'),
    sendRedirects: or('send_redirects', 1),
    sharedMedia: or('shared_media', 1),
    // Kernels before 5.0 do not have it: no assumption.
    broadcastForwarding: ['all', name].every((d) => sysctls.text(`net.ipv4.conf.${d}.bc_forwarding`) === '1'),
    hasIpv4: byDevice.get(device)?.some((a) => a.address.version === 4) ?? false,
  };
}
