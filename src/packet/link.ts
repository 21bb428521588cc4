import { u16, u32, u8 } from './bytes.js';
import { describeLinkType, LinkType } from './linkType.js';
import { decodeNflog, type NflogLayer } from './nflog.js';
import { EtherType, LinkKind, PacketType } from './numbers.js';
import type { Problem } from './packet.js';

/** Bytes of an Ethernet header. */
export const ETHERNET_HEADER = 14;

const NO_BYTES = new Uint8Array(0);
const NO_TAGS: readonly number[] = [];

/**
 * What stands before the network header. One object can serve many frames (`decodeLink`'s third argument);
 * addresses are positions in the frame, and the getters make views of it.
 */
export class LinkLayer {
  /** The frame decoded last. */
  bytes: Uint8Array = NO_BYTES;
  /** What the network header is; below 0x600: no EtherType (ETH_P_802_2 and its like of linux/if_ether.h). */
  etherType = 0;
  /** Offset of the network header in the frame. */
  network = 0;
  /** null where the link type does not tell (Ethernet: the host's own addresses do). */
  packetType: PacketType | null = null;
  sourceAt = 0;
  /** 0: the link has no address. */
  sourceLength = 0;
  destinationAt = 0;
  destinationLength = 0;
  /** SLL2, NFLOG; 0 where not told. */
  interfaceIndex = 0;
  /** ARPHRD_*; null where the link type does not tell. */
  hardwareType: number | null = null;
  /** VLAN tags (priority, DEI and 12 bits of id), the outermost first. */
  vlans: readonly number[] = NO_TAGS;
  /** PPPoE session id; null where there is none. */
  pppoeSession: number | null = null;
  nflog: NflogLayer | null = null;

  /** The sender's link address; empty for links without one. */
  get source(): Uint8Array {
    return this.sourceLength === 0
      ? NO_BYTES
      : this.bytes.subarray(this.sourceAt, this.sourceAt + this.sourceLength);
  }

  /** Whether the sender has this link address; so a frame costs no view. */
  isFrom(mac: Uint8Array): boolean {
    return this.sourceLength !== 0 && holds(this.bytes, this.sourceAt, this.sourceLength, mac);
  }

  /** Whether it was sent to this link address; false where the link type does not keep it. */
  isTo(mac: Uint8Array): boolean {
    return this.destinationLength !== 0 && holds(this.bytes, this.destinationAt, this.destinationLength, mac);
  }

  /** Whether it was sent to a group: IEEE 802, the lowest bit of the first byte. */
  get isToGroup(): boolean {
    return this.destinationLength !== 0 && (u8(this.bytes, this.destinationAt) & 1) !== 0;
  }

  /** null where the link type does not keep it (SLL, SLL2). */
  get destination(): Uint8Array | null {
    return this.destinationLength === 0
      ? null
      : this.bytes.subarray(this.destinationAt, this.destinationAt + this.destinationLength);
  }
}

function holds(bytes: Uint8Array, at: number, length: number, mac: Uint8Array): boolean {
  if (mac.length !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== mac[i]) return false;
  return true;
}

/** Ethernet II and IEEE 802.3. */
export const Ethernet = { destination: 0, source: 6, type: 12, length: 14 } as const;
/** LINKTYPE_LINUX_SLL: offsets. */
export const Sll = {
  packetType: 0,
  hardwareType: 2,
  addressLength: 4,
  address: 6,
  protocol: 14,
  length: 16,
} as const;
/** LINKTYPE_LINUX_SLL2: offsets. */
export const Sll2 = {
  protocol: 0,
  interfaceIndex: 4,
  hardwareType: 8,
  packetType: 10,
  addressLength: 11,
  address: 12,
  length: 20,
} as const;
/** Both cooked headers keep at most this many bytes of the address. */
const SLL_ADDRESS_MAX = 8;
/** RFC 2516 section 4. */
const Pppoe = { versionType: 0, code: 1, session: 2, length: 6 } as const;
/** RFC 1661 section 2 and the IANA registry of PPP numbers. */
const Ppp = { ipv4: 0x21, ipv6: 0x57 } as const;
/** ETH_P_802_2, ETH_P_PPP_SES's inner control protocols and the like: nothing an IP hook sees. */
const NOT_IP = 4;
/** The smallest EtherType (ETH_P_802_3_MIN): below it the field is a length. */
const ETHERTYPE_MIN = 0x600;
/** 802.1ad allows two; more than this is no frame of a working network. */
const VLAN_MAX = 8;

