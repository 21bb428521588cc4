import { u16, u8 } from '../packet/bytes.js';
import { Ipv6, Ipv6FragmentHeader } from '../packet/ipv6.js';
import { Protocol } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import type { Condition, MatchDefinition } from './definition.js';
import { Outcome } from './verdict.js';

/** Extension headers, with ESP and no-next-header among them: `nf_ip6_ext_hdr()` (net/ipv6/netfilter/ip6_tables.c). */
export function isExtensionHeader(protocol: number): boolean {
  switch (protocol) {
    case Protocol.hopByHop:
    case Protocol.routing:
    case Protocol.fragment:
    case Protocol.esp:
    case Protocol.ah:
    case Protocol.none:
    case Protocol.destination:
      return true;
    default:
      return false;
  }
}

/** Bytes of an extension header from its length field (RFC 8200 section 4, RFC 4302 section 2.2). */
export function extensionLength(packet: Packet, protocol: number, at: number): number {
  if (protocol === Protocol.fragment) return Ipv6FragmentHeader.length;
  const field = u8(packet.data, at + 1);
  return protocol === Protocol.ah ? (field + 2) * 4 : (field + 1) * 8;
}

/**
 * Where the header of a kind begins, behind the IPv6 header: `ipv6_find_hdr()` (net/ipv6/exthdrs_core.c).
 * @returns its offset; or why there is none: a miss, a chain that breaks off (hotdrop), or one the capture lost
 */
export function findExtensionHeader(packet: Packet, wanted: number): { readonly at: number } | Outcome {
  let next = u8(packet.data, Ipv6.nextHeader);
  let at: number = Ipv6.length;
  while (next !== wanted) {
    if (!isExtensionHeader(next) || next === Protocol.none || next === Protocol.esp) return Outcome.miss;
    if (at + 2 > packet.data.length) return at + 2 > packet.length ? Outcome.hotdrop : Outcome.unknown;
    if (next === Protocol.fragment && u16(packet.data, at + Ipv6FragmentHeader.offset) & 0xfff8)
      return Outcome.miss;
    const length = extensionLength(packet, next, at);
    next = u8(packet.data, at);
    at += length;
  }
  return { at };
}

/**
 * Test and explanation of a match that looks into one extension header.
 * @param what the header's name
 * @param examine the conditions on it, in order; an outcome where there is none to look into
 */
export function lookInto<D>(
  what: string,
  examine: (data: D, packet: Packet) => readonly Condition[] | Outcome,
): Pick<MatchDefinition<D, undefined>, 'test' | 'explain'> {
  return {
    test(data, packet) {
      const found = examine(data, packet);
      if (typeof found === 'number') return found;
      return found.every((c) => c.outcome === Outcome.hit) ? Outcome.hit : Outcome.miss;
    },
    explain(data, packet) {
      const found = examine(data, packet);
      return typeof found === 'number' ? [noHeader(what, found)] : found;
    },
  };
}

/** Tells why a match found no extension header to look into. */
function noHeader(what: string, outcome: Outcome): Condition {
  const saw =
    outcome === Outcome.miss
      ? 'none'
      : outcome === Outcome.hotdrop
        ? 'a packet that breaks off, which is dropped at once'
        : 'bytes that the capture did not keep';
  return { name: what, field: 'ip.options', wanted: `a ${what} header`, saw, outcome };
}
