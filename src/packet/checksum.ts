import { u16, u8 } from './bytes.js';
import { Ipv4 } from './ipv4.js';
import { Ipv6 } from './ipv6.js';
import { Protocol } from './numbers.js';
import type { Packet } from './packet.js';
import { Icmp, Sctp, Tcp, Udp } from './transport.js';

/** What a look at a checksum tells; `unverifiable` where a snaplen or fragmentation took bytes that it covers. */
export type ChecksumState = 'good' | 'bad' | 'unverifiable';

/** RFC 1071: adds 16-bit words to a running sum, an odd last byte as the high half; fold before 2^16 words are in it. */
function addWords(bytes: Uint8Array, from: number, to: number, sum: number): number {
  let at = from;
  for (; at + 1 < to; at += 2) sum += (bytes[at] << 8) | bytes[at + 1];
  return at < to ? sum + (bytes[at] << 8) : sum;
}

/** Brings a sum, below 2^32, back to 16 bits by adding its carries (RFC 1071 section 2). */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** The Internet checksum of a range of bytes (RFC 1071). */
export function checksum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  return ~fold(addWords(bytes, from, to, start)) & 0xffff;
}

/** What rules may change of an IPv6 header without any checksum in the packet taking note: class, label and hop limit. */
export function headerSum({ data }: Packet): number {
  return fold(addWords(data, 0, 4, data[Ipv6.hopLimit]));
}

/** The IPv4 header's checksum as it should be; the field itself is left out. */
export function ipv4HeaderChecksum(header: Uint8Array): number {
  const end = Math.min(header.length, (u8(header, 0) & 15) * 4);
  return ~fold(addWords(header, Ipv4.checksum + 2, end, addWords(header, 0, Ipv4.checksum, 0))) & 0xffff;
}

/** RFC 791 section 3.1. IPv6 has none and is always good. */
export function verifyIpv4Header(packet: Packet): ChecksumState {
  if (packet.version === 6) return 'good';
  const end = (u8(packet.data, 0) & 15) * 4;
  if (end > packet.data.length) return 'unverifiable';
  return fold(addWords(packet.data, 0, end, 0)) === 0xffff ? 'good' : 'bad';
}

/** Where each protocol keeps its Internet checksum, from its header's start; undefined where it has none. */
export function checksumOffset(protocol: number): number | undefined {
  switch (protocol) {
    case Protocol.tcp:
      return Tcp.checksum;
    case Protocol.udp:
    case Protocol.udplite:
    case Protocol.dccp:
      return Udp.checksum;
    case Protocol.icmp:
    case Protocol.icmpv6:
      return Icmp.checksum;
    default:
      return undefined;
  }
}

/** Whether the checksum also covers the addresses; ICMP for IPv4 does not. */
export function coversPseudoHeader(protocol: number): boolean {
  return protocol !== Protocol.icmp && checksumOffset(protocol) !== undefined;
}

/**
 * The folded sum of the pseudo header: RFC 9293 section 3.1, RFC 8200 section 8.1. This is also what the
 * checksum field holds while the kernel leaves the rest to the device (CHECKSUM_PARTIAL).
 * @param length of the transport header and what follows it, in bytes
 */
export function pseudoHeaderSum(packet: Packet, length: number): number {
  const end = packet.destinationOffset + (packet.version === 4 ? 4 : 16);
  const start = (length >>> 16) + (length & 0xffff) + packet.protocol;
  return fold(addWords(packet.data, packet.sourceOffset, end, start));
}

/** The bytes that a transport checksum covers: all, or what UDP-Lite (RFC 3828) says. */
function coverage(packet: Packet): number {
  const length = packet.length - packet.transport;
  if (packet.protocol !== Protocol.udplite) return length;
  return u16(packet.data, packet.transport + Udp.length) || length;
}

/**
 * The transport checksum as it should be, over what was captured; undefined for protocols without one and
 * for what does not hold the field. UDP's 0 is sent as 0xffff (RFC 768).
 */
export function transportChecksum(packet: Packet): number | undefined {
  const offset = checksumOffset(packet.protocol);
  const { data, transport } = packet;
  if (offset === undefined || transport + offset + 2 > data.length) return undefined;
  const field = transport + offset;
  const end = Math.min(data.length, transport + coverage(packet));
  const start = coversPseudoHeader(packet.protocol) ? pseudoHeaderSum(packet, packet.length - transport) : 0;
  const value = ~fold(addWords(data, field + 2, end, addWords(data, transport, field, start))) & 0xffff;
  return value === 0 && offset === Udp.checksum ? 0xffff : value;
}

/** The field holds the pseudo header's sum and the whole is not right by itself: a device was to finish it. */
export function isOffloaded(packet: Packet): boolean {
  const { data, transport, protocol } = packet;
  if (protocol !== Protocol.tcp && protocol !== Protocol.udp) return false;
  if (!packet.hasTransport || packet.moreFragments) return false;
  const field = transport + (protocol === Protocol.tcp ? Tcp.checksum : Udp.checksum);
  if (field + 2 > data.length) return false;
  const there = u16(data, field);
  if (there !== pseudoHeaderSum(packet, packet.length - transport)) return false;
  return data.length < packet.length || there !== transportChecksum(packet);
}

