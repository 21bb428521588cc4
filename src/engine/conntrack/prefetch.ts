import type { ConnectionTable } from './table.js';
import { NOWHERE } from './rows.js';

/** Packets that are looked up together. */
export const TOGETHER = 16;

/**
 * Brings the connections of packets that are soon to be run into the CPU's cache. Those of a busy host fill more memory than
 * caches hold, and one look-up waits for memory three or four times, one after the other; those of several packets wait
 * side by side. Nothing is changed, and nothing is decided here.
 */
export class Prefetch {
  private readonly slots = new Int32Array(TOGETHER);
  private readonly rows = new Int32Array(TOGETHER);
  private count = 0;
  /** What was read, so that reading it is not left out. */
  sum = 0;

  constructor(private readonly table: ConnectionTable) {}

  /** @param hash of the tuple of a packet; TOGETHER at most between two looks */
  add(hash: number): void {
    this.slots[this.count++] = this.table.slotOf(hash);
  }

  look(): void {
    const { table, slots, rows, count } = this;
    for (let i = 0; i < count; i++) rows[i] = table.rowAt(slots[i]);
    let { sum } = this;
    for (let i = 0; i < count; i++) if (rows[i] !== NOWHERE) sum ^= table.rows.touch(rows[i]);
    // Packets of steady flows ask for no more than the row.
    for (let i = 0; i < count; i++)
      if (rows[i] !== NOWHERE && !table.rows.isSteady(rows[i])) sum ^= table.rows.owner(rows[i]).status;
    this.sum = sum | 0;
    this.count = 0;
  }
}