/**
 * Finds the network header of a frame.
 * @param linkType LINKTYPE_* of the tcpdump registry
 * @param bytes the frame from the link header on
 * @param link is filled and returned; give the same one again to spare the allocation
 * @returns a string where there is no network header: what stopped the decoding, and where
 */
export function decodeLink(linkType: number, bytes: Uint8Array, link = new LinkLayer()): LinkLayer | Problem {
  link.bytes = bytes;
  link.packetType = null;
  link.sourceLength = 0;
  link.destinationLength = 0;
  link.interfaceIndex = 0;
  link.hardwareType = null;
  link.vlans = NO_TAGS;
  link.pppoeSession = null;
  link.nflog = null;
  switch (linkType) {
    case LinkType.ethernet:
      return ethernet(bytes, link);
    case LinkType.linuxSll2:
      return sll2(bytes, link);
    case LinkType.linuxSll:
      return sll(bytes, link);
    case LinkType.raw:
    case LinkType.rawAlternative:
    case LinkType.rawOpenBsd:
      return raw(bytes, link);
    case LinkType.ipv4:
      return ends(link, EtherType.ipv4, 0);
    case LinkType.ipv6:
      return ends(link, EtherType.ipv6, 0);
    case LinkType.null:
    case LinkType.loop:
      return addressFamily(bytes, link);
    case LinkType.ppp:
    case LinkType.pppHdlc:
      link.hardwareType = LinkKind.ppp;
      return ppp(bytes, 0, link);
    case LinkType.pppoe:
      return pppoe(bytes, 0, link);
    case LinkType.nflog:
      return nflog(bytes, link);
    default:
      return `link type ${describeLinkType(linkType)} is not decoded`;
  }
}

function ends(link: LinkLayer, etherType: number, network: number): LinkLayer {
  link.etherType = etherType;
  link.network = network;
  return link;
}

function ethernet(bytes: Uint8Array, link: LinkLayer): LinkLayer | Problem {
  if (bytes.length < Ethernet.length) return `Ethernet header cut at ${bytes.length} of 14 bytes`;
  link.destinationAt = Ethernet.destination;
  link.destinationLength = 6;
  link.sourceAt = Ethernet.source;
  link.sourceLength = 6;
  link.hardwareType = LinkKind.ethernet;
  return tagged(bytes, u16(bytes, Ethernet.type), Ethernet.length, link);
}

function sll(bytes: Uint8Array, link: LinkLayer): LinkLayer | Problem {
  if (bytes.length < Sll.length) return `SLL header cut at ${bytes.length} of 16 bytes`;
  link.packetType = packetTypeOf(u16(bytes, Sll.packetType));
  link.hardwareType = u16(bytes, Sll.hardwareType);
  link.sourceAt = Sll.address;
  link.sourceLength = Math.min(u16(bytes, Sll.addressLength), SLL_ADDRESS_MAX);
  return tagged(bytes, u16(bytes, Sll.protocol), Sll.length, link);
}

function sll2(bytes: Uint8Array, link: LinkLayer): LinkLayer | Problem {
  if (bytes.length < Sll2.length) return `SLL2 header cut at ${bytes.length} of 20 bytes`;
  link.packetType = packetTypeOf(bytes[Sll2.packetType]);
  link.hardwareType = u16(bytes, Sll2.hardwareType);
  link.interfaceIndex = u32(bytes, Sll2.interfaceIndex);
  link.sourceAt = Sll2.address;
  link.sourceLength = Math.min(bytes[Sll2.addressLength], SLL_ADDRESS_MAX);
  return tagged(bytes, u16(bytes, Sll2.protocol), Sll2.length, link);
}

function packetTypeOf(value: number): PacketType | null {
  return value <= PacketType.loopback ? (value as PacketType) : null;
}

