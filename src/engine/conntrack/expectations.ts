import type { IpAddress } from '../../address/ip.js';
import { Protocol } from '../../packet/numbers.js';
import { Direction, opposite, type Tuple } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';
import { zoneIn, type Zone } from './table.js';

/** Whence a connection may come: which bits of the source address count, and whether its port does (`exp->mask.src`). */
export interface SourceMask {
  readonly s0: number;
  readonly s1: number;
  readonly s2: number;
  readonly s3: number;
  readonly port: boolean;
}

/** From one address, by any port. */
export const FROM_ADDRESS: SourceMask = { s0: -1, s1: -1, s2: -1, s3: -1, port: false };
/** From one address and port. */
export const FROM_PORT: SourceMask = { ...FROM_ADDRESS, port: true };
/** From anywhere. */
export const FROM_ANYWHERE: SourceMask = { s0: 0, s1: 0, s2: 0, s3: 0, port: false };

/** A class of expectations of a helper: `struct nf_conntrack_expect_policy`. */
export interface ExpectPolicy {
  /** How many of it a connection may have at a time; a new one takes the place of the oldest. */
  readonly most: number;
  readonly seconds: number;
}

/** How a connection that comes is translated as its master is: `exp->dir`, `exp->saved_proto`. */
export interface Follow {
  /** The direction of the master that it goes. */
  readonly direction: Direction;
  /** Behind the translation; null: as it is. */
  readonly port: number | null;
  /** The one that it comes from then; of PPTP a call id. */
  readonly sourcePort?: number | null;
  /** It is of a SIP call: whom it is for (`exp->saved_addr`), and whether it is media. */
  readonly call?: { readonly address: IpAddress; readonly isMedia: boolean };
}

/** A connection that is to come: `struct nf_conntrack_expect`. */
export interface Expectation {
  readonly master: ConnectionEntry;
  /** Whence, where to, with which protocol and ports. */
  readonly tuple: Tuple;
  readonly from: SourceMask;
  /** null: nobody counts it (an object of nft). */
  readonly policy: ExpectPolicy | null;
  /** ns since capture start. */
  expires: number;
  /** ns since capture start; `add` says it. */
  madeAt?: number;
  /** It is met again and again: `NF_CT_EXPECT_PERMANENT`. */
  readonly permanent?: boolean;
  /** Not met yet: `NF_CT_EXPECT_INACTIVE`. */
  inactive?: boolean;
  /** The helper that the connection gets. */
  readonly helper?: string | null;
  readonly follow?: Follow | null;
  /** A connection has met it: `exp->expectfn`. */
  readonly onMet?: () => void;
}

