const QUARTER_SECOND = 250_000_000;

/**
 * The moving average of bytes and packets a second that -j RATEEST keeps and -m rateest asks: `est_timer()`
 * (net/core/gen_estimator.c). Averages are kept in 1/256, and move at fixed times counted from the start.
 */
export class RateEstimator {
  private bytes = 0;
  private packets = 0;
  private lastBytes = 0;
  private lastPackets = 0;
  private averageBytes = 0;
  private averagePackets = 0;
  private next: number;
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
    this.next = now + this.period;
  }

  count(bytes: number, now: number): void {
    this.advance(now);
    this.bytes += bytes;
    this.packets++;
  }

  /** @param now ns since capture start */
  rates(now: number): { readonly bytesPerSecond: number; readonly packetsPerSecond: number } {
    this.advance(now);
    return {
      bytesPerSecond: Math.floor(this.averageBytes / 256),
      packetsPerSecond: Math.floor(this.averagePackets / 256),
    };
  }

  private advance(now: number): void {
    while (this.next <= now) {
      const before = this.averageBytes + this.averagePackets;
      const quiet = this.bytes === this.lastBytes && this.packets === this.lastPackets;
      this.averageBytes += this.step(this.bytes - this.lastBytes, this.averageBytes);
      this.averagePackets += this.step(this.packets - this.lastPackets, this.averagePackets);
      this.lastBytes = this.bytes;
      this.lastPackets = this.packets;
      this.next += this.period;
      // Nothing moves any more until the next packet: the rest of the time is skipped.
      if (quiet && this.averageBytes + this.averagePackets === before && this.next <= now)
        this.next += Math.floor((now - this.next) / this.period + 1) * this.period;
    }
  }

  private step(counted: number, average: number): number {
    const scale = 2 ** this.weight;
    return Math.floor((counted * 2 ** (10 - this.interval)) / scale) - Math.floor(average / scale);
  }
}