/** Walks 802.1Q and 802.1ad tags (IEEE 802.1Q clause 9) to what they carry, and into a PPPoE session. */
function tagged(bytes: Uint8Array, first: number, from: number, link: LinkLayer): LinkLayer | Problem {
  if (first === EtherType.ipv4 || first === EtherType.ipv6) return ends(link, first, from);
  let etherType = first;
  let at = from;
  if (etherType === EtherType.vlan || etherType === EtherType.qinq) {
    const tags: number[] = [];
    while (etherType === EtherType.vlan || etherType === EtherType.qinq) {
      if (at + 4 > bytes.length) return `VLAN tag cut at byte ${at}`;
      if (tags.length === VLAN_MAX) return `more than ${VLAN_MAX} VLAN tags`;
      tags.push(u16(bytes, at));
      etherType = u16(bytes, at + 2);
      at += 4;
    }
    link.vlans = tags;
  }
  if (etherType === EtherType.pppoeSession) return pppoe(bytes, at, link);
  return ends(link, etherType < ETHERTYPE_MIN ? NOT_IP : etherType, at);
}

function pppoe(bytes: Uint8Array, at: number, link: LinkLayer): LinkLayer | Problem {
  if (at + Pppoe.length > bytes.length) return `PPPoE header cut at byte ${at}`;
  if (bytes[at + Pppoe.versionType] !== 0x11)
    return `PPPoE version and type 0x${hex(bytes[at])} at byte ${at}`;
  link.pppoeSession = u16(bytes, at + Pppoe.session);
  // Codes other than 0 are discovery (RFC 2516 section 5).
  if (bytes[at + Pppoe.code] !== 0) return ends(link, NOT_IP, at + Pppoe.length);
  return ppp(bytes, at + Pppoe.length, link);
}

/** RFC 1662 section 3.1 (address and control, may be absent) and RFC 1661 section 6.5 (a one-byte protocol is odd). */
function ppp(bytes: Uint8Array, from: number, link: LinkLayer): LinkLayer | Problem {
  const at = u8(bytes, from) === 0xff && u8(bytes, from + 1) === 3 ? from + 2 : from;
  if (at >= bytes.length) return `PPP header cut at byte ${at}`;
  const short = (bytes[at] & 1) === 1;
  if (!short && at + 2 > bytes.length) return `PPP header cut at byte ${at}`;
  const protocol = short ? bytes[at] : u16(bytes, at);
  const network = at + (short ? 1 : 2);
  if (protocol === Ppp.ipv4) return ends(link, EtherType.ipv4, network);
  if (protocol === Ppp.ipv6) return ends(link, EtherType.ipv6, network);
  return ends(link, NOT_IP, network);
}

function raw(bytes: Uint8Array, link: LinkLayer): LinkLayer | Problem {
  const version = u8(bytes, 0) >> 4;
  if (version === 4) return ends(link, EtherType.ipv4, 0);
  if (version === 6) return ends(link, EtherType.ipv6, 0);
  return bytes.length === 0 ? 'no network header' : `IP version ${version}`;
}

/** LINKTYPE_NULL has the family in the capturing host's byte order, LINKTYPE_LOOP in network order. */
function addressFamily(bytes: Uint8Array, link: LinkLayer): LinkLayer | Problem {
  if (bytes.length < 4) return `loopback header cut at ${bytes.length} of 4 bytes`;
  link.hardwareType = LinkKind.loopback;
  const family = bytes[0] === 0 && bytes[1] === 0 ? u16(bytes, 2) : bytes[0] | (bytes[1] << 8);
  if (family === 2) return ends(link, EtherType.ipv4, 4);
  // AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, of Darwin.
  if (family === 10 || family === 24 || family === 28 || family === 30) return ends(link, EtherType.ipv6, 4);
  return ends(link, NOT_IP, 4);
}

/** NFPROTO_* (linux/netfilter.h) where the message does not name the EtherType. */
const FAMILY_ETHERTYPE: ReadonlyMap<number, number> = new Map([
  [2, EtherType.ipv4],
  [3, EtherType.arp],
  [10, EtherType.ipv6],
]);

function nflog(bytes: Uint8Array, link: LinkLayer): LinkLayer | Problem {
  const layer = decodeNflog(bytes);
  if (typeof layer === 'string') return layer;
  link.nflog = layer;
  link.interfaceIndex = layer.in || layer.out;
  link.hardwareType = layer.hardwareType;
  link.sourceAt = layer.sourceAt;
  link.sourceLength = layer.sourceLength;
  if (layer.hardwareType === LinkKind.ethernet && layer.headerLength >= Ethernet.length) {
    link.destinationAt = layer.headerAt;
    link.destinationLength = 6;
  }
  return tagged(bytes, layer.etherType || (FAMILY_ETHERTYPE.get(layer.family) ?? 0), layer.payloadAt, link);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
