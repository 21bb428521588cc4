import { u16, u8 } from '../../../packet/bytes.js';
import { Ipv4, Ipv4Fragment } from '../../../packet/ipv4.js';
import { Ipv6, Ipv6FragmentHeader } from '../../../packet/ipv6.js';
import { EtherType, Protocol } from '../../../packet/numbers.js';
import type { Packet } from '../../../packet/packet.js';
import type { Inner, Payload } from '../model.js';
import { ETHERNET, innerOffset, readBits, TRANSPORT } from './payload.js';
import type { Read } from './value.js';

/** Bytes of the headers of VXLAN (RFC 7348 section 5) and, without options, of Geneve (RFC 8926 section 3.4). */
const TUNNEL_HEADER = 8;
const TAGGED_ETHERNET = ETHERNET + 4;

/** Where the headers inside a tunnel begin in the packet's bytes; -1: it has no such header. */
interface Carried {
  readonly header: number;
  readonly link: number;
  network: number;
  transport: number;
  /** Of the frame, a tag's where it has one; of the packet where there is no frame. */
  etherType: number;
  protocol: number;
}

/** Whether `size` bytes are there at a place; null: they are, and the capture does not have them. */
function has(packet: Packet, at: number, size: number): boolean | null {
  if (at + size > packet.length) return false;
  return at + size > packet.data.length ? null : true;
}

/**
 * `nft_inner_parse()` (net/netfilter/nft_inner.c). A frame that holds no IP is none, and neither is what the tunnel's own
 * header stands before.
 * @returns undefined: the packet carries nothing that could be read; null: it may
 */
function carriedBy(packet: Packet, tunnel: Inner['tunnel']): Carried | undefined | null {
  let at = innerOffset(packet);
  if (at < 0) return undefined;
  let header = -1;
  if (tunnel === 'vxlan' || tunnel === 'geneve') {
    if (packet.protocol === Protocol.gre) header = packet.transport;
    else if (packet.protocol === Protocol.udp) {
      header = at;
      if (tunnel === 'geneve') {
        const there = has(packet, at, TUNNEL_HEADER);
        if (!there) return there === null ? null : undefined;
        at += (u8(packet.data, at) & 0x3f) * 4;
      }
      at += TUNNEL_HEADER;
    } else return undefined;
  }
  return tunnel === 'gre' ? inPacket(packet, at) : inFrame(packet, header, at);
}

function inFrame(packet: Packet, header: number, at: number): Carried | undefined | null {
  const there = has(packet, at, ETHERNET);
  if (!there) return there === null ? null : undefined;
  const etherType = u16(packet.data, at + 12);
  const carried = { header, link: at, network: -1, transport: -1, etherType, protocol: -1 };
  if (etherType !== EtherType.vlan) return withNetwork(packet, carried, etherType, at + ETHERNET);
  const isWhole = has(packet, at, TAGGED_ETHERNET);
  if (!isWhole) return isWhole === null ? null : undefined;
  return withNetwork(packet, carried, u16(packet.data, at + 16), at + TAGGED_ETHERNET);
}

function inPacket(packet: Packet, at: number): Carried | undefined | null {
  const there = has(packet, at, 4);
  if (!there) return there === null ? null : undefined;
  const version = u8(packet.data, at) >> 4;
  const etherType = version === 4 ? EtherType.ipv4 : version === 6 ? EtherType.ipv6 : 0;
  return withNetwork(
    packet,
    { header: -1, link: -1, network: -1, transport: -1, etherType, protocol: -1 },
    etherType,
    at,
  );
}

