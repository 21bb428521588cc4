import { u32 } from '../../../packet/bytes.js';
import { Protocol } from '../../../packet/numbers.js';
import type { Packet } from '../../../packet/packet.js';
import { payloadOffset, replaceText } from '../../../packet/payload.js';
import { Tcp } from '../../../packet/transport.js';
import { CtStatus, type Direction } from '../../../rules/connection.js';
import type { ConnectionEntry } from '../entry.js';
import { restoreSequences } from '../sequenceOffsets.js';
import { helperFor } from './index.js';

/**
 * Gives a packet that was seen to leave the payload and sequence numbers which its sender gave it: what a helper has done to
 * it is undone. Its addresses are the sender's already. A port that was taken, and another drawn for it, stays as it was seen.
 */
export function undoHelp(packet: Packet, entry: ConnectionEntry, direction: Direction): void {
  const { sequenceOffsets, helper: name } = entry;
  if (packet.protocol === Protocol.tcp && sequenceOffsets)
    restoreSequences(packet, sequenceOffsets, direction);
  if (name === null || !entry.has(CtStatus.srcNat | CtStatus.dstNat)) return;
  const { data, length, transport } = packet;
  const from = payloadOffset(packet);
  if (from >= length || data.length < length) return;
  const sequence = packet.protocol === Protocol.tcp ? u32(data, transport + Tcp.sequence) : 0;
  const said = helperFor(name, packet.protocol)?.undo?.(
    data.subarray(from, length),
    sequence,
    entry,
    direction,
  );
  if (said) replaceText(packet, from + said.from, from + said.to, said.text);
}
