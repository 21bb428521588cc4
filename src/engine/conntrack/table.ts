import { CtStatus, Direction, type Tuple } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';
import { hashTuple } from './tuple.js';

interface Node {
  readonly entry: ConnectionEntry;
  readonly direction: Direction;
  readonly tuple: Tuple;
  next: Node | null;
}

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

/** The hash of confirmed connections, each under both of its tuples (`nf_conntrack_hash`). */
export class ConnectionTable {
  private readonly buckets = new Map<number, Node>();
  private readonly live = new Set<ConnectionEntry>();
  /** Who wants to know of an entry that ends. */
  onDestroy: (entry: ConnectionEntry) => void = () => undefined;

  /** In the order in which they were confirmed. */
  entries(): Iterable<ConnectionEntry> {
    return this.live;
  }

  get size(): number {
    return this.live.size;
  }

  /** Finds a live entry; one whose time has passed is removed on the way: `__nf_conntrack_find_get()`. */
  find(tuple: Tuple, zone: Zone, now: number): Found | null {
    for (let node = this.buckets.get(hashTuple(tuple)) ?? null; node; node = node.next) {
      const { direction } = node;
      if (zoneIn(node.entry, direction) !== zoneIn(zone, direction) || !node.tuple.equals(tuple)) continue;
      if (node.entry.expires <= now) {
        this.destroy(node.entry);
        return null;
      }
      return node;
    }
    return null;
  }

  insert(entry: ConnectionEntry): void {
    entry.status |= CtStatus.confirmed;
    this.live.add(entry);
    this.link(entry, Direction.original);
    this.link(entry, Direction.reply);
  }

  private link(entry: ConnectionEntry, direction: Direction): void {
    const tuple = entry.tuple(direction);
    const hash = hashTuple(tuple);
    this.buckets.set(hash, { entry, direction, tuple, next: this.buckets.get(hash) ?? null });
  }

  /** Ends an entry: `nf_ct_kill()`. */
  destroy(entry: ConnectionEntry): void {
    if (entry.dead) return;
    entry.dead = true;
    entry.status |= CtStatus.dying;
    if (!this.live.delete(entry)) return;
    this.unlink(entry, Direction.original);
    this.unlink(entry, Direction.reply);
    this.onDestroy(entry);
  }

  private unlink(entry: ConnectionEntry, direction: Direction): void {
    const hash = hashTuple(entry.tuple(direction));
    let previous: Node | null = null;
    for (let node = this.buckets.get(hash) ?? null; node; previous = node, node = node.next) {
      if (node.entry !== entry || node.direction !== direction) continue;
      if (previous) previous.next = node.next;
      else if (node.next) this.buckets.set(hash, node.next);
      else this.buckets.delete(hash);
      return;
    }
  }

  /** Removes what has expired, so that memory follows the live connections: `gc_worker()`. */
  collect(now: number): void {
    for (const entry of this.live) if (entry.expires <= now) this.destroy(entry);
  }
}
