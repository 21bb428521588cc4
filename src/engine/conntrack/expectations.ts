import { Protocol } from '../../packet/numbers.js';
import { Direction, type Tuple } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';
import { zoneIn, type Zone } from './table.js';

/** A connection that is to come: `struct nf_conntrack_expect`, its source port open. */
export interface Expectation {
  readonly master: ConnectionEntry;
  /** Whence, where to, with which protocol and destination port. */
  readonly tuple: Tuple;
  /** It may come from anywhere. */
  readonly anySource?: boolean;
  /** ns since capture start. */
  readonly expires: number;
  /** How it is translated as its master is: the direction of the master that it goes, and the port behind the translation. */
  readonly follow?: { readonly direction: Direction; readonly port: number } | null;
}

/** Busy: another one waits for the same. Refused: there are too many. */
export type Expected = 'made' | 'busy' | 'refused';

/** Connections between the ends of one that nobody can foresee. */
interface Guess {
  readonly reason: string;
  /** ns since capture start. */
  readonly expires: number;
}

/** nf_conntrack_expect_max as the kernel has it on small hosts (`nf_conntrack_expect_pernet_init()`). */
const MOST = 4096;

/** ns after which an entry that is over is gone at the latest, with what it expected: `gc_worker()`. */
const COLLECTED = 60e9;

/** The expectations in force: net/netfilter/nf_conntrack_expect.c. */
export class Expectations {
  private readonly byTarget = new Map<string, Expectation[]>();
  private readonly byMaster = new Map<ConnectionEntry, Set<Expectation>>();
  private readonly guesses = new Map<string, Guess>();
  private count = 0;

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** How many wait for connections of this one. */
  of(master: ConnectionEntry, now: number): number {
    let count = 0;
    for (const one of this.byMaster.get(master) ?? []) if (isAlive(one, now)) count++;
    return count;
  }

  /**
   * The same for a helper, which waits for so many connections of each master: one more takes the place of the oldest
   * (`__nf_ct_expect_check()`, `evict_oldest_expect()`).
   */
  addForHelper(made: Expectation, most: number, now: number): Expected {
    const { master } = made;
    for (const one of [...this.alive(keyOf(made.tuple), now)])
      if (isSame(one, made)) this.remove(one);
      else if (clashes(one, made)) return 'busy';
    const own = [...(this.byMaster.get(master) ?? [])].filter((one) => isAlive(one, now));
    for (const oldest of own.slice(0, Math.max(0, own.length - most + 1))) this.remove(oldest);
    return this.add(made, now) ? 'made' : 'refused';
  }

  /** A connection between the ends of this one may come, for a reason that a helper has and the capture does not show. */
  guess(master: ConnectionEntry, reason: string, expires: number): void {
    for (const direction of [Direction.original, Direction.reply] as const) {
      const key = endsOf(master.tuple(direction));
      this.guesses.delete(key);
      this.guesses.set(key, { reason, expires });
    }
    if (this.guesses.size > MOST)
      for (const [oldest] of this.guesses) return void this.guesses.delete(oldest);
  }

  /** Why it cannot be told whether a new connection is one that was to come; null: it can. */
  doubtOf(tuple: Tuple, now: number): string | null {
    if (this.guesses.size === 0 || tuple.protocol === Protocol.icmp || tuple.protocol === Protocol.icmpv6)
      return null;
    const guess = this.guesses.get(endsOf(tuple));
    return guess && guess.expires > now ? guess.reason : null;
  }

  /** False: another connection waits for the same, or there are too many (`nf_ct_expect_related()`). */
  add(made: Expectation, now: number): boolean {
    const key = keyOf(made.tuple);
    const rivals = this.alive(key, now);
    const same = rivals.findIndex((one) => meets(one, made.tuple, made.master));
    if (same >= 0 && rivals[same].master !== made.master) return false;
    if (same >= 0) this.remove(rivals[same]);
    if (this.count >= MOST) this.sweep(now);
    if (this.count >= MOST) return false;
    this.count++;
    const list = this.byTarget.get(key);
    if (list) list.push(made);
    else this.byTarget.set(key, [made]);
    const own = this.byMaster.get(made.master);
    if (own) own.add(made);
    else this.byMaster.set(made.master, new Set([made]));
    return true;
  }

  /** The expectation that a new connection meets; it is met once (`nf_ct_find_expectation()`). */
  take(tuple: Tuple, zone: Zone, now: number): Expectation | null {
    const key = keyOf(tuple);
    const waiting = this.alive(key, now);
    const at = waiting.findIndex((one) => meets(one, tuple, zone) && one.master.confirmed);
    if (at < 0) return null;
    const met = waiting[at];
    this.remove(met);
    return met;
  }

  private remove(one: Expectation): void {
    const key = keyOf(one.tuple);
    const list = this.byTarget.get(key);
    const at = list ? list.indexOf(one) : -1;
    if (!list || at < 0) return;
    list.splice(at, 1);
    if (list.length === 0) this.byTarget.delete(key);
    const own = this.byMaster.get(one.master);
    own?.delete(one);
    if (own?.size === 0) this.byMaster.delete(one.master);
    this.count--;
  }

  private sweep(now: number): void {
    for (const own of [...this.byMaster.values()])
      for (const one of own) if (!isAlive(one, now)) this.remove(one);
  }

  /** Those of a target whose time is not over; the others go. */
  private alive(key: string, now: number): readonly Expectation[] {
    const all = this.byTarget.get(key);
    if (!all) return [];
    for (const one of [...all]) if (!isAlive(one, now)) this.remove(one);
    return this.byTarget.get(key) ?? [];
  }
}

/** Of both directions the same. */
function endsOf(tuple: Tuple): string {
  return [tuple.source.toString(), tuple.destination.toString()].sort().join(' ');
}

function isAlive({ expires, master }: Expectation, now: number): boolean {
  if (expires <= now || master.dead) return false;
  return !master.confirmed || master.expires + COLLECTED > now;
}

function meets({ tuple: wanted, master, anySource }: Expectation, tuple: Tuple, zone: Zone): boolean {
  if (zoneIn(master, 0) !== zoneIn(zone, 0)) return false;
  return anySource === true || hasSourceOf(wanted, tuple);
}

function hasSourceOf(a: Tuple, b: Tuple): boolean {
  return a.s0 === b.s0 && a.s1 === b.s1 && a.s2 === b.s2 && a.s3 === b.s3;
}

/** `expect_matches()` of what leads to the same place. */
function isSame(a: Expectation, b: Expectation): boolean {
  if (a.master !== b.master || (a.anySource ?? false) !== (b.anySource ?? false)) return false;
  return a.anySource === true || hasSourceOf(a.tuple, b.tuple);
}

/** Some connection would meet both: `expect_clash()`. */
function clashes(a: Expectation, b: Expectation): boolean {
  return b.anySource === true ? zoneIn(a.master, 0) === zoneIn(b.master, 0) : meets(a, b.tuple, b.master);
}

function keyOf({ version, protocol, d0, d1, d2, d3, destinationPort }: Tuple): string {
  return [version, protocol, d0, d1, d2, d3, destinationPort].join(' ');
}
