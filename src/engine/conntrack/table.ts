import { CtStatus, Direction, Tuple } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';
import { ConnectionRows, NOWHERE } from './rows.js';
import { hashTuple } from './tuple.js';

/** The zone of a packet or an entry: `struct nf_conntrack_zone`. */
export interface Zone {
  readonly zone: number;
  /** Bits by Direction: where it counts; in the other direction the zone is 0. */
  readonly zoneDirections: number;
}

export const DEFAULT_ZONE: Zone = { zone: 0, zoneDirections: 3 };

/** The zone's number in a direction: `nf_ct_zone_id()`. */
export function zoneIn({ zone, zoneDirections }: Zone, direction: Direction): number {
  return zoneDirections & (1 << direction) ? zone : 0;
}

/** What a lookup found. */
export interface Found {
  readonly entry: ConnectionEntry;
  readonly direction: Direction;
}

/** Slots to begin with; a power of two. */
const SLOTS = 1024;
/** Below this many connections nobody looks for those that have expired. */
const FEW = 16_384;

/**
 * The hash of confirmed connections, each under both of its tuples (`nf_conntrack_hash`): open addressing with linear
 * probing (Knuth, TAOCP volume 3, section 6.4, algorithms L and R).
 */
export class ConnectionTable {
  readonly rows = new ConnectionRows();
  /**
   * By slot two words, so that a look-up waits for memory once: the tuple's hash with the direction as its lowest bit, and
   * whose tuple it is: its row, from 1 on.
   */
  private slots = new Int32Array(2 * SLOTS);
  /** 32 less the bits of a slot's number. */
  private shift = 22;
  private count = 0;
  private first = NOWHERE;
  private last = NOWHERE;
  /** At this size what has expired is looked for. */
  private collectAt = FEW;
  private readonly scratch = new Tuple();
  private readonly found: { entry: ConnectionEntry; direction: Direction } = {
    entry: null as unknown as ConnectionEntry,
    direction: Direction.original,
  };
  /** Who wants to know of an entry that ends. */
  onDestroy: (entry: ConnectionEntry) => void = () => undefined;

  /** In the order in which they were confirmed. */
  *entries(): Iterable<ConnectionEntry> {
    let next: number;
    for (let row = this.first; row !== NOWHERE; row = next) {
      next = this.rows.newer(row);
      yield this.rows.owner(row);
    }
  }

  get size(): number {
    return this.count;
  }

  /**
   * Finds a live entry; one whose time has passed is removed on the way: `__nf_conntrack_find_get()`.
   * @returns what is good until the next call
   */
  find(tuple: Tuple, zone: Zone, now: number): Found | null {
    const { slots, rows } = this;
    const mask = slots.length / 2 - 1;
    const hash = hashTuple(tuple);
    for (let at = this.slotOf(hash); ; at = (at + 1) & mask) {
      const row = slots[2 * at + 1] - 1;
      if (row < 0) return null;
      if ((slots[2 * at] ^ hash) & ~1) continue;
      const direction = (slots[2 * at] & 1) as Direction;
      if (!rows.hasTuple(row, direction, tuple)) continue;
      const entry = rows.owner(row);
      if (zoneIn(entry, direction) !== zoneIn(zone, direction)) continue;
      if (rows.expires(row) <= now) {
        this.destroy(entry);
        return null;
      }
      this.found.entry = entry;
      this.found.direction = direction;
      return this.found;
    }
  }

  /**
   * Whose tuple it is: twice its row, and the direction; NOWHERE: nobody's. Of entries of several zones it is any one's,
   * and its time may have passed.
   * @param hash of the tuple
   */
  placeOf(tuple: Tuple, hash: number): number {
    const { slots, rows } = this;
    const mask = slots.length / 2 - 1;
    for (let at = this.slotOf(hash); ; at = (at + 1) & mask) {
      const row = slots[2 * at + 1] - 1;
      if (row < 0) return NOWHERE;
      if ((slots[2 * at] ^ hash) & ~1) continue;
      const direction = (slots[2 * at] & 1) as Direction;
      if (rows.hasTuple(row, direction, tuple)) return 2 * row + direction;
    }
  }

