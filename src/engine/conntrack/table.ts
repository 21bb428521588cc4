import { CtStatus, Direction, type Tuple } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';
import { hashTuple } from './tuple.js';

interface Node {
  readonly entry: ConnectionEntry;
  readonly direction: Direction;
  readonly tuple: Tuple;
  next: Node | null;
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
  find(tuple: Tuple, zone: number, now: number): Found | null {
    for (let node = this.buckets.get(hashTuple(tuple)) ?? null; node; node = node.next) {
      if (node.entry.zone !== zone || !node.tuple.equals(tuple)) continue;
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
