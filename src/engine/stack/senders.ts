import { u32, u8 } from '../../packet/bytes.js';
import { Protocol, SocketKind } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Icmpv6Type, IcmpType, Tcp, TcpFlag } from '../../packet/transport.js';

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

/** Whether the kernel made it for a link: neighbour discovery (RFC 4861) of IPv6, and membership reports. */
export function isOfLinkItself(packet: Packet): boolean {
  const { protocol, socket, data, transport } = packet;
  if (socket === SocketKind.process || !packet.hasTransport) return false;
  if (protocol === Protocol.icmpv6) return OF_LINKS.has(u8(data, transport));
  return protocol === Protocol.igmp && u8(data, transport) === IGMP_3_REPORT;
}

const OF_LINKS: ReadonlySet<number> = new Set([131, 132, 133, 135, 136, 137, 143]);
const IGMP_3_REPORT = 0x22;
