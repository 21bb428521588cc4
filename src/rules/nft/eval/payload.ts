import { setU16, u16, u32, u8 } from '../../../packet/bytes.js';
import { checksumOffset, isOffloaded, replaceWord } from '../../../packet/checksum.js';
import { Ipv4 } from '../../../packet/ipv4.js';
import { EtherType, LinkKind, Protocol } from '../../../packet/numbers.js';
import type { Packet } from '../../../packet/packet.js';
import { tcpHeaderLength } from '../../../packet/rewriteTcp.js';
import { setAddress, setTos, tosOf } from '../../../packet/rewrite.js';
import { Gre, IcmpType, Icmpv6Type, Udp } from '../../../packet/transport.js';
import type { Payload } from '../model.js';
import { bytesValue, NUMBER_BITS, type Read, type Scalar, toAddress } from './value.js';

/** The IP protocol number that each transport header's fields ask for; `th` and raw fields ask for none. */
export const TRANSPORT: ReadonlyMap<string, number> = new Map<string, number>([
  ['tcp', Protocol.tcp],
  ['udp', Protocol.udp],
  ['udplite', Protocol.udplite],
  ['sctp', Protocol.sctp],
  ['dccp', Protocol.dccp],
  ['icmp', Protocol.icmp],
  ['icmpv6', Protocol.icmpv6],
  ['igmp', Protocol.igmp],
  ['ah', Protocol.ah],
  ['esp', Protocol.esp],
  ['comp', 108],
  ['gre', Protocol.gre],
]);

/** The types of message that have the field: what nft adds as `icmp type …` before it (src/proto.c of nftables). */
const ICMP_TYPES = new Map<string, readonly number[]>([
  ['icmp id', [IcmpType.echo, IcmpType.echoReply]],
  ['icmp sequence', [IcmpType.echo, IcmpType.echoReply]],
  ['icmp gateway', [IcmpType.redirect]],
  ['icmp mtu', [IcmpType.destinationUnreachable]],
  ['icmpv6 id', [Icmpv6Type.echoRequest, Icmpv6Type.echoReply]],
  ['icmpv6 sequence', [Icmpv6Type.echoRequest, Icmpv6Type.echoReply]],
  ['icmpv6 mtu', [Icmpv6Type.packetTooBig]],
  ['icmpv6 packet-too-big', [Icmpv6Type.packetTooBig]],
  ['icmpv6 parameter-problem', [Icmpv6Type.parameterProblem]],
  ['icmpv6 max-delay', [130]],
  ['icmpv6 taddr', [130, 131, 132, 135, 136, 137]],
  ['icmpv6 daddr', [137]],
]);

/** The ICMP types of the messages that have a field; undefined: all of them. */
export function messageTypes({ protocol, field }: Payload): readonly number[] | undefined {
  return ICMP_TYPES.get(`${protocol} ${field}`);
}

/** Bytes of an Ethernet header. */
export const ETHERNET = 14;

/** Where a payload's base begins, in which bytes; null where the packet has no such header (`nft_payload_eval()`). */
export interface Site {
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Bytes that the packet has, captured or not. */
  readonly length: number;
}

/** The test that a field's protocol is the packet's; nft puts it before the field where nothing has said it yet. */
export function protocolTest({ protocol, field }: Payload): ((packet: Packet) => boolean) | null {
  switch (protocol) {
    case null:
    case 'th':
      return null;
    case 'ether':
      return (packet) => (packet.in ?? packet.out)?.kind === LinkKind.ethernet;
    case 'vlan':
      return () => false;
    case 'arp':
      return (packet) => packet.etherType === EtherType.arp;
    case 'ip':
      return (packet) => packet.version === 4 && packet.etherType === 0;
    case 'ip6':
      return (packet) => packet.version === 6 && packet.etherType === 0;
  }
  const number = TRANSPORT.get(protocol);
  if (number === undefined) return null;
  const types = ICMP_TYPES.get(`${protocol} ${field ?? ''}`);
  if (!types) return (packet) => packet.protocol === number;
  return (packet) => packet.protocol === number && types.includes(u8(packet.data, packet.transport));
}

function siteOf(payload: Payload, packet: Packet): Site | null {
  switch (payload.base) {
    case 'link':
      if (packet.link.length < ETHERNET) return null;
      return { bytes: packet.link, start: 0, length: packet.link.length };
    case 'network':
      return { bytes: packet.data, start: 0, length: packet.length };
    case 'transport':
      if (!packet.hasTransport) return null;
      return { bytes: packet.data, start: packet.transport, length: packet.length };
    case 'inner': {
      const start = innerOffset(packet);
      return start < 0 ? null : { bytes: packet.data, start, length: packet.length };
    }
  }
}

/** Where what the transport header carries begins: `__nft_payload_inner_offset()` (net/netfilter/nft_payload.c); -1: nowhere. */
export function innerOffset(packet: Packet): number {
  if (!packet.hasTransport) return -1;
  const { protocol, transport, data } = packet;
  switch (protocol) {
    case Protocol.udp:
      return transport + Udp.headerLength;
    case Protocol.tcp: {
      const length = tcpHeaderLength(packet);
      return length === 0 ? -1 : transport + length;
    }
    case Protocol.gre: {
      if (transport + Gre.minimumLength > data.length) return -1;
      const flags = u16(data, transport);
      if (flags & (Gre.version | Gre.routing)) return -1;
      const words = [Gre.checksum, Gre.key, Gre.sequence].filter((flag) => flags & flag).length;
      return transport + Gre.minimumLength + 4 * words;
    }
    case Protocol.ipip:
      return transport;
    default:
      return -1;
  }
}

