import { isLinkLocal6, isMulticast4, isMulticast6 } from '../address/scope.js';
import { IpAddress } from '../address/ip.js';
import type { Side } from '../packet/addresses.js';
import { i32, u8, u16 } from '../packet/bytes.js';
import type { Device } from '../packet/device.js';
import { Ipv4 } from '../packet/ipv4.js';
import { Ipv6 } from '../packet/ipv6.js';
import { PacketType } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import { AddressType, type RouteView } from '../rules/context.js';
import type { RoutingWorld } from './decision.js';
import { Flow, setDestination } from './fib.js';
import { usesDevice } from './input4.js';
import { type Route, Table } from './routeModel.js';

/** How many addresses are remembered with their type. */
const REMEMBERED = 4096;

/** What the rules may ask routing. For IPv6 `addressType` gives several bits: the address's own and the route's. */
export function makeRouteView(world: RoutingWorld): RouteView {
  const flow = new Flow();
  const slots = new Array<{ address: IpAddress; device: Device | null; type: number } | undefined>(
    REMEMBERED,
  ).fill(undefined);
  return {
    addressType(address, device) {
      const at = slotOf(address, device);
      const slot = slots[at];
      if (slot && slot.device === device && slot.address.equals(address)) return slot.type;
      const type =
        address.version === 4 ? type4(world, flow, address, device) : type6(world, flow, address, device);
      slots[at] = { address, device, type };
      return type;
    },
    reversePath(packet, options) {
      const { in: device } = packet;
      if (!device || device.isLoopback || packet.packetType === PacketType.loopback) return true;
      return packet.version === 4
        ? reversePath4(world, flow, packet, device, options)
        : reversePath6(world, flow, packet, device, options);
    },
    pathMtu(packet) {
      const there = mtuTo(world, flow, packet, packet.destinationOffset, packet.out);
      const back = mtuTo(world, flow, packet, packet.sourceOffset, null);
      return there === undefined ? back : Math.min(there, back ?? there);
    },
    nextHop(packet) {
      const address = addressAt(packet, packet.destinationOffset);
      const route = routeTo(world, flow, packet, address, packet.out);
      return route ? (route.gateway ?? address) : undefined;
    },
    egress: (packet, side, how) => (packet.version === 4 ? egress4 : egress6)(world, flow, packet, side, how),
  };
}

/** `nft_fib4_eval()` (net/ipv4/netfilter/nft_fib_ipv4.c). */
function egress4(
  world: RoutingWorld,
  flow: Flow,
  packet: Packet,
  side: Side,
  { device, mark, input }: { device: Device | null; mark: number; input: Device | null },
): Device | null {
  const { data } = packet;
  const to = i32(data, side === 'source' ? Ipv4.source : Ipv4.destination);
  const from = i32(data, side === 'source' ? Ipv4.destination : Ipv4.source);
  ask(flow, new IpAddress(4, to), null);
  flow.s0 = isMulticast4(from) || from === -1 || from >>> 24 === 0 ? 0 : from;
  flow.iif = input ?? world.loopback;
  flow.mark = mark;
  flow.tos = u8(data, Ipv4.tos) & 0xfc;
  const route = world.fib4.lookup(flow);
  if (!route || route.type === 'local' || REFUSALS.has(route.type)) return null;
  if (!device) return route.device;
  return usesDevice(route, device) ? device : null;
}

/** `nft_fib6_eval()` (net/ipv6/netfilter/nft_fib_ipv6.c). */
function egress6(
  world: RoutingWorld,
  flow: Flow,
  packet: Packet,
  side: Side,
  { device, mark, input }: { device: Device | null; mark: number; input: Device | null },
): Device | null {
  const { data } = packet;
  const at = side === 'source' ? Ipv6.source : Ipv6.destination;
  const word = (i: number): number => i32(data, at + 4 * i);
  const address = new IpAddress(6, word(0), word(1), word(2), word(3));
  const linkLocal = isLinkLocal6(address.a);
  ask(flow, address, linkLocal ? (device ?? packet.in ?? packet.out) : null);
  flow.strict = linkLocal;
  flow.iif = input ?? world.loopback;
  flow.mark = mark;
  const route = world.fib6.lookup(flow);
  if (!route || REFUSALS.has(route.type) || route.type === 'local' || route.type === 'anycast') return null;
  return device && route.device !== device ? null : route.device;
}

const REFUSALS: ReadonlySet<string> = new Set(['blackhole', 'unreachable', 'prohibit', 'throw']);

function slotOf(address: IpAddress, device: Device | null): number {
  const x = address.a ^ Math.imul(address.d, 0x9e3779b1) ^ Math.imul(device ? device.index : 0, 0x85ebca6b);
  return (Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) >>> 8) & (REMEMBERED - 1);
}

/** `inet_addr_type()`, `inet_dev_addr_type()` (net/ipv4/fib_frontend.c): the local table alone is asked. */
function type4(world: RoutingWorld, flow: Flow, address: IpAddress, device: Device | null): number {
  const { a } = address;
  if (a === 0 || a === -1) return AddressType.broadcast;
  if (isMulticast4(a)) return AddressType.multicast;
  ask(flow, address, null);
  flow.iif = null;
  const route = world.fib4.lookupIn(Table.local, flow);
  if (!route || (device && device !== route.device)) return AddressType.unicast;
  switch (route.type) {
    case 'local':
      return AddressType.local;
    case 'broadcast':
      return AddressType.broadcast;
    case 'anycast':
      return AddressType.anycast;
    case 'multicast':
      return AddressType.multicast;
    case 'unicast':
    case 'blackhole':
    case 'unreachable':
    case 'prohibit':
    case 'throw':
      // Refusals end the lookup with an error, which leaves the type at unicast.
      return AddressType.unicast;
  }
}

