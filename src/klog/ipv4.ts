import { i32, u16, u32, u8 } from '../packet/bytes.js';
import { Ipv4, Ipv4Fragment } from '../packet/ipv4.js';
import { Protocol } from '../packet/numbers.js';
import { Icmp, IcmpType } from '../packet/transport.js';
import { type Bytes, type Draft, incomplete, presence, reach } from './draft.js';
import type { LineOptions } from './options.js';
import { describeTcp, describeUdp } from './transport.js';
import { Word } from './words.js';

/** IPTOS_TOS_MASK and IPTOS_PREC_MASK of linux/ip.h: the lowest bit of the byte is shown nowhere. */
const TOS = 0x1e;
const PRECEDENCE = 0xe0;

/** ICMP_FRAG_NEEDED, the code that has an MTU (RFC 1191). */
const FRAGMENTATION_NEEDED = 4;

/** AH: next header, length, reserved, SPI, sequence (RFC 4302); ESP: SPI, sequence (RFC 4303). */
const AH_LENGTH = 12;
const AH_SPI = 4;
const ESP_LENGTH = 8;

/** Bytes that a type's message has at least (`required_len` in the kernel); others are not checked. */
const LEAST: ReadonlyMap<number, number> = new Map([
  [IcmpType.destinationUnreachable, 28],
  [IcmpType.sourceQuench, 28],
  [IcmpType.redirect, 28],
  [IcmpType.timeExceeded, 28],
  [IcmpType.parameterProblem, 28],
  [IcmpType.timestamp, 20],
  [IcmpType.timestampReply, 20],
  [IcmpType.addressMask, 12],
  [IcmpType.addressMaskReply, 12],
]);

/** `dump_ipv4_packet()`. @param at of the header; one that is not the first is inside an ICMP error */
export function describeIpv4(packet: Bytes, options: LineOptions, at: number, draft: Draft): void {
  const { data } = packet;
  const found = presence(packet, at, Ipv4.minimumLength);
  if (found === 'cut') draft.cutShort = true;
  if (found === 'short') draft.endBare(Word.truncated);
  if (found !== 'whole') return;

  draft.ipv4(Word.src, i32(data, at + Ipv4.source));
  draft.ipv4(Word.dst, i32(data, at + Ipv4.destination));
  const tos = u8(data, at + Ipv4.tos);
  // Only BIG TCP packets, longer than the field can say, are counted: `iph_totlen()` (linux/ip.h).
  const length = at === 0 && packet.length > 0xffff ? packet.length : u16(data, at + Ipv4.totalLength);
  draft.number(Word.len, length);
  draft.hexByte(Word.tos, tos & TOS);
  draft.hexByte(Word.prec, tos & PRECEDENCE);
  draft.number(Word.ttl, u8(data, at + Ipv4.ttl));
  draft.number(Word.id, u16(data, at + Ipv4.id));
  const fragment = u16(data, at + Ipv4.fragment);
  const offset = fragment & Ipv4Fragment.offset;
  if (fragment & Ipv4Fragment.reserved) draft.flag(Word.ce);
  if (fragment & Ipv4Fragment.dontFragment) draft.flag(Word.df);
  if (fragment & Ipv4Fragment.moreFragments) draft.flag(Word.mf);
  // In units of 8 bytes, unlike FRAG: of IPv6.
  if (offset) draft.number(Word.frag, offset);

  const headerLength = (u8(data, at) & 15) * 4;
  const optionBytes = headerLength - Ipv4.minimumLength;
  if (options.ipOptions && optionBytes > 0) {
    const whole = presence(packet, at + Ipv4.minimumLength, optionBytes);
    if (whole === 'cut') draft.cutShort = true;
    if (whole === 'short') draft.endBare(Word.truncated);
    if (whole !== 'whole') return;
    draft.options(data, at + Ipv4.minimumLength, at + headerLength);
  }
  describePayload(packet, options, at, at + headerLength, offset !== 0, draft);
}

function describePayload(
  packet: Bytes,
  options: LineOptions,
  at: number,
  payload: number,
  fragment: boolean,
  draft: Draft,
): void {
  const { data } = packet;
  const protocol = u8(data, at + Ipv4.protocol);
  switch (protocol) {
    case Protocol.tcp:
      return describeTcp(packet, payload, fragment, options, draft);
    case Protocol.udp:
      return describeUdp(packet, payload, fragment, Word.udp, draft);
    case Protocol.udplite:
      return describeUdp(packet, payload, fragment, Word.udplite, draft);
    case Protocol.icmp:
      return describeIcmp(packet, options, at, payload, fragment, draft);
    case Protocol.ah:
      // A later fragment has no PROTO= here, unlike all others.
      if (fragment) return;
      draft.flag(Word.protoAh);
      if (reach(packet, payload, AH_LENGTH, draft)) draft.hex(Word.spi, u32(data, payload + AH_SPI));
      return;
    case Protocol.esp:
      draft.flag(Word.protoEsp);
      if (fragment) return;
      if (reach(packet, payload, ESP_LENGTH, draft)) draft.hex(Word.spi, u32(data, payload));
      return;
    default:
      draft.number(Word.proto, protocol);
  }
}

function describeIcmp(
  packet: Bytes,
  options: LineOptions,
  at: number,
  icmp: number,
  fragment: boolean,
  draft: Draft,
): void {
  const { data } = packet;
  draft.flag(Word.icmp);
  if (fragment) return;
  if (!reach(packet, icmp, Icmp.headerLength, draft)) return;
  const type = u8(data, icmp + Icmp.type);
  const code = u8(data, icmp + Icmp.code);
  draft.number(Word.type, type);
  draft.number(Word.code, code);
  if (packet.length - icmp < (LEAST.get(type) ?? 0)) return incomplete(packet, icmp, draft);
  switch (type) {
    case IcmpType.echo:
    case IcmpType.echoReply:
      draft.number(Word.id, u16(data, icmp + Icmp.id));
      draft.number(Word.seq, u16(data, icmp + Icmp.sequence));
      return;
    case IcmpType.parameterProblem:
      draft.number(Word.parameter, u8(data, icmp + Icmp.gateway));
      return;
    case IcmpType.redirect:
      draft.ipv4(Word.gateway, i32(data, icmp + Icmp.gateway));
      break;
    case IcmpType.destinationUnreachable:
    case IcmpType.sourceQuench:
    case IcmpType.timeExceeded:
      break;
    default:
      return;
  }
  // Only one level deep.
  if (at === 0) {
    draft.open();
    describeIpv4(packet, options, icmp + Icmp.headerLength, draft);
    draft.close();
  }
  if (type === IcmpType.destinationUnreachable && code === FRAGMENTATION_NEEDED)
    draft.number(Word.mtu, u16(data, icmp + Icmp.mtu));
}
