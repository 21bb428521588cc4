/** A stream of choices that a seed names (mulberry32). */
export class Random {
  private state: number;

  constructor(seed: string) {
    let h = 0x811c9dc5;
    for (const char of seed) h = Math.imul(h ^ char.charCodeAt(0), 0x01000193);
    this.state = h >>> 0;
  }

  /** [0, 1). */
  unit(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  word(): number {
    return Math.floor(this.unit() * 2 ** 32);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(...from: readonly T[]): T {
    return from[Math.floor(this.unit() * from.length)];
  }

  /** Each with a weight. */
  weighted<T>(from: readonly (readonly [number, T])[]): T {
    let at = this.unit() * from.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, what] of from) if ((at -= weight) < 0) return what;
    return from[from.length - 1][1];
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.integer(97, 122));
  }
}
