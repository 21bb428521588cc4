import { i32, setU16, setU32, u16 } from '../../packet/bytes.js';
import { isOffloaded, replaceLong } from '../../packet/checksum.js';
import type { Packet } from '../../packet/packet.js';
import { timestampsOffset } from '../../packet/tcpOptions.js';
import { Tcp } from '../../packet/transport.js';
import { Direction } from '../../rules/connection.js';
import type { ConnectionEntry } from '../conntrack/entry.js';
import { restoreSequences } from '../conntrack/sequenceOffsets.js';

/**
 * Shows the client the clock that it was shown at first, and the server its own: `synproxy_tstamp_adjust()`.
 * @param offset how far the server's clock is ahead of what the client sees
 */
export function adjustClock(packet: Packet, direction: Direction, offset: number): void {
  if (offset === 0) return;
  const at = timestampsOffset(packet);
  if (at === 0) return;
  const isPartial = isOffloaded(packet);
  const data = packet.own();
  const field = direction === Direction.reply ? at : at + 4;
  const before = i32(data, field);
  const now = (direction === Direction.reply ? before - offset : before + offset) | 0;
  setU32(data, field, now);
  const sum = packet.transport + Tcp.checksum;
  if (!isPartial) setU16(data, sum, replaceLong(u16(data, sum), before, now));
}

/** Gives a segment that was seen behind the hooks the numbers and the clock that it had before them. */
export function restoreNumbers(packet: Packet, entry: ConnectionEntry, direction: Direction): void {
  const { sequenceOffsets, proxied } = entry;
  if (sequenceOffsets) restoreSequences(packet, sequenceOffsets, direction);
  if (proxied) adjustClock(packet, direction, -proxied.clockOffset);
}
