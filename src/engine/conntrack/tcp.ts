import { i32, u16, u8 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import { CtStatus, Direction, opposite } from '../../rules/connection.js';
import { CtEvent, type ConnectionEntry } from './entry.js';
import { offsetAt } from './sequenceOffsets.js';
import type { ConntrackSettings } from './settings.js';
import {
  IG,
  IV,
  NEXT_STATE,
  Segment,
  segmentKind,
  TcpConnState,
  TcpFlagBit,
  TcpSide,
  TcpState,
} from './tcpState.js';
import { before, judgeWindow, readSynOptions, segmentEnd } from './tcpWindow.js';
import { account, ProtocolVerdict, refresh, type TrackedPacket } from './verdict.js';

/** Flag combinations that a segment may have, PSH, ECE and CWR aside (`tcp_valid_flags`). */
const VALID_FLAGS = new Set<number>([
  TcpFlag.syn,
  TcpFlag.syn | TcpFlag.urg,
  TcpFlag.syn | TcpFlag.ack,
  TcpFlag.rst,
  TcpFlag.rst | TcpFlag.ack,
  TcpFlag.fin | TcpFlag.ack,
  TcpFlag.fin | TcpFlag.ack | TcpFlag.urg,
  TcpFlag.ack,
  TcpFlag.ack | TcpFlag.urg,
]);
const FLAGS_JUDGED = TcpFlag.fin | TcpFlag.syn | TcpFlag.rst | TcpFlag.ack | TcpFlag.urg;

/** A header that conntrack does not look at: `tcp_error()`, the checksum aside. */
export function isMalformedTcp(packet: Packet): boolean {
  const { data, transport, length } = packet;
  const rest = length - transport;
  if (rest < Tcp.minimumLength) return true;
  const header = (u8(data, transport + Tcp.dataOffset) >> 4) * 4;
  if (header < Tcp.minimumLength || rest < header) return true;
  return !VALID_FLAGS.has(u8(data, transport + Tcp.flags) & FLAGS_JUDGED);
}

/** Starts the state of a first segment; false where it can start none: `tcp_new()`. */
function begin(
  entry: ConnectionEntry,
  packet: Packet,
  segment: Segment,
  settings: ConntrackSettings,
): boolean {
  const first = NEXT_STATE[Direction.original][segment][TcpConnState.none];
  if (first === IV) return false;
  if (first !== TcpConnState.synSent && !settings.tcpLoose) return false;
  const tcp = new TcpState();
  const side = tcp.side(0);
  side.end = segmentEnd(packet);
  side.maxWindow = u16(packet.data, packet.transport + Tcp.window) || 1;
  side.maxEnd = side.end;
  if (first === TcpConnState.synSent) readSynOptions(packet, side);
  else {
    // Picked up in the middle: the scale is not known, so the window is not held against it.
    side.maxEnd = (side.end + side.maxWindow) | 0;
    side.flags = tcp.side(1).flags = TcpFlagBit.sackPermitted | TcpFlagBit.beLiberal;
  }
  entry.keepTcp(tcp);
  return true;
}

function isEstablished(entry: ConnectionEntry, tcp: TcpState): boolean {
  return tcp.state === TcpConnState.established && entry.has(CtStatus.assured);
}

/** What the checks before the window say: go on with it, skip it, or the packet's end. */
type Step = 'window' | 'inWindow' | ProtocolVerdict;

/** Notes a segment that passes unjudged, in case the other side answers it. */
function watch(
  tcp: TcpState,
  packet: TrackedPacket,
  direction: Direction,
  segment: Segment,
  state: TcpConnState,
): void {
  const { data, transport } = packet;
  tcp.lastSegment = segment;
  tcp.lastDirection = direction;
  tcp.lastSequence = i32(data, transport + Tcp.sequence);
  tcp.lastEnd = segmentEnd(packet);
  tcp.lastWindow = u16(data, transport + Tcp.window);
  if (segment === Segment.syn && direction === Direction.original) {
    const seen = new TcpSide();
    readSynOptions(packet, seen);
    tcp.lastFlags = seen.flags & (TcpFlagBit.windowScale | TcpFlagBit.sackPermitted);
    tcp.lastScale = seen.flags & TcpFlagBit.windowScale ? seen.scale : 0;
    // RFC 5961 section 4: the peer may answer with an ACK that must not be taken for that of the last FIN.
    if (state === TcpConnState.lastAck) tcp.lastFlags |= TcpFlagBit.challengeAck;
  }
  if (state === TcpConnState.synSent && segment === Segment.ack && direction === Direction.reply)
    tcp.lastAck = i32(data, transport + Tcp.acknowledgment);
}

/** An RST must stand where the receiver expects it (RFC 5961 section 3); returns the state it leads to. */
function judgeReset(
  entry: ConnectionEntry,
  tcp: TcpState,
  packet: TrackedPacket,
  direction: Direction,
  old: TcpConnState,
  settings: ConntrackSettings,
): { step: Step; next: TcpConnState } {
  const closing = { step: 'window', next: TcpConnState.close } as const;
  const skip = { step: 'inWindow', next: TcpConnState.close } as const;
  // The tuple may be in use again already, and what is noted of the old connection says nothing.
  if (old >= TcpConnState.finWait && old <= TcpConnState.close) return skip;
  const sequence = i32(packet.data, packet.transport + Tcp.sequence);
  const ack = i32(packet.data, packet.transport + Tcp.acknowledgment);
  const other = tcp.side(1 - direction);
  let next: TcpConnState = TcpConnState.close;
  if (other.flags & TcpFlagBit.maxAckSet && tcp.lastSegment !== Segment.syn) {
    if (sequence === 0 && !isEstablished(entry, tcp)) return closing;
    if (before(sequence, other.maxAck) && !settings.tcpIgnoreInvalidRst)
      return { step: ProtocolVerdict.invalid, next: old };
    if (!isEstablished(entry, tcp) || sequence === other.maxAck) return closing;
    if (tcp.lastSegment === Segment.ack && tcp.lastDirection === direction && sequence === tcp.lastEnd)
      return closing;
    // Not exactly in place: the peer will answer with a challenge ACK, the connection lives on.
    next = old;
  }
  const answersWatched =
    ((entry.has(CtStatus.seenReply) && tcp.lastSegment === Segment.syn) ||
      (!entry.has(CtStatus.assured) && tcp.lastSegment === Segment.ack)) &&
    ack === tcp.lastEnd;
  const answersChallenge =
    old === TcpConnState.synSent &&
    tcp.lastSegment === Segment.ack &&
    tcp.lastDirection === Direction.reply &&
    sequence === tcp.lastAck;
  return { step: answersWatched || answersChallenge ? 'inWindow' : 'window', next };
}

/**
 * One segment of a connection: `nf_conntrack_tcp_packet()` (net/netfilter/nf_conntrack_proto_tcp.c).
 * The caller has ruled out malformed headers and bad checksums.
 */
export function trackTcp(
  entry: ConnectionEntry,
  packet: Packet,
  direction: Direction,
  settings: ConntrackSettings,
): ProtocolVerdict {
  const segment = segmentKind(u8(packet.data, packet.transport + Tcp.flags));
  if (!entry.confirmed && !begin(entry, packet, segment, settings)) return ProtocolVerdict.invalid;
  const tcp = entry.tcpState() ?? new TcpState();
  const verdict = judge(entry, tcp, packet, direction, segment, settings);
  entry.keepTcp(tcp);
  return verdict;
}

/**
 * The same for a segment of a confirmed connection that has ACK and neither FIN nor RST, if it is accepted.
 * @returns false where it is not; nothing was changed
 */
export function trackIfAccepted(
  entry: ConnectionEntry,
  packet: TrackedPacket,
  direction: Direction,
  settings: ConntrackSettings,
): boolean {
  const segment = segmentKind(u8(packet.data, packet.transport + Tcp.flags));
  const tcp = entry.tcpState();
  if (!tcp || judge(entry, tcp, packet, direction, segment, settings) !== ProtocolVerdict.accept)
    return false;
  entry.keepTcp(tcp);
  return true;
}

function judge(
  entry: ConnectionEntry,
  tcp: TcpState,
  packet: TrackedPacket,
  direction: Direction,
  segment: Segment,
  settings: ConntrackSettings,
): ProtocolVerdict {
  const { data, transport } = packet;
  const flags = u8(data, transport + Tcp.flags);
  let old = tcp.state;
  let next = NEXT_STATE[direction][segment][old];
  let step: Step = 'window';

  switch (next) {
    case TcpConnState.synSent:
    case IG: {
      if (next === TcpConnState.synSent) {
        if (old < TcpConnState.timeWait) break;
        const closed = ((tcp.side(0).flags | tcp.side(1).flags) & TcpFlagBit.closeInit) !== 0;
        if (closed || (tcp.lastDirection === direction && tcp.lastSegment === Segment.rst))
          return ProtocolVerdict.repeat;
      }
      if (
        segment === Segment.synAck &&
        tcp.lastSegment === Segment.syn &&
        tcp.lastDirection !== direction &&
        i32(data, transport + Tcp.acknowledgment) === tcp.lastEnd
      ) {
        // The SYN that was only watched is answered: both ends agree, so what was noted of it is the truth.
        old = TcpConnState.synSent;
        next = TcpConnState.synRecv;
        const side = tcp.side(tcp.lastDirection);
        side.end = side.maxEnd = tcp.lastEnd;
        side.maxWindow = tcp.lastWindow || 1;
        side.scale = tcp.lastScale;
        tcp.lastFlags &= ~TcpFlagBit.challengeAck;
        side.flags = tcp.lastFlags;
        tcp.side(direction).reset();
        break;
      }
      watch(tcp, packet, direction, segment, old);
      return ProtocolVerdict.accept;
    }
    case IV:
      return isKeptAlive(entry, tcp, packet, direction, segment)
        ? ProtocolVerdict.accept
        : ProtocolVerdict.invalid;
    case TcpConnState.timeWait:
      if (
        old === TcpConnState.lastAck &&
        segment === Segment.ack &&
        tcp.lastDirection !== direction &&
        tcp.lastSegment === Segment.syn &&
        tcp.lastFlags & TcpFlagBit.challengeAck
      ) {
        tcp.lastFlags &= ~TcpFlagBit.challengeAck;
        return ProtocolVerdict.accept;
      }
      break;
    case TcpConnState.synSent2:
      tcp.lastFlags |= TcpFlagBit.simultaneousOpen;
      break;
    case TcpConnState.synRecv:
      if (
        direction === Direction.reply &&
        segment === Segment.ack &&
        tcp.lastFlags & TcpFlagBit.simultaneousOpen
      )
        next = TcpConnState.established;
      break;
    case TcpConnState.close:
      if (segment === Segment.rst)
        ({ step, next } = judgeReset(entry, tcp, packet, direction, old, settings));
      break;
    default:
      break;
  }
  if (step === 'window') {
    const farOffset = entry.has(CtStatus.seqAdjust)
      ? offsetAt(entry, opposite(direction), (i32(data, transport + Tcp.acknowledgment) - 1) | 0)
      : 0;
    const window = judgeWindow(tcp, packet, direction, segment, settings.tcpLiberal, farOffset);
    if (window === 'ignored') return ProtocolVerdict.accept;
    if (window === 'invalid') {
      noteInvalidEnd(entry, tcp, direction, segment, settings, packet.time);
      return ProtocolVerdict.invalid;
    }
  } else if (step !== 'inWindow') return step;

  tcp.lastSegment = segment;
  tcp.lastDirection = direction;
  tcp.state = next;
  if (old !== next && next === TcpConnState.finWait) tcp.side(direction).flags |= TcpFlagBit.closeInit;
  let timeout = timeoutOf(tcp, next, segment, settings);
  if (old !== next) entry.events |= CtEvent.protoinfo;

  if (!entry.has(CtStatus.seenReply)) {
    // Only an RST ever came back: there is no connection, and the entry goes at once.
    if (flags & TcpFlag.rst) {
      account(entry, packet, direction);
      return ProtocolVerdict.kill;
    }
    // A retransmitted SYN does not keep an unanswered entry alive.
    if (segment === Segment.syn && old === TcpConnState.synSent) return ProtocolVerdict.accept;
    if (next === TcpConnState.established) timeout = Math.min(timeout, settings.tcpUnacknowledged);
  } else if (
    !entry.has(CtStatus.assured) &&
    (old === TcpConnState.synRecv || old === TcpConnState.established) &&
    next === TcpConnState.established
  ) {
    entry.status |= CtStatus.assured;
    entry.events |= CtEvent.assured;
  }
  refresh(entry, packet, direction, timeout);
  return ProtocolVerdict.accept;
}

/**
 * The client of a synproxy is established, and asks whether its server is there, which has not answered yet: the number before
 * the one that it is to go on with.
 */
function isKeptAlive(
  entry: ConnectionEntry,
  tcp: TcpState,
  packet: TrackedPacket,
  direction: Direction,
  segment: Segment,
): boolean {
  if (!entry.proxied || tcp.state !== TcpConnState.synSent || segment !== Segment.ack) return false;
  if (direction !== Direction.original || tcp.lastDirection !== Direction.original) return false;
  return ((tcp.original.end - 1) | 0) === i32(packet.data, packet.transport + Tcp.sequence);
}

/** ns that a connection is kept after a segment that was accepted. */
export function timeoutOf(
  tcp: TcpState,
  next: TcpConnState,
  segment: Segment,
  settings: ConntrackSettings,
): number {
  const timeout = settings.tcp[next];
  const unacknowledged = (tcp.side(0).flags | tcp.side(1).flags) & TcpFlagBit.dataUnacknowledged;
  if (tcp.retransmissions >= settings.tcpMaxRetransmissions && timeout > settings.tcpRetransmission)
    return settings.tcpRetransmission;
  if (segment === Segment.rst) return settings.tcp[TcpConnState.close];
  if (unacknowledged && timeout > settings.tcpUnacknowledged) return settings.tcpUnacknowledged;
  if (tcp.lastWindow === 0 && timeout > settings.tcpRetransmission) return settings.tcpRetransmission;
  return timeout;
}

/** FIN or RST out of window from both sides: the entry is not kept for days (`nf_tcp_handle_invalid()`). */
function noteInvalidEnd(
  entry: ConnectionEntry,
  tcp: TcpState,
  direction: Direction,
  segment: Segment,
  settings: ConntrackSettings,
  now: number,
): void {
  if (!entry.has(CtStatus.assured) || entry.has(CtStatus.fixedTimeout)) return;
  if (segment !== Segment.rst && segment !== Segment.fin) return;
  const ended = tcp.lastSegment === Segment.fin || tcp.lastSegment === Segment.rst;
  if (tcp.lastDirection !== direction && ended) {
    if (entry.expires - now < 120e9) return;
    entry.expires = Math.min(entry.expires, now + settings.tcpUnacknowledged);
  } else {
    tcp.lastSegment = segment;
    tcp.lastDirection = direction;
  }
}

/**
 * REJECT with tcp-reset ends a confirmed connection: `nf_conntrack_tcp_set_closing()`.
 * @param timeout ns that a closed connection is kept
 */
export function setClosing(entry: ConnectionEntry, now: number, timeout: number): void {
  const tcp = entry.tcpState();
  if (!entry.confirmed || !tcp) return;
  const old = tcp.state;
  tcp.state = TcpConnState.close;
  entry.keepTcp(tcp);
  if (old === TcpConnState.close || entry.has(CtStatus.fixedTimeout)) return;
  entry.expires = now + timeout;
  entry.events |= CtEvent.protoinfo;
}
