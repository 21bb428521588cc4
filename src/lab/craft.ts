import { parseAddress } from '../address/ip.js';
import { setU16, setU32 } from '../packet/bytes.js';
import { fillTransportChecksum, ipv4HeaderChecksum } from '../packet/checksum.js';
import { Ipv4, Ipv4Fragment } from '../packet/ipv4.js';
import { Ipv6 } from '../packet/ipv6.js';
import { EtherType, Protocol } from '../packet/numbers.js';
import { decodePacket } from '../packet/packet.js';
import { Tcp, TcpFlag, TcpOption } from '../packet/transport.js';

/** The network header of a packet that is being made; what is left out is what most packets have. */
export interface IpFields {
  readonly source: string;
  readonly destination: string;
  /** TTL or hop limit; 64 unless given. */
  readonly ttl?: number;
  readonly tos?: number;
  /** IPv4 identification. */
  readonly id?: number;
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** Bytes, a multiple of 8. */
  readonly fragmentOffset?: number;
  /** IPv4 options, a multiple of 4 bytes. */
  readonly options?: Uint8Array;
  /** IPv6. */
  readonly flowLabel?: number;
}

function addressBytes(text: string): Uint8Array {
  const address = parseAddress(text);
  if (!address) throw new Error(`not an address: ${text}`);
  const bytes = new Uint8Array(address.version === 4 ? 4 : 16);
  const words = [address.a, address.b, address.c, address.d];
  for (let i = 0; i < bytes.length; i += 4) setU32(bytes, i, words[i / 4]);
  return bytes;
}

/** Bytes behind an IP header, with right header and transport checksums. */
export function ipPacket(
  ip: IpFields,
  protocol: number,
  payload: Uint8Array,
  { badChecksum = false } = {},
): Uint8Array {
  const source = addressBytes(ip.source);
  const destination = addressBytes(ip.destination);
  const bytes = source.length === 4 ? ipv4Header(ip, protocol, payload) : ipv6Header(ip, protocol, payload);
  const at = source.length === 4 ? Ipv4.source : Ipv6.source;
  bytes.set(source, at);
  bytes.set(destination, at + source.length);
  const isFragment = ip.moreFragments === true || (ip.fragmentOffset ?? 0) > 0;
  if (!isFragment) {
    const packet = decodePacket(bytes);
    if (typeof packet !== 'string' && packet.hasTransport) {
      fillTransportChecksum(packet);
      bytes.set(packet.data);
    }
  }
  if (badChecksum) bytes[checksumAt(bytes, protocol)] ^= 0x55;
  if (source.length === 4) setU16(bytes, Ipv4.checksum, ipv4HeaderChecksum(bytes));
  return bytes;
}

function checksumAt(bytes: Uint8Array, protocol: number): number {
  const transport = bytes[0] >> 4 === 4 ? (bytes[0] & 15) * 4 : Ipv6.length;
  const field = protocol === Protocol.tcp ? 16 : protocol === Protocol.udp ? 6 : protocol === 132 ? 8 : 2;
  return Math.min(bytes.length - 1, transport + field);
}

function ipv4Header(ip: IpFields, protocol: number, payload: Uint8Array): Uint8Array {
  const { options = NOTHING } = ip;
  const bytes = new Uint8Array(Ipv4.minimumLength + options.length + payload.length);
  bytes[Ipv4.versionIhl] = 0x45 + options.length / 4;
  bytes[Ipv4.tos] = ip.tos ?? 0;
  setU16(bytes, Ipv4.totalLength, bytes.length);
  setU16(bytes, Ipv4.id, ip.id ?? 0);
  setU16(
    bytes,
    Ipv4.fragment,
    (ip.dontFragment ? Ipv4Fragment.dontFragment : 0) |
      (ip.moreFragments ? Ipv4Fragment.moreFragments : 0) |
      ((ip.fragmentOffset ?? 0) >> 3),
  );
  bytes[Ipv4.ttl] = ip.ttl ?? 64;
  bytes[Ipv4.protocol] = protocol;
  bytes.set(options, Ipv4.minimumLength);
  bytes.set(payload, Ipv4.minimumLength + options.length);
  return bytes;
}

function ipv6Header(ip: IpFields, protocol: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Ipv6.length + payload.length);
  setU32(bytes, Ipv6.versionClassLabel, (6 << 28) | ((ip.tos ?? 0) << 20) | (ip.flowLabel ?? 0));
  setU16(bytes, Ipv6.payloadLength, payload.length);
  bytes[Ipv6.nextHeader] = protocol;
  bytes[Ipv6.hopLimit] = ip.ttl ?? 64;
  bytes.set(payload, Ipv6.length);
  return bytes;
}

const NOTHING = new Uint8Array(0);

export interface TcpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Letters of `FSRPAUEC`. */
  readonly flags: string;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  /** As it stands in the header, unscaled; 65535 unless given. */
  readonly window?: number;
  readonly mss?: number;
  readonly windowScale?: number;
  readonly sackPermitted?: boolean;
  /** Left and right edges. */
  readonly sack?: readonly (readonly [number, number])[];
  readonly timestamps?: readonly [number, number];
  readonly payload?: Uint8Array;
}

const FLAG_LETTERS = 'FSRPAUEC';

