import { addressOf } from '../../packet/addresses.js';
import { i32, setU16, setU32, u16, u32, u8 } from '../../packet/bytes.js';
import { fillTransportChecksum, ipv4HeaderChecksum } from '../../packet/checksum.js';
import { Ipv4, Ipv4Fragment } from '../../packet/ipv4.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { Protocol } from '../../packet/numbers.js';
import type { Device } from '../../packet/device.js';
import type { Packet } from '../../packet/packet.js';
import { hasPorts, innerSite, isIcmpError, ttlOf } from '../../packet/rewrite.js';
import { Icmp, IcmpType, Tcp, TcpFlag } from '../../packet/transport.js';
import { Direction, Tuple } from '../../rules/connection.js';
import { Manip } from '../../rules/context.js';
import type { Arrival } from './arrival.js';
import { DEFAULT_ZONE, type Found } from '../conntrack/table.js';
import type { Tracker } from '../conntrack/tracker.js';
import { invertTuple, readTuple } from '../conntrack/tuple.js';
import { flowLabelOf, setFlowLabel } from './flowLabels.js';
import { Queue } from './queue.js';
import type { Glimpse } from '../steady/glimpse.js';

const scratch = new Tuple();
const inverse = new Tuple();

function readInto(tuple: Tuple, packet: Packet): boolean {
  return readTuple(tuple, packet.data, packet.version, packet.protocol, 0, packet.transport, packet.length);
}

/** The connection of a packet that has left, found by where its answers would come from, and its direction. */
export function connectionOfSent(tracker: Tracker, packet: Packet): Found | null {
  if (packet.fragmentOffset !== 0 || !readInto(scratch, packet)) return null;
  if (!invertTuple(inverse, scratch)) return null;
  const found = tracker.find(inverse, DEFAULT_ZONE, packet.time);
  if (!found) return null;
  const direction = found.direction === Direction.reply ? Direction.original : Direction.reply;
  return { entry: found.entry, direction };
}

/** The same bytes from an offset in the transport header on; checksums may be left to the device, so they are not compared. */
export function samePayload(a: Packet, b: Packet, from = 0): boolean {
  return sameBytes(a.data, a.transport, b.data, b.transport, a.protocol, from);
}

function sameBytes(
  left: Uint8Array,
  leftAt: number,
  right: Uint8Array,
  rightAt: number,
  protocol: number,
  from: number,
): boolean {
  const length = Math.min(left.length - leftAt, right.length - rightAt);
  const skip = CHECKSUM_AT.get(protocol) ?? -4;
  const behind = skip + (protocol === Protocol.sctp ? 4 : 2);
  for (let i = from; i < length; i++) {
    if (i >= skip && i < behind) continue;
    if (left[leftAt + i] !== right[rightAt + i]) return false;
  }
  return true;
}

/** Where the checksums are that egress frames may have otherwise, from the transport header on. */
export const CHECKSUM_AT: ReadonlyMap<number, number> = new Map([
  [Protocol.tcp, 16],
  [Protocol.udp, 6],
  [Protocol.udplite, 6],
  [Protocol.icmp, 2],
  [Protocol.icmpv6, 2],
  [Protocol.sctp, 8],
]);

/** The same length of a TCP header, flags and window: what a helper leaves alone. */
function hasHeadOf(a: Packet, b: Packet): boolean {
  return i32(a.data, a.transport + Tcp.dataOffset) === i32(b.data, b.transport + Tcp.dataOffset);
}

function sameAddresses(a: Packet, b: Packet): boolean {
  return sameAddress(a, b, a.sourceOffset) && sameAddress(a, b, a.destinationOffset);
}

function sameAddress(a: Packet, b: Packet, at: number): boolean {
  const width = a.version === 4 ? 4 : 16;
  for (let i = at; i < at + width; i += 4) if (i32(a.data, i) !== i32(b.data, i)) return false;
  return true;
}

/**
 * Whether an egress frame, whose translation is not known yet, is the answer that the host's own stack was
 * predicted to give: the same kind of message for the same peer and the same cause.
 */
