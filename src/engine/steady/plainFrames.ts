import type { Frame } from '../../capture/frame.js';
import { fold } from '../../packet/checksum.js';
import { Ipv4, Ipv4Fragment } from '../../packet/ipv4.js';
import { Protocol } from '../../packet/numbers.js';
import { Icmp, IcmpType, Tcp, TcpFlag, Udp } from '../../packet/transport.js';
import type { Arrival } from '../evidence/arrival.js';
import { hashTuple } from '../conntrack/tuple.js';
import { type Glimpse, ROOM } from './glimpse.js';
import { lengthOfLink, LinkHeaders } from './linkHeaders.js';

/** Where the transport header begins behind an IPv4 header without options. */
const TRANSPORT = 20;
/** What of a segment's flags says what it is to conntrack. */
const SEGMENT = TcpFlag.fin | TcpFlag.syn | TcpFlag.rst | TcpFlag.ack | TcpFlag.urg;
const ANSWER = TcpFlag.syn | TcpFlag.ack;

/**
 * Reads frames that hold what most do: a whole IPv4 packet without options, received or sent; and if received, a TCP segment,
 * a UDP datagram or an echo, its checksums right, and where connections are tracked, the segment within one or the answer to
 * its first. Of those the decoders and conntrack's first checks have nothing else to say; all others are left to them.
 */
export class PlainFrames {
  private readonly headers: LinkHeaders;
  /** The link header of the frame that was refused last is the reason. */
  private isNew = false;

  /** Of the frames read since, how many went the long way after all. */
  private tried = 0;
  private wentLong = 0;
  /** Frames that are not tried. */
  private resting = 0;

  /**
   * @param isNumbered whether the host's interfaces have numbers
   * @param isTracked connections are: a segment that opens, ends or resets one is left to conntrack
   */
  constructor(
    isNumbered: boolean,
    private readonly isTracked: boolean,
  ) {
    this.headers = new LinkHeaders(isNumbered);
  }

  /** The frame that was refused has been read the long way. */
  learn(frame: Frame, arrival: Arrival): void {
    if (this.isNew) this.headers.learn(frame, arrival);
  }

  /** A frame that was read here had to be read again. */
  again(): void {
    this.wentLong++;
  }

  /** Under some rules no flow has a way that is kept; then most frames would be read twice. */
  private judge(): void {
    if (this.wentLong > TRIED / 2) this.resting = RESTING;
    this.tried = this.wentLong = 0;
  }

  /** Fills the glimpse; false: it is no such frame. */
  read(frame: Frame, glimpse: Glimpse): boolean {
    this.isNew = false;
    if (this.resting > 0) {
      this.resting--;
      return false;
    }
    const linkLength = lengthOfLink(frame.linkType);
    if (linkLength === 0) return false;
    const memory = frame.memory ?? viewOf(frame.bytes);
    const from = frame.at ?? 0;
    const available = (frame.captured ?? frame.bytes.length) - linkLength;
    if (available < TRANSPORT + Udp.headerLength) return false;
    const at = from + linkLength;
    const first = memory.getInt32(at);
    const length = first & 0xffff;
    const captured = available < length ? available : length;
    if (first >>> 24 !== 0x45 || captured < TRANSPORT + Udp.headerLength || captured > ROOM) return false;
    if (memory.getUint16(at + Ipv4.fragment) & (Ipv4Fragment.moreFragments | Ipv4Fragment.offset))
      return false;
    const protocol = memory.getUint8(at + Ipv4.protocol);
    const header = this.headers.of(frame, memory, from, linkLength);
    if (header === null) {
      this.isNew = true;
      return false;
    }
    const { device, isOut } = header;
    glimpse.makeRoom();
    if (isOut) copyBytes(glimpse, memory, at, captured);
    else {
      if (
        !isPlain(memory, at + TRANSPORT, protocol, length - TRANSPORT, captured - TRANSPORT, this.isTracked)
      )
        return false;
      if (!takeBytes(glimpse, memory, at, captured, length, protocol)) return false;
    }
    const { bytes } = glimpse;
    for (let i = linkLength; i > 0; i -= 2) bytes.setUint16(glimpse.at - i, memory.getUint16(at - i));
    glimpse.note(frame);
    glimpse.device = device;
    glimpse.isOut = isOut;
    glimpse.linkLength = linkLength;
    glimpse.captured = captured;
    glimpse.length = length;
    glimpse.protocol = protocol;
    glimpse.transport = TRANSPORT;
    if (!isOut) takeTuple(glimpse);
    this.tried++;
    if (this.tried === TRIED) this.judge();
    return true;
  }
}

