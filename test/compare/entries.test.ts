import { describe, expect, it } from 'vitest';
import { fromEntries } from '../../src/compare/entries.js';
import { parse } from '../../src/klog/parse.js';
import type { ObservedEntry } from '../../src/observed/entry.js';
import { EPOCH, udp } from './lines.js';

const entry = (more: Partial<ObservedEntry>): ObservedEntry => ({
  time: { kernel: { ns: 4075e9, resolution: 1e3 } },
  text: udp(),
  record: parse(udp()),
  file: 'kernel.log',
  line: 1,
  boot: 0,
  ...more,
});

describe('entries of a log as comparing wants them', () => {
  it.each<[string, ObservedEntry['time'], object | null]>([
    [
      'the kernel knows best',
      { kernel: { ns: 5, resolution: 1e3 }, wall: { ns: 7n, resolution: 1 } },
      { clock: 'kernel', ns: 5, resolution: 1e3 },
    ],
    [
      'wall time, from the capture on',
      { wall: { ns: EPOCH + 7n, resolution: 1e9 } },
      { clock: 'wall', ns: 7, resolution: 1e9 },
    ],
    ['no time', {}, null],
  ])('%s', (_, time, expected) => {
    expect([...fromEntries({ files: [[entry({ time })]], losses: [] }, EPOCH).files[0]][0].time).toEqual(
      expected,
    );
  });

  it('takes losses apart, but for rate limits that LOG does not have', () => {
    const losses = (['printk', 'journald', 'ratelimit'] as const).map((by, i) =>
      entry({ loss: { by, count: 3 }, record: null, text: by, line: i + 2 }),
    );
    const read = fromEntries({ files: [[entry({})]], losses }, EPOCH);
    expect([...read.files[0]]).toHaveLength(1);
    expect(read.losses.map((l) => [l.reason, l.count, l.line, l.interval])).toEqual([
      ['printk', 3, 2, null],
      ['journald', 3, 3, 30e9],
    ]);
  });
});
