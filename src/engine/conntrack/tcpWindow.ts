import { i32, u16, u8 } from '../../packet/bytes.js';
import { forEachTcpOption, MAX_SCALE } from '../../packet/tcpOptions.js';
import { Tcp, TcpFlag, TcpOption } from '../../packet/transport.js';
import { Direction } from '../../rules/connection.js';
import { Segment, TcpConnState, TcpFlagBit, type TcpSide, type TcpState } from './tcpState.js';

/** Where a segment stands: as in a Packet. */
export interface SegmentBytes {
  /** From the network header on. */
  readonly data: Uint8Array;
  readonly transport: number;
  /** Bytes on the wire, from the network header on. */
  readonly length: number;
}

/** Sequence number a stands before b, modulo 2^32 (RFC 9293 section 3.4). */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

/** One past the last sequence number that the segment takes: SYN and FIN take one each. */
export function segmentEnd(packet: SegmentBytes): number {
  const { data, transport } = packet;
  const flags = u8(data, transport + Tcp.flags);
  const header = (u8(data, transport + Tcp.dataOffset) >> 4) * 4;
  const payload = packet.length - transport - header;
  return (
    (i32(data, transport + Tcp.sequence) +
      payload +
      (flags & TcpFlag.syn ? 1 : 0) +
      (flags & TcpFlag.fin ? 1 : 0)) |
    0
  );
}

/** Notes the options of a SYN: window scale and SACK permitted (`tcp_options()`). */
export function readSynOptions(packet: SegmentBytes, side: TcpSide): void {
  const { data, transport } = packet;
  side.scale = 0;
  side.flags &= TcpFlagBit.beLiberal;
  forEachTcpOption(packet, (kind, length, at) => {
    if (kind === TcpOption.sackPermitted && length === 2) side.flags |= TcpFlagBit.sackPermitted;
    else if (kind === TcpOption.windowScale && length === 3) {
      side.scale = Math.min(u8(data, transport + at + 2), MAX_SCALE);
      side.flags |= TcpFlagBit.windowScale;
    }
  });
}

/** The highest right edge of the SACK blocks, or `ack` where none is beyond (`tcp_sack()`). */
function highestSack(packet: SegmentBytes, ack: number): number {
  const { data, transport } = packet;
  if (!mayHaveSack(packet)) return ack;
  let highest = ack;
  forEachTcpOption(packet, (kind, length, at) => {
    if (kind !== TcpOption.sack || length < 10 || (length - 2) % 8 !== 0) return;
    for (let block = at + 2; block < at + length; block += 8) {
      const edge = i32(data, transport + block + 4);
      if (after(edge, highest)) highest = edge;
    }
  });
  return highest;
}

/** False for a header without options, and for the most common options: a timestamp, aligned as RFC 7323 appendix A has it. */
function mayHaveSack({ data, transport }: SegmentBytes): boolean {
  const words = u8(data, transport + Tcp.dataOffset) >> 4;
  if (words === 5) return false;
  return words !== 8 || i32(data, transport + Tcp.minimumLength) !== ALIGNED_TIMESTAMP;
}

/** NOP, NOP, timestamps, their length of 10. */
const ALIGNED_TIMESTAMP = 0x0101080a;

/** Below this a window is taken to be this large when ACKs from the past are judged (MAXACKWINCONST). */
const ACK_WINDOW = 66_000;

/** What the window says of a segment; `ignored` passes but changes nothing, `invalid` makes the packet INVALID. */
export type WindowVerdict = 'accepted' | 'ignored' | 'invalid';

/** A SYN or SYN+ACK tells the sender's window from scratch (`tcp_init_sender()`). */
function initialiseSender(
  sender: TcpSide,
  receiver: TcpSide,
  packet: SegmentBytes,
  end: number,
  window: number,
  direction: Direction,
): void {
  sender.end = sender.maxEnd = end;
  sender.maxWindow = window === 0 ? 1 : window;
  readSynOptions(packet, sender);
  // RFC 7323 section 2.2: scaling is on only where both sides offered it.
  if (
    direction === Direction.reply &&
    !(sender.flags & TcpFlagBit.windowScale && receiver.flags & TcpFlagBit.windowScale)
  ) {
    sender.scale = 0;
    receiver.scale = 0;
  }
}

/**
 * Judges a segment by the four bounds of Guido van Rooij's "Real stateful TCP packet filtering", and moves the
 * window: `tcp_in_window()` (net/netfilter/nf_conntrack_proto_tcp.c).
 * @param farOffset what was added to the sequence numbers that the segment acknowledges, on their way to its sender
 */
