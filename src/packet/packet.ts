import { type IpVersion } from '../address/ip.js';
import { u16, u8 } from './bytes.js';
import type { Device } from './device.js';
import { Ipv4, Ipv4Fragment } from './ipv4.js';
import { Ipv6, Ipv6FragmentHeader } from './ipv6.js';
import { PacketType, Protocol, SocketKind } from './numbers.js';

/**
 * A packet on its way through the hooks: what the kernel keeps in the `sk_buff`.
 * The bytes are the truth; everything decoded is an offset into them. Whoever rewrites a header calls
 * `own()` first, since `data` may be a view of somebody else's bytes.
 */
export class Packet {
  /** From the network header on; shorter than `length` where the capture was cut by a snaplen. */
  data: Uint8Array;
  /** Bytes on the wire from the network header on (`skb->len`): the IP total length, never link padding. */
  length: number;
  readonly version: IpVersion;
  /** The transport protocol; for IPv6 the last header's. */
  protocol = 0;
  /** Where the transport header begins in `data`; meaningful where `fragmentOffset` is 0. */
  transport = 0;
  /** Position of this fragment in the whole datagram, bytes; 0 for the first and for whole packets. */
  fragmentOffset = 0;
  moreFragments = false;
  /** The largest fragment that it was put together from, bytes with its header; 0: it came whole. */
  largestFragment = 0;

  private linkBytes: Uint8Array = NO_BYTES;
  private linkAt = 0;
  private linkLength = 0;
  packetType: PacketType = PacketType.host;
  in: Device | null = null;
  out: Device | null = null;
  /** The bridge ports, for packets that br_netfilter brought in (PHYSIN=, PHYSOUT=, -m physdev). */
  physIn: Device | null = null;
  physOut: Device | null = null;

  mark = 0;
  /** `skb->priority`, set by CLASSIFY. */
  priority = 0;
  /** TRACE was met: every later rule writes a line (nf_trace). */
  traced = false;
  /** The socket owner where evidence shows it; undefined: not known. */
  uid: number | undefined;
  gid: number | undefined;
  /** Nothing tells the owner: it is taken for the likely one. */
  ownerAssumed = false;
  socket: SocketKind = SocketKind.none;
  /** What the frame holds where that is no IP packet (ARP…): `version` then says nothing; 0 for IP. */
  etherType = 0;
  /** ns since capture start. V8 keeps one form for a member, and few times are small integers, which 0 is and -0 is not. */
  time = -0;
  /** The frame it came from, 1-based over all files; 0 for packets the engine made. */
  frame = 0;
  private owned = false;

  constructor(data: Uint8Array, version: IpVersion, length: number) {
    this.data = data;
    this.version = version;
    this.length = length;
  }

  /** The link header as received: destination, source, type; empty for packets of the host and for links without one. */
  get link(): Uint8Array {
    return this.linkLength === this.linkBytes.length
      ? this.linkBytes
      : this.linkBytes.subarray(this.linkAt, this.linkAt + this.linkLength);
  }

  set link(header: Uint8Array) {
    this.setLink(header, 0, header.length);
  }

  /** The link header stands in `bytes`; few packets are asked for it, so no view is made before. */
  setLink(bytes: Uint8Array, at: number, length: number): void {
    this.linkBytes = bytes;
    this.linkAt = at;
    this.linkLength = length;
  }

  /** `data` is nobody else's, and may be written as it is. */
  takeOver(): void {
    this.owned = true;
  }

  /** Makes `data` a copy of its own, once, so that it can be written. */
  own(): Uint8Array {
    if (!this.owned) {
      this.data = this.data.slice();
      this.owned = true;
    }
    return this.data;
  }

  /** An independent copy with the same metadata. */
  clone(): Packet {
    const copy = Object.assign(new Packet(this.data, this.version, this.length), this);
    copy.data = this.data.slice();
    copy.link = this.link.slice();
    copy.owned = true;
    return copy;
  }

  /** Where the network header begins in `data`. */
  get network(): 0 {
    return 0;
  }

  /** The first fragment or a whole packet: the transport header is there. */
  get hasTransport(): boolean {
    return this.fragmentOffset === 0;
  }

  /** Offset of the source address, and the number of 32-bit words it has. */
  get sourceOffset(): number {
    return this.version === 4 ? Ipv4.source : Ipv6.source;
  }

  get destinationOffset(): number {
    return this.version === 4 ? Ipv4.destination : Ipv6.destination;
  }

  get sourcePort(): number {
    return u16(this.data, this.transport);
  }

  get destinationPort(): number {
    return u16(this.data, this.transport + 2);
  }
}

