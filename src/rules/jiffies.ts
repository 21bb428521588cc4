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
function sinceTick(time: bigint, bootTime: bigint): number {
  const tick = BigInt(NS_PER_JIFFY);
  return Number((((time - bootTime) % tick) + tick) % tick);
}

/** The host's clock at the packet at hand. */
export class HostClock {
  /** ns since capture start. */
  now = 0;
  private readonly phase: number;

  /**
   * @param epoch wall-clock time of ns 0, ns since the epoch
   * @param bootTime when CLOCK_MONOTONIC stood at 0, ns since the epoch; null: not told, ns 0 is a tick
   */
  constructor(epoch: bigint, bootTime: bigint | null) {
    this.phase = bootTime === null ? 0 : sinceTick(epoch, bootTime);
  }

  get tick(): number {
    return this.tickAt(this.now);
  }

  /** @param now ns since capture start */
  tickAt(now: number): number {
    return jiffies(now + this.phase);
  }
}

/** @param milliseconds rounded up to whole ticks, as `msecs_to_jiffies()` (kernel/time/time.c) */
export function jiffiesOfMilliseconds(milliseconds: number): number {
  return Math.ceil((milliseconds * HZ) / 1000);
}