export function isAnswer(tracker: Tracker, answer: Packet, seen: Packet): boolean {
  if (answer.version !== seen.version || answer.protocol !== seen.protocol) return false;
  if (answer.length !== seen.length || seen.fragmentOffset !== 0) return false;
  const { data, transport } = answer;
  if (isIcmpError(answer))
    return u16(data, transport) === u16(seen.data, seen.transport) && quotesSame(answer, seen);
  if (answer.protocol === Protocol.tcp) {
    const flags = Tcp.flags;
    if (u8(data, transport + flags) !== u8(seen.data, seen.transport + flags)) return false;
    if (u32(data, transport + Tcp.sequence) !== u32(seen.data, seen.transport + Tcp.sequence)) return false;
    if (u32(data, transport + Tcp.acknowledgment) !== u32(seen.data, seen.transport + Tcp.acknowledgment))
      return false;
  }
  if (sameAddresses(answer, seen)) {
    if (isTimestampReply(answer) && isTimestampReply(seen))
      return u32(data, transport + Icmp.id) === u32(seen.data, seen.transport + Icmp.id);
    if (samePayload(answer, seen)) return true;
  }
  const found = connectionOfSent(tracker, seen);
  if (!found || !sameBehindIds(answer, seen)) return false;
  const own = new Tuple();
  return readInto(own, answer) && found.entry.tuple(found.direction).equals(own);
}

/** Whether an egress frame answers a SYN with another one (RFC 9293 section 3.5). */
function accepts(syn: Packet, seen: Packet): boolean {
  if (!seen.hasTransport || u8(seen.data, seen.transport + Tcp.flags) % 64 !== SYN_ACK) return false;
  const next = (u32(syn.data, syn.transport + Tcp.sequence) + 1) >>> 0;
  return u32(seen.data, seen.transport + Tcp.acknowledgment) === next;
}

const SYN_ACK = TcpFlag.syn | TcpFlag.ack;

/** The same but for ports and ICMP identifiers, which a translation may have changed. */
function sameBehindIds(a: Packet, b: Packet): boolean {
  const from = idsEnd(a.protocol);
  if (isTimestampReply(a)) return u16(a.data, a.transport + from) === u16(b.data, b.transport + from);
  return samePayload(a, b, from);
}

/** Where the transport header goes on behind them. */
function idsEnd(protocol: number): number {
  if (protocol === Protocol.icmp || protocol === Protocol.icmpv6) return Icmp.id + 2;
  return hasPorts(protocol) ? 4 : 0;
}

/** What the stack sends unfragmentable has the identification 0 (`ip_select_ident_segs()`), which no rule changes. */
function isNumberedOtherwise(answer: Packet, seen: Packet): boolean {
  if (answer.version !== 4 || !(u16(answer.data, Ipv4.fragment) & Ipv4Fragment.dontFragment)) return false;
  return u16(seen.data, Ipv4.id) !== u16(answer.data, Ipv4.id);
}

/** Both errors quote one packet, of which a translation may have changed addresses and ports. */
function quotesSame(a: Packet, b: Packet): boolean {
  const at = a.transport + Icmp.headerLength;
  const behind = b.transport + Icmp.headerLength;
  const one = innerSite(a);
  const other = innerSite(b);
  if (one && other && one.protocol !== other.protocol) return false;
  if (
    one?.hasTransport &&
    other?.hasTransport &&
    !sameBytes(a.data, one.transport, b.data, other.transport, one.protocol, idsEnd(one.protocol))
  )
    return false;
  if (a.version === 4) return u16(a.data, at + Ipv4.id) === u16(b.data, behind + Ipv4.id);
  if (b.data.length < behind + Ipv6.length || a.data.length < at + Ipv6.length) return true;
  // Two connections are told apart by one end at least: nobody translates both.
  if (!sameAddress(a, b, a.sourceOffset) && !sameAddress(a, b, a.destinationOffset)) return false;
  return u32(a.data, at + Ipv6.payloadLength) === u32(b.data, behind + Ipv6.payloadLength);
}

/** RFC 792: the message holds the host's clock, behind what was asked. */
function isTimestampReply(packet: Packet): boolean {
  return packet.protocol === Protocol.icmp && u8(packet.data, packet.transport) === IcmpType.timestampReply;
}
const OWN_TIMESTAMPS = 12;

/**
 * Gives a predicted answer what only the capture tells: the IPv4 identification, the IPv6 flow label, the time of
 * day in an ICMP timestamp.
 */
export function takeIdentification(packet: Packet, seen: Packet): void {
  if (packet.version === 6) {
    setFlowLabel(packet, flowLabelOf(seen));
    if (isIcmpError(packet)) takeQuotedLabel(packet, seen);
    return;
  }
  const data = packet.own();
  if (isTimestampReply(packet) && seen.data.length >= seen.length) {
    const from = seen.transport + OWN_TIMESTAMPS;
    data.set(seen.data.subarray(from, seen.length), packet.transport + OWN_TIMESTAMPS);
    fillTransportChecksum(packet);
  }
  setU16(data, Ipv4.id, u16(seen.data, Ipv4.id));
  setU16(data, Ipv4.checksum, 0);
  setU16(data, Ipv4.checksum, ipv4HeaderChecksum(data));
}