/**
 * Judges the transport checksum as conntrack does (`nf_checksum()` in net/netfilter/utils.c, `udp_error()`,
 * `sctp_error()`): none in UDP is good, an offloaded one is good, protocols without one are good.
 */
export function verifyTransport(packet: Packet): ChecksumState {
  const { data, transport, protocol } = packet;
  if (!packet.hasTransport || packet.moreFragments) return 'unverifiable';
  if (protocol === Protocol.sctp) return verifySctp(packet);
  const offset = checksumOffset(protocol);
  if (offset === undefined) return 'good';
  if (transport + offset + 2 > Math.min(data.length, packet.length)) return 'unverifiable';
  if (protocol === Protocol.udp && u16(data, transport + offset) === 0) return 'good';
  const end = transport + coverage(packet);
  if (end > data.length) return isOffloaded(packet) ? 'good' : 'unverifiable';
  const start = coversPseudoHeader(protocol) ? pseudoHeaderSum(packet, packet.length - transport) : 0;
  return fold(addWords(data, transport, end, start)) === 0xffff || isOffloaded(packet) ? 'good' : 'bad';
}

/**
 * Whether -j REJECT would answer this packet, as far as its checksum goes: `nf_reject_verify_csum()`, `nf_ip_checksum()`
 * (net/netfilter/utils.c). A protocol that is not known to be without one is taken to have an Internet checksum over
 * all it carries, whatever it is; a fragment is judged by itself.
 */
export function verifyForReject(packet: Packet): ChecksumState {
  const { data, transport, length, version, protocol } = packet;
  switch (protocol) {
    case Protocol.udp:
      if (transport + Udp.headerLength <= data.length && u16(data, transport + Udp.checksum) === 0)
        return 'good';
      break;
    case Protocol.gre:
    case Protocol.ah:
    case Protocol.esp:
    case Protocol.sctp:
    case Protocol.udplite:
      return 'good';
  }
  if (isOffloaded(packet)) return 'good';
  if (length > data.length) return 'unverifiable';
  const pseudo = version === 6 || protocol === Protocol.tcp || protocol === Protocol.udp;
  const start = (pseudo ? pseudoHeaderSum(packet, length - transport) : 0) + optionsDefect(packet);
  return fold(addWords(data, transport, length, start)) === 0xffff ? 'good' : 'bad';
}

/**
 * `nf_ip_checksum()` (net/netfilter/utils.c) sums the IP header, too, and takes for granted that it adds up: it does not
 * once the host has written into its options.
 */
function optionsDefect({ version, data, transport }: Packet): number {
  return version === 4 && transport > Ipv4.minimumLength ? addWords(data, 0, transport, 0) : 0;
}

/** Writes the transport checksum that the bytes call for; nothing where the protocol has none. */
export function fillTransportChecksum(packet: Packet): void {
  const data = packet.own();
  if (packet.protocol === Protocol.sctp) {
    if (packet.transport + Sctp.headerLength <= data.length) writeSctp(packet);
    return;
  }
  const value = transportChecksum(packet);
  if (value === undefined) return;
  const field = packet.transport + (checksumOffset(packet.protocol) ?? 0);
  data[field] = value >>> 8;
  data[field + 1] = value;
}

const CRC32C = new Int32Array(256);
for (let i = 0; i < 256; i++) {
  let value = i;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  CRC32C[i] = value;
}

/** RFC 9260 appendix A: CRC32c with the field itself taken as 0; it is sent with the lowest byte first. */
function sctpChecksum(packet: Packet): number {
  const { data, transport } = packet;
  const field = transport + Sctp.checksum;
  const end = Math.min(data.length, packet.length);
  let crc = -1;
  for (let at = transport; at < end; at++) {
    const byte = at >= field && at < field + 4 ? 0 : data[at];
    crc = (crc >>> 8) ^ CRC32C[(crc ^ byte) & 0xff];
  }
  return ~crc;
}

function verifySctp(packet: Packet): ChecksumState {
  const { data } = packet;
  const at = packet.transport + Sctp.checksum;
  if (data.length < packet.length || at + 4 > data.length) return 'unverifiable';
  const there = data[at] | (data[at + 1] << 8) | (data[at + 2] << 16) | (data[at + 3] << 24);
  // A zero is what the kernel leaves where the device is to compute it (CHECKSUM_PARTIAL).
  return there === 0 || there === sctpChecksum(packet) ? 'good' : 'bad';
}

function writeSctp(packet: Packet): void {
  const crc = sctpChecksum(packet);
  const at = packet.transport + Sctp.checksum;
  for (let i = 0; i < 4; i++) packet.data[at + i] = crc >>> (8 * i);
}

/**
 * A checksum after one 16-bit word it covers changed: RFC 1624 equation 3, as `csum_replace2()` (net/checksum.h).
 */
export function replaceWord(sum: number, before: number, after: number): number {
  return ~fold((~sum & 0xffff) + (~before & 0xffff) + after) & 0xffff;
}

/** Two words at once, as `csum_replace4()`, whose 32-bit sum never comes out as 0xffff. */
export function replaceLong(sum: number, before: number, after: number): number {
  return ~fold(0xffff + (~sum & 0xffff) + longDifference(before, after)) & 0xffff;
}

/** What a 32-bit value's change adds to a sum. */
export function longDifference(before: number, after: number): number {
  return (~before >>> 16) + (~before & 0xffff) + (after >>> 16) + (after & 0xffff);
}
