import { formatIpv6Full } from '../address/ip.js';
import { i32, u16, u32, u8 } from '../packet/bytes.js';
import { Ipv6, Ipv6FragmentHeader } from '../packet/ipv6.js';
import { Protocol } from '../packet/numbers.js';
import { Icmp, Icmpv6Type } from '../packet/transport.js';
import { type Bytes, type Draft, embed, endBare, newDraft, presence, reach } from './draft.js';
import type { LineOptions } from './options.js';
import { describeTcp, describeUdp } from './transport.js';

/** AH: the SPI's place and how many bytes the kernel wants to see; ESP begins with it (RFC 4302, RFC 4303). */
const AH_LENGTH = 12;
const AH_SPI = 4;
const ESP_LENGTH = 8;

/** `dump_ipv6_packet()`. @param at of the header; one that is not the first is inside an ICMPv6 error */
export function describeIpv6(packet: Bytes, options: LineOptions, at: number): Draft {
  const draft = newDraft();
  const { tokens } = draft;
  const { data } = packet;
  const found = presence(packet, at, Ipv6.length);
  if (found === 'cut') draft.cutShort = true;
  if (found === 'short') endBare(draft, 'TRUNCATED');
  if (found !== 'whole') return draft;

  const versionClassLabel = u32(data, at + Ipv6.versionClassLabel);
  tokens.push(
    ['SRC', address(data, at + Ipv6.source)],
    ['DST', address(data, at + Ipv6.destination)],
    ['LEN', `${u16(data, at + Ipv6.payloadLength) + Ipv6.length}`],
    ['TC', `${(versionClassLabel >>> 20) & 0xff}`],
    ['HOPLIMIT', `${u8(data, at + Ipv6.hopLimit)}`],
    ['FLOWLBL', `${versionClassLabel & 0xfffff}`],
  );
  const last = describeExtensions(packet, options, u8(data, at + Ipv6.nextHeader), at + Ipv6.length, draft);
  if (last) describePayload(packet, options, at === 0, last, draft);
  return draft;
}

function address(data: Uint8Array, at: number): string {
  return formatIpv6Full(i32(data, at), i32(data, at + 4), i32(data, at + 8), i32(data, at + 12));
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
  const { tokens } = draft;
  const shown = options.ipOptions === true;
  let protocol = first;
  let at = start;
  let fragment = false;
  const leave = (bracket: boolean): undefined => {
    if (bracket) endBare(draft, ')');
    draft.ended = true;
    return undefined;
  };
  for (;;) {
    if (!EXTENSIONS.has(protocol)) return { protocol, at, fragment };
    const found = presence(packet, at, 2);
    if (found === 'short') endBare(draft, 'TRUNCATED');
    if (found === 'cut') draft.cutShort = true;
    if (found !== 'whole') return undefined;
    if (shown) tokens.push(['OPT (', null]);
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
          tokens.push(['AH', null]);
          if (fragment) return leave(true);
          if (!reach(packet, at, AH_LENGTH, draft)) return draft.cutShort ? undefined : leave(true);
          tokens.push(['SPI', `0x${u32(data, at + AH_SPI).toString(16)}`]);
        }
        length = (u8(data, at + 1) + 2) * 4;
        break;
      case Protocol.esp:
        if (!shown) return leave(false);
        tokens.push(['ESP', null]);
        if (fragment) return leave(true);
        if (reach(packet, at, ESP_LENGTH, draft)) tokens.push(['SPI', `0x${u32(data, at).toString(16)}`]);
        return draft.cutShort ? undefined : leave(true);
      default:
        if (fragment) return leave(shown);
    }
    if (shown) tokens.push([')', null]);
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
  const { tokens } = draft;
  const found = presence(packet, at, Ipv6FragmentHeader.length);
  if (found === 'cut') draft.cutShort = true;
  if (found === 'short') {
    tokens.push(['FRAG', 'TRUNCATED']);
    draft.ended = true;
  }
  if (found !== 'whole') return undefined;
  const field = u16(data, at + Ipv6FragmentHeader.offset);
  const offset = field & 0xfff8;
  tokens.push(['FRAG', `${offset}`]);
  if (field & 1) tokens.push(['INCOMPLETE', null]);
  tokens.push([
    'FRAG ID',
    u32(data, at + Ipv6FragmentHeader.id)
      .toString(16)
      .padStart(8, '0'),
  ]);
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
      return describeUdp(packet, at, fragment, 'UDP', draft);
    case Protocol.udplite:
      return describeUdp(packet, at, fragment, 'UDPLITE', draft);
    case Protocol.icmpv6:
      return describeIcmpv6(packet, options, outermost, at, fragment, draft);
    default:
      draft.tokens.push(['PROTO', `${protocol}`]);
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
  const { tokens } = draft;
  tokens.push(['PROTO', 'ICMPv6']);
  if (fragment) return;
  if (!reach(packet, at, Icmp.headerLength, draft)) {
    draft.ended = !draft.cutShort;
    return;
  }
  const type = u8(data, at + Icmp.type);
  tokens.push(['TYPE', `${type}`], ['CODE', `${u8(data, at + Icmp.code)}`]);
  switch (type) {
    case Icmpv6Type.echoRequest:
    case Icmpv6Type.echoReply:
      tokens.push(['ID', `${u16(data, at + Icmp.id)}`], ['SEQ', `${u16(data, at + Icmp.sequence)}`]);
      return;
    case Icmpv6Type.parameterProblem:
      tokens.push([
        'POINTER',
        u32(data, at + Icmp.mtu6)
          .toString(16)
          .padStart(8, '0'),
      ]);
      break;
    case Icmpv6Type.destinationUnreachable:
    case Icmpv6Type.packetTooBig:
    case Icmpv6Type.timeExceeded:
      break;
    default:
      return;
  }
  // Only one level deep.
  if (outermost) embed(draft, describeIpv6(packet, options, at + Icmp.headerLength));
  if (type === Icmpv6Type.packetTooBig) tokens.push(['MTU', `${u32(data, at + Icmp.mtu6)}`]);
}
