import { CtStatus } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';

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

/** `nf_ct_refresh_acct()`, the timer's part. */
export function refresh(entry: ConnectionEntry, now: number, timeout: number): void {
  if (!entry.has(CtStatus.fixedTimeout)) entry.expires = now + timeout;
}
