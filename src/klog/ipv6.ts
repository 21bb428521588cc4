import { i32, u16, u32, u8 } from '../packet/bytes.js';
import { Ipv6, Ipv6FragmentHeader } from '../packet/ipv6.js';
import { Protocol } from '../packet/numbers.js';
import { Icmp, Icmpv6Type } from '../packet/transport.js';
import { type Bytes, type Draft, presence, reach } from './draft.js';
import type { LineOptions } from './options.js';
import { describeTcp, describeUdp } from './transport.js';
import { Word, type WordBytes } from './words.js';

/** AH: the SPI's place and how many bytes the kernel wants to see; ESP begins with it (RFC 4302, RFC 4303). */
const AH_LENGTH = 12;
const AH_SPI = 4;
const ESP_LENGTH = 8;

/** `dump_ipv6_packet()`. @param at of the header; one that is not the first is inside an ICMPv6 error */
export function describeIpv6(packet: Bytes, options: LineOptions, at: number, draft: Draft): void {
  const { data } = packet;
  const found = presence(packet, at, Ipv6.length);
  if (found === 'cut') draft.cutShort = true;
  if (found === 'short') draft.endBare(Word.truncated);
  if (found !== 'whole') return;

  const versionClassLabel = u32(data, at + Ipv6.versionClassLabel);
  address(Word.src, data, at + Ipv6.source, draft);
  address(Word.dst, data, at + Ipv6.destination, draft);
  draft.number(Word.len, u16(data, at + Ipv6.payloadLength) + Ipv6.length);
  draft.number(Word.tc, (versionClassLabel >>> 20) & 0xff);
  draft.number(Word.hopLimit, u8(data, at + Ipv6.hopLimit));
  draft.number(Word.flowLabel, versionClassLabel & 0xfffff);
  const last = describeExtensions(packet, options, u8(data, at + Ipv6.nextHeader), at + Ipv6.length, draft);
  if (last) describePayload(packet, options, at === 0, last, draft);
}

function address(name: WordBytes, data: Uint8Array, at: number, draft: Draft): void {
  draft.ipv6(name, i32(data, at), i32(data, at + 4), i32(data, at + 8), i32(data, at + 12));
}

interface Payload {
  readonly protocol: number;
  readonly at: number;
  /** A fragment that is not the first. */
  readonly fragment: boolean;
}

/** Walks the extension headers as the kernel does; undefined where it, or the capture, ends in them. */
function describeExtensions(
  packet: Bytes,
  options: LineOptions,
  first: number,
  start: number,
  draft: Draft,
): Payload | undefined {
  const { data } = packet;
  const shown = options.ipOptions === true;
  let protocol = first;
  let at = start;
  let fragment = false;
  const leave = (bracket: boolean): undefined => {
    if (bracket) draft.endBare(Word.close);
    draft.ended = true;
    return undefined;
  };
  for (;;) {
    if (!EXTENSIONS.has(protocol)) return { protocol, at, fragment };
    const found = presence(packet, at, 2);
    if (found === 'short') draft.endBare(Word.truncated);
    if (found === 'cut') draft.cutShort = true;
    if (found !== 'whole') return undefined;
    if (shown) draft.flag(Word.opt);
    let length = (u8(data, at + 1) + 1) * 8;
    switch (protocol) {
      case Protocol.fragment: {
        const state = describeFragment(packet, at, draft);
        if (state === undefined) return undefined;
        fragment ||= state;
        length = Ipv6FragmentHeader.length;
        break;
      }
      case Protocol.ah:
        if (shown) {
          draft.flag(Word.ah);
          if (fragment) return leave(true);
          if (!reach(packet, at, AH_LENGTH, draft)) return draft.cutShort ? undefined : leave(true);
          draft.hex(Word.spi, u32(data, at + AH_SPI));
        }
        length = (u8(data, at + 1) + 2) * 4;
        break;
      case Protocol.esp:
        if (!shown) return leave(false);
        draft.flag(Word.esp);
        if (fragment) return leave(true);
        if (reach(packet, at, ESP_LENGTH, draft)) draft.hex(Word.spi, u32(data, at));
        return draft.cutShort ? undefined : leave(true);
      default:
        if (fragment) return leave(shown);
    }
    if (shown) draft.flag(Word.close);
    protocol = u8(data, at);
    at += length;
  }
}

/** `nf_ip6_ext_hdr()`, but for what ends the chain (59). */
const EXTENSIONS: ReadonlySet<number> = new Set([
  Protocol.hopByHop,
  Protocol.routing,
  Protocol.fragment,
  Protocol.esp,
  Protocol.ah,
  Protocol.destination,
]);

/** Whether it is a fragment other than the first; undefined where the header is not whole. */
function describeFragment(packet: Bytes, at: number, draft: Draft): boolean | undefined {
  const { data } = packet;
  const found = presence(packet, at, Ipv6FragmentHeader.length);
  if (found === 'cut') draft.cutShort = true;
  if (found === 'short') {
    draft.flag(Word.fragTruncated);
    draft.ended = true;
  }
  if (found !== 'whole') return undefined;
  const field = u16(data, at + Ipv6FragmentHeader.offset);
  const offset = field & 0xfff8;
  draft.number(Word.frag, offset);
  if (field & 1) draft.flag(Word.incomplete);
  draft.hex(Word.fragId, u32(data, at + Ipv6FragmentHeader.id), 8);
  return offset !== 0;
}

function describePayload(
  packet: Bytes,
  options: LineOptions,
  outermost: boolean,
  { protocol, at, fragment }: Payload,
  draft: Draft,
): void {
  switch (protocol) {
    case Protocol.tcp:
      return describeTcp(packet, at, fragment, options, draft);
    case Protocol.udp:
      return describeUdp(packet, at, fragment, Word.udp, draft);
    case Protocol.udplite:
      return describeUdp(packet, at, fragment, Word.udplite, draft);
    case Protocol.icmpv6:
      return describeIcmpv6(packet, options, outermost, at, fragment, draft);
    default:
      draft.number(Word.proto, protocol);
  }
}

function describeIcmpv6(
  packet: Bytes,
  options: LineOptions,
  outermost: boolean,
  at: number,
  fragment: boolean,
  draft: Draft,
): void {
  const { data } = packet;
  draft.flag(Word.icmpv6);
  if (fragment) return;
  if (!reach(packet, at, Icmp.headerLength, draft)) {
    draft.ended = !draft.cutShort;
    return;
  }
  const type = u8(data, at + Icmp.type);
  draft.number(Word.type, type);
  draft.number(Word.code, u8(data, at + Icmp.code));
  switch (type) {
    case Icmpv6Type.echoRequest:
    case Icmpv6Type.echoReply:
      draft.number(Word.id, u16(data, at + Icmp.id));
      draft.number(Word.seq, u16(data, at + Icmp.sequence));
      return;
    case Icmpv6Type.parameterProblem:
      draft.hex(Word.pointer, u32(data, at + Icmp.mtu6), 8);
      break;
    case Icmpv6Type.destinationUnreachable:
    case Icmpv6Type.packetTooBig:
    case Icmpv6Type.timeExceeded:
      break;
    default:
      return;
  }
  // Only one level deep.
  if (outermost) {
    draft.open();
    describeIpv6(packet, options, at + Icmp.headerLength, draft);
    draft.close();
  }
  if (type === Icmpv6Type.packetTooBig) draft.number(Word.mtu, u32(data, at + Icmp.mtu6));
}
