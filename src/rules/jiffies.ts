/**
 * Ticks a second of the kernel's coarse clock. Distributions build with 250 (Debian, Ubuntu until 24.04) or
 * 1000 (Fedora, RHEL, Arch); only rates faster than 250 a second can tell them apart.
 */
export const HZ = 250;

const NS_PER_JIFFY = 1_000_000_000 / HZ;

/** The coarse clock at a capture time. @param now ns since capture start */
export function jiffies(now: number): number {
  return Math.floor(now / NS_PER_JIFFY);
}

/** ns from the tick before a wall-clock time until that time: ticks are whole on CLOCK_MONOTONIC (`tick_init_jiffy_update()`, kernel/time/tick-sched.c). */
export function sinceTick(time: bigint, bootTime: bigint): number {
  const tick = BigInt(NS_PER_JIFFY);
  return Number((((time - bootTime) % tick) + tick) % tick);
}

/** @param milliseconds rounded up to whole ticks, as `msecs_to_jiffies()` (kernel/time/time.c) */
export function jiffiesOfMilliseconds(milliseconds: number): number {
  return Math.ceil((milliseconds * HZ) / 1000);
}
