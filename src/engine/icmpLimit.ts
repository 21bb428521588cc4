import type { IpAddress } from '../address/ip.js';

/** The bucket holds this many intervals (`XRLIM_BURST_FACTOR`, net/ipv4/inet_peer.c). */
const BURST = 6;

/** How often each destination gets an ICMP error: `inet_peer_xrlim_allow()`. */
export class IcmpLimiter {
  private readonly buckets = new Map<string, { tokens: number; last: number }>();

  /** @param interval ns between errors to one destination; 0: no limit */
  allows(destination: IpAddress, interval: number, now: number): boolean {
    if (interval === 0) return true;
    const key = destination.toString();
    let bucket = this.buckets.get(key);
    if (!bucket) this.buckets.set(key, (bucket = { tokens: BURST * interval, last: now }));
    bucket.tokens = Math.min(BURST * interval, bucket.tokens + now - bucket.last);
    bucket.last = now;
    if (bucket.tokens < interval) return false;
    bucket.tokens -= interval;
    return true;
  }
}
