const QUARTER_SECOND = 250_000_000;
/** Phases that the kernel's timer may have: it ticks since the rule was loaded, which was some time before the capture. */
const PHASES = 16;

/** What passes in a second. */
export interface Rates {
  readonly bytes: number;
  readonly packets: number;
}

/** The averages as a timer of one phase keeps them, in 1/256. */
interface Phase {
  next: number;
  lastBytes: number;
  lastPackets: number;
  averageBytes: number;
  averagePackets: number;
}

/**
 * The moving average of bytes and packets a second that -j RATEEST keeps and -m rateest asks: `est_timer()`
 * (net/core/gen_estimator.c), for each phase that its timer may have. It begins with nothing counted.
 */
export class RateEstimator {
  private bytes = 0;
  private packets = 0;
  private phases: Phase[];
  private soonest: number;
  private readonly period: number;

  /**
   * @param interval counted over 2^interval quarters of a second
   * @param weight a new value weighs 2^-weight
   * @param now ns since capture start
   */
  constructor(
    private readonly interval: number,
    private readonly weight: number,
    now: number,
  ) {
    this.period = QUARTER_SECOND * 2 ** interval;
    this.phases = Array.from({ length: PHASES }, (_, i) => ({
      ...{ next: now + (this.period * (i + 1)) / PHASES, lastBytes: 0, lastPackets: 0 },
      ...{ averageBytes: 0, averagePackets: 0 },
    }));
    this.soonest = this.phases[0].next;
  }

  count(bytes: number, now: number): void {
    this.advance(now);
    this.bytes += bytes;
    this.packets++;
  }

  /** The rates as of each phase, the same order each time. @param now ns since capture start */
  rates(now: number): readonly Rates[] {
    this.advance(now);
    return this.phases.map(({ averageBytes, averagePackets }) => ({
      bytes: Math.floor(averageBytes / 256),
      packets: Math.floor(averagePackets / 256),
    }));
  }

  /** The others are not the timer's phase. @param isPossible asked of the places in what `rates` gave; for one of them at least it is true */
  keep(isPossible: (place: number) => boolean): void {
    this.phases = this.phases.filter((_, place) => isPossible(place));
  }

  private advance(now: number): void {
    if (now < this.soonest) return;
    this.soonest = Infinity;
    for (const phase of this.phases) {
      while (phase.next <= now) this.tick(phase, now);
      this.soonest = Math.min(this.soonest, phase.next);
    }
  }

  private tick(phase: Phase, now: number): void {
    const before = phase.averageBytes + phase.averagePackets;
    const quiet = this.bytes === phase.lastBytes && this.packets === phase.lastPackets;
    phase.averageBytes += this.step(this.bytes - phase.lastBytes, phase.averageBytes);
    phase.averagePackets += this.step(this.packets - phase.lastPackets, phase.averagePackets);
    phase.lastBytes = this.bytes;
    phase.lastPackets = this.packets;
    phase.next += this.period;
    // Nothing moves any more until the next packet: the rest of the time is skipped.
    if (quiet && phase.averageBytes + phase.averagePackets === before && phase.next <= now)
      phase.next += Math.floor((now - phase.next) / this.period + 1) * this.period;
  }

  private step(counted: number, average: number): number {
    const scale = 2 ** this.weight;
    return Math.floor((counted * 2 ** (10 - this.interval)) / scale) - Math.floor(average / scale);
  }
}
