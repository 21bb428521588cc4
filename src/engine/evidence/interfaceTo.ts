import { isLinkLocal6, isLoopback4, isMulticast6, isNoHost4 } from '../../address/scope.js';
import type { IpAddress } from '../../address/ip.js';
import type { Host } from '../../host/host.js';
import type { Device } from '../../packet/device.js';

/** The interface that leads to an address; null: it is the host's own, nobody's, a group's, or of one link among several. */
export function interfaceTo(host: Host, address: IpAddress): Device | null {
  if (isOfNobody(address)) return null;
  const route = host.routing.lookup({ destination: address });
  return route?.type === 'unicast' && route.device && !route.device.isLoopback ? route.device : null;
}

/** RFC 6890: this network, loopback, groups and the limited broadcast; of IPv6, what is unspecified or link-local, too. */
function isOfNobody({ version, a, b, c, d }: IpAddress): boolean {
  if (version === 4) return a >>> 24 === 0 || isLoopback4(a) || isNoHost4(a);
  return isMulticast6(a) || isLinkLocal6(a) || (a === 0 && b === 0 && c === 0 && d >>> 1 === 0);
}