/** An error about a packet of the host itself quotes a flow label that only the capture tells, too. */
function takeQuotedLabel(packet: Packet, seen: Packet): void {
  const at = packet.transport + Icmp.headerLength;
  const from = seen.transport + Icmp.headerLength;
  if (seen.data.length < from + 4 || packet.data.length < at + 4) return;
  const label = u32(seen.data, from) & 0xfffff;
  const first = u32(packet.data, at);
  if (label === (first & 0xfffff)) return;
  setU32(packet.own(), at, (first & 0xfff00000) | label);
  fillTransportChecksum(packet);
}

/** The port or ICMP id of an egress frame, if it is `packet` with the addresses of `tuple`. */
export function portAsSeen(seen: Packet, packet: Packet, tuple: Tuple, manip: Manip): number | undefined {
  if (seen.version !== packet.version || seen.protocol !== packet.protocol) return undefined;
  if (seen.length !== packet.length || !readInto(scratch, seen)) return undefined;
  const icmp = seen.protocol === Protocol.icmp || seen.protocol === Protocol.icmpv6;
  const port = icmp || manip === Manip.source ? scratch.sourcePort : scratch.destinationPort;
  const wanted = tuple.copy();
  if (icmp || manip === Manip.source) wanted.sourcePort = port;
  else wanted.destinationPort = port;
  return wanted.equals(scratch) && samePayload(packet, seen, icmp ? 6 : 4) ? port : undefined;
}

/** The egress frames ahead of the packet at hand. */
export class EgressWindow {
  private readonly ahead = new Queue<Glimpse>();

  /**
   * @param arrivalOf reads a frame of which there is only a glimpse
   * @param setsTtl whether some rule may change what the host has given a packet for a TTL
   * @param hopLimit the TTL that the host gives what leaves by a device
   */
  constructor(
    private readonly arrivalOf: (glimpse: Glimpse) => Arrival | null,
    private readonly setsTtl: () => boolean,
    private readonly hopLimit: (packet: Packet, device: Device) => number,
  ) {}

  push(glimpse: Glimpse): void {
    this.ahead.push(glimpse);
  }

  /** The frame has become the packet at hand. */
  shift(glimpse: Glimpse): void {
    if (this.ahead.length > 0 && this.ahead.first === glimpse) this.ahead.shift();
  }

  /** One of them, if it may hold what has this protocol and length. */
  private at(index: number, { version, protocol, length }: Packet): Arrival | null {
    const glimpse = this.ahead.at(index);
    if (glimpse.arrival !== null) return glimpse.arrival;
    const mayBe = version === 4 && glimpse.protocol === protocol && glimpse.length === length;
    return mayBe ? this.arrivalOf(glimpse) : null;
  }

  /** Whether a socket of the host is seen to take what came in: it accepts the connection, or sends where answers go. */
  isTaken(tracker: Tracker, packet: Packet): boolean {
    const answer = new Tuple();
    if (!readInto(scratch, packet) || !invertTuple(answer, scratch)) return false;
    for (let i = 0; i < this.ahead.length; i++) {
      const { arrival: read, protocol } = this.ahead.at(i);
      if (read === null && protocol !== packet.protocol) continue;
      const arrival = read ?? this.arrivalOf(this.ahead.at(i));
      if (arrival === null || arrival.claimed) continue;
      const { packet: seen } = arrival;
      if (seen.protocol !== packet.protocol || seen.version !== packet.version) continue;
      if (packet.protocol === Protocol.tcp && !accepts(packet, seen)) continue;
      if (readInto(scratch, seen) && scratch.equals(answer)) return true;
      // Another TTL than the host's is that of a packet that is passed on past the translation.
      const isOwn = ttlOf(seen) === this.hopLimit(seen, arrival.device) || this.setsTtl();
      const found = isOwn ? connectionOfSent(tracker, seen) : null;
      if (found?.entry.tuple(found.direction).equals(answer)) return true;
    }
    return false;
  }

  /** Finds and claims the frame of an answer that is about to be sent. */
  claimAnswer(tracker: Tracker, answer: Packet): Packet | null {
    const arrival = this.answerTo(tracker, answer);
    if (!arrival) return null;
    arrival.claimed = true;
    return arrival.packet;
  }

