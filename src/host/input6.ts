import { isLinkLocal6, isMulticast6 } from '../address/scope.js';
import { formatIpv6, IpAddress } from '../address/ip.js';
import type { Device } from '../packet/device.js';
import { DROPPED, type InputDecision, type RoutingWorld } from './decision.js';
import type { Flow } from './fib.js';
import type { Route } from './routeModel.js';

/** ICMPv6 destination unreachable codes (RFC 4443 section 3.1). */
const Code = { noRoute: 0, prohibited: 1, notNeighbour: 2 } as const;

function drop(reason: string, more: Partial<InputDecision> = {}): InputDecision {
  return { ...DROPPED, reason, ...more };
}

/** `ip6_route_input()` (net/ipv6/route.c), and what `ip6_mc_input()` and `ip6_forward()` turn away before their hooks. */
export function route6(world: RoutingWorld, flow: Flow, device: Device): InputDecision {
  const multicast = isMulticast6(flow.d0);
  flow.iif = device;
  flow.oif = device;
  // rt6_need_strict(): such addresses mean something else on every link.
  flow.strict = !device.isLoopback && (multicast || isLinkLocal6(flow.d0) || isLoopback(flow));
  const route = world.fib6.lookup(flow);
  if (!route) return drop('IP_INNOROUTES', { unreachableCode: multicast ? null : Code.noRoute });
  switch (route.type) {
    case 'local':
    case 'anycast':
      return { ...DROPPED, action: 'local', type: route.type, route };
    case 'multicast':
      return listened(world, flow, device, route);
    case 'blackhole':
      return drop('IP_INNOROUTES', { type: 'unicast', route });
    case 'prohibit':
      return drop('IP_INNOROUTES', { type: 'unicast', route, unreachableCode: Code.prohibited });
    case 'unreachable':
      return drop('IP_INNOROUTES', { type: 'unicast', route, unreachableCode: Code.noRoute });
    case 'unicast':
      return multicast ? listened(world, flow, device, route) : forward(world, flow, device, route);
    case 'broadcast':
    case 'throw':
      return drop('IP_INNOROUTES', { route });
  }
}

function isLoopback(flow: Flow): boolean {
  return flow.d0 === 0 && flow.d1 === 0 && flow.d2 === 0 && flow.d3 === 1;
}

function listened(world: RoutingWorld, flow: Flow, device: Device, route: Route): InputDecision {
  const group = formatIpv6(flow.d0, flow.d1, flow.d2, flow.d3);
  if (world.groups.has(device, group)) return { ...DROPPED, action: 'local', type: 'multicast', route };
  const doubt = world.groups.complete ? null : `whether the host has joined ${group} is not in the snapshot`;
  return drop('IP_INADDRERRORS', { type: 'multicast', route, doubt });
}

function forward(world: RoutingWorld, flow: Flow, device: Device, route: Route): InputDecision {
  const at = { type: 'unicast', route } as const;
  if (!world.forwarding6) return drop('NOT_FORWARDING', at);
  const back = route.device === device;
  if (!back) {
    const { s0, s1, s2, s3 } = flow;
    if (isMulticast6(s0) || (s0 === 0 && s1 === 0 && s2 === 0 && (s3 === 0 || s3 === 1)))
      return drop('IP_INADDRERRORS', at);
    if (isLinkLocal6(s0)) return drop('IP_INADDRERRORS', { ...at, unreachableCode: Code.notNeighbour });
  }
  const doubt =
    route.alternatives.length > 0
      ? `the route to ${formatIpv6(flow.d0, flow.d1, flow.d2, flow.d3)} has several next hops; ${route.device?.name ?? ''} was chosen`
      : null;
  const redirect =
    back && world.sources.onLink(device, new IpAddress(6, flow.s0, flow.s1, flow.s2, flow.s3), null);
  return { ...DROPPED, ...at, action: 'forward', redirect, doubt };
}
