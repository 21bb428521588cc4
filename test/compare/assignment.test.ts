import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALONE, assign, type Edge } from '../../src/compare/assignment.js';
import { increasing } from '../../src/compare/increasing.js';

const total = (chosen: readonly Edge[]): number => chosen.reduce((sum, e) => sum + e.cost - 2 * ALONE, 0);

/** Every choice there is. */
function best(edges: readonly Edge[]): number {
  if (edges.length === 0) return 0;
  const [first, ...rest] = edges;
  const with_ =
    first.cost - 2 * ALONE + best(rest.filter((e) => e.row !== first.row && e.column !== first.column));
  return Math.min(with_, best(rest));
}

describe('assign', () => {
  it('prefers the least sum to the cheapest pair', () => {
    const edges = [
      { row: 0, column: 0, cost: 1 },
      { row: 0, column: 1, cost: 2 },
      { row: 1, column: 0, cost: 2 },
      { row: 1, column: 1, cost: 9 },
    ];
    expect(assign(edges).map((e) => [e.row, e.column])).toEqual([
      [0, 1],
      [1, 0],
    ]);
  });

  it('is as good as trying everything', () => {
    const edge = fc.record({ row: fc.nat(4), column: fc.nat(4), cost: fc.integer({ min: 0, max: 13 }) });
    fc.assert(
      fc.property(fc.uniqueArray(edge, { maxLength: 11, selector: (e) => e.row * 9 + e.column }), (edges) => {
        const chosen = assign(edges);
        expect(new Set(chosen.map((e) => e.row)).size).toBe(chosen.length);
        expect(new Set(chosen.map((e) => e.column)).size).toBe(chosen.length);
        expect(total(chosen)).toBe(best(edges));
      }),
      { numRuns: 300 },
    );
  });
});

describe('increasing', () => {
  it.each([
    [[], []],
    [
      [1, 2, 3],
      [1, 1, 1],
    ],
    [
      [3, 1, 2],
      [0, 1, 1],
    ],
    [
      [1, 1],
      [1, 0],
    ],
    [
      [2, 5, 3, 4],
      [1, 0, 1, 1],
    ],
  ])('%j', (values, marks) => {
    const got = [...increasing(values)];
    expect(got.reduce((a, b) => a + b, 0)).toBe(marks.reduce((a: number, b) => a + b, 0));
    const kept = values.filter((_, i) => got[i]);
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
  });
});
