import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignLines } from '../../src/compare/align.js';
import { ObservedItem, PredictedItem } from '../../src/compare/lines.js';
import { createAligner } from '../../src/compare/window.js';
import { predicted, udp } from './lines.js';

const SECOND = 1e9;
const COUNT = 6000;
const context = { knownPrefix: () => false };

/** What became of a predicted line on the host. */
type Fate = 'kept' | 'lost' | 'changed' | 'twice';

/** Lines, three to a packet, and what a host made of them that treated some otherwise. */
function sides(fates: ReadonlyMap<number, Fate>): { ours: PredictedItem[]; theirs: ObservedItem[] } {
  const ours: PredictedItem[] = [];
  const theirs: ObservedItem[] = [];
  for (let i = 0; i < COUNT; i++) {
    const packet = Math.floor(i / 3);
    const line = predicted(udp({ prefix: `L${i % 3}: `, id: packet }), packet * 1e7);
    ours.push(new PredictedItem(line, i));
    const fate = fates.get(i) ?? 'kept';
    const text = fate === 'changed' ? line.text.replace(/TTL=\d+/, 'TTL=9') : line.text;
    for (let n = 0; n < (fate === 'lost' ? 0 : fate === 'twice' ? 2 : 1); n++)
      theirs.push(
        new ObservedItem(
          { text, time: null, file: 'log', line: theirs.length + 1 },
          line.time + 5e4,
          { tolerance: SECOND, precision: 1000 },
          theirs.length,
        ),
      );
  }
  return { ours, theirs };
}

/** Places on both sides, -1 for none, of those that are told; and how many more are said to be alike. */
function windowed(
  ours: readonly PredictedItem[],
  theirs: readonly ObservedItem[],
): { told: string[]; alike: number } {
  const told: string[] = [];
  let alike = 0;
  let last = -Infinity;
  const aligner = createAligner(context, (pairs, more) => {
    alike += more;
    for (const { predicted: p, observed: o } of pairs) {
      const time = p?.time ?? o!.time;
      expect(time).toBeGreaterThanOrEqual(last - 1);
      last = Math.max(last, time);
      told.push(`${p?.order ?? -1} ${o?.order ?? -1}`);
    }
  });
  let [i, j] = [0, 0];
  while (i < ours.length || j < theirs.length) {
    const side = aligner.behind();
    if (side === 'predicted' && i < ours.length) aligner.predicted(ours[i++]);
    else if (side === 'observed' && j < theirs.length) aligner.observed(theirs[j++]);
    else aligner.done(side);
  }
  aligner.end();
  return { told, alike };
}

function atOnce(ours: readonly PredictedItem[], theirs: readonly ObservedItem[]): string[] {
  const pairOf = alignLines(ours, theirs, context);
  const taken = new Set(pairOf);
  const alone = theirs.filter((_, j) => !taken.has(j)).map((o) => `-1 ${o.order}`);
  return [...ours.map((p, i) => `${p.order} ${pairOf[i]}`), ...alone].sort();
}

describe('lines are paired window after window', () => {
  it('as they would be all at once', () => {
    const fate = fc.constantFrom<Fate>('lost', 'changed', 'twice');
    const fates = fc.array(fc.tuple(fc.nat(COUNT - 1), fate), { maxLength: 12 });
    fc.assert(
      fc.property(fates, (list) => {
        const { ours, theirs } = sides(new Map(list));
        const { told, alike } = windowed(ours, theirs);
        const all = new Set(atOnce(ours, theirs));
        for (const pair of told) expect(all.delete(pair)).toBe(true);
        // Nobody is told of those that are alike.
        for (const pair of all) {
          const [p, o] = pair.split(' ').map(Number);
          expect(ours[p].text).toBe(theirs[o].text);
        }
        expect(alike).toBe(all.size);
      }),
      { numRuns: 30 },
    );
  });
});
