import { IpAddress, IpNetwork } from '../address/ip.js';
import { Scope, type HostAddress } from './addresses.js';
import type { Link } from './links.js';
import { Table, type RouteEntry, type RouteType } from './routeModel.js';

/**
 * The routes that the kernel makes itself when addresses are set: `fib_add_ifaddr()` (net/ipv4/fib_frontend.c),
 * `inet6_addr_add()` and `addrconf_add_mroute()` (net/ipv6/addrconf.c). For snapshots without a routing table.
 * @param forwarding6 routers also answer to the subnet's anycast address
 */
export function connectedRoutes(
  addresses: readonly HostAddress[],
  links: readonly Link[],
  forwarding6: boolean,
): RouteEntry[] {
  const routes: RouteEntry[] = [];
  for (const own of addresses) {
    if (own.address.version === 4) connected4(own, routes);
    else connected6(own, forwarding6, routes);
  }
  const has6 = new Set(addresses.filter((a) => a.address.version === 6).map((a) => a.device));
  for (const { device } of links)
    if (has6.has(device) && !device.isLoopback)
      routes.push(
        entry('multicast', device, IpNetwork.ofPrefix(new IpAddress(6, 0xff << 24), 8), { metric: 256 }),
      );
  return routes;
}

function connected4(own: HostAddress, routes: RouteEntry[]): void {
  const { address, device, prefixLength } = own;
  const add = (type: RouteType, a: number, length: number, scope: number, table?: number): void => {
    const destination = IpNetwork.ofPrefix(new IpAddress(4, a), length);
    routes.push(entry(type, device, destination, { scope, preferredSource: address, table }));
  };
  add('local', address.a, 32, Scope.host);
  if (own.broadcast && own.broadcast.a !== -1) add('broadcast', own.broadcast.a, 32, Scope.link);
  if (own.secondary || own.network.address.a >>> 24 === 0) return;
  const onLink = own.network.address.a;
  if (own.address.a === onLink && prefixLength === 32) return;
  if (device.isLoopback) add('local', onLink, prefixLength, Scope.host);
  else if (!own.noPrefixRoute) add('unicast', onLink, prefixLength, Scope.link, Table.main);
  if (prefixLength < 31) {
    const last = onLink | ~own.network.mask.a;
    if (own.broadcast?.a !== last) add('broadcast', last, 32, Scope.link);
  }
}

function connected6(own: HostAddress, forwarding: boolean, routes: RouteEntry[]): void {
  if (own.tentative) return;
  const { address, device, prefixLength, network } = own;
  routes.push(entry('local', device, IpNetwork.ofPrefix(address, 128), {}));
  if (device.isLoopback) return;
  if (!own.noPrefixRoute && prefixLength < 128)
    routes.push(entry('unicast', device, network, { table: Table.main, metric: 256 }));
  if (forwarding && prefixLength < 127)
    routes.push(entry('anycast', device, IpNetwork.ofPrefix(network.address, 128), {}));
}

function entry(
  type: RouteType,
  device: HostAddress['device'],
  destination: IpNetwork,
  more: Partial<RouteEntry>,
): RouteEntry {
  return {
    version: destination.version,
    type,
    destination,
    prefixLength: destination.prefixLength ?? 0,
    source: null,
    metric: 0,
    tos: 0,
    scope: Scope.universe,
    preferredSource: null,
    mtu: null,
    realm: 0,
    byKernel: true,
    nexthops: [{ device, gateway: null, weight: 1 }],
    ...more,
    table: more.table ?? Table.local,
  };
}
