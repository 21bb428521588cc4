import { isOfLog } from '../../compare/result.js';
import { bitsToChoose } from './choice.js';
import type { Clues } from './clues.js';
import type { Claim, Trial, Tried } from './hypothesis.js';
import { costOf, isOpen, openCount, without } from './score.js';

/** Bits for a log that loses lines and does not say so, and for a capture that does not have all packets. */
const UNSAID_LOSS = 16;
const INCOMPLETE = 16;
/** Bits to say which packet the capture lacks. */
const PACKET = 6;

/** What needs no replay: lines that never came to the log, packets that never came into the capture. */
export function lossHypotheses(clues: Clues, base: Trial): Tried[] {
  const { differences, summary } = base.comparison;
  const out: Tried[] = [];
  const add = (claim: Claim, bits: number, gone: (typeof differences)[number][]): void => {
    const trial = without(base, new Set(gone));
    const hypothesis = { claim, suspect: null, bits, frames: null, change: () => null };
    out.push({ hypothesis, trial, score: { left: openCount(trial), bits: bits + costOf(trial) } });
  };
  const lost = differences.filter(
    (d) => isOfLog(d) && (d.kind === 'onlySimulated' || (isOpen(d) && d.host === null && d.field === null)),
  );
  if (lost.length > 0) {
    const bits = UNSAID_LOSS + bitsToChoose(lost.length, summary.predicted);
    add({ kind: 'logLost', facts: { count: lost.length, reason: null } }, bits, lost);
  }
  // A packet that is not in the capture may have been logged, or have left.
  const unseen = differences.filter(
    (d) =>
      (d.kind === 'onlyHost' && clues.frameOf(d) === 0) ||
      (d.kind === 'egress' && d.field === null && d.host === null),
  );
  if (unseen.length > 0)
    add(
      { kind: 'captureIncomplete', facts: { packets: unseen.length, isBefore: false } },
      INCOMPLETE + PACKET * unseen.length,
      unseen,
    );
  return out;
}
