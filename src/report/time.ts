/**
 * ISO 8601 in UTC: `2026-11-22T01:05:24.712000Z`.
 * @param epoch ns since 1970 of time 0
 * @param ns since `epoch`
 * @param digits of the second's fraction: 6 unless given, at most 9
 */
export function isoTime(epoch: bigint, ns: number, digits = 6): string {
  const at = epoch + (Number.isFinite(ns) ? BigInt(Math.round(ns)) : 0n);
  const second = floorDivide(at, 1_000_000_000n);
  if (second < FIRST || second > LAST) return '';
  const fraction = (at - second * 1_000_000_000n).toString().padStart(9, '0').slice(0, digits);
  return `${new Date(Number(second) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** Seconds since 1970 of the years 0000 and 9999, which four digits tell. */
const FIRST = -62_167_219_200n;
const LAST = 253_402_300_799n;

function floorDivide(a: bigint, b: bigint): bigint {
  return a / b - (a % b < 0n ? 1n : 0n);
}

/** A length of time in the unit that fits: `40 µs`, `1.25 s`, `9 h`. */
export function span(ns: number): string {
  const units: readonly (readonly [number, string])[] = [
    [3600e9, 'h'],
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'µs'],
  ];
  for (const [size, unit] of units)
    if (Math.abs(ns) >= size) return `${Number((ns / size).toPrecision(3))} ${unit}`;
  return `${Math.round(ns)} ns`;
}