/** Frames after which it is judged whether trying was worth it, and how many are not tried where it was not. */
const TRIED = 4096;
const RESTING = 16_384;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** @param length of the transport header and what follows it, bytes @param captured how many of them are there */
function isPlain(
  memory: DataView,
  at: number,
  protocol: number,
  length: number,
  captured: number,
  isTracked: boolean,
): boolean {
  switch (protocol) {
    case Protocol.tcp: {
      if (captured < Tcp.minimumLength) return false;
      const header = (memory.getUint8(at + Tcp.dataOffset) >> 4) * 4;
      if (header < Tcp.minimumLength || header > captured) return false;
      if (!isTracked) return true;
      const flags = memory.getUint8(at + Tcp.flags) & SEGMENT;
      return flags === TcpFlag.ack || flags === ANSWER;
    }
    case Protocol.udp: {
      const claimed = memory.getUint16(at + Udp.length);
      return claimed >= Udp.headerLength && claimed <= length;
    }
    case Protocol.icmp: {
      const type = memory.getUint8(at + Icmp.type);
      return type === IcmpType.echo || type === IcmpType.echoReply;
    }
    default:
      return false;
  }
}

function copyBytes({ bytes, at: to }: Glimpse, memory: DataView, at: number, captured: number): void {
  let i = 0;
  for (; i + 4 <= captured; i += 4) bytes.setInt32(to + i, memory.getInt32(at + i));
  for (; i < captured; i++) bytes.setUint8(to + i, memory.getUint8(at + i));
}

/**
 * Copies the packet, and sums it on the way (RFC 1071; the sum of 16-bit words is the same in either byte order, its bytes
 * changed about).
 * @returns false where a checksum is not right; of a packet that was cut, that of the transport is not known to be wrong
 */
function takeBytes(
  { bytes, at: to }: Glimpse,
  memory: DataView,
  at: number,
  captured: number,
  length: number,
  protocol: number,
): boolean {
  let sum = 0;
  for (let i = 0; i < TRANSPORT; i += 4) {
    const word = memory.getInt32(at + i, true);
    bytes.setInt32(to + i, word, true);
    sum += (word & 0xffff) + (word >>> 16);
  }
  if (fold(sum) !== 0xffff) return false;
  sum = 0;
  let i = TRANSPORT;
  for (; i + 4 <= captured; i += 4) {
    const word = memory.getInt32(at + i, true);
    bytes.setInt32(to + i, word, true);
    sum += (word & 0xffff) + (word >>> 16);
  }
  for (; i < captured; i++) {
    const byte = memory.getUint8(at + i);
    bytes.setUint8(to + i, byte);
    sum += i & 1 ? byte << 8 : byte;
  }
  if (captured < length || protocol === Protocol.icmp) return captured < length || fold(sum) === 0xffff;
  const rest = length - TRANSPORT;
  const source = bytes.getInt32(to + Ipv4.source, true);
  const destination = bytes.getInt32(to + Ipv4.destination, true);
  const pseudo = fold(
    (source & 0xffff) +
      (source >>> 16) +
      (destination & 0xffff) +
      (destination >>> 16) +
      swapped(protocol + rest),
  );
  if (fold(sum + pseudo) === 0xffff) return true;
  const there = bytes.getUint16(
    to + TRANSPORT + (protocol === Protocol.tcp ? Tcp.checksum : Udp.checksum),
    true,
  );
  // Left to the device (CHECKSUM_PARTIAL), or none at all (RFC 768).
  return there === pseudo || (protocol === Protocol.udp && there === 0);
}

/** A number of 16 bits, its bytes changed about. */
function swapped(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function takeTuple(glimpse: Glimpse): void {
  const { tuple, bytes, at, protocol } = glimpse;
  const transport = at + TRANSPORT;
  tuple.protocol = protocol;
  tuple.s0 = bytes.getInt32(at + Ipv4.source);
  tuple.d0 = bytes.getInt32(at + Ipv4.destination);
  if (protocol === Protocol.icmp) {
    tuple.sourcePort = bytes.getUint16(transport + Icmp.id);
    tuple.destinationPort = bytes.getUint16(transport + Icmp.type);
  } else {
    tuple.sourcePort = bytes.getUint16(transport);
    tuple.destinationPort = bytes.getUint16(transport + 2);
  }
  glimpse.hash = hashTuple(tuple);
}