/** A TCP segment; its checksum is `ipPacket`'s business. */
export function tcpSegment(tcp: TcpFields): Uint8Array {
  const options = tcpOptions(tcp);
  const { payload = NOTHING } = tcp;
  const bytes = new Uint8Array(Tcp.minimumLength + options.length + payload.length);
  setU16(bytes, Tcp.sourcePort, tcp.sourcePort);
  setU16(bytes, Tcp.destinationPort, tcp.destinationPort);
  setU32(bytes, Tcp.sequence, (tcp.sequence ?? 0) | 0);
  setU32(bytes, Tcp.acknowledgment, (tcp.acknowledgment ?? 0) | 0);
  bytes[Tcp.dataOffset] = (5 + options.length / 4) << 4;
  for (const letter of tcp.flags) {
    const bit = FLAG_LETTERS.indexOf(letter);
    if (bit < 0) throw new Error(`not a TCP flag: ${letter}`);
    bytes[Tcp.flags] |= 1 << bit;
  }
  setU16(bytes, Tcp.window, tcp.window ?? 65535);
  bytes.set(options, Tcp.minimumLength);
  bytes.set(payload, Tcp.minimumLength + options.length);
  return bytes;
}

function tcpOptions({ mss, windowScale, sackPermitted, sack, timestamps }: TcpFields): Uint8Array {
  const bytes: number[] = [];
  const word = (value: number): void => void bytes.push(value >>> 24, value >>> 16, value >>> 8, value);
  if (mss !== undefined) bytes.push(TcpOption.mss, 4, mss >> 8, mss);
  if (sackPermitted) bytes.push(TcpOption.nop, TcpOption.nop, TcpOption.sackPermitted, 2);
  if (timestamps) {
    bytes.push(TcpOption.nop, TcpOption.nop, TcpOption.timestamps, 10);
    timestamps.forEach(word);
  }
  if (windowScale !== undefined) bytes.push(TcpOption.nop, TcpOption.windowScale, 3, windowScale);
  if (sack) {
    bytes.push(TcpOption.nop, TcpOption.nop, TcpOption.sack, 2 + 8 * sack.length);
    sack.flat().forEach(word);
  }
  return Uint8Array.from(bytes);
}

/** Sequence numbers that a segment takes: its data, SYN and FIN. */
export function sequenceLength(flags: string, payload: number): number {
  return payload + (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0);
}

export function udpDatagram(sourcePort: number, destinationPort: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  setU16(bytes, 0, sourcePort);
  setU16(bytes, 2, destinationPort);
  setU16(bytes, 4, bytes.length);
  bytes.set(payload, 8);
  return bytes;
}

/** An ICMP or ICMPv6 message; `rest` is the second word (id and sequence, MTU…). */
export function icmpMessage(type: number, code: number, rest: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  bytes[0] = type;
  bytes[1] = code;
  setU32(bytes, 4, rest | 0);
  bytes.set(payload, 8);
  return bytes;
}

/** One chunk of SCTP: type, flags, and what stands behind its length. */
export interface SctpChunk {
  readonly type: number;
  readonly flags?: number;
  readonly body?: Uint8Array;
}

/** RFC 9260 section 3: the common header and its chunks, each padded to words. */
export function sctpPacket(
  sourcePort: number,
  destinationPort: number,
  tag: number,
  chunks: readonly SctpChunk[],
): Uint8Array {
  const lengths = chunks.map(({ body = NOTHING }) => 4 + ((body.length + 3) & ~3));
  const bytes = new Uint8Array(12 + lengths.reduce((a, b) => a + b, 0));
  setU16(bytes, 0, sourcePort);
  setU16(bytes, 2, destinationPort);
  setU32(bytes, 4, tag | 0);
  let at = 12;
  chunks.forEach(({ type, flags = 0, body = NOTHING }, i) => {
    bytes[at] = type;
    bytes[at + 1] = flags;
    setU16(bytes, at + 2, 4 + body.length);
    bytes.set(body, at + 4);
    at += lengths[i];
  });
  return bytes;
}

/** What INIT and INIT ACK carry: the tag that the sender wants to see, its window, streams and first TSN. */
export function sctpInit(tag: number): Uint8Array {
  const body = new Uint8Array(16);
  setU32(body, 0, tag | 0);
  setU32(body, 4, 65536);
  setU16(body, 8, 1);
  setU16(body, 10, 1);
  setU32(body, 12, 1);
  return body;
}

/** An Ethernet frame around an IP packet. */
export function ethernetFrame(destination: Uint8Array, source: Uint8Array, packet: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(14 + packet.length);
  bytes.set(destination, 0);
  bytes.set(source, 6);
  setU16(bytes, 12, packet[0] >> 4 === 4 ? EtherType.ipv4 : EtherType.ipv6);
  bytes.set(packet, 14);
  return bytes;
}

/**
 * Cuts an IPv4 packet into fragments.
 * @param size payload bytes of all but the last, a multiple of 8
 */
export function fragments(packet: Uint8Array, size: number): Uint8Array[] {
  const headerLength = (packet[0] & 15) * 4;
  const out: Uint8Array[] = [];
  for (let at = headerLength; at < packet.length; at += size) {
    const end = Math.min(packet.length, at + size);
    const piece = new Uint8Array(headerLength + end - at);
    piece.set(packet.subarray(0, headerLength));
    piece.set(packet.subarray(at, end), headerLength);
    setU16(piece, Ipv4.totalLength, piece.length);
    const more = end < packet.length ? Ipv4Fragment.moreFragments : 0;
    setU16(piece, Ipv4.fragment, more | ((at - headerLength) >> 3));
    setU16(piece, Ipv4.checksum, 0);
    setU16(piece, Ipv4.checksum, ipv4HeaderChecksum(piece));
    out.push(piece);
  }
  return out;
}

export { TcpFlag };