const NO_BYTES = new Uint8Array(0);

/** Why bytes are no packet that the IP receive path would take; the words name what stopped the decoding. */
export type Problem = string;

/**
 * Decodes the network header: `ip_rcv_core()` (net/ipv4/ip_input.c), `ip6_rcv_core()` (net/ipv6/ip6_input.c)
 * for what makes a header unusable, except that a snaplen-cut packet is kept. Header checksums are not judged here.
 * @param bytes hold the packet from `start` to `end`, link padding allowed
 */
export function decodePacket(bytes: Uint8Array, start = 0, end = bytes.length): Packet | Problem {
  if (end - start < 1) return 'no network header';
  const version = bytes[start] >> 4;
  if (version === 4) return decodeIpv4(bytes, start, end - start);
  if (version === 6) return decodeIpv6(bytes, start, end - start);
  return `IP version ${version}`;
}

/** What of `available` bytes from `start` on is the packet, and not padding of the link. */
function viewOf(bytes: Uint8Array, start: number, available: number, totalLength: number): Uint8Array {
  const kept = Math.min(available, totalLength);
  if (start === 0 && kept === bytes.length) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, kept);
}

function decodeIpv4(bytes: Uint8Array, start: number, available: number): Packet | Problem {
  if (available < Ipv4.minimumLength) return `IPv4 header cut at ${available} of 20 bytes`;
  const headerLength = (bytes[start] & 15) * 4;
  if (headerLength < Ipv4.minimumLength) return `IPv4 header length ${headerLength}`;
  // TCP segmentation offload leaves 0 here for what is longer than 65,535 bytes (RFC 791 has no such length).
  const totalLength = u16(bytes, start + Ipv4.totalLength) || available;
  if (totalLength < headerLength) return `IPv4 total length ${totalLength} is less than its header`;
  const data = viewOf(bytes, start, available, totalLength);
  const packet = new Packet(data, 4, totalLength);
  const fragment = u16(data, Ipv4.fragment);
  packet.protocol = data[Ipv4.protocol];
  packet.transport = headerLength;
  packet.fragmentOffset = (fragment & Ipv4Fragment.offset) * 8;
  packet.moreFragments = (fragment & Ipv4Fragment.moreFragments) !== 0;
  return packet;
}

function decodeIpv6(bytes: Uint8Array, start: number, available: number): Packet | Problem {
  if (available < Ipv6.length) return `IPv6 header cut at ${available} of 40 bytes`;
  const payload = u16(bytes, start + Ipv6.payloadLength);
  const totalLength = payload === 0 && available > Ipv6.length ? available : Ipv6.length + payload;
  const packet = new Packet(viewOf(bytes, start, available, totalLength), 6, totalLength);
  walkExtensionHeaders(packet);
  return packet;
}

/** Follows the next-header chain of RFC 8200 section 4 to the transport header: `ipv6_skip_exthdr()` (net/ipv6/exthdrs_core.c). */
function walkExtensionHeaders(packet: Packet): void {
  const { data } = packet;
  let next = data[Ipv6.nextHeader];
  let at: number = Ipv6.length;
  for (;;) {
    if (next === Protocol.fragment) {
      const field = u16(data, at + Ipv6FragmentHeader.offset);
      packet.fragmentOffset = field & 0xfff8;
      packet.moreFragments = (field & 1) !== 0;
      next = u8(data, at);
      at += Ipv6FragmentHeader.length;
      if (packet.fragmentOffset !== 0) break;
    } else if (next === Protocol.hopByHop || next === Protocol.routing || next === Protocol.destination) {
      const length = (u8(data, at + 1) + 1) * 8;
      if (at + 2 > data.length) break;
      next = u8(data, at);
      at += length;
    } else if (next === Protocol.ah) {
      if (at + 2 > data.length) break;
      const length = (u8(data, at + 1) + 2) * 4;
      next = u8(data, at);
      at += length;
    } else break;
  }
  packet.protocol = next;
  packet.transport = at;
}

/**
 * A frame that holds no IP packet, as the rules of netdev, arp and bridge tables meet it: it has no transport header.
 * @param bytes hold what is behind the link header from `start` to `end`
 * @param length how many bytes there were on the wire
 */
export function otherPacket(
  bytes: Uint8Array,
  start: number,
  end: number,
  etherType: number,
  length: number,
): Packet {
  const packet = new Packet(viewOf(bytes, start, end - start, end - start), 4, length);
  packet.etherType = etherType;
  packet.fragmentOffset = NO_TRANSPORT;
  return packet;
}

/** As of a later fragment. */
const NO_TRANSPORT = 8;
