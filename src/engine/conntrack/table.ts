import { CtStatus, Direction, type Tuple } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';
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
  /** By slot: the tuple's hash with the direction as its lowest bit, and whose tuple it is. */
  private hashes = new Int32Array(SLOTS);
  private owners = new Array<ConnectionEntry | null>(SLOTS).fill(null);
  /** 32 less the bits of a slot's number. */
  private shift = 22;
  private count = 0;
  private first: ConnectionEntry | null = null;
  private last: ConnectionEntry | null = null;
  /** At this size what has expired is looked for. */
  private collectAt = FEW;
  private readonly found: { entry: ConnectionEntry; direction: Direction } = {
    entry: null as unknown as ConnectionEntry,
    direction: Direction.original,
  };
  /** Who wants to know of an entry that ends. */
  onDestroy: (entry: ConnectionEntry) => void = () => undefined;

  /** In the order in which they were confirmed. */
  *entries(): Iterable<ConnectionEntry> {
    let next: ConnectionEntry | null;
    for (let entry = this.first; entry; entry = next) {
      next = entry.newer;
      yield entry;
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
    const { hashes, owners } = this;
    const mask = hashes.length - 1;
    const hash = hashTuple(tuple);
    for (let at = this.slotOf(hash); ; at = (at + 1) & mask) {
      const entry = owners[at];
      if (entry === null) return null;
      if ((hashes[at] ^ hash) & ~1) continue;
      const direction = (hashes[at] & 1) as Direction;
      if (!entry.tuple(direction).equals(tuple) || zoneIn(entry, direction) !== zoneIn(zone, direction))
        continue;
      if (entry.expires <= now) {
        this.destroy(entry);
        return null;
      }
      this.found.entry = entry;
      this.found.direction = direction;
      return this.found;
    }
  }

  insert(entry: ConnectionEntry, now: number): void {
    if (this.count >= this.collectAt) {
      this.collect(now);
      this.collectAt = Math.max(FEW, 2 * this.count);
    }
    if (4 * (this.count + 1) > this.hashes.length) this.grow();
    entry.status |= CtStatus.confirmed;
    entry.older = this.last;
    if (this.last) this.last.newer = entry;
    else this.first = entry;
    this.last = entry;
    entry.listed = true;
    this.count++;
    this.placeBoth(entry);
  }

  /** A tuple that is its own inverse is found as the reply: `__nf_conntrack_hash_insert()` puts that in front. */
  private placeBoth(entry: ConnectionEntry): void {
    this.place(entry, Direction.reply, hashTuple(entry.reply));
    this.place(entry, Direction.original, hashTuple(entry.original));
  }

  private slotOf(hash: number): number {
    return Math.imul(hash >>> 1, 0x9e3779b1) >>> this.shift;
  }

  private place(entry: ConnectionEntry, direction: Direction, hash: number): void {
    const mask = this.hashes.length - 1;
    let at = this.slotOf(hash);
    while (this.owners[at] !== null) at = (at + 1) & mask;
    this.owners[at] = entry;
    this.hashes[at] = (hash & ~1) | direction;
  }

  private grow(): void {
    const slots = 2 * this.hashes.length;
    this.hashes = new Int32Array(slots);
    this.owners = new Array<ConnectionEntry | null>(slots).fill(null);
    this.shift--;
    for (const entry of this.entries()) this.placeBoth(entry);
  }

  /** Ends an entry: `nf_ct_kill()`. */
  destroy(entry: ConnectionEntry): void {
    if (entry.dead) return;
    entry.dead = true;
    entry.status |= CtStatus.dying;
    if (!entry.listed) return;
    entry.listed = false;
    this.count--;
    if (entry.older) entry.older.newer = entry.newer;
    else this.first = entry.newer;
    if (entry.newer) entry.newer.older = entry.older;
    else this.last = entry.older;
    this.remove(entry, Direction.original);
    this.remove(entry, Direction.reply);
    this.onDestroy(entry);
  }

  private remove(entry: ConnectionEntry, direction: Direction): void {
    const { hashes, owners } = this;
    const mask = hashes.length - 1;
    const hash = (hashTuple(entry.tuple(direction)) & ~1) | direction;
    let hole = this.slotOf(hash);
    while (owners[hole] !== entry || hashes[hole] !== hash) hole = (hole + 1) & mask;
    // What stands behind the hole, and could stand in it, moves there: no search stops too early then.
    for (let at = (hole + 1) & mask; owners[at] !== null; at = (at + 1) & mask) {
      const home = this.slotOf(hashes[at]);
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      hashes[hole] = hashes[at];
      owners[hole] = owners[at];
      hole = at;
    }
    owners[hole] = null;
  }

  /** Removes what has expired, so that memory follows the live connections: `gc_worker()`. */
  collect(now: number): void {
    for (const entry of this.entries()) if (entry.expires <= now) this.destroy(entry);
  }
}