/** `bits` bits from bit `offset` after `start`, most significant first. */
export function readBits(bytes: Uint8Array, start: number, offset: number, bits: number): Scalar {
  const first = start + (offset >> 3);
  const end = start + ((offset + bits + 7) >> 3);
  const spare = (8 - ((offset + bits) & 7)) & 7;
  if (end - first <= 4) {
    let word = 0;
    for (let at = first; at < end; at++) word = word * 256 + u8(bytes, at);
    const value = Math.floor(word / 2 ** spare);
    return bits === 32 ? value : value % 2 ** bits;
  }
  const whole = bytesValue(bytes.subarray(first, end));
  if (spare === 0 && bits === (end - first) * 8) return whole;
  const value = (BigInt(whole) >> BigInt(spare)) & ((1n << BigInt(bits)) - 1n);
  return bits <= NUMBER_BITS ? Number(value) : value;
}

/**
 * One, two or four bytes at a multiple of their number are read without a look at whether this is a later fragment,
 * whose data then stands for the header: `nft_payload_fast_eval()` (net/netfilter/nf_tables_core.c), asked of Linux 6.18.
 */
function isReadFast(first: number, end: number): boolean {
  const length = end - first;
  return (length === 1 || length === 2 || length === 4) && first % length === 0;
}

/** `nft_payload_eval()` (net/netfilter/nft_payload.c). */
export function payloadReader(payload: Payload): (packet: Packet) => Read {
  const { base, offset, bits } = payload;
  const isOfProtocol = protocolTest(payload);
  const end = (offset + bits + 7) >> 3;
  if (base !== 'network' && base !== 'transport')
    return (packet) => {
      if (isOfProtocol && !isOfProtocol(packet)) return undefined;
      const site = siteOf(payload, packet);
      if (!site) return undefined;
      const { bytes, start, length } = site;
      if (start + end > length) return undefined;
      return start + end > bytes.length ? null : readBits(bytes, start, offset, bits);
    };
  const ofTransport = base === 'transport';
  const fast = isReadFast(offset >> 3, end);
  const at = offset >> 3;
  const aligned = (offset & 7) === 0 ? bits : 0;
  return (packet) => {
    if (isOfProtocol && !isOfProtocol(packet)) return undefined;
    if (ofTransport && !fast && !packet.hasTransport) return undefined;
    const start = ofTransport ? packet.transport : 0;
    const { data } = packet;
    if (start + end > packet.length) return undefined;
    if (start + end > data.length) return null;
    if (aligned === 16) return u16(data, start + at);
    if (aligned === 32) return u32(data, start + at);
    if (aligned === 8) return data[start + at];
    return readBits(data, start, offset, bits);
  };
}

/**
 * `nft_payload_set_eval()`: the header's own checksum and the transport's follow. False: the packet has no such
 * field, which ends the rule. That it is of the field's protocol is the caller's to ask (`protocolTest`).
 */
export function writePayload(payload: Payload, packet: Packet, value: Scalar): boolean {
  const site = siteOf(payload, packet);
  if (!site || payload.base === 'link' || typeof value === 'string') return false;
  const end = site.start + ((payload.offset + payload.bits + 7) >> 3);
  if (end > site.length) return false;
  if (end > site.bytes.length) return true;
  const { protocol, field } = payload;
  if ((protocol === 'ip' || protocol === 'ip6') && (field === 'saddr' || field === 'daddr')) {
    const address = toAddress(value);
    if (address) setAddress(packet, field === 'saddr' ? 'source' : 'destination', address);
  } else if (protocol === 'ip6' && field === 'dscp')
    setTos(packet, (tosOf(packet) & 3) | ((Number(value) << 2) & 0xff));
  else writeBits(packet, site.start, payload, BigInt(value));
  return true;
}

function writeBits(packet: Packet, start: number, { base, offset, bits }: Payload, value: bigint): void {
  const partial = isOffloaded(packet);
  const data = packet.own();
  // Whole 16-bit words from the header's start, so that the checksum can be patched word by word.
  const first = start + ((offset >> 4) << 1);
  const end = start + (((offset + bits + 15) >> 4) << 1);
  const width = BigInt((end - first) * 8);
  const shift = width - BigInt(offset - (first - start) * 8 + bits);
  const mask = ((1n << BigInt(bits)) - 1n) << shift;
  const before: number[] = [];
  for (let at = first; at < end; at += 2) before.push(u16(data, at));
  let whole = before.reduce((sum, word) => (sum << 16n) | BigInt(word), 0n);
  whole = (whole & ~mask) | ((value << shift) & mask);
  for (let at = end - 2; at >= first; at -= 2, whole >>= 16n) setU16(data, at, Number(whole & 0xffffn));
  const check = checksumField(packet, base, partial);
  if (check < 0) return;
  before.forEach((word, i) => {
    const at = first + 2 * i;
    if (at !== check) setU16(data, check, replaceWord(u16(data, check), word, u16(data, at)));
  });
}

/** Where the checksum stands that covers the field; -1: there is none to keep right. */
function checksumField(packet: Packet, base: Payload['base'], partial: boolean): number {
  if (base === 'network') return packet.version === 4 ? Ipv4.checksum : -1;
  const offset = checksumOffset(packet.protocol);
  if (offset === undefined || partial) return -1;
  const field = packet.transport + offset;
  // A UDP datagram without a checksum stays without one.
  return packet.protocol === Protocol.udp && u16(packet.data, field) === 0 ? -1 : field;
}