/** What became of one. Already: the very same is waited for by another connection, or as one of another class. */
export type Expected = 'made' | 'already' | 'busy' | 'refused';

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

  /**
   * `nf_ct_expect_related()`.
   * @param sharing another connection may wait for the same (`NF_CT_EXP_F_SKIP_MASTER`)
   */
  add(made: Expectation, now: number, sharing = false): Expected {
    const { master, policy } = made;
    const key = keyOf(made.tuple);
    for (const rival of this.alive(key, now)) {
      if (zoneIn(rival.master, 0) !== zoneIn(master, 0)) continue;
      if ((sharing || rival.master === master) && isSame(rival, made)) {
        if (rival.policy !== policy || rival.master !== master) return 'already';
        this.remove(rival);
        break;
      } else if (clashes(rival, made)) return 'busy';
    }
    if (policy) this.makeRoom(master, policy, now);
    if (this.count >= MOST) this.sweep(now);
    if (this.count >= MOST) return 'refused';
    this.count++;
    made.madeAt = now;
    const list = this.byTarget.get(key);
    if (list) list.unshift(made);
    else this.byTarget.set(key, [made]);
    const own = this.byMaster.get(master);
    if (own) own.add(made);
    else this.byMaster.set(master, new Set([made]));
    return 'made';
  }

  /** `evict_oldest_expect()`. */
  private makeRoom(master: ConnectionEntry, policy: ExpectPolicy, now: number): void {
    const same = this.own(master, now).filter((one) => one.policy === policy);
    if (same.length >= policy.most) this.remove(same[0]);
  }

  /** Those of a connection, the oldest first. */
  own(master: ConnectionEntry, now: number): readonly Expectation[] {
    return [...(this.byMaster.get(master) ?? [])].filter((one) => isAlive(one, now));
  }

  /** The expectation that a connection of these ends would meet, met yet or not: `__nf_ct_expect_find()`. */
  find(tuple: Tuple, zone: Zone, now: number): Expectation | null {
    return this.alive(keyOf(tuple), now).find((one) => meets(one, tuple, zone)) ?? null;
  }

  /** The expectation of a connection that has these ends once it is translated as its master is (`nf_nat_follow_master()`). */
  behind(seen: Tuple, now: number): Expectation | null {
    for (const [master, all] of this.byMaster)
      for (const one of all) {
        if (!one.follow || one.follow.port !== seen.destinationPort || !isAlive(one, now)) continue;
        const { source, destination } = master.tuple(opposite(one.follow.direction));
        if (destination.equals(seen.source) && source.equals(seen.destination)) return one;
      }
    return null;
  }

  /** The expectation that a new connection meets (`nf_ct_find_expectation()`). */
  take(tuple: Tuple, zone: Zone, now: number): Expectation | null {
    const met = this.alive(keyOf(tuple), now).find((one) => !one.inactive && meets(one, tuple, zone));
    if (!met?.master.confirmed) return null;
    if (!met.permanent) this.remove(met);
    return met;
  }

  /** `nf_ct_unexpect_related()`. */
  remove(one: Expectation): void {
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

function isAlive({ expires, master, madeAt }: Expectation, now: number): boolean {
  if (expires <= now || master.dead) return false;
  // The packet that made it got no further, and with it went the connection.
  if (!master.confirmed) return madeAt === now;
  return master.expires + COLLECTED > now;
}

/** `nf_ct_tuple_mask_cmp()`; the destinations are alike. */
function comesFrom({ s0, s1, s2, s3, port }: SourceMask, wanted: Tuple, tuple: Tuple): boolean {
  return (
    ((wanted.s0 ^ tuple.s0) & s0) === 0 &&
    ((wanted.s1 ^ tuple.s1) & s1) === 0 &&
    ((wanted.s2 ^ tuple.s2) & s2) === 0 &&
    ((wanted.s3 ^ tuple.s3) & s3) === 0 &&
    (!port || wanted.sourcePort === tuple.sourcePort)
  );
}

function meets({ tuple: wanted, from, master }: Expectation, tuple: Tuple, zone: Zone): boolean {
  return comesFrom(from, wanted, tuple) && zoneIn(master, 0) === zoneIn(zone, 0);
}

/** `expect_matches()`. */
function isSame(a: Expectation, b: Expectation): boolean {
  const { from: f, tuple } = a;
  const { from: g } = b;
  const alike = f.s0 === g.s0 && f.s1 === g.s1 && f.s2 === g.s2 && f.s3 === g.s3 && f.port === g.port;
  return alike && tuple.equals(b.tuple);
}

/** Some connection would meet both: `expect_clash()`. */
function clashes(a: Expectation, b: Expectation): boolean {
  const { from: f } = a;
  const { from: g } = b;
  const both = { s0: f.s0 & g.s0, s1: f.s1 & g.s1, s2: f.s2 & g.s2, s3: f.s3 & g.s3 };
  return comesFrom({ ...both, port: f.port && g.port }, a.tuple, b.tuple);
}

function keyOf({ version, protocol, d0, d1, d2, d3, destinationPort }: Tuple): string {
  return [version, protocol, d0, d1, d2, d3, destinationPort].join(' ');
}
