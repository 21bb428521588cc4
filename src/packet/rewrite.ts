import type { IpAddress, IpVersion } from '../address/ip.js';
import type { Side } from './addresses.js';
import { i32, setU16, setU32, u16, u8 } from './bytes.js';
import {
  checksum,
  checksumOffset,
  coversPseudoHeader,
  fillTransportChecksum,
  fold,
  isOffloaded,
  longDifference,
  pseudoHeaderSum,
  replaceLong,
  replaceWord,
} from './checksum.js';
import { Ipv4 } from './ipv4.js';
import { Ipv6, Ipv6FragmentHeader } from './ipv6.js';
import { Protocol } from './numbers.js';
import type { Packet } from './packet.js';
import { Icmp, Pptp, Icmpv6Type, Tcp, Udp, quotesPacket } from './transport.js';

/** One IP header and what it carries, by offsets into a packet's bytes: the packet itself, or one that an ICMP error quotes. */
export interface Site {
  readonly version: IpVersion;
  /** Where its IP header begins. */
  readonly network: number;
  /** Where its transport header begins. */
  readonly transport: number;
  readonly protocol: number;
  /** The transport header is there (first fragment or whole). */
  readonly hasTransport: boolean;
}

/** An address by its 32-bit words, as IpAddress has them. */
export type AddressWords = Pick<IpAddress, 'a' | 'b' | 'c' | 'd'>;

/** What a translation changes; what is left out stays. */
export interface Changes {
  readonly source?: AddressWords | null;
  readonly destination?: AddressWords | null;
  readonly sourcePort?: number | null;
  readonly destinationPort?: number | null;
  readonly icmpId?: number | null;
  /** The receiver's call id of PPTP's GRE (RFC 2637, section 4.1). */
  readonly callId?: number | null;
}

/** `inet_proto_csum_replace2()`: an offloaded sum covers the pseudo header alone. */
function patchWord(data: Uint8Array, field: number, before: number, after: number, partial: boolean): void {
  if (!partial && field + 2 <= data.length) setU16(data, field, replaceWord(u16(data, field), before, after));
}

/** Where the site's transport checksum stands, or -1 where there is none to keep right. */
function checksumField(data: Uint8Array, site: Site): number {
  const offset = checksumOffset(site.protocol);
  if (offset === undefined || !site.hasTransport) return -1;
  const field = site.transport + offset;
  if (field + 2 > data.length) return -1;
  // tcp_manip_pkt() asks for the whole fixed header, which a quotation need not hold.
  if (site.protocol === Protocol.tcp && site.transport + Tcp.minimumLength > data.length) return -1;
  // UDP without a checksum stays without one (nf_nat_proto.c, udp_manip_pkt()).
  return site.protocol === Protocol.udp && u16(data, field) === 0 ? -1 : field;
}

/** RFC 768: a UDP checksum that comes out as 0 is sent as 0xffff (CSUM_MANGLED_0). */
function avoidZero(data: Uint8Array, site: Site, field: number): void {
  if (site.protocol === Protocol.udp && field >= 0 && u16(data, field) === 0) setU16(data, field, 0xffff);
}

function wordOf(address: AddressWords, i: number): number {
  return i === 0 ? address.a : i === 1 ? address.b : i === 2 ? address.c : address.d;
}

/**
 * `nf_nat_ipv4_manip_pkt()` and `nf_nat_ipv6_manip_pkt()` (net/netfilter/nf_nat_proto.c) for one address.
 * @returns whether it was another one before
 */
function writeAddress(
  data: Uint8Array,
  site: Site,
  side: Side,
  address: AddressWords,
  partial: boolean,
): boolean {
  const header = site.version === 4 ? Ipv4 : Ipv6;
  const at = site.network + (side === 'source' ? header.source : header.destination);
  const words = site.version === 4 ? 1 : 4;
  // NAT has known nothing of DCCP since Linux 6.16, so its checksum is left as it is.
  const covers = coversPseudoHeader(site.protocol) && site.protocol !== Protocol.dccp;
  const field = covers ? checksumField(data, site) : -1;
  let sum = 0;
  let changed = false;
  for (let i = 0; i < words; i++) {
    const before = i32(data, at + 4 * i);
    const after = wordOf(address, i);
    if (before !== after) changed = true;
    sum += longDifference(before, after);
    if (site.version === 4) {
      const check = site.network + Ipv4.checksum;
      setU16(data, check, replaceLong(u16(data, check), before, after));
    }
    setU32(data, at + 4 * i, after);
  }
  if (field < 0) return changed;
  const there = u16(data, field);
  if (partial) setU16(data, field, fold(there + sum));
  else setU16(data, field, ~fold(0xffff + (~there & 0xffff) + sum) & 0xffff);
  avoidZero(data, site, field);
  return changed;
}

