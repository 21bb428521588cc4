import { u32, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { IcmpType, Icmpv6Type, Tcp, TcpFlag } from '../../packet/transport.js';
import type { Host } from '../../host/host.js';

/** What a packet, taken alone, is: an answer, or what may as well open a conversation, or none but that. */
export type AnswerLikelihood = 'answer' | 'perhaps' | 'opening';

/** IANA's system ports end there (RFC 6335 section 6): clients seldom send from one. */
const SYSTEM_PORTS_END = 1024;
/** `ip_local_port_range` (Documentation/networking/ip-sysctl.rst), where the snapshot does not tell it. */
const LOCAL_PORTS: readonly [number, number] = [32_768, 60_999];

/** Where a packet goes: the host sends it, it came in for the host, or it came in for others. */
export type Way = 'sent' | 'received' | 'forwarded';

/** Whether a packet answers another one, by its kind or by its ports. */
export function answerLikelihood(packet: Packet, host: Host, way: Way): AnswerLikelihood {
  const { protocol, data, transport } = packet;
  switch (protocol) {
    case Protocol.tcp: {
      const flags = u8(data, transport + Tcp.flags) & (TcpFlag.syn | TcpFlag.ack | TcpFlag.rst);
      if (flags === (TcpFlag.syn | TcpFlag.ack)) return 'answer';
      if (!(flags & TcpFlag.rst)) return 'opening';
      // What refuses a SYN acknowledges it, and has the sequence number 0 (RFC 9293 section 3.10.7.1).
      return flags & TcpFlag.ack && u32(data, transport + Tcp.sequence) === 0 ? 'answer' : 'perhaps';
    }
    case Protocol.udp:
    case Protocol.udplite:
      return way === 'forwarded' ? ofOthers(packet) : ofPorts(packet, host, way === 'sent');
    case Protocol.icmp: {
      const type = u8(data, transport);
      return type === IcmpType.echoReply || type === IcmpType.timestampReply ? 'answer' : 'opening';
    }
    case Protocol.icmpv6:
      return u8(data, transport) === Icmpv6Type.echoReply ? 'answer' : 'opening';
    // Their connections are told apart by addresses alone: both sides look the same.
    default:
      return 'perhaps';
  }
}

/** A client sends from a port that it was given, to one where a server is bound. */
function ofPorts(packet: Packet, host: Host, isSent: boolean): AnswerLikelihood {
  const { sourcePort, destinationPort } = packet;
  const [own, peer] = isSent ? [sourcePort, destinationPort] : [destinationPort, sourcePort];
  const isBound = host.sockets.some(({ protocol, port }) => protocol === packet.protocol && port === own);
  // What is bound to a port may be the client as well, as those of NTP and DHCP are.
  if (isBound) return isSent ? 'answer' : peer < SYSTEM_PORTS_END ? 'perhaps' : 'opening';
  const [first, last] = localPorts(host);
  if (own < first || own > last) return isSent && own < SYSTEM_PORTS_END ? 'answer' : 'opening';
  if (isSent) return 'opening';
  return peer < SYSTEM_PORTS_END ? 'answer' : 'perhaps';
}

/** Nothing tells what others are bound to. */
function ofOthers({ sourcePort, destinationPort }: Packet): AnswerLikelihood {
  const [isFromSystem, isToSystem] = [sourcePort < SYSTEM_PORTS_END, destinationPort < SYSTEM_PORTS_END];
  if (isFromSystem === isToSystem) return 'perhaps';
  return isFromSystem ? 'answer' : 'opening';
}

function localPorts(host: Host): readonly [number, number] {
  const told = /^\s*(\d{1,5})\s+(\d{1,5})\s*$/.exec(host.sysctl('net.ipv4.ip_local_port_range') ?? '');
  return told ? [Number(told[1]), Number(told[2])] : LOCAL_PORTS;
}
