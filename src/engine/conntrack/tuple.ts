import { i32, u16, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import { Icmp, Pptp, IcmpType, Icmpv6Type } from '../../packet/transport.js';
import type { Tuple } from '../../rules/connection.js';
import type { IpVersion } from '../../address/ip.js';

/** The type of the answer to each ICMP query: `icmp_invert_tuple()` (net/netfilter/nf_conntrack_proto_icmp.c). */
const ICMP_ANSWER = new Map<number, number>([
  [IcmpType.echo, IcmpType.echoReply],
  [IcmpType.echoReply, IcmpType.echo],
  [IcmpType.timestamp, IcmpType.timestampReply],
  [IcmpType.timestampReply, IcmpType.timestamp],
  [IcmpType.informationRequest, IcmpType.informationReply],
  [IcmpType.informationReply, IcmpType.informationRequest],
  [IcmpType.addressMask, IcmpType.addressMaskReply],
  [IcmpType.addressMaskReply, IcmpType.addressMask],
]);

/** Node information query and answer (RFC 4620) are the other pair that `icmpv6_invert_tuple()` knows. */
const ICMPV6_ANSWER = new Map<number, number>([
  [Icmpv6Type.echoRequest, Icmpv6Type.echoReply],
  [Icmpv6Type.echoReply, Icmpv6Type.echoRequest],
  [139, 140],
  [140, 139],
]);

const GRE_PROTOCOL_PPP = 0x880b;

/** Whether connections of a protocol are told apart by its ports: DCCP's are not since Linux 6.15. */
export function isTrackedByPorts(protocol: number): boolean {
  return (
    protocol === Protocol.tcp ||
    protocol === Protocol.udp ||
    protocol === Protocol.udplite ||
    protocol === Protocol.sctp
  );
}

/**
 * Reads the tuple of a packet into `out`: `nf_ct_get_tuple()` (net/netfilter/nf_conntrack_core.c).
 * @param data bytes that hold the network header at `network` and the transport header at `transport`
 * @param available bytes of the packet from `network` on, as its length says
 * @returns false where the transport header is too short
 */
export function readTuple(
  out: Tuple,
  data: Uint8Array,
  version: IpVersion,
  protocol: number,
  network: number,
  transport: number,
  available: number,
): boolean {
  out.version = version;
  out.protocol = protocol;
  if (version === 4) {
    out.s0 = i32(data, network + 12);
    out.d0 = i32(data, network + 16);
    out.s1 = out.s2 = out.s3 = out.d1 = out.d2 = out.d3 = 0;
  } else {
    out.s0 = i32(data, network + 8);
    out.s1 = i32(data, network + 12);
    out.s2 = i32(data, network + 16);
    out.s3 = i32(data, network + 20);
    out.d0 = i32(data, network + 24);
    out.d1 = i32(data, network + 28);
    out.d2 = i32(data, network + 32);
    out.d3 = i32(data, network + 36);
  }
  const rest = available - (transport - network);
  switch (protocol) {
    case Protocol.tcp:
    case Protocol.udp:
    case Protocol.udplite:
    case Protocol.sctp:
      // An ICMP error may quote no more than the ports.
      if (rest < 4) return false;
      out.sourcePort = u16(data, transport);
      out.destinationPort = u16(data, transport + 2);
      return true;
    case Protocol.icmp:
    case Protocol.icmpv6:
      if (rest < Icmp.headerLength || (protocol === Protocol.icmp) !== (version === 4)) return false;
      out.sourcePort = u16(data, transport + Icmp.id);
      out.destinationPort = (u8(data, transport + Icmp.type) << 8) | u8(data, transport + Icmp.code);
      return true;
    case Protocol.gre:
      out.sourcePort = 0;
      out.destinationPort = 0;
      if (!isEnhancedGre(data, transport, available)) return true;
      if (u16(data, transport + 2) !== GRE_PROTOCOL_PPP) return false;
      out.destinationPort = u16(data, transport + Pptp.callId);
      return true;
    default:
      out.sourcePort = 0;
      out.destinationPort = 0;
      return true;
  }
}

/** Whether a GRE header, which there are so many bytes of the packet for, is one of a PPTP call. */
export function isEnhancedGre(data: Uint8Array, transport: number, available: number): boolean {
  return available - transport >= 8 && (u8(data, transport + 1) & 7) === Pptp.version;
}

/** The tuple of the answer; false where there can be none (ICMP that is no query): `nf_ct_invert_tuple()`. */
export function invertTuple(out: Tuple, t: Tuple): boolean {
  const { s0, s1, s2, s3, sourcePort } = t;
  out.version = t.version;
  out.protocol = t.protocol;
  out.s0 = t.d0;
  out.s1 = t.d1;
  out.s2 = t.d2;
  out.s3 = t.d3;
  out.d0 = s0;
  out.d1 = s1;
  out.d2 = s2;
  out.d3 = s3;
  if (t.protocol === Protocol.icmp || t.protocol === Protocol.icmpv6) {
    const answers = t.protocol === Protocol.icmp ? ICMP_ANSWER : ICMPV6_ANSWER;
    const answer = answers.get(t.destinationPort >> 8);
    if (answer === undefined) return false;
    out.sourcePort = sourcePort;
    out.destinationPort = (answer << 8) | (t.destinationPort & 255);
    return true;
  }
  out.sourcePort = t.destinationPort;
  out.destinationPort = sourcePort;
  return true;
}

/** A 32-bit mix of all that tells tuples apart. */
export function hashTuple(t: Tuple): number {
  let h = Math.imul(t.s0 ^ Math.imul(t.d0, 0x85ebca6b), 0x9e3779b1);
  if (t.version === 6) {
    h = Math.imul(h ^ t.s1 ^ (t.s2 << 7) ^ (t.s3 << 13), 0xc2b2ae35);
    h = Math.imul(h ^ t.d1 ^ (t.d2 << 5) ^ (t.d3 << 11), 0x27d4eb2f);
  }
  h = Math.imul(h ^ (t.sourcePort << 16) ^ t.destinationPort ^ (h >>> 15), 0x85ebca6b);
  return (h ^ t.protocol ^ (h >>> 13)) | 0;
}