  /** The first slot in which a tuple of this hash may stand. */
  slotOf(hash: number): number {
    return Math.imul(hash >>> 1, 0x9e3779b1) >>> this.shift;
  }

  /** Whose tuple stands in a slot, by its row, not looking whether it is the one asked for; NOWHERE: nobody's. */
  rowAt(slot: number): number {
    return this.slots[2 * slot + 1] - 1;
  }

  insert(entry: ConnectionEntry, now: number): void {
    if (this.count >= this.collectAt) {
      this.collect(now);
      this.collectAt = Math.max(FEW, 2 * this.count);
    }
    if (8 * (this.count + 1) > this.slots.length) this.grow();
    const { rows } = this;
    const row = rows.take(entry);
    entry.status |= CtStatus.confirmed;
    entry.settle(rows, row);
    rows.setOlder(row, this.last);
    rows.setNewer(row, NOWHERE);
    if (this.last === NOWHERE) this.first = row;
    else rows.setNewer(this.last, row);
    this.last = row;
    this.count++;
    this.placeBoth(row);
  }

  /** A tuple that is its own inverse is found as the reply: `__nf_conntrack_hash_insert()` puts that in front. */
  private placeBoth(row: number): void {
    this.place(row, Direction.reply);
    this.place(row, Direction.original);
  }

  /** The tuple's hash as the slots have it. */
  private hashOf(row: number, direction: Direction): number {
    this.rows.readTuple(row, direction, this.scratch);
    return (hashTuple(this.scratch) & ~1) | direction;
  }

  private place(row: number, direction: Direction): void {
    const { slots } = this;
    const mask = slots.length / 2 - 1;
    const hash = this.hashOf(row, direction);
    let at = this.slotOf(hash);
    while (slots[2 * at + 1] !== 0) at = (at + 1) & mask;
    slots[2 * at] = hash;
    slots[2 * at + 1] = row + 1;
  }

  private grow(): void {
    this.slots = new Int32Array(2 * this.slots.length);
    this.shift--;
    for (let row = this.first; row !== NOWHERE; row = this.rows.newer(row)) this.placeBoth(row);
  }

  /** Ends an entry: `nf_ct_kill()`. */
  destroy(entry: ConnectionEntry): void {
    if (entry.dead) return;
    entry.dead = true;
    entry.status |= CtStatus.dying;
    const { rows } = this;
    const { row } = entry;
    if (row === NOWHERE) return;
    this.count--;
    const older = rows.older(row);
    const newer = rows.newer(row);
    if (older === NOWHERE) this.first = newer;
    else rows.setNewer(older, newer);
    if (newer === NOWHERE) this.last = older;
    else rows.setOlder(newer, older);
    this.remove(row, Direction.original);
    this.remove(row, Direction.reply);
    entry.leave();
    rows.release(row);
    this.onDestroy(entry);
  }

  private remove(row: number, direction: Direction): void {
    const { slots } = this;
    const mask = slots.length / 2 - 1;
    const hash = this.hashOf(row, direction);
    let hole = this.slotOf(hash);
    while (slots[2 * hole + 1] !== row + 1 || slots[2 * hole] !== hash) hole = (hole + 1) & mask;
    // What stands behind the hole, and could stand in it, moves there: no search stops too early then.
    for (let at = (hole + 1) & mask; slots[2 * at + 1] !== 0; at = (at + 1) & mask) {
      const home = this.slotOf(slots[2 * at]);
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[2 * hole] = slots[2 * at];
      slots[2 * hole + 1] = slots[2 * at + 1];
      hole = at;
    }
    slots[2 * hole + 1] = 0;
  }

  /** Removes what has expired, so that memory follows the live connections: `gc_worker()`. */
  collect(now: number): void {
    const { rows } = this;
    let next: number;
    for (let row = this.first; row !== NOWHERE; row = next) {
      next = rows.newer(row);
      if (rows.expires(row) <= now) this.destroy(rows.owner(row));
    }
  }
}
