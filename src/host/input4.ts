import { isLoopback4, isMulticast4 } from '../address/scope.js';
import { formatIpv4, IpAddress } from '../address/ip.js';
import type { Device } from '../packet/device.js';
import { Scope } from './addresses.js';
import { DROPPED, type DeviceConf, type InputDecision, type RoutingWorld } from './decision.js';
import { Flow } from './fib.js';
import type { Route } from './routeModel.js';

const isLimitedBroadcast = (a: number): boolean => a === -1;
/** `ipv4_is_zeronet()`: the whole of 0/8 until Linux 5.3, since then 0.0.0.0 alone. */
const isZeroNet = (a: number): boolean => a === 0;
const isLocalMulticast = (a: number): boolean => a >>> 8 === 0xe00000;

/** ICMP destination unreachable codes (RFC 792, RFC 1812 section 5.2.7.1). */
const Code = { net: 0, host: 1, filtered: 13 } as const;

function drop(reason: string, more: Partial<InputDecision> = {}): InputDecision {
  return { ...DROPPED, reason, ...more };
}

/** `ip_route_input_rcu()` and `ip_route_input_slow()` (net/ipv4/route.c), in their order. */
export function route4(world: RoutingWorld, flow: Flow, device: Device): InputDecision {
  const { s0, d0 } = flow;
  const conf = world.conf(device);
  if (isMulticast4(d0)) return multicast(world, flow, device, conf);
  if (isMulticast4(s0) || isLimitedBroadcast(s0)) return drop('IP_INVALID_SOURCE');
  if (isLimitedBroadcast(d0) || (s0 === 0 && d0 === 0)) return broadcast(world, flow, device, conf, null);
  if (isZeroNet(s0)) return drop('IP_INVALID_SOURCE');
  if (isZeroNet(d0)) return drop('IP_INVALID_DEST');
  // Over the loopback device a packet keeps the route it was sent with.
  if (!device.isLoopback && !conf.routeLocalnet && (isLoopback4(d0) || isLoopback4(s0)))
    return drop('IP_LOCALNET');

  flow.iif = device;
  flow.oif = null;
  const route = world.fib4.lookup(flow);
  if (!route || isRefusal(route)) return refused(route, conf);
  if (route.type === 'broadcast') {
    if (!conf.broadcastForwarding) return broadcast(world, flow, device, conf, route);
  } else if (route.type === 'local') {
    const wrong = device.isLoopback ? null : validateSource(world, flow, device, conf, null, d0);
    if (typeof wrong === 'string') return drop(wrong, { type: 'local' });
    return { ...DROPPED, action: 'local', type: 'local', route };
  }
  if (!conf.forwarding) return drop('IP_INADDRERRORS', { type: 'unicast', route });
  if (route.type !== 'unicast' && route.type !== 'broadcast') return drop('IP_INVALID_DEST');
  const valid = validateSource(world, flow, device, conf, route.device, d0);
  if (typeof valid === 'string') return drop(valid, { type: 'unicast', route });
  // __mkroute_input(): the sender could have asked the gateway itself.
  const redirect =
    route.device === device &&
    valid === true &&
    conf.sendRedirects &&
    (conf.sharedMedia || world.sources.onLink(device, new IpAddress(4, s0), route.gateway));
  const doubt =
    route.alternatives.length > 0
      ? `the route to ${formatIpv4(d0)} has several next hops; ${route.device?.name ?? ''} was chosen`
      : null;
  return { ...DROPPED, action: 'forward', type: 'unicast', route, redirect, doubt };
}

function isRefusal(route: Route): boolean {
  return route.type === 'unreachable' || route.type === 'prohibit' || route.type === 'blackhole';
}

/** `ip_error()`: nobody but a router answers, and a blackhole never does. */
function refused(route: Route | null, conf: DeviceConf): InputDecision {
  if (!conf.forwarding) return drop('IP_INADDRERRORS', { type: 'unicast', route });
  if (!route) return drop('IP_INNOROUTES', { type: 'unicast', unreachableCode: Code.net });
  // A rule of `ip rule` says the net is unreachable, a route that the host is.
  const code =
    route.type === 'blackhole'
      ? null
      : route.type === 'prohibit'
        ? Code.filtered
        : route.entry
          ? Code.host
          : Code.net;
  return drop('IP_INNOROUTES', { type: 'unicast', route, unreachableCode: code });
}

