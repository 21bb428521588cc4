import { isLoopback4, isMulticast4, isNoHost4 } from '../address/scope.js';
import { IpAddress } from '../address/ip.js';
import { i32, u16, u8 } from '../packet/bytes.js';
import type { Device } from '../packet/device.js';
import { Ipv4 } from '../packet/ipv4.js';
import { Ipv6 } from '../packet/ipv6.js';
import { Protocol } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import { Scope } from './addresses.js';
import { DROPPED, type InputDecision, type RoutingWorld } from './decision.js';
import { Flow, setDestination, setSource, type Fib } from './fib.js';
import { route4 } from './input4.js';
import { route6 } from './input6.js';
import type { Route } from './routeModel.js';

/** A power of two: how many recent flows are remembered. */
const SLOTS = 65_536;

/** A flow and what was answered; overwritten by the next flow of the same hash. */
class Slot<T> {
  version = 0;
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
  device: Device | null = null;
  answer: T;

  constructor(answer: T) {
    this.answer = answer;
  }

  holds(flow: Flow, device: Device | null): boolean {
    return (
      this.d0 === flow.d0 &&
      this.s0 === flow.s0 &&
      this.device === device &&
      this.mark === flow.mark &&
      this.tos === flow.tos &&
      this.version === flow.version &&
      this.d1 === flow.d1 &&
      this.d2 === flow.d2 &&
      this.d3 === flow.d3 &&
      this.s1 === flow.s1 &&
      this.s2 === flow.s2 &&
      this.s3 === flow.s3
    );
  }

  take(flow: Flow, device: Device | null): void {
    this.version = flow.version;
    this.s0 = flow.s0;
    this.s1 = flow.s1;
    this.s2 = flow.s2;
    this.s3 = flow.s3;
    this.d0 = flow.d0;
    this.d1 = flow.d1;
    this.d2 = flow.d2;
    this.d3 = flow.d3;
    this.mark = flow.mark;
    this.tos = flow.tos;
    this.device = device;
  }
}

/** The host's routing, by packet. Answers to recent flows are kept, so that most packets cost a comparison. */
export class Routing {
  private readonly inputs = new Array<Slot<InputDecision> | undefined>(SLOTS).fill(undefined);
  /** By device and stretch of destinations (stretches.ts): what is answered to any plain source. */
  private readonly plain = new Map<Device, (InputDecision | undefined)[]>();
  private readonly outputs = new Array<Slot<Route | null> | undefined>(SLOTS).fill(undefined);
  private readonly flow = new Flow();

  constructor(readonly world: RoutingWorld) {}

  /** What `ip_route_input()` and `ip6_route_input()` decide behind PREROUTING; `packet.in` must be set. */
  input(packet: Packet): InputDecision {
    const { flow } = this;
    const fib = this.fill(flow, packet);
    const { conf } = this.world;
    const device = packet.in ?? this.world.loopback;
    if (!fib.usesMark && !(packet.version === 4 && conf(device).validMark)) flow.mark = 0;
    if (fib.usesPorts) return this.inputRoute(flow, device);
    const stretch = this.isPlain(flow, fib, device) ? fib.stretches.of(flow.d0) : -1;
    if (stretch >= 0) {
      const known = this.plain.get(device)?.[stretch];
      if (known) return known;
    }
    const at = slotOf(flow, device);
    let slot = this.inputs[at];
    if (slot?.holds(flow, device)) return slot.answer;
    const answer = this.inputRoute(flow, device);
    if (stretch >= 0 && !hangsOnSource(answer, device)) {
      let known = this.plain.get(device);
      if (!known) this.plain.set(device, (known = []));
      known[stretch] = answer;
      return answer;
    }
    if (!slot) this.inputs[at] = slot = new Slot<InputDecision>(DROPPED);
    slot.take(flow, device);
    slot.answer = answer;
    return answer;
  }

  /**
   * The same for an IPv4 packet without a mark, of which no more is told than its addresses; null: the answer hangs on more,
   * or nobody has asked for it yet.
   */
  known4(device: Device, source: number, destination: number): InputDecision | null {
    const { flow } = this;
    const { fib4 } = this.world;
    flow.version = 4;
    flow.s0 = source;
    flow.d0 = destination;
    flow.mark = 0;
    if (fib4.usesPorts || !this.isPlain(flow, fib4, device)) return null;
    return this.plain.get(device)?.[fib4.stretches.of(destination)] ?? null;
  }

  /** IPv4 to one receiver, from a source that `route4` asks nothing about before it knows the route. */
  private isPlain({ version, s0: source, d0, mark }: Flow, fib: Fib, device: Device): boolean {
    if (version !== 4 || mark !== 0 || isNoHost4(d0) || fib.usesTos) return false;
    if (
      source === 0 ||
      isLoopback4(source) ||
      isNoHost4(source) ||
      fib.hasCustomRules ||
      fib.hasCustomLocalRoutes
    )
      return false;
    const conf = this.world.conf(device);
    return conf.rpFilter === 0 && !conf.acceptLocal && !this.world.sources.isOwn4(source);
  }