  /** The unclaimed frame of an answer; one that was not translated goes before. */
  answerTo(tracker: Tracker, answer: Packet): Arrival | null {
    const { ahead } = this;
    let translated: Arrival | null = null;
    for (let i = 0; i < ahead.length; i++) {
      const arrival = this.at(i, answer);
      if (arrival === null || arrival.claimed || !isAnswer(tracker, answer, arrival.packet)) continue;
      // Another TTL is that of a packet that is passed on, as if it were this one's answer from elsewhere.
      if (ttlOf(arrival.packet) !== ttlOf(answer) && !this.setsTtl()) continue;
      if (isNumberedOtherwise(answer, arrival.packet)) continue;
      if (sameAddresses(answer, arrival.packet)) return arrival;
      translated ??= arrival;
    }
    return translated;
  }

  /** The port or ICMP id of an unclaimed egress frame that is `packet` with the addresses of `tuple`. */
  portOf(packet: Packet, tuple: Tuple, manip: Manip): number | undefined {
    for (let i = 0; i < this.ahead.length; i++) {
      const arrival = this.at(i, packet);
      if (arrival === null || arrival.claimed) continue;
      const port = portAsSeen(arrival.packet, packet, tuple, manip);
      if (port !== undefined) return port;
    }
    return undefined;
  }

  /** An unclaimed egress frame with the addresses, ports and identification of a packet, whatever its payload and length. */
  mangledCopyOf(packet: Packet): Packet | null {
    for (let i = 0; i < this.ahead.length; i++) {
      const glimpse = this.ahead.at(i);
      const arrival = glimpse.arrival ?? this.arrivalOf(glimpse);
      if (arrival === null || arrival.claimed) continue;
      const { packet: seen } = arrival;
      if (seen.version !== packet.version || seen.protocol !== packet.protocol) continue;
      if (seen.fragmentOffset !== 0 || !sameAddresses(packet, seen)) continue;
      if (i32(seen.data, seen.transport) !== i32(packet.data, packet.transport)) continue;
      const isTcp = seen.protocol === Protocol.tcp;
      if (isTcp && !hasHeadOf(packet, seen)) continue;
      if (seen.version === 6 || u16(seen.data, Ipv4.id) === u16(packet.data, Ipv4.id)) return seen;
    }
    return null;
  }

  /**
   * An unclaimed segment between the ends of a packet, the same way or back; one of them may have been translated.
   * @param isSo which one it is
   */
  segmentOf(of: Packet, way: 'on' | 'back', isSo: (seen: Packet, device: Device) => boolean): Packet | null {
    const { ahead } = this;
    const source = addressOf(of, way === 'on' ? 'source' : 'destination');
    const destination = addressOf(of, way === 'on' ? 'destination' : 'source');
    for (let i = 0; i < ahead.length; i++) {
      const glimpse = ahead.at(i);
      if (glimpse.arrival === null && (of.version !== 4 || glimpse.protocol !== Protocol.tcp)) continue;
      const arrival = glimpse.arrival ?? this.arrivalOf(glimpse);
      if (arrival === null || arrival.claimed) continue;
      const { packet: seen, device } = arrival;
      if (seen.version !== of.version || seen.protocol !== Protocol.tcp || !seen.hasTransport) continue;
      const isBetween =
        addressOf(seen, 'destination').equals(destination) || addressOf(seen, 'source').equals(source);
      if (isBetween && isSo(seen, device)) return seen;
    }
    return null;
  }

  /** An unclaimed egress frame that carries the same packet, whatever its addresses and ports are by now. */
  copyOf(packet: Packet): Packet | null {
    const icmp = packet.protocol === Protocol.icmp || packet.protocol === Protocol.icmpv6;
    const fixed = icmp ? 6 : hasPorts(packet.protocol) ? 4 : 0;
    for (let i = 0; i < this.ahead.length; i++) {
      const arrival = this.at(i, packet);
      if (arrival === null || arrival.claimed) continue;
      const { packet: seen } = arrival;
      if (seen.version !== packet.version || seen.protocol !== packet.protocol) continue;
      if (seen.length !== packet.length || seen.fragmentOffset !== packet.fragmentOffset) continue;
      if (seen.version === 4 && u16(seen.data, Ipv4.id) !== u16(packet.data, Ipv4.id)) continue;
      if (samePayload(packet, seen, fixed)) return seen;
    }
    return null;
  }
}