function withNetwork(
  packet: Packet,
  carried: Carried,
  etherType: number,
  at: number,
): Carried | undefined | null {
  const isIpv4 = etherType === EtherType.ipv4;
  if (!isIpv4 && etherType !== EtherType.ipv6) return undefined;
  const there = has(packet, at, isIpv4 ? 20 : 40);
  if (!there) return there === null ? null : undefined;
  const { data } = packet;
  const first = u8(data, at);
  if (first >> 4 !== (isIpv4 ? 4 : 6)) return undefined;
  carried.network = at;
  if (isIpv4) {
    if ((first & 15) < 5) return undefined;
    if (u16(data, at + Ipv4.fragment) & Ipv4Fragment.offset) return carried;
    carried.transport = at + (first & 15) * 4;
    carried.protocol = u8(data, at + Ipv4.protocol);
    return carried;
  }
  return withTransport6(packet, carried, at);
}

/** Those before which another header stands (`ipv6_ext_hdr()`); of AH it is asked as of a transport protocol (IP6_FH_F_AUTH). */
const BEFORE_OTHERS: ReadonlySet<number> = new Set([
  Protocol.hopByHop,
  Protocol.routing,
  Protocol.fragment,
  Protocol.destination,
]);

/** `ipv6_find_hdr()` (net/ipv6/exthdrs_core.c) for the last header. */
function withTransport6(packet: Packet, carried: Carried, start: number): Carried | undefined | null {
  const { data } = packet;
  let next = u8(data, start + Ipv6.nextHeader);
  let at = start + Ipv6.length;
  while (BEFORE_OTHERS.has(next)) {
    const isFragment = next === Protocol.fragment;
    const there = has(packet, at, isFragment ? 4 : 2);
    if (!there) return there === null ? null : undefined;
    next = u8(data, at);
    if (isFragment && u16(data, at + Ipv6FragmentHeader.offset) & 0xfff8)
      return BEFORE_OTHERS.has(next) || next === Protocol.ah ? undefined : carried;
    at += isFragment ? Ipv6FragmentHeader.length : (u8(data, at + 1) + 1) * 8;
  }
  carried.transport = at;
  carried.protocol = next;
  return carried;
}

const NETWORKS = new Map<string, number>([
  ['ip', EtherType.ipv4],
  ['ip6', EtherType.ipv6],
  ['arp', EtherType.arp],
]);
/** Of which version of IP the packets are that have such a message. */
const MESSAGES = new Map<string, number>([
  ['icmp', EtherType.ipv4],
  ['igmp', EtherType.ipv4],
  ['icmpv6', EtherType.ipv6],
]);

/** What nft asks before the field: that its header is there (`inner` expressions of `nft --debug=netlink`, nftables 1.1.3). */
function headerTest({
  payload: { protocol },
  tagged,
}: Inner): ((carried: Carried, data: Uint8Array) => boolean) | null {
  if (protocol === null) return null;
  if (protocol === 'vlan') return (carried) => carried.etherType === EtherType.vlan;
  const number = TRANSPORT.get(protocol);
  const network = NETWORKS.get(protocol) ?? MESSAGES.get(protocol);
  if (network === undefined) return number === undefined ? null : (carried) => carried.protocol === number;
  return (carried, data) => {
    const isOf = (tagged ? u16(data, carried.link + 16) : carried.etherType) === network;
    return isOf && (number === undefined || carried.protocol === number);
  };
}

function startOf({ base }: Payload, { header, link, network, transport }: Carried): number {
  switch (base) {
    case 'inner':
      return header;
    case 'link':
      return link;
    case 'network':
      return network;
    case 'transport':
      return transport;
  }
}

/** `nft_inner_eval()`: what the packet does not carry ends the rule. */
export function innerReader(inner: Inner): (packet: Packet) => Read {
  const { tunnel, payload, outer } = inner;
  const test = headerTest(inner);
  const end = (payload.offset + payload.bits + 7) >> 3;
  return (packet) => {
    if (outer !== null && packet.protocol !== outer) return undefined;
    const carried = carriedBy(packet, tunnel);
    if (!carried) return carried;
    if (test && !test(carried, packet.data)) return undefined;
    const start = startOf(payload, carried);
    const there = start < 0 ? false : has(packet, start, end);
    if (!there) return there === null ? null : undefined;
    return readBits(packet.data, start, payload.offset, payload.bits);
  };
}
