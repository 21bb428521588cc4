import type { Tuple } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';
import { zoneIn, type Zone } from './table.js';

/** A connection that is to come: `struct nf_conntrack_expect`, its source port open. */
export interface Expectation {
  readonly master: ConnectionEntry;
  /** Whence, where to, with which protocol and destination port. */
  readonly tuple: Tuple;
  /** ns since capture start. */
  readonly expires: number;
}

/** nf_conntrack_expect_max as the kernel has it on small hosts (`nf_conntrack_expect_pernet_init()`). */
const MOST = 4096;

/** The expectations in force: net/netfilter/nf_conntrack_expect.c. */
export class Expectations {
  private readonly byTarget = new Map<string, Expectation[]>();
  private count = 0;

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** How many wait for connections of this one. */
  of(master: ConnectionEntry, now: number): number {
    let count = 0;
    for (const list of this.byTarget.values())
      for (const one of list) if (one.master === master && isAlive(one, now)) count++;
    return count;
  }

  /** False: another connection waits for the same, or there are too many (`nf_ct_expect_related()`). */
  add(made: Expectation, now: number): boolean {
    const key = keyOf(made.tuple);
    const rivals = this.alive(key, now);
    const same = rivals.findIndex((one) => meets(one, made.tuple, made.master));
    if (same >= 0 && rivals[same].master !== made.master) return false;
    if (same >= 0) rivals.splice(same, 1);
    else if (++this.count > MOST) {
      this.count--;
      return false;
    }
    rivals.push(made);
    this.byTarget.set(key, rivals);
    return true;
  }

  /** The expectation that a new connection meets; it is met once (`nf_ct_find_expectation()`). */
  take(tuple: Tuple, zone: Zone, now: number): Expectation | null {
    const key = keyOf(tuple);
    const waiting = this.alive(key, now);
    const at = waiting.findIndex((one) => meets(one, tuple, zone) && one.master.confirmed);
    if (at < 0) return null;
    const [met] = waiting.splice(at, 1);
    this.count--;
    if (waiting.length > 0) this.byTarget.set(key, waiting);
    else this.byTarget.delete(key);
    return met;
  }

  /** Those of a target whose time is not over; the others go. */
  private alive(key: string, now: number): Expectation[] {
    const all = this.byTarget.get(key);
    if (!all) return [];
    const alive = all.filter((one) => isAlive(one, now));
    this.count -= all.length - alive.length;
    if (alive.length > 0) this.byTarget.set(key, alive);
    else this.byTarget.delete(key);
    return alive;
  }
}

function isAlive({ expires, master }: Expectation, now: number): boolean {
  return expires > now && !master.dead;
}

function meets({ tuple: wanted, master }: Expectation, tuple: Tuple, zone: Zone): boolean {
  return (
    wanted.s0 === tuple.s0 &&
    wanted.s1 === tuple.s1 &&
    wanted.s2 === tuple.s2 &&
    wanted.s3 === tuple.s3 &&
    zoneIn(master, 0) === zoneIn(zone, 0)
  );
}

function keyOf({ version, protocol, d0, d1, d2, d3, destinationPort }: Tuple): string {
  return [version, protocol, d0, d1, d2, d3, destinationPort].join(' ');
}