function broadcast(
  world: RoutingWorld,
  flow: Flow,
  device: Device,
  conf: DeviceConf,
  route: Route | null,
): InputDecision {
  if (!isZeroNet(flow.s0)) {
    const wrong = device.isLoopback ? null : validateSource(world, flow, device, conf, null, 0);
    if (typeof wrong === 'string') return drop(wrong, { type: 'broadcast' });
  }
  return { ...DROPPED, action: 'local', type: 'broadcast', route };
}

/** `ip_route_input_mc()`: only for groups that were joined; forwarding multicast takes a routing daemon. */
function multicast(world: RoutingWorld, flow: Flow, device: Device, conf: DeviceConf): InputDecision {
  const group = formatIpv4(flow.d0);
  if (!world.groups.has(device, group)) {
    const doubt = world.groups.complete
      ? null
      : `whether the host has joined ${group} is not in the snapshot`;
    return drop('IP_INVALID_DEST', { type: 'multicast', doubt });
  }
  if (isMulticast4(flow.s0) || isLimitedBroadcast(flow.s0))
    return drop('IP_INVALID_SOURCE', { type: 'multicast' });
  if (isLoopback4(flow.s0) && !conf.routeLocalnet && !device.isLoopback)
    return drop('IP_LOCALNET', { type: 'multicast' });
  if (isZeroNet(flow.s0)) {
    if (!isLocalMulticast(flow.d0)) return drop('IP_INVALID_SOURCE', { type: 'multicast' });
  } else if (!device.isLoopback) {
    const wrong = validateSource(world, flow, device, conf, null, 0);
    if (typeof wrong === 'string') return drop(wrong, { type: 'multicast' });
  }
  return { ...DROPPED, action: 'local', type: 'multicast' };
}

const reverse = new Flow();

/**
 * `fib_validate_source()` and `__fib_validate_source()` (net/ipv4/fib_frontend.c): whether this source may come in here.
 * @param out the device that the packet is to leave by, where it is forwarded
 * @param destination as the kernel puts it into the reverse lookup: 0 for broadcast and multicast
 * @returns the reason why not, else whether the source is on the link itself
 */
function validateSource(
  world: RoutingWorld,
  flow: Flow,
  device: Device,
  conf: DeviceConf,
  out: Device | null,
  destination: number,
): string | boolean {
  const { fib4 } = world;
  const full =
    conf.rpFilter !== 0 ||
    (device === out && conf.sendRedirects) ||
    (!conf.acceptLocal && (fib4.hasCustomLocalRoutes || fib4.hasCustomRules));
  if (!full) {
    if (conf.acceptLocal) return false;
    return world.sources.isOwn(new IpAddress(4, flow.s0)) ? 'IP_LOCAL_SOURCE' : false;
  }
  reverse.version = 4;
  reverse.d0 = flow.s0;
  reverse.s0 = destination;
  reverse.tos = flow.tos;
  reverse.mark = conf.validMark ? flow.mark : 0;
  reverse.iif = out ?? world.loopback;
  reverse.oif = null;
  reverse.protocol = flow.protocol;
  reverse.sourcePort = flow.destinationPort;
  reverse.destinationPort = flow.sourcePort;
  const route = fib4.lookup(reverse);
  if (!route || isRefusal(route)) return conf.rpFilter !== 0 ? 'IP_RPFILTER' : false;
  if (route.type !== 'unicast') {
    if (route.type !== 'local') return 'IP_INVALID_SOURCE';
    if (!conf.acceptLocal) return 'IP_LOCAL_SOURCE';
  }
  if (usesDevice(route, device)) return onLink(route);
  if (!conf.hasIpv4) return conf.rpFilter !== 0 ? 'IP_RPFILTER' : false;
  if (conf.rpFilter === 1) return 'IP_RPFILTER';
  reverse.oif = device;
  const through = fib4.lookup(reverse);
  return through?.type === 'unicast' && onLink(through);
}

/** `fib_info_nh_uses_dev()`. */
export function usesDevice(route: Route, device: Device): boolean {
  if (route.device === device) return true;
  return route.alternatives.some((r) => r.device === device);
}

/** The nexthop's scope is RT_SCOPE_HOST: no gateway between. */
function onLink(route: Route): boolean {
  return route.gateway === null && (route.entry?.scope ?? Scope.universe) <= Scope.link;
}
