import { expect, it } from 'vitest';
import { createLiveComparison } from '../../src/compare/live.js';
import { parse } from '../../src/klog/parse.js';
import type { ObservedEntry } from '../../src/observed/entry.js';
import { EPOCH, predicted, udp } from './lines.js';

const SECOND = 1e9;

function entry(text: string, line: number, by?: 'ulogd'): ObservedEntry {
  const time = { kernel: { ns: 4000e9 + line * SECOND, resolution: 1e3 } };
  return { time, text, record: parse(text), file: 'kern.log', line, boot: 0, ...(by && { by }) };
}

it('a live comparison sets aside what ulogd wrote, and says so', () => {
  const comparison = createLiveComparison({ epoch: EPOCH, tolerance: SECOND, rulesOf: () => [] });
  comparison.predicted(predicted(udp({ id: 1 }), SECOND));
  comparison.observed(entry(udp({ id: 1 }), 1), SECOND);
  comparison.observed(entry(udp({ id: 2 }), 2, 'ulogd'), 2 * SECOND);
  const { summary, differences, assumptions } = comparison.result(3 * SECOND, 2);
  expect(differences).toEqual([]);
  expect(summary).toMatchObject({ predicted: 1, observed: 1, matched: 1 });
  expect(assumptions).toEqual([
    '1 lines of ulogd are not compared live; compare holds them against a capture.',
  ]);
});
