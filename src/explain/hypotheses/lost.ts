import { isDisagreement } from '../../compare/result.js';
import type { Clues } from './clues.js';
import type { Claim, Trial, Tried } from './hypothesis.js';
import { costOf, isOpen, openCount } from './score.js';

/** Bits for a log that loses lines and does not say so, and for a capture that does not have all packets. */
const UNSAID_LOSS = 16;
const INCOMPLETE = 16;
/** Bits to say which packet the capture lacks. */
const PACKET = 6;

/** What needs no replay: lines that never came to the log, packets that never came into the capture. */
export function lossHypotheses(clues: Clues, base: Trial): Tried[] {
  const { differences, summary } = base.comparison;
  const out: Tried[] = [];
  const without = (claim: Claim, bits: number, gone: (typeof differences)[number][]): void => {
    const set = new Set(gone);
    const rest = differences.filter((d) => !set.has(d));
    const trial: Trial = { ...base, comparison: { ...base.comparison, differences: rest } };
    const hypothesis = { claim, suspect: null, bits, frames: null, change: () => null };
    out.push({ hypothesis, trial, score: { left: openCount(trial), bits: bits + costOf(trial) } });
  };
  const lost = differences.filter(
    (d) => d.kind === 'onlySimulated' || (isOpen(d) && d.host === null && d.field === null),
  );
  if (lost.length > 0) {
    const bits = UNSAID_LOSS + bitsToChoose(lost.length, summary.predicted);
    without({ kind: 'logLost', facts: { count: lost.length, reason: null } }, bits, lost);
  }
  const unseen = differences.filter(
    (d) => isDisagreement(d) && d.kind === 'onlyHost' && clues.frameOf(d) === 0,
  );
  if (unseen.length > 0)
    without(
      { kind: 'captureIncomplete', facts: { packets: unseen.length } },
      INCOMPLETE + PACKET * unseen.length,
      unseen,
    );
  return out;
}

/** log2 of the ways to choose k of n. */
function bitsToChoose(k: number, n: number): number {
  let bits = 0;
  for (let i = 0; i < k; i++) bits += Math.log2((n - i) / (i + 1));
  return Math.max(0, bits);
}