  /** Whether routes, or rules to choose a table by, look at the TOS. */
  readsTos(version: 4 | 6): boolean {
    return (version === 4 ? this.world.fib4 : this.world.fib6).usesTos;
  }

  /**
   * What `ip_route_output_key()` and `ip6_route_output()` decide for a packet of the host, and again where OUTPUT
   * changed its addresses, mark or TOS (`ip_route_me_harder()`). What is for the host itself goes through the
   * loopback device. null: no route, the packet is never made.
   * @param device the device that its socket is bound to
   */
  output(packet: Packet, device: Device | null = null): Route | null {
    const { flow } = this;
    const fib = this.fill(flow, packet);
    if (!fib.usesMark) flow.mark = 0;
    if (fib.usesPorts) return this.outputRoute(fib, flow, device);
    const at = slotOf(flow, device);
    let slot = this.outputs[at];
    if (slot?.holds(flow, device)) return slot.answer;
    if (!slot) this.outputs[at] = slot = new Slot<Route | null>(null);
    slot.take(flow, device);
    slot.answer = this.outputRoute(fib, flow, device);
    return slot.answer;
  }

  /** A plain question, as `ip route get` asks it: where the host would send to. */
  lookup(question: {
    destination: IpAddress;
    source?: IpAddress | null;
    mark?: number;
    tos?: number;
    in?: Device | null;
    out?: Device | null;
  }): Route | null {
    this.world.asked(question.destination.version);
    const flow = new Flow();
    const { destination: d, source: s } = question;
    flow.version = d.version;
    setDestination(flow, d);
    if (s) setSource(flow, s);
    flow.mark = question.mark ?? 0;
    flow.tos = question.tos ?? 0;
    flow.iif = question.in ?? this.world.loopback;
    flow.oif = question.out ?? null;
    return (d.version === 4 ? this.world.fib4 : this.world.fib6).lookup(flow);
  }

  /**
   * The way to a gateway for a packet that goes elsewhere, by its TOS alone (`nf_dup_ipv4_route()`, `nf_dup_ipv6_route()`).
   * @param device null: any
   */
  toGateway(gateway: IpAddress, tos: number, device: Device | null): Route | null {
    const { flow } = this;
    flow.version = gateway.version;
    setDestination(flow, gateway);
    flow.s0 = flow.s1 = flow.s2 = flow.s3 = 0;
    flow.mark = 0;
    flow.tos = gateway.version === 4 ? tos & 0xfc : 0;
    flow.protocol = flow.sourcePort = flow.destinationPort = 0;
    return this.outputRoute(gateway.version === 4 ? this.world.fib4 : this.world.fib6, flow, device);
  }

  /**
   * The address a packet of the host to `destination` gets where its socket chose none: `src` of the route, else
   * by `inet_select_addr()` or RFC 6724.
   */
  sourceAddress(destination: IpAddress, route: Route): IpAddress | null {
    if (route.preferredSource) return route.preferredSource;
    if (route.type === 'local' && destination.version === 4)
      return destination.a === 0 ? new IpAddress(4, (127 << 24) | 1) : destination;
    const device = route.type === 'anycast' ? route.entry?.nexthops[0]?.device : route.device;
    if (!device) return null;
    if (destination.version === 6) return this.world.sources.select6(device, destination);
    const gateway = route.gateway?.version === 4 ? route.gateway : null;
    return this.world.sources.select4(device, gateway, route.entry?.scope ?? Scope.link);
  }

  /** net.ipv4.icmp_errors_use_inbound_ifaddr: the address of the device that it came in by, best one near the sender. */
  inboundAddress(device: Device, sender: IpAddress): IpAddress | null {
    return this.world.sources.select4(device, sender, Scope.link);
  }

  /** MASQUERADE: `nf_nat_masquerade_ipv4()` asks for the gateway's subnet, `_ipv6()` for a source to the destination. */
  masqueradeAddress(out: Device, destination: IpAddress, gateway: IpAddress | null): IpAddress | null {
    if (destination.version === 6) return this.world.sources.select6(out, destination);
    return this.world.sources.select4(out, gateway?.version === 4 ? gateway : destination, 0);
  }

  /** REDIRECT: loopback for the host's own packets (`in` null), else an address of the device they came by. */
  redirectAddress(destination: IpAddress, input: Device | null): IpAddress | null {
    const { sources } = this.world;
    if (destination.version === 4) return input ? sources.first4(input) : new IpAddress(4, (127 << 24) | 1);
    return input ? sources.first6(input, destination) : new IpAddress(6, 0, 0, 0, 1);
  }

  private inputRoute(flow: Flow, device: Device): InputDecision {
    this.world.asked(flow.version);
    return flow.version === 4 ? route4(this.world, flow, device) : route6(this.world, flow, device);
  }

