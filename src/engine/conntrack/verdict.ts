import type { SegmentBytes } from './tcpWindow.js';
import { CtStatus, type Direction } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';

/** A packet of a connection, as far as trackers look at it. */
export interface TrackedPacket extends SegmentBytes {
  readonly protocol: number;
  /** ns since capture start. */
  readonly time: number;
}

/** What a protocol's tracker says of a packet of a connection. */
export const ProtocolVerdict = {
  accept: 'accept',
  /** The packet belongs to no connection: INVALID. */
  invalid: 'invalid',
  /** The entry is over; look the packet up again, it opens a new one. */
  repeat: 'repeat',
  /** The entry ends with this packet. */
  kill: 'kill',
} as const;
export type ProtocolVerdict = (typeof ProtocolVerdict)[keyof typeof ProtocolVerdict];

/**
 * The packet keeps the connection alive, and is counted: `__nf_ct_refresh_acct()`. What passes without being taken
 * for the connection's (a retransmitted SYN, an ignored segment) does neither.
 */
export function refresh(
  entry: ConnectionEntry,
  packet: TrackedPacket,
  direction: Direction,
  timeout: number,
): void {
  if (!entry.has(CtStatus.fixedTimeout)) entry.expires = packet.time + timeout;
  account(entry, packet, direction);
}

/** `nf_ct_acct_update()`. */
export function account(
  entry: ConnectionEntry,
  packet: Pick<TrackedPacket, 'length'>,
  direction: Direction,
): void {
  if (!entry.counted) return;
  entry.packets[direction]++;
  entry.bytes[direction] += packet.length;
}
