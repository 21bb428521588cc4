import type { IpAddress } from '../address/ip.js';
import type { Host } from '../host/host.js';
import type { Device } from '../packet/device.js';

/** The interface that leads to an address; null: it is the host's own, nobody's, a group's, or of one link among several. */
export function interfaceTo(host: Host, address: IpAddress): Device | null {
  if (isOfNobody(address)) return null;
  const route = host.routing.lookup({ destination: address });
  return route?.type === 'unicast' && route.device && !route.device.isLoopback ? route.device : null;
}

/** RFC 6890: this network, loopback, groups and the limited broadcast; of IPv6, what is unspecified or link-local, too. */
function isOfNobody({ version, a, b, c, d }: IpAddress): boolean {
  const first = a >>> 24;
  if (version === 4) return first === 0 || first === 127 || first >= 224;
  return first === 0xff || a >>> 22 === 0x3fa || (a === 0 && b === 0 && c === 0 && d >>> 1 === 0);
}