  private outputRoute(fib: Fib, flow: Flow, device: Device | null): Route | null {
    this.world.asked(flow.version);
    flow.iif = this.world.loopback;
    flow.oif = device;
    flow.strict = flow.version === 6 && device !== null;
    if (flow.version === 4) {
      const special = output4(this.world, flow, device);
      if (special) return special;
    }
    const route = fib.lookup(flow);
    // ip_route_output_key_hash_rcu(): without a route, the device that was asked for has everybody on its link.
    if (!route || route.type === 'blackhole' || route.type === 'unreachable' || route.type === 'prohibit')
      return device && flow.version === 4
        ? onLinkRoute(device, isGroup(flow.d0) ? groupType(flow.d0) : 'unicast')
        : null;
    if (route.type === 'local' || route.type === 'anycast')
      return { ...route, device: this.world.loopback, gateway: null, alternatives: [] };
    // Such a packet has no next hop, whatever the route says.
    return flow.version === 4 && route.device && isGroup(flow.d0)
      ? onLinkRoute(route.device, groupType(flow.d0))
      : route;
  }

  private fill(flow: Flow, packet: Packet): Fib {
    const { data } = packet;
    flow.version = packet.version;
    flow.iif = packet.in;
    flow.oif = null;
    flow.strict = false;
    flow.mark = packet.mark;
    let fib: Fib;
    if (packet.version === 4) {
      fib = this.world.fib4;
      flow.s0 = i32(data, Ipv4.source);
      flow.d0 = i32(data, Ipv4.destination);
      flow.s1 = flow.s2 = flow.s3 = flow.d1 = flow.d2 = flow.d3 = 0;
      flow.tos = fib.usesTos ? u8(data, Ipv4.tos) & 0xfc : 0;
    } else {
      fib = this.world.fib6;
      flow.s0 = i32(data, Ipv6.source);
      flow.s1 = i32(data, Ipv6.source + 4);
      flow.s2 = i32(data, Ipv6.source + 8);
      flow.s3 = i32(data, Ipv6.source + 12);
      flow.d0 = i32(data, Ipv6.destination);
      flow.d1 = i32(data, Ipv6.destination + 4);
      flow.d2 = i32(data, Ipv6.destination + 8);
      flow.d3 = i32(data, Ipv6.destination + 12);
      flow.tos = fib.usesTos ? (u16(data, 0) >>> 4) & 0xfc : 0;
    }
    if (fib.usesPorts) {
      const { protocol } = packet;
      flow.protocol = protocol;
      const ports =
        packet.hasTransport &&
        (protocol === Protocol.tcp ||
          protocol === Protocol.udp ||
          protocol === Protocol.udplite ||
          protocol === Protocol.sctp ||
          protocol === Protocol.dccp);
      flow.sourcePort = ports ? packet.sourcePort : 0;
      flow.destinationPort = ports ? packet.destinationPort : 0;
      flow.uid = packet.uid ?? -1;
    }
    return fib;
  }
}

/** `fib_validate_source()` looks at who sends through the device that it goes back to; a hash chooses among next hops. */
function hangsOnSource({ action, route }: InputDecision, device: Device): boolean {
  if (action === 'local') return false;
  return action === 'drop' || route === null || route.device === device || route.alternatives.length > 0;
}

function isGroup(a: number): boolean {
  return isMulticast4(a) || a === -1;
}

function groupType(a: number): 'broadcast' | 'multicast' {
  return a === -1 ? 'broadcast' : 'multicast';
}

/**
 * The destinations that `ip_route_output_key_hash_rcu()` looks up in no table: 0.0.0.0 is the host itself; multicast
 * and limited broadcast leave by the device asked for, or by the one that has the source address.
 */
function output4(world: RoutingWorld, flow: Flow, device: Device | null): Route | null {
  const { d0, s0 } = flow;
  if (d0 === 0) return onLinkRoute(world.loopback, 'local');
  if (!isGroup(d0)) return null;
  if (device) return d0 === -1 || d0 >>> 8 === 0xe00000 ? onLinkRoute(device, groupType(d0)) : null;
  const home = s0 === 0 ? null : world.sources.deviceOf(new IpAddress(4, s0));
  return home && onLinkRoute(home, groupType(d0));
}

function onLinkRoute(device: Device, type: 'unicast' | 'local' | 'broadcast' | 'multicast'): Route {
  return {
    type,
    device,
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

function slotOf(flow: Flow, device: Device | null): number {
  const x =
    flow.d0 ^
    Math.imul(flow.s0, 0x9e3779b1) ^
    Math.imul(flow.d3 ^ flow.mark, 0x85ebca6b) ^
    Math.imul(flow.s3 ^ (device ? device.index : 0), 0xc2b2ae35);
  return (Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) >>> 7) & (SLOTS - 1);
}
