import { u32, u8 } from '../../packet/bytes.js';
import { Protocol, SocketKind } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Icmpv6Type, IcmpType, Tcp, TcpFlag, IgmpType } from '../../packet/transport.js';

/** Who made a packet that the host was seen to send, as far as it tells itself. */
export function socketOf(packet: Packet): SocketKind {
  const { data, transport, protocol } = packet;
  if (!packet.hasTransport) return SocketKind.process;
  switch (protocol) {
    case Protocol.tcp: {
      const flags = u8(data, transport + Tcp.flags);
      if (!(flags & TcpFlag.rst))
        return (flags & ACCEPTS) === ACCEPTS ? SocketKind.request : SocketKind.process;
      // Who gives up a connection numbers its reset; the stack only does that, or acknowledges (RFC 9293 section 3.5.2).
      const isOfProcess = flags & TcpFlag.ack && u32(data, transport + Tcp.sequence) !== 0;
      return isOfProcess ? SocketKind.process : socketOfAnswer(packet);
    }
    case Protocol.icmp:
      return ASKED_BY_PROCESSES.has(u8(data, transport)) ? SocketKind.process : SocketKind.kernel;
    case Protocol.icmpv6:
      return ASKED_BY_PROCESSES_6.has(u8(data, transport)) ? SocketKind.process : SocketKind.kernel;
    case Protocol.igmp:
      return SocketKind.none;
    default:
      return SocketKind.process;
  }
}

/**
 * The same of what the stack answers by itself. ICMP has sockets of its own (`icmp_xmit_lock()`, net/ipv4/icmp.c and
 * net/ipv6/icmp.c), and so has IPv4 for resets (`ip_send_unicast_reply()`, net/ipv4/ip_output.c); those of IPv6
 * (`tcp_v6_send_response()`, net/ipv6/tcp_ipv6.c) hang on none.
 */
export function socketOfAnswer({ protocol, version }: Packet): SocketKind {
  return protocol === Protocol.tcp && version === 6 ? SocketKind.none : SocketKind.kernel;
}

const ACCEPTS = TcpFlag.syn | TcpFlag.ack;
const ASKED_BY_PROCESSES: ReadonlySet<number> = new Set([IcmpType.echo, IcmpType.timestamp]);
/** Router advertisements are those of a daemon. */
const ASKED_BY_PROCESSES_6: ReadonlySet<number> = new Set([
  Icmpv6Type.echoRequest,
  Icmpv6Type.routerAdvertisement,
]);

/** Neighbour discovery: RFC 4861. */
export function isNeighbourMessage(packet: Packet): boolean {
  if (packet.protocol !== Protocol.icmpv6 || !packet.hasTransport) return false;
  const type = u8(packet.data, packet.transport);
  return type >= Icmpv6Type.routerSolicitation && type <= Icmpv6Type.redirect;
}

/** What is reported to groups by version 3 of IGMP and version 2 of MLD. */
export function isMembershipReport({ protocol, data, transport, hasTransport }: Packet): boolean {
  if (!hasTransport) return false;
  const type = u8(data, transport);
  return protocol === Protocol.igmp
    ? type === IgmpType.report3
    : protocol === Protocol.icmpv6 && type === Icmpv6Type.listenerReport2;
}

/** Whether the kernel made it for a link: neighbour discovery of IPv6, and membership reports. */
export function isOfLinkItself(packet: Packet): boolean {
  if (packet.socket === SocketKind.process || !packet.hasTransport) return false;
  if (isMembershipReport(packet)) return true;
  if (packet.protocol !== Protocol.icmpv6) return false;
  const type = u8(packet.data, packet.transport);
  if (type === Icmpv6Type.listenerReport || type === Icmpv6Type.listenerDone) return true;
  return isNeighbourMessage(packet) && type !== Icmpv6Type.routerAdvertisement;
}
