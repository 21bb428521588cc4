import { Protocol } from './numbers.js';

/** Offsets from the start of the transport header, in bytes. */

/** RFC 9293 section 3.1. */
export const Tcp = {
  sourcePort: 0,
  destinationPort: 2,
  sequence: 4,
  acknowledgment: 8,
  dataOffset: 12,
  flags: 13,
  window: 14,
  checksum: 16,
  urgent: 18,
  minimumLength: 20,
} as const;

/** Bits of byte 13, and NS/reserved left in byte 12. */
export const TcpFlag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const;

/** RFC 9293 section 3.2 and the IANA registry of TCP options. */
export const TcpOption = {
  end: 0,
  nop: 1,
  mss: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
} as const;

/** RFC 768. */
export const Udp = { sourcePort: 0, destinationPort: 2, length: 4, checksum: 6, headerLength: 8 } as const;

/** RFC 792; ICMPv6 (RFC 4443) has type, code and checksum in the same places. */
export const Icmp = {
  type: 0,
  code: 1,
  checksum: 2,
  id: 4,
  sequence: 6,
  mtu: 6,
  gateway: 4,
  mtu6: 4,
  headerLength: 8,
} as const;

export const IcmpType = {
  echoReply: 0,
  destinationUnreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echo: 8,
  routerAdvertisement: 9,
  routerSolicitation: 10,
  timeExceeded: 11,
  parameterProblem: 12,
  timestamp: 13,
  timestampReply: 14,
  informationRequest: 15,
  informationReply: 16,
  addressMask: 17,
  addressMaskReply: 18,
} as const;

export const Icmpv6Type = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  listenerReport: 131,
  listenerDone: 132,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  redirect: 137,
  /** Of version 2 of MLD (RFC 9777 section 5.2). */
  listenerReport2: 143,
} as const;

/** Of version 3 of IGMP (RFC 9776 section 4.2). */
export const IgmpType = { report3: 0x22 } as const;

/** PPTP's enhanced GRE (RFC 2637, section 4.1): the version, which alone has a call id, and where that stands. */
export const Pptp = { version: 1, callId: 6 } as const;

/** `GRE_VERSION_0` of the first 16 bits, and the flags that lengthen its header (RFC 2784, RFC 2890); bytes of what is always there. */
export const Gre = {
  version: 0x0007,
  sequence: 0x1000,
  key: 0x2000,
  routing: 0x4000,
  checksum: 0x8000,
  minimumLength: 4,
} as const;

/** RFC 9260 section 3.1. */
export const Sctp = {
  sourcePort: 0,
  destinationPort: 2,
  verificationTag: 4,
  checksum: 8,
  headerLength: 12,
} as const;

/** RFC 4340 section 5.1, with a short sequence number. */
export const Dccp = { headerLength: 12 } as const;

/** Bytes of the header that a packet of this protocol has at least; 0: none is known. */
export function transportHeaderLength(protocol: number): number {
  switch (protocol) {
    case Protocol.tcp:
      return Tcp.minimumLength;
    case Protocol.udp:
    case Protocol.udplite:
      return Udp.headerLength;
    case Protocol.icmp:
    case Protocol.icmpv6:
      return Icmp.headerLength;
    case Protocol.sctp:
      return Sctp.headerLength;
    case Protocol.dccp:
      return Dccp.headerLength;
    default:
      return 0;
  }
}

const ICMP_ERRORS: ReadonlySet<number> = new Set([
  IcmpType.destinationUnreachable,
  IcmpType.sourceQuench,
  IcmpType.redirect,
  IcmpType.timeExceeded,
  IcmpType.parameterProblem,
]);

/** Whether messages of this ICMP type quote the packet they are about (RFC 792; `icmp_is_err()`). */
export function quotesPacket(type: number): boolean {
  return ICMP_ERRORS.has(type);
}
