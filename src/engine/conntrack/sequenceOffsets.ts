import { i32, setU16, setU32, u16, u8 } from '../../packet/bytes.js';
import { isOffloaded, replaceLong } from '../../packet/checksum.js';
import type { Packet } from '../../packet/packet.js';
import { Tcp, TcpFlag, TcpOption } from '../../packet/transport.js';
import { CtStatus, type Direction, opposite } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';

/**
 * How many bytes more than its sender knows of a direction has had, up to a sequence number and behind it: `struct
 * nf_ct_seqadj`. The number is one of the sender's.
 */
export interface SequenceOffset {
  readonly position: number;
  readonly before: number;
  readonly after: number;
}

/** By direction. */
export type SequenceOffsets = [SequenceOffset, SequenceOffset];

const NONE: SequenceOffset = { position: 0, before: 0, after: 0 };

/** Whether sequence number a stands behind b, modulo 2^32. */
function isAfter(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

function offsetsOf(entry: ConnectionEntry): SequenceOffsets {
  entry.status |= CtStatus.seqAdjust;
  return (entry.sequenceOffsets ??= [NONE, NONE]);
}

/**
 * A segment that begins at `sequence` got another length; what was sent again is noted once: `nf_ct_seqadj_set()`.
 * @param more bytes, less than 0 where it has become shorter
 */
export function noteLength(
  entry: ConnectionEntry,
  direction: Direction,
  sequence: number,
  more: number,
): void {
  if (more === 0) return;
  const offsets = offsetsOf(entry);
  const { position, before, after } = offsets[direction];
  if (before === after || isAfter(sequence, position))
    offsets[direction] = { position: sequence, before: after, after: after + more };
}

/** All of a direction's sequence numbers are others on the far side: `nf_ct_seqadj_init()`. */
export function shiftSequences(entry: ConnectionEntry, direction: Direction, by: number): void {
  if (by !== 0) offsetsOf(entry)[direction] = { position: 0, before: by, after: by };
}

/** What has been added to a direction's sequence number: `nf_ct_seq_offset()`. */
export function offsetAt(entry: ConnectionEntry, direction: Direction, sequence: number): number {
  const { sequenceOffsets } = entry;
  return sequenceOffsets ? addedTo(sequence, sequenceOffsets[direction]) : 0;
}

function addedTo(sequence: number, { position, before, after }: SequenceOffset): number {
  return isAfter(sequence, position) ? after : before;
}

function there(sequence: number, offset: SequenceOffset): number {
  return (sequence + addedTo(sequence, offset)) | 0;
}

/** What the far side of a direction says of it, as its sender would: an acknowledgement, the edge of a SACK block. */
function back(sequence: number, offset: SequenceOffset): number {
  return (sequence - addedTo(sequence - offset.before, offset)) | 0;
}

/**
 * Gives a segment the sequence and acknowledgement numbers of the side that it goes to: `nf_ct_seq_adjust()`. Like the
 * kernel it does so to an ICMP error, too, which has something else there.
 * @returns false where the kernel drops the packet: its options are broken
 */
export function adjustSequences(packet: Packet, offsets: SequenceOffsets, direction: Direction): boolean {
  const own = offsets[direction];
  const far = offsets[opposite(direction)];
  return renumber(
    packet,
    (sequence) => there(sequence, own),
    (edge) => back(edge, far),
  );
}

/** The same the other way round: the numbers of the side that a segment came from. */
export function restoreSequences(packet: Packet, offsets: SequenceOffsets, direction: Direction): void {
  const own = offsets[direction];
  const far = offsets[opposite(direction)];
  renumber(
    packet,
    (sequence) => back(sequence, own),
    (edge) => there(edge, far),
  );
}

function renumber(
  packet: Packet,
  own: (sequence: number) => number,
  far: (sequence: number) => number,
): boolean {
  const { transport } = packet;
  if (packet.length < transport + Tcp.minimumLength) return false;
  const isPartial = isOffloaded(packet);
  const data = packet.own();
  const end = transport + (u8(data, transport + Tcp.dataOffset) >> 4) * 4;
  const set = (at: number, value: number): void => {
    const was = i32(data, at);
    if (was === value) return;
    const field = transport + Tcp.checksum;
    if (!isPartial) setU16(data, field, replaceLong(u16(data, field), was, value));
    setU32(data, at, value);
  };
  set(transport + Tcp.sequence, own(i32(data, transport + Tcp.sequence)));
  if (!(u8(data, transport + Tcp.flags) & TcpFlag.ack)) return true;
  const acknowledgment = transport + Tcp.acknowledgment;
  set(acknowledgment, far(i32(data, acknowledgment)));
  if (packet.length < end) return false;
  for (let at = transport + Tcp.minimumLength; at < end;) {
    const kind = u8(data, at);
    if (kind === TcpOption.end) return true;
    if (kind === TcpOption.nop) {
      at++;
      continue;
    }
    const length = u8(data, at + 1);
    if (at + 1 === end || at + length > end || length < 2) return false;
    if (kind === TcpOption.sack && length >= 10 && (length - 2) % 8 === 0)
      for (let edge = at + 2; edge < at + length; edge += 4) set(edge, far(i32(data, edge)));
    at += length;
  }
  return true;
}