export function judgeWindow(
  state: TcpState,
  packet: SegmentBytes,
  direction: Direction,
  segment: Segment,
  liberal: boolean,
  farOffset = 0,
): WindowVerdict {
  const { data, transport } = packet;
  const sender = state.side(direction);
  const receiver = state.side(1 - direction);
  const flags = u8(data, transport + Tcp.flags);
  const syn = (flags & TcpFlag.syn) !== 0;
  let sequence = i32(data, transport + Tcp.sequence);
  let ack = i32(data, transport + Tcp.acknowledgment);
  let end = segmentEnd(packet);
  const rawWindow = u16(data, transport + Tcp.window);
  let sack = receiver.flags & TcpFlagBit.sackPermitted ? highestSack(packet, ack) : ack;
  if (farOffset !== 0) {
    ack = (ack - farOffset) | 0;
    sack = (sack - farOffset) | 0;
  }
  const be = (verdict: WindowVerdict): WindowVerdict =>
    liberal || sender.flags & TcpFlagBit.beLiberal ? 'accepted' : verdict;

  if (sender.maxWindow === 0) {
    if (syn) {
      initialiseSender(sender, receiver, packet, end, rawWindow, direction);
      if (!(flags & TcpFlag.ack)) return 'accepted';
    } else {
      // Picked up in the middle: the packet itself is all that is known.
      sender.end = end;
      const scaled = rawWindow * 2 ** sender.scale;
      sender.maxWindow = scaled === 0 ? 1 : scaled;
      sender.maxEnd = (end + sender.maxWindow) | 0;
      if (receiver.maxWindow === 0) receiver.end = receiver.maxEnd = sack;
      else if (sack === ((receiver.end + 1) | 0)) receiver.end = (receiver.end + 1) | 0;
    }
  } else if (
    syn &&
    after(end, sender.end) &&
    (state.state === TcpConnState.synSent || state.state === TcpConnState.synRecv)
  ) {
    initialiseSender(sender, receiver, packet, end, rawWindow, direction);
    if (direction === Direction.reply && !(flags & TcpFlag.ack)) return 'accepted';
  }

  if (!(flags & TcpFlag.ack) || (flags & TcpFlag.rst && ack === 0)) ack = sack = receiver.end;
  // An RST that answers a SYN has no sequence number of its own.
  if (flags & TcpFlag.rst && sequence === 0 && state.state === TcpConnState.synSent)
    sequence = end = sender.end;

  const ackWindow = Math.max(sender.maxWindow, ACK_WINDOW);
  const lowestAck = (receiver.end - ackWindow - 1) | 0;
  const lowestEnd = (sender.end - receiver.maxWindow - 1) | 0;
  const ackSeen = before(sack, (receiver.end + 1) | 0);
  if (!before(sequence, (sender.maxEnd + 1) | 0)) {
    const overshot = (end - sender.maxEnd + 1) >>> 0;
    const onlySequence =
      receiver.maxWindow !== 0 &&
      after(end, lowestEnd) &&
      after(sack, lowestAck) &&
      overshot <= receiver.maxWindow &&
      ackSeen;
    if (!onlySequence) return be('invalid');
    sender.end = end;
    sender.flags |= TcpFlagBit.dataUnacknowledged;
    return be('ignored');
  }
  if (!ackSeen) return be('invalid');
  if (receiver.maxWindow !== 0 && !after(end, lowestEnd)) return be('ignored');
  if (!after(sack, lowestAck)) return be('ignored');

  const window = syn ? rawWindow : rawWindow * 2 ** sender.scale;
  const offered = window + ((sack - ack) >>> 0);
  if (sender.maxWindow < offered) sender.maxWindow = offered;
  if (after(end, sender.end)) {
    sender.end = end;
    sender.flags |= TcpFlagBit.dataUnacknowledged;
  }
  if (flags & TcpFlag.ack) {
    if (!(sender.flags & TcpFlagBit.maxAckSet)) {
      sender.maxAck = ack;
      sender.flags |= TcpFlagBit.maxAckSet;
    } else if (after(ack, sender.maxAck)) sender.maxAck = ack;
  }
  if (receiver.maxWindow !== 0 && after(end, sender.maxEnd))
    receiver.maxWindow += (end - sender.maxEnd) >>> 0;
  if (after((sack + window) | 0, (receiver.maxEnd - 1) | 0)) {
    receiver.maxEnd = (sack + window) | 0;
    if (window === 0) receiver.maxEnd = (receiver.maxEnd + 1) | 0;
  }
  if (ack === receiver.end) receiver.flags &= ~TcpFlagBit.dataUnacknowledged;

  if (segment === Segment.ack) {
    if (
      state.lastDirection === direction &&
      state.lastSequence === sequence &&
      state.lastAck === ack &&
      state.lastEnd === end &&
      state.lastWindow === rawWindow
    )
      state.retransmissions++;
    else {
      state.lastDirection = direction;
      state.lastSequence = sequence;
      state.lastAck = ack;
      state.lastEnd = end;
      state.lastWindow = rawWindow;
      state.retransmissions = 0;
    }
  }
  return 'accepted';
}