/** `match_type6()` and `match_lookup_rt6()` (net/netfilter/xt_addrtype.c). */
function type6(world: RoutingWorld, flow: Flow, address: IpAddress, device: Device | null): number {
  const { a, b, c, d } = address;
  if (a === 0 && b === 0 && c === 0 && d === 0)
    return AddressType.unspec | lookup6(world, flow, address, device);
  if (isMulticast6(a)) return AddressType.multicast | lookup6(world, flow, address, device);
  // ::ffff:0:0/96 is neither unicast nor multicast to __ipv6_addr_type().
  const mapped = a === 0 && b === 0 && c === 0xffff;
  return (mapped ? 0 : AddressType.unicast) | lookup6(world, flow, address, device);
}

function lookup6(world: RoutingWorld, flow: Flow, address: IpAddress, device: Device | null): number {
  const own = device && world.sources.isOwn(address, device) ? AddressType.local : 0;
  ask(flow, address, device);
  flow.iif = world.loopback;
  flow.strict = device !== null;
  const route = world.fib6.lookup(flow);
  if (!route || route.type === 'unreachable' || route.type === 'prohibit' || route.type === 'blackhole')
    return own | AddressType.unreachable;
  if (route.type === 'local' && !device) return AddressType.local;
  return own | (route.type === 'anycast' ? AddressType.anycast : 0);
}

/** `dst_mtu()`: that of the route, else of its device; what goes to the host itself passes the loopback device. */
function mtuTo(
  world: RoutingWorld,
  flow: Flow,
  packet: Packet,
  at: number,
  out: Device | null,
): number | undefined {
  const route = routeTo(world, flow, packet, addressAt(packet, at), out);
  const device = out ?? (route?.type === 'local' ? world.loopback : route?.device);
  if (!device) return undefined;
  return route?.mtu && (!out || route.device === out) ? route.mtu : device.mtu;
}

function addressAt({ data, version }: Packet, at: number): IpAddress {
  return version === 4
    ? new IpAddress(4, i32(data, at))
    : new IpAddress(6, i32(data, at), i32(data, at + 4), i32(data, at + 8), i32(data, at + 12));
}

function routeTo(
  world: RoutingWorld,
  flow: Flow,
  packet: Packet,
  address: IpAddress,
  out: Device | null,
): Route | null {
  ask(flow, address, null);
  flow.iif = world.loopback;
  flow.mark = out ? packet.mark : 0;
  return (packet.version === 4 ? world.fib4 : world.fib6).lookup(flow);
}

function ask(flow: Flow, destination: IpAddress, device: Device | null): void {
  flow.version = destination.version;
  setDestination(flow, destination);
  flow.s0 = flow.s1 = flow.s2 = flow.s3 = 0;
  flow.mark = 0;
  flow.tos = 0;
  flow.oif = device;
  flow.strict = false;
  flow.protocol = flow.sourcePort = flow.destinationPort = 0;
}

interface ReversePathOptions {
  readonly loose: boolean;
  readonly validMark: boolean;
  readonly acceptLocal: boolean;
}

/** `rpfilter_mt()` (net/ipv4/netfilter/ipt_rpfilter.c). */
function reversePath4(
  world: RoutingWorld,
  flow: Flow,
  packet: Packet,
  device: Device,
  options: ReversePathOptions,
): boolean {
  const source = i32(packet.data, Ipv4.source);
  const destination = i32(packet.data, Ipv4.destination);
  // DHCP and IGMP speak from 0.0.0.0.
  if (source === 0 && (destination === -1 || destination >>> 8 === 0xe00000)) return true;
  ask(flow, new IpAddress(4, source), null);
  flow.s0 = isMulticast4(destination) || destination === -1 ? 0 : destination;
  flow.iif = world.loopback;
  flow.mark = options.validMark ? packet.mark : 0;
  flow.tos = u8(packet.data, Ipv4.tos) & 0xfc;
  const route = world.fib4.lookup(flow);
  if (!route) return false;
  if (route.type !== 'unicast' && (route.type !== 'local' || !options.acceptLocal)) return false;
  return usesDevice(route, device) || options.loose;
}

/** `rpfilter_mt()` (net/ipv6/netfilter/ip6t_rpfilter.c). */
function reversePath6(
  world: RoutingWorld,
  flow: Flow,
  packet: Packet,
  device: Device,
  options: ReversePathOptions,
): boolean {
  const { data } = packet;
  const word = (at: number): number => i32(data, at);
  const s = Ipv6.source;
  const source = new IpAddress(6, word(s), word(s + 4), word(s + 8), word(s + 12));
  if (source.a === 0 && source.b === 0 && source.c === 0 && source.d === 0) return true;
  const linkLocal = isLinkLocal6(source.a);
  ask(flow, source, linkLocal || !options.loose ? device : null);
  const d = Ipv6.destination;
  // A multicast destination says nothing about the way back.
  if (!isMulticast6(word(d))) {
    flow.s0 = word(d);
    flow.s1 = word(d + 4);
    flow.s2 = word(d + 8);
    flow.s3 = word(d + 12);
  }
  flow.iif = world.loopback;
  flow.strict = linkLocal;
  flow.mark = options.validMark ? packet.mark : 0;
  flow.tos = (u16(data, 0) >>> 4) & 0xfc;
  const route = world.fib6.lookup(flow);
  if (!route) return false;
  if (route.type === 'local') return options.acceptLocal;
  if (route.type !== 'unicast' && route.type !== 'multicast') return false;
  return route.device === device || options.loose;
}
