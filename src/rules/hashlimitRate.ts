import { HZ } from './jiffies.js';

/** The token buckets of -m hashlimit, revision 3 (net/netfilter/xt_hashlimit.c). */

/** What a rule says of its rate: part of `struct hashlimit_cfg3`. */
export interface Cost {
  /** Counts bytes, in chunks of 16, rather than packets. */
  readonly bytes: boolean;
  /** Time between two packets in 1/1,000,000 s; in byte mode what a chunk costs (`bytesToCost`). */
  readonly period: number;
  readonly burst: number;
  /** Compare the rate of the last interval rather than pay from a bucket. */
  readonly rateMatch: boolean;
  /** Seconds; 0 where the rate is not compared. */
  readonly rateInterval: number;
}

/** The `rateinfo` of `struct dsthash_ent`. */
export interface RateEntry {
  /** The tick of the last refill. */
  last: number;
  /** Packets: 1/1,000,000 s, whole and the rest in 1/UNIT; bytes: credits. */
  credit: number;
  rest: number;
  /** Packets: the most credit; bytes: refills left. */
  cap: number;
  /** For rateMatch: packets or bytes in this interval, and whether the one before was over the rate. */
  current: number;
  wasOver: boolean;
}

/** XT_HASHLIMIT_SCALE_v2. */
export const SCALE = 1_000_000;

/**
 * The kernel counts CREDITS_PER_JIFFY (a power of two: 2^64 / the ticks of a day) a tick, and charges a packet
 * `period` times UNIT, the credits a second divided by SCALE and cut. Counting in UNITs and a rest keeps its
 * 64-bit sums exact in doubles.
 */
const CREDITS_PER_JIFFY = 2 ** Math.floor(Math.log2(2 ** 64 / (HZ * 86400)));
const UNIT = Math.floor((HZ * CREDITS_PER_JIFFY) / SCALE);
const UNITS_PER_JIFFY = Math.floor(CREDITS_PER_JIFFY / UNIT);
const REST_PER_JIFFY = CREDITS_PER_JIFFY - UNITS_PER_JIFFY * UNIT;

const BYTE_SHIFT = 4;
const CREDITS_PER_JIFFY_BYTES = 2 ** Math.floor(Math.log2(0xffffffff / HZ));
const FULL_BYTES = CREDITS_PER_JIFFY_BYTES * HZ;

/** `bytes_to_cost()` of libxt_hashlimit: what 16 bytes cost at a rate of bytes a second. */
export function bytesToCost(bytes: number): number {
  return Math.floor(0xffffffff / (Math.floor(bytes / 2 ** BYTE_SHIFT) + 1));
}

/** `cost_to_bytes()`: back again, to the next chunk. */
export function costToBytes(cost: number): number {
  return ((cost ? Math.floor(0xffffffff / cost) : 0xffffffff) - 1) * 2 ** BYTE_SHIFT;
}

const BYTE_UNITS = [
  ['m', 1024 * 1024],
  ['k', 1024],
  ['', 1],
] as const;

/** The rate in the largest unit that gives the same cost again; `burst` is empty where there is none. */
export function printBytes({ period, burst }: Cost): { rate: string; burst: string } {
  const bytes = costToBytes(period);
  const [name, size] =
    BYTE_UNITS.find(([, s]) => bytes >= s && bytesToCost(bytes - (bytes % s)) === period) ?? BYTE_UNITS[2];
  const total = bytes * burst;
  const [burstName, burstSize] = BYTE_UNITS.find(([, s]) => total >= s) ?? BYTE_UNITS[2];
  return {
    rate: `${Math.floor(bytes / size)}${name}b/s`,
    burst: burst ? `${Math.floor(total / burstSize)}${burstName}b` : '',
  };
}

/** `hashlimit_mt_check_common()`: the credits of a burst must fit 64 bits. */
export function creditsOverflow(period: number, burst: number): boolean {
  return burst === 0 || BigInt(period) * BigInt(burst) * BigInt(UNIT) >= 1n << 64n;
}

/** `rateinfo_init()`: a full bucket. */
export function startEntry(cost: Cost, now: number): RateEntry {
  const credit = cost.bytes ? FULL_BYTES : cost.period * cost.burst;
  const cap = cost.bytes ? cost.burst : credit;
  return { last: now, credit, rest: 0, cap, current: 0, wasOver: false };
}

/** `user2rate()`: packets or bytes a second. */
function perSecond(cost: Cost): number {
  return cost.bytes ? costToBytes(cost.period) : Math.floor(SCALE / cost.period);
}

/** `rateinfo_recalc()` */
export function refill(cost: Cost, entry: RateEntry, now: number): void {
  const passed = now - entry.last;
  if (passed <= 0) return;
  if (cost.rateMatch) {
    const interval = cost.rateInterval * HZ;
    if (passed < interval) return;
    entry.last = now;
    entry.wasOver = entry.current * interval > passed * perSecond(cost);
    entry.current = 0;
    return;
  }
  entry.last = now;
  if (cost.bytes) {
    entry.credit = Math.min(FULL_BYTES, entry.credit + CREDITS_PER_JIFFY_BYTES * passed);
    return;
  }
  const rest = entry.rest + REST_PER_JIFFY * passed;
  entry.credit += UNITS_PER_JIFFY * passed + Math.floor(rest / UNIT);
  entry.rest = rest % UNIT;
  if (entry.credit >= entry.cap) {
    entry.credit = entry.cap;
    entry.rest = 0;
  }
}

/** Takes what a packet costs. @returns whether it is within the limit */
export function pay(cost: Cost, entry: RateEntry, length: number): boolean {
  if (cost.rateMatch) {
    entry.current += cost.bytes ? length : 1;
    const rate = perSecond(cost);
    const burst = cost.bytes ? (cost.burst || 1) * rate : cost.burst + rate;
    return !entry.wasOver && entry.current <= burst;
  }
  let price = cost.period;
  if (cost.bytes) {
    // user2credits_byte(), then hashlimit_byte_cost().
    const chunk = Math.floor((cost.period * FULL_BYTES) / 2 ** 32);
    price = Math.min(FULL_BYTES, (Math.floor(length / 2 ** BYTE_SHIFT) + 1) * chunk);
    if (entry.credit < price && entry.cap > 0) {
      entry.cap--;
      entry.credit = FULL_BYTES;
    }
  }
  if (entry.credit < price) return false;
  entry.credit -= price;
  return true;
}
