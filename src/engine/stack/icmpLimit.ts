import type { IpAddress } from '../../address/ip.js';
import { jiffies, jiffiesOfMilliseconds } from '../../rules/jiffies.js';

/** The bucket holds this many intervals (`XRLIM_BURST_FACTOR`, net/ipv4/inet_peer.c). */
const BURST = 6;
/** ns: a peer of whom nothing is known was last heard of a minute ago (`inet_getpeer()`). */
const FULL = 60e9;
/** Destinations remembered before those whose bucket is full again are forgotten. */
const MANY = 4096;

interface Bucket {
  tokens: number;
  last: number;
}

/** How often each destination gets an ICMP error: `inet_peer_xrlim_allow()`. */
export class PeerLimit {
  private readonly buckets = new Map<string, Bucket>();
  private most = MANY;

  /** @param interval ns between errors to one destination; 0: no limit */
  allows(destination: IpAddress, interval: number, now: number): boolean {
    return interval <= 0 || this.take(destination, interval, BURST * interval, now);
  }

  /**
   * What a packet without a way on costs its sender, before any limit of ICMP and from the same tokens: `ip_error()`
   * (net/ipv4/route.c).
   * @param cost ns
   * @param burst ns that may be saved up
   */
  allowsUnrouted(sender: IpAddress, cost: number, burst: number, now: number): boolean {
    return this.take(sender, cost, burst, now);
  }

  private take(peer: IpAddress, cost: number, burst: number, now: number): boolean {
    const key = peer.toString();
    let bucket = this.buckets.get(key);
    if (!bucket) {
      if (this.buckets.size >= this.most) this.forget(now);
      this.buckets.set(key, (bucket = { tokens: FULL, last: now }));
    }
    bucket.tokens = Math.min(burst, bucket.tokens + now - bucket.last);
    bucket.last = now;
    if (bucket.tokens < cost) return false;
    bucket.tokens -= cost;
    return true;
  }

  /** A full bucket is as good as none. */
  private forget(now: number): void {
    for (const [key, { tokens, last }] of this.buckets)
      if (tokens + now - last >= FULL) this.buckets.delete(key);
    this.most = Math.max(MANY, this.buckets.size * 2);
  }
}

/** The bucket is filled no more often than this (`HZ / 50`), and for one second at most. */
const FILLED_AFTER = 20;
const FILLED_FOR = 1000;
/** How far from its mean the sum of random numbers is taken to be possible, in standard deviations. */
const FAR = 4;

/**
 * How many ICMP messages the host sends at all: `icmp_global_allow()`, `icmp_global_consume()` (net/ipv4/icmp.c). One takes
 * 0, 1 or 2 credits at random, so that how many are left is known to within some only.
 */
export class HostLimit {
  /** As many as are to be expected, of which one a message was taken. */
  private credits = 0;
  /** Messages since the bucket was filled. */
  private sent = 0;
  private filledAt = -Infinity;

  /**
   * @param rate messages a second (net.ipv4.icmp_msgs_per_sec)
   * @param burst net.ipv4.icmp_msgs_burst
   * @returns null: the rules do not tell
   */
  allows(rate: number, burst: number, now: number): boolean | null {
    const spread = FAR * Math.sqrt((2 / 3) * this.sent);
    if (this.credits - spread > 0) return true;
    const waited = Math.min(jiffies(now) - this.filledAt, jiffiesOfMilliseconds(FILLED_FOR));
    const more = Math.floor((rate * waited) / jiffiesOfMilliseconds(FILLED_FOR));
    if (waited >= jiffiesOfMilliseconds(FILLED_AFTER) && more > 0) {
      this.credits = Math.min(Math.max(0, this.credits) + more, burst);
      this.sent = 0;
      this.filledAt = jiffies(now);
      return true;
    }
    return this.credits + spread > 0 ? null : false;
  }

  /** What is left, going by the mean. */
  get isLikely(): boolean {
    return this.credits > 0;
  }

  /** The capture tells that a message was sent, or that it was not. */
  told(wasSent: boolean): void {
    if (wasSent) this.credits = Math.max(this.credits, 1);
    else this.credits = this.sent = 0;
  }

  consume(): void {
    this.credits--;
    this.sent++;
  }
}
