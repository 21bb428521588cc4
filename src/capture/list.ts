import { formatIpv4 } from '../address/ip.js';
import { addressText } from '../packet/addresses.js';
import { i32, u16 } from '../packet/bytes.js';
import { decodeLink, LinkLayer } from '../packet/link.js';
import { EtherType, PacketType, Protocol } from '../packet/numbers.js';
import { decodePacket, type Packet } from '../packet/packet.js';
import type { Frame, FrameDirection } from './frame.js';

/** One line of `nfreplay packets`; the members in the order of its columns. */
export interface PacketRow {
  readonly frame: number;
  /** ISO 8601, UTC, nanoseconds. */
  readonly time: string;
  /** The name where one is known, `if5` where only an index is (as ip(8) shows it), else ''. */
  readonly interface: string;
  readonly direction: FrameDirection;
  readonly family: 4 | 6 | 'arp' | '';
  readonly src: string;
  readonly dst: string;
  /** IP number, the last header's for IPv6; null where there is none. */
  readonly protocol: number | null;
  /** ICMP: the type. null where there is none or it was not captured. */
  readonly sport: number | null;
  /** ICMP: the code. */
  readonly dport: number | null;
  /** IP total length, bytes. */
  readonly length: number | null;
  /** Bytes of the frame that the capture kept. */
  readonly captured: number;
  /** What stopped the decoding, and where; '' for nothing. */
  readonly problem: string;
}

export const PACKET_COLUMNS = [
  'frame',
  'time',
  'interface',
  'direction',
  'family',
  'src',
  'dst',
  'protocol',
  'sport',
  'dport',
  'length',
  'captured',
  'problem',
] as const satisfies readonly (keyof PacketRow)[];

const link = new LinkLayer();

/**
 * Decodes a frame for the listing, with the decoders that the replay uses.
 * @param epoch the source's, ns
 * @param interfaceName names an interface index (a host snapshot can)
 */
export function packetRow(
  frame: Frame,
  epoch: bigint,
  interfaceName: (index: number) => string | undefined = () => undefined,
): PacketRow {
  const layer = decodeLink(frame.linkType, frame.bytes, link);
  const known = {
    frame: frame.number,
    time: isoTime(epoch + BigInt(frame.time)),
    captured: frame.bytes.length,
    interface: frame.interface,
    direction: frame.direction,
    ...NOTHING,
  };
  if (typeof layer === 'string') return { ...known, problem: layer };
  const { interfaceIndex: index } = layer;
  const base = {
    ...known,
    interface: frame.interface || (index === 0 ? '' : (interfaceName(index) ?? `if${index}`)),
    direction: frame.direction || directionOf(layer),
  };
  const data = frame.bytes.subarray(layer.network);
  if (layer.etherType === EtherType.arp) return { ...base, ...arp(data) };
  const family = layer.etherType === EtherType.ipv4 ? 4 : layer.etherType === EtherType.ipv6 ? 6 : '';
  if (family === '') return base;
  const packet = decodePacket(data);
  const at = ` at byte ${layer.network}`;
  if (typeof packet === 'string') return { ...base, family, problem: packet + at };
  if (packet.version !== family)
    return { ...base, family, problem: `IP version ${packet.version} in a frame of IPv${family}${at}` };
  return { ...base, ...ip(packet, layer.network) };
}

const NOTHING = {
  family: '',
  src: '',
  dst: '',
  protocol: null,
  sport: null,
  dport: null,
  length: null,
  problem: '',
} as const;

/** A packet that arrived counts as `in` also where it was for another host (a bridge's port, a promiscuous capture). */
function directionOf(layer: LinkLayer): FrameDirection {
  if (layer.nflog) return layer.nflog.in !== 0 ? 'in' : layer.nflog.out !== 0 ? 'out' : '';
  if (layer.packetType === null) return '';
  return layer.packetType === PacketType.outgoing ? 'out' : 'in';
}

/** RFC 826, for IPv4 over Ethernet: offsets. */
const Arp = { hardwareLength: 4, protocolLength: 5, sender: 14, target: 24, length: 28 } as const;

function arp(data: Uint8Array): Partial<PacketRow> {
  if (data.length < Arp.length) return { family: 'arp', problem: `ARP cut at ${data.length} of 28 bytes` };
  if (data[Arp.hardwareLength] !== 6 || data[Arp.protocolLength] !== 4) return { family: 'arp' };
  return { family: 'arp', src: formatIpv4(i32(data, Arp.sender)), dst: formatIpv4(i32(data, Arp.target)) };
}

function ip(packet: Packet, network: number): Partial<PacketRow> {
  const { protocol } = packet;
  const row = {
    family: packet.version,
    src: addressText(packet, 'source'),
    dst: addressText(packet, 'destination'),
    protocol,
    length: packet.length,
  };
  if (!packet.hasTransport) return row;
  const { data, transport } = packet;
  const isIcmp = protocol === (packet.version === 4 ? Protocol.icmp : Protocol.icmpv6);
  if (!isIcmp && !hasPorts(protocol)) return row;
  const needed = isIcmp ? 2 : 4;
  const there = Math.max(0, data.length - transport);
  if (there < needed)
    return {
      ...row,
      problem: `transport header cut at ${there} of ${needed} bytes, at byte ${network + transport}`,
    };
  if (isIcmp) return { ...row, sport: data[transport], dport: data[transport + 1] };
  return { ...row, sport: u16(data, transport), dport: u16(data, transport + 2) };
}

function hasPorts(protocol: number): boolean {
  return (
    protocol === Protocol.tcp ||
    protocol === Protocol.udp ||
    protocol === Protocol.udplite ||
    protocol === Protocol.sctp ||
    protocol === Protocol.dccp
  );
}

/** The last second that a Date can be (ECMA-262: 8.64e15 ms on either side of the epoch). */
const DATE_LIMIT = 8_640_000_000_000n;

/** `2026-01-02T03:04:05.000000006Z`; seconds since the epoch where no calendar reaches. */
function isoTime(time: bigint): string {
  const nanoseconds = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = (time - nanoseconds) / 1_000_000_000n;
  const fraction = nanoseconds.toString().padStart(9, '0');
  if (seconds > DATE_LIMIT || seconds < -DATE_LIMIT) return `${seconds}.${fraction}`;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, -5)}.${fraction}Z`;
}