/** The port halves of `l4proto_manip_pkt()`; protocols without ports are left alone. */
function writePort(data: Uint8Array, site: Site, side: Side, port: number, partial: boolean): boolean {
  if (!site.hasTransport || !hasPorts(site.protocol)) return false;
  const at = site.transport + (side === 'source' ? Udp.sourcePort : Udp.destinationPort);
  if (at + 2 > data.length) return false;
  const field = checksumField(data, site);
  const before = u16(data, at);
  setU16(data, at, port);
  if (field < 0) return before !== port;
  patchWord(data, field, before, port, partial);
  avoidZero(data, site, field);
  return before !== port;
}

function writeIcmpId(data: Uint8Array, site: Site, id: number): boolean {
  const at = site.transport + Icmp.id;
  if (!site.hasTransport || at + 2 > data.length) return false;
  if (site.protocol !== Protocol.icmp && site.protocol !== Protocol.icmpv6) return false;
  const before = u16(data, at);
  patchWord(data, site.transport + Icmp.checksum, before, id, false);
  setU16(data, at, id);
  return before !== id;
}

/** `gre_manip_pkt()`: of the enhanced header alone, which has no checksum. */
function writeCallId(data: Uint8Array, site: Site, id: number): boolean {
  const at = site.transport + Pptp.callId;
  if (!site.hasTransport || at + 2 > data.length || (u8(data, site.transport + 1) & 7) !== Pptp.version)
    return false;
  const before = u16(data, at);
  setU16(data, at, id);
  return before !== id;
}

/** Whether the transport header begins with two 16-bit ports. */
export function hasPorts(protocol: number): boolean {
  return (
    protocol === Protocol.tcp ||
    protocol === Protocol.udp ||
    protocol === Protocol.udplite ||
    protocol === Protocol.sctp ||
    protocol === Protocol.dccp
  );
}

function write(data: Uint8Array, site: Site, changes: Changes, partial: boolean): boolean {
  const { source, destination, sourcePort, destinationPort, icmpId, callId } = changes;
  let changed = false;
  if (source && writeAddress(data, site, 'source', source, partial)) changed = true;
  if (destination && writeAddress(data, site, 'destination', destination, partial)) changed = true;
  if (typeof sourcePort === 'number' && writePort(data, site, 'source', sourcePort, partial)) changed = true;
  if (typeof destinationPort === 'number' && writePort(data, site, 'destination', destinationPort, partial))
    changed = true;
  if (typeof icmpId === 'number' && writeIcmpId(data, site, icmpId)) changed = true;
  if (typeof callId === 'number' && writeCallId(data, site, callId)) changed = true;
  return changed;
}

/**
 * Gives the packet new addresses and ports, and keeps its checksums as right as they were: `nf_nat_manip_pkt()`.
 * An offloaded checksum stays the sum of the pseudo header.
 * @returns whether any of them was another one before
 */
export function rewrite(packet: Packet, changes: Changes): boolean {
  const data = packet.own();
  const changed = write(data, packet, changes, isOffloaded(packet));
  // sctp_manip_pkt() computes the CRC anew when a port changes; addresses are not covered by it.
  const ports = (changes.sourcePort ?? null) !== null || (changes.destinationPort ?? null) !== null;
  if (packet.protocol === Protocol.sctp && packet.hasTransport && ports && data.length >= packet.length)
    fillTransportChecksum(packet);
  return changed;
}

export function setAddress(packet: Packet, side: Side, address: IpAddress): void {
  rewrite(packet, side === 'source' ? { source: address } : { destination: address });
}

/** The TTL, or the hop limit of IPv6 (RFC 8200); no transport checksum covers either. */
export function setTtl(packet: Packet, ttl: number): void {
  const data = packet.own();
  if (packet.version === 6) {
    data[Ipv6.hopLimit] = ttl;
    return;
  }
  patchWord(data, Ipv4.checksum, data[Ipv4.ttl] << 8, ttl << 8, false);
  data[Ipv4.ttl] = ttl;
}

export function ttlOf(packet: Packet): number {
  return u8(packet.data, packet.version === 4 ? Ipv4.ttl : Ipv6.hopLimit);
}

/** The whole TOS byte, or the traffic class of IPv6. */
export function tosOf(packet: Packet): number {
  return packet.version === 4 ? u8(packet.data, Ipv4.tos) : (u16(packet.data, 0) >> 4) & 0xff;
}

