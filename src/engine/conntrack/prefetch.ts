import type { Packet } from '../../packet/packet.js';
import { Tuple } from '../../rules/connection.js';
import { NOWHERE } from './rows.js';
import type { ConnectionTable } from './table.js';
import { hashTuple, readTuple } from './tuple.js';

/** Packets that are looked up together. */
export const TOGETHER = 16;

/**
 * Brings the connections of packets that are soon to be run into the CPU's cache. Those of a busy host fill more memory than
 * caches hold, and one look-up waits for memory three or four times, one after the other; those of several packets wait
 * side by side. Nothing is changed, and nothing is decided here.
 */
export class Prefetch {
  private readonly tuple = new Tuple();
  private readonly slots = new Int32Array(TOGETHER);
  private readonly rows = new Int32Array(TOGETHER);
  /** What was read, so that reading it is not left out. */
  sum = 0;

  constructor(private readonly table: ConnectionTable) {}

  /** @param packets TOGETHER at most */
  look(packets: readonly Packet[]): void {
    const { table, tuple, slots, rows } = this;
    const count = packets.length;
    for (let i = 0; i < count; i++) {
      const { data, version, protocol, transport, length } = packets[i];
      const known = readTuple(tuple, data, version, protocol, 0, transport, length);
      slots[i] = known ? table.slotOf(hashTuple(tuple)) : 0;
    }
    for (let i = 0; i < count; i++) rows[i] = table.rowAt(slots[i]);
    let { sum } = this;
    for (let i = 0; i < count; i++) if (rows[i] !== NOWHERE) sum ^= table.rows.touch(rows[i]);
    for (let i = 0; i < count; i++) if (rows[i] !== NOWHERE) sum ^= table.rows.owner(rows[i]).status;
    this.sum = sum | 0;
  }
}
