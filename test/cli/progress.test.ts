import { describe, expect, it } from 'vitest';
import { createProgress } from '../../src/cli/progress.js';

describe('progress', () => {
  it.each<[ms: number, packets: number, share: number | null, words: string]>([
    [100, 4096, 0.2, '4,096 packets, 20 %'],
    [1000, 500_000, null, '500,000 packets, 500,000 a second'],
    [1000, 500_000, 0.25, '500,000 packets, 500,000 a second, 25 %'],
    [10_000, 5_000_000, 0.25, '5,000,000 packets, 500,000 a second, 25 %, 30 s left'],
    [60_000, 1_200_000, 0.1, '1,200,000 packets, 20,000 a second, 10 %, 9 min left'],
    [3_600_000, 36_000_000, 0.05, '36,000,000 packets, 10,000 a second, 5 %, 19 h left'],
    [10_000, 5_000_000, 1, '5,000,000 packets, 500,000 a second, 100 %, 0 s left'],
  ])('after %i ms', (ms, packets, share, words) => {
    let now = 77;
    const progress = createProgress(() => now);
    now += ms;
    expect(progress(packets, share)).toBe(words);
  });
});