/** `ipv4_change_dsfield()` and `ipv6_change_dsfield()` (net/dsfield.h). */
export function setTos(packet: Packet, tos: number): void {
  const data = packet.own();
  if (packet.version === 6) {
    setU16(data, 0, (u16(data, 0) & 0xf00f) | (tos << 4));
    return;
  }
  patchWord(data, Ipv4.checksum, data[Ipv4.tos], tos, false);
  data[Ipv4.tos] = tos;
}

/** RFC 2474: the upper six bits of the TOS byte. */
export function setDscp(packet: Packet, dscp: number): void {
  setTos(packet, (tosOf(packet) & 0x03) | (dscp << 2));
}

/** RFC 3168: the lower two bits of the TOS byte. */
export function setEcn(packet: Packet, codepoint: number): void {
  setTos(packet, (tosOf(packet) & 0xfc) | codepoint);
}

/** Sets the length fields after bytes were added to or taken from the packet's end, `data` and `length` already changed. */
export function setLength(packet: Packet, length: number): void {
  const data = packet.own();
  packet.length = length;
  if (packet.version === 6) {
    setU16(data, Ipv6.payloadLength, length - Ipv6.length);
    return;
  }
  patchWord(data, Ipv4.checksum, u16(data, Ipv4.totalLength), length, false);
  setU16(data, Ipv4.totalLength, length);
}

/** Whether this is an ICMP or ICMPv6 error, which quotes the packet it is about. */
export function isIcmpError(packet: Packet): boolean {
  if (!packet.hasTransport || packet.transport + Icmp.headerLength > packet.data.length) return false;
  const type = packet.data[packet.transport];
  if (packet.version === 6)
    return packet.protocol === Protocol.icmpv6 && type >= Icmpv6Type.destinationUnreachable && type < 128;
  return packet.protocol === Protocol.icmp && quotesPacket(type);
}

/** The packet that an ICMP error quotes; null where it is none, or too little of it is there. */
export function innerSite(packet: Packet): Site | null {
  if (!isIcmpError(packet)) return null;
  const { data, version } = packet;
  const network = packet.transport + Icmp.headerLength;
  if (version === 4) {
    if (network + Ipv4.minimumLength > data.length || data[network] >> 4 !== 4) return null;
    const transport = network + (data[network] & 15) * 4;
    if (transport < network + Ipv4.minimumLength) return null;
    const hasTransport = (u16(data, network + Ipv4.fragment) & 0x1fff) === 0;
    return { version, network, transport, protocol: data[network + Ipv4.protocol], hasTransport };
  }
  if (network + Ipv6.length > data.length || data[network] >> 4 !== 6) return null;
  return innerIpv6(data, network);
}

/** RFC 8200 section 4: the chain of next headers, inside a quotation. */
function innerIpv6(data: Uint8Array, network: number): Site {
  let protocol = data[network + Ipv6.nextHeader];
  let transport = network + Ipv6.length;
  let hasTransport = true;
  while (transport + 8 <= data.length) {
    if (protocol === Protocol.fragment) {
      hasTransport &&= (u16(data, transport + Ipv6FragmentHeader.offset) & 0xfff8) === 0;
      protocol = data[transport];
      transport += Ipv6FragmentHeader.length;
      if (!hasTransport) break;
    } else if (
      protocol === Protocol.hopByHop ||
      protocol === Protocol.routing ||
      protocol === Protocol.destination
    ) {
      protocol = data[transport];
      transport += (data[transport + 1] + 1) * 8;
    } else break;
  }
  return { version: 6, network, transport, protocol, hasTransport };
}

/**
 * Translates the packet that an ICMP error quotes and makes the error's own checksum right again:
 * `nf_nat_icmp_reply_translation()`, `nf_nat_icmpv6_reply_translation()` (net/netfilter/nf_nat_proto.c). The
 * quoted transport checksum is kept along only where the quotation reaches it. A capture that was cut gets
 * the incremental sum, which is the same where the checksum was right before.
 */
export function rewriteInner(packet: Packet, inner: Site, changes: Changes): void {
  const data = packet.own();
  const field = packet.transport + Icmp.checksum;
  const end = Math.min(data.length, packet.length);
  const start = packet.version === 6 ? pseudoHeaderSum(packet, packet.length - packet.transport) : 0;
  const check = u16(data, field);
  setU16(data, field, 0);
  const before = checksum(data, packet.transport, end, start);
  write(data, inner, changes, false);
  const after = checksum(data, packet.transport, end, start);
  setU16(data, field, end < packet.length ? replaceWord(check, ~before & 0xffff, ~after & 0xffff) : after);
}
