import { formatIpv4 } from '../address/ip.js';
import { i32, u16, u32, u8 } from '../packet/bytes.js';
import { Ipv4, Ipv4Fragment } from '../packet/ipv4.js';
import { Protocol } from '../packet/numbers.js';
import { Icmp, IcmpType } from '../packet/transport.js';
import { type Bytes, type Draft, embed, endBare, newDraft, presence, pushOptions, reach } from './draft.js';
import type { LineOptions } from './options.js';
import { describeTcp, describeUdp } from './transport.js';

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

const hex = (value: number): string => `0x${value.toString(16).toUpperCase().padStart(2, '0')}`;

/** `dump_ipv4_packet()`. @param at of the header; one that is not the first is inside an ICMP error */
export function describeIpv4(packet: Bytes, options: LineOptions, at: number): Draft {
  const draft = newDraft();
  const { tokens } = draft;
  const { data } = packet;
  const found = presence(packet, at, Ipv4.minimumLength);
  if (found === 'cut') draft.cutShort = true;
  if (found === 'short') endBare(draft, 'TRUNCATED');
  if (found !== 'whole') return draft;

  tokens.push(
    ['SRC', formatIpv4(i32(data, at + Ipv4.source))],
    ['DST', formatIpv4(i32(data, at + Ipv4.destination))],
  );
  const tos = u8(data, at + Ipv4.tos);
  // Only BIG TCP packets, longer than the field can say, are counted: `iph_totlen()` (linux/ip.h).
  const length = at === 0 && packet.length > 0xffff ? packet.length : u16(data, at + Ipv4.totalLength);
  tokens.push(
    ['LEN', `${length}`],
    ['TOS', hex(tos & TOS)],
    ['PREC', hex(tos & PRECEDENCE)],
    ['TTL', `${u8(data, at + Ipv4.ttl)}`],
    ['ID', `${u16(data, at + Ipv4.id)}`],
  );
  const fragment = u16(data, at + Ipv4.fragment);
  const offset = fragment & Ipv4Fragment.offset;
  if (fragment & Ipv4Fragment.reserved) tokens.push(['CE', null]);
  if (fragment & Ipv4Fragment.dontFragment) tokens.push(['DF', null]);
  if (fragment & Ipv4Fragment.moreFragments) tokens.push(['MF', null]);
  // In units of 8 bytes, unlike FRAG: of IPv6.
  if (offset) tokens.push(['FRAG', `${offset}`]);

  const headerLength = (u8(data, at) & 15) * 4;
  const optionBytes = headerLength - Ipv4.minimumLength;
  if (options.ipOptions && optionBytes > 0) {
    const whole = presence(packet, at + Ipv4.minimumLength, optionBytes);
    if (whole === 'cut') draft.cutShort = true;
    if (whole === 'short') endBare(draft, 'TRUNCATED');
    if (whole !== 'whole') return draft;
    pushOptions(packet, at + Ipv4.minimumLength, optionBytes, draft);
  }
  describePayload(packet, options, at, at + headerLength, offset !== 0, draft);
  return draft;
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
  const { tokens } = draft;
  const protocol = u8(data, at + Ipv4.protocol);
  switch (protocol) {
    case Protocol.tcp:
      return describeTcp(packet, payload, fragment, options, draft);
    case Protocol.udp:
      return describeUdp(packet, payload, fragment, 'UDP', draft);
    case Protocol.udplite:
      return describeUdp(packet, payload, fragment, 'UDPLITE', draft);
    case Protocol.icmp:
      return describeIcmp(packet, options, at, payload, fragment, draft);
    case Protocol.ah:
      // A later fragment has no PROTO= here, unlike all others.
      if (fragment) return;
      tokens.push(['PROTO', 'AH']);
      if (reach(packet, payload, AH_LENGTH, draft)) tokens.push(['SPI', spi(data, payload + AH_SPI)]);
      return;
    case Protocol.esp:
      tokens.push(['PROTO', 'ESP']);
      if (fragment) return;
      if (reach(packet, payload, ESP_LENGTH, draft)) tokens.push(['SPI', spi(data, payload)]);
      return;
    default:
      tokens.push(['PROTO', `${protocol}`]);
  }
}

function spi(data: Uint8Array, at: number): string {
  return `0x${u32(data, at).toString(16)}`;
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
  const { tokens } = draft;
  tokens.push(['PROTO', 'ICMP']);
  if (fragment) return;
  if (!reach(packet, icmp, Icmp.headerLength, draft)) return;
  const type = u8(data, icmp + Icmp.type);
  const code = u8(data, icmp + Icmp.code);
  tokens.push(['TYPE', `${type}`], ['CODE', `${code}`]);
  const bytes = packet.length - icmp;
  if (bytes < (LEAST.get(type) ?? 0)) {
    tokens.push(['INCOMPLETE', `[${bytes} bytes]`]);
    return;
  }
  switch (type) {
    case IcmpType.echo:
    case IcmpType.echoReply:
      tokens.push(['ID', `${u16(data, icmp + Icmp.id)}`], ['SEQ', `${u16(data, icmp + Icmp.sequence)}`]);
      return;
    case IcmpType.parameterProblem:
      tokens.push(['PARAMETER', `${u8(data, icmp + Icmp.gateway)}`]);
      return;
    case IcmpType.redirect:
      tokens.push(['GATEWAY', formatIpv4(i32(data, icmp + Icmp.gateway))]);
      break;
    case IcmpType.destinationUnreachable:
    case IcmpType.sourceQuench:
    case IcmpType.timeExceeded:
      break;
    default:
      return;
  }
  // Only one level deep.
  if (at === 0) embed(draft, describeIpv4(packet, options, icmp + Icmp.headerLength));
  if (type === IcmpType.destinationUnreachable && code === FRAGMENTATION_NEEDED)
    tokens.push(['MTU', `${u16(data, icmp + Icmp.mtu)}`]);
}
