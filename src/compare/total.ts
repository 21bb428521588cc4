import type { Tally } from './pairs.js';
import type { Comparison, DifferenceKind } from './result.js';

/** What a comparison comes to, by what was counted while it ran. */
export interface Total extends Omit<Comparison, 'summary' | 'aside'> {
  readonly packets: number;
  readonly tally: Tally;
  /** How many differences of a kind there are; without it, those that are listed. */
  readonly countOf?: (kind: DifferenceKind) => number;
  readonly unplaced: number;
  readonly duplicates: number;
}

export function comparisonOf({ packets, tally, countOf, unplaced, duplicates, ...rest }: Total): Comparison {
  const count = countOf ?? ((kind) => rest.differences.filter((d) => d.kind === kind).length);
  const { predicted, observed, matched, fieldMismatch, outside, reordered } = tally;
  return {
    ...rest,
    summary: {
      packets,
      predicted,
      observed,
      matched,
      fieldMismatch,
      onlySimulated: count('onlySimulated'),
      onlyHost: count('onlyHost'),
      suppressed: count('lost'),
    },
    aside: {
      outside,
      unplaced,
      duplicates,
      reordered,
      undecidable: count('undecidable'),
      notCaptured: count('notCaptured'),
    },
  };
}
