import { u16, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Icmpv6Type, IcmpType, Udp, quotesPacket } from '../../packet/transport.js';
import { CtStatus, type Direction } from '../../rules/connection.js';
import { CtEvent, type ConnectionEntry } from './entry.js';
import { trackSctp } from './sctp.js';
import type { ConntrackSettings } from './settings.js';
import { trackIfAccepted as trackTcpIfAccepted, trackTcp } from './tcp.js';
import { ProtocolVerdict, refresh, type TrackedPacket } from './verdict.js';

/** A UDP flow that still talks both ways after this long is a stream, ns (nf_conntrack_proto_udp.c). */
export const STREAM_AFTER = 2e9;

/** ICMP queries that open an entry (`icmp_packet()`, `valid_new`). */
const ICMP_OPENS: readonly number[] = [
  IcmpType.echo,
  IcmpType.timestamp,
  IcmpType.informationRequest,
  IcmpType.addressMask,
];
/** Echo request and node information query (nf_conntrack_proto_icmpv6.c). */
const ICMPV6_OPENS: readonly number[] = [Icmpv6Type.echoRequest, 139];

/** Judges and counts one packet of a connection: `nf_conntrack_handle_packet()` (net/netfilter/nf_conntrack_core.c). */
export function trackProtocol(
  entry: ConnectionEntry,
  packet: Packet,
  direction: Direction,
  settings: ConntrackSettings,
): ProtocolVerdict {
  switch (packet.protocol) {
    case Protocol.tcp:
      return trackTcp(entry, packet, direction, settings);
    case Protocol.udp:
    case Protocol.udplite:
      return trackUdp(entry, packet, direction, settings);
    case Protocol.icmp:
    case Protocol.icmpv6: {
      const v4 = packet.protocol === Protocol.icmp;
      const opens = v4 ? ICMP_OPENS : ICMPV6_OPENS;
      if (!entry.confirmed && !opens.includes(entry.original.destinationPort >> 8))
        return ProtocolVerdict.invalid;
      refresh(entry, packet, direction, v4 ? settings.icmp : settings.icmpv6);
      return ProtocolVerdict.accept;
    }
    case Protocol.sctp:
      return trackSctp(entry, packet, direction, settings);
    case Protocol.gre:
      if (entry.has(CtStatus.seenReply)) {
        refresh(entry, packet, direction, settings.greStream);
        assure(entry);
      } else refresh(entry, packet, direction, settings.gre);
      return ProtocolVerdict.accept;
    default:
      refresh(entry, packet, direction, settings.generic);
      return ProtocolVerdict.accept;
  }
}

/**
 * The same for an echo, a datagram, or a TCP segment with ACK and neither FIN nor RST, of a confirmed connection, if it is
 * accepted.
 * @returns false where it is not; nothing was changed
 */
export function trackIfAccepted(
  entry: ConnectionEntry,
  packet: TrackedPacket,
  direction: Direction,
  settings: ConntrackSettings,
): boolean {
  switch (packet.protocol) {
    case Protocol.tcp:
      return trackTcpIfAccepted(entry, packet, direction, settings);
    case Protocol.udp:
      trackUdp(entry, packet, direction, settings);
      return true;
    case Protocol.icmp:
      refresh(entry, packet, direction, settings.icmp);
      return true;
    default:
      return false;
  }
}

function trackUdp(
  entry: ConnectionEntry,
  packet: TrackedPacket,
  direction: Direction,
  settings: ConntrackSettings,
): ProtocolVerdict {
  const now = packet.time;
  if (!entry.confirmed) entry.born = now;
  const stream = entry.has(CtStatus.seenReply) && now > entry.born + STREAM_AFTER;
  refresh(entry, packet, direction, stream ? settings.udpStream : settings.udp);
  if (stream) assure(entry);
  return ProtocolVerdict.accept;
}

function assure(entry: ConnectionEntry): void {
  if (entry.has(CtStatus.assured)) return;
  entry.status |= CtStatus.assured;
  entry.events |= CtEvent.assured;
}

/** A datagram whose lengths contradict each other (`udp_error()`, `udplite_error()`, the checksum aside). */
export function isMalformedUdp(packet: Packet): boolean {
  const { data, transport, length } = packet;
  const rest = length - transport;
  if (rest < Udp.headerLength) return true;
  const claimed = u16(data, transport + Udp.length);
  if (packet.protocol === Protocol.udplite) {
    // RFC 3828 section 3.1: the field is the coverage, 0 for all; the checksum is not optional.
    if (u16(data, transport + Udp.checksum) === 0) return true;
    return claimed !== 0 && (claimed < Udp.headerLength || claimed > rest);
  }
  return claimed > rest || claimed < Udp.headerLength;
}

/** The highest ICMP type that is known (NR_ICMP_TYPES); one above it is INVALID. */
const HIGHEST_ICMP_TYPE = 18;

/** MLD and neighbour discovery: never tracked (`noct_valid_new` of nf_conntrack_proto_icmpv6.c). */
const ICMPV6_UNTRACKED: readonly number[] = [130, 131, 132, 133, 134, 135, 136, 143];

/** What an ICMP or ICMPv6 message is to conntrack. */
export function icmpKind(packet: Packet): 'query' | 'error' | 'untracked' | 'invalid' {
  const type = u8(packet.data, packet.transport);
  if (packet.protocol === Protocol.icmp) {
    if (type > HIGHEST_ICMP_TYPE) return 'invalid';
    return quotesPacket(type) ? 'error' : 'query';
  }
  if (ICMPV6_UNTRACKED.includes(type)) return 'untracked';
  return type < 128 ? 'error' : 'query';
}
