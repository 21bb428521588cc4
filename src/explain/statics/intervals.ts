import type { IpAddress } from '../../address/ip.js';

/** Whole numbers from the first to the last, both included. */
export type Interval = readonly [first: bigint, last: bigint];

/** A set of numbers: intervals in order that do not touch. */
export type Intervals = readonly Interval[];

/** The set of what lies in any of these; one whose first is above its last is empty. */
export function union(intervals: readonly Interval[]): Intervals {
  const out: [bigint, bigint][] = [];
  for (const [first, last] of [...intervals].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))) {
    if (first > last) continue;
    const before = out[out.length - 1] as [bigint, bigint] | undefined;
    if (before && first <= before[1] + 1n) before[1] = last > before[1] ? last : before[1];
    else out.push([first, last]);
  }
  return out;
}

export function numbers(from: number, to = from): Interval {
  return [BigInt(from), BigInt(to)];
}

export function intersection(a: Intervals, b: Intervals): Intervals {
  const out: Interval[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const first = a[i][0] > b[j][0] ? a[i][0] : b[j][0];
    const last = a[i][1] < b[j][1] ? a[i][1] : b[j][1];
    if (first <= last) out.push([first, last]);
    if (a[i][1] < b[j][1]) i++;
    else j++;
  }
  return out;
}

/** What is from 0 to `max` and not in it. */
export function complement(set: Intervals, max: bigint): Intervals {
  const out: Interval[] = [];
  let next = 0n;
  for (const [first, last] of set) {
    if (first > next) out.push([next, first - 1n]);
    next = last + 1n;
  }
  if (next <= max) out.push([next, max]);
  return out;
}

export function isInside(inner: Intervals, outer: Intervals): boolean {
  const shared = intersection(inner, outer);
  return (
    shared.length === inner.length && shared.every(([a, b], i) => a === inner[i][0] && b === inner[i][1])
  );
}

/** The numbers below 2^bits that pass a test; for a few bits only. */
export function passing(bits: number, test: (value: number) => boolean): Intervals {
  const all = Array.from({ length: 2 ** bits }, (_, value) => value).filter(test);
  return union(all.map((value) => numbers(value)));
}

/** Bytes of an interface's name, the last of which is 0 (IFNAMSIZ, linux/if.h). */
const NAME_SIZE = 16;
export const LAST_NAME = 256n ** BigInt(NAME_SIZE) - 1n;

/** The names that begin so, or (`isOpen` false) this name; as numbers, so that those that begin alike stand together. */
export function names(text: string, isOpen: boolean): Intervals {
  const bytes = new TextEncoder().encode(text).subarray(0, NAME_SIZE);
  let value = 0n;
  for (let i = 0; i < NAME_SIZE; i++) value = value * 256n + BigInt(bytes[i] ?? 0);
  return [[value, isOpen ? value + 256n ** BigInt(NAME_SIZE - bytes.length) - 1n : value]];
}

/** An address as a number. */
export function addressNumber({ version, a, b, c, d }: IpAddress): bigint {
  return (version === 4 ? [a] : [a, b, c, d]).reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
}
