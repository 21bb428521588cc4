import type { Host } from '../host/host.js';
import type { BridgeTables } from './evidence/bridgeTables.js';
import type { LocalSockets } from './evidence/localSockets.js';
import type { Neighbourhood } from './evidence/neighbourhood.js';
import type { Share } from './share/share.js';
import type { KernelHost } from './world.js';

/** The host as the kernel asks for it, with what the capture shows of its sockets, bridges and neighbours. */
export function kernelHost(
  host: Host,
  sockets: LocalSockets,
  bridges: BridgeTables,
  neighbourhood: Neighbourhood,
  share: Share | null,
): KernelHost {
  return {
    ...(share && { askedMessage: (message) => share.noteMessage(message) }),
    routing: host.routing,
    routes: host.routes,
    loopback: host.routing.world.loopback,
    deviceByName: (name) => host.deviceByName(name),
    sysctl: (name, fallback) => host.sysctlNumber(name, fallback),
    sysctls: (name, fallback) => {
      const numbers = (host.sysctl(name) ?? '').split(/\s+/).filter(Boolean).map(Number);
      return numbers.length >= fallback.length && numbers.every(Number.isSafeInteger) ? numbers : fallback;
    },
    hopLimit: (version, device) => host.hopLimit(version, device),
    limitsIcmpv6: (type) => host.limitsIcmpv6(type),
    listens: (packet) => sockets.takes(packet),
    linkHeader: (packet, device, nextHop) => neighbourhood.header(packet, device, nextHop),
    delivered: (packet) => sockets.delivered(packet),
    divert: (packet, address, port) => sockets.divert(packet, address, port),
    bridgePort: (bridge, address) => (bridge ? bridges.port(bridge, address) : null),
    socketFor: (packet) => sockets.of(packet),
  };
}
