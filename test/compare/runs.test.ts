import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairIdentical } from '../../src/compare/buckets.js';
import { mayMeet, ObservedItem, PredictedItem } from '../../src/compare/lines.js';
import { pairRuns } from '../../src/compare/runs.js';
import { predicted, udp } from './lines.js';

const MS = 1e6;
const COUNT = 400;

const ours = Array.from({ length: COUNT }, (_, i) => new PredictedItem(predicted(udp({ id: i }), i * MS), i));

/** The log of a host that wrote these of our lines, a negative one as a line of its own. */
function theirsOf(lines: readonly number[]): ObservedItem[] {
  return lines.map((line, order) => {
    const text = line < 0 ? udp({ id: COUNT - line }) : ours[line].text;
    const time = Math.abs(line) * MS;
    return new ObservedItem(
      { text, time: null, file: 'log', line: order + 1 },
      time,
      { tolerance: 1e9, precision: 1000 },
      order,
    );
  });
}

function paired(theirs: readonly ObservedItem[]): Int32Array | null {
  const pairOf = new Int32Array(COUNT).fill(-1);
  const taken = new Uint8Array(theirs.length);
  const isAlike = (i: number, j: number): boolean =>
    ours[i].kept.equals(theirs[j].kept) && mayMeet(ours[i], theirs[j]);
  const hashes = { ours: (i: number) => ours[i].kept.hash, theirs: (j: number) => theirs[j].kept.hash };
  if (!pairRuns({ isAlike, hashes }, pairOf, taken)) return null;
  expect([...taken.keys()].filter((j) => taken[j])).toEqual([...pairOf].filter((j) => j >= 0));
  expect(pairOf.filter((j) => j >= 0).length).toBeGreaterThan(COUNT - 40);
  expect(pairIdentical(ours, theirs, pairOf, taken)).toEqual([]);
  return pairOf;
}

describe('lines that go on alike', () => {
  it('are paired past what one side lacks; with what is left over, each line with the one of its text', () => {
    const change = fc.record({
      at: fc.nat(COUNT - 1),
      dropped: fc.nat(3),
      added: fc.array(fc.integer({ min: -99, max: -1 }), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
        const lines = ours.map((_, i) => i);
        for (const { at, dropped, added } of changes) lines.splice(at, dropped, ...added);
        const pairOf = paired(theirsOf(lines));
        expect(pairOf).not.toBeNull();
        for (let i = 0; i < COUNT; i++) expect([i, pairOf![i]]).toEqual([i, lines.indexOf(i)]);
      }),
    );
  });

  it('are not paired where one that is left over has the text of another', () => {
    const lines = ours.map((_, i) => i);
    lines.splice(200, 0, 150);
    expect(paired(theirsOf(lines))).toBeNull();
  });

  it('are not paired where they do not go on', () => {
    expect(paired(theirsOf(ours.map((_, i) => COUNT - 1 - i)))).toBeNull();
  });

  it('are not paired where their times are far apart', () => {
    const late = ours.map(
      ({ line }, order) =>
        new ObservedItem(
          { text: line.text, time: null, file: 'log', line: order + 1 },
          line.time + 2e9,
          { tolerance: 1e9, precision: 1000 },
          order,
        ),
    );
    expect(paired(late)).toBeNull();
  });
});
