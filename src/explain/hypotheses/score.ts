import { NEVER_SEEN } from '../../compare/losses.js';
import { type Difference, isDisagreement, isOfLog } from '../../compare/result.js';
import type { Trial } from './hypothesis.js';

/** Bits that a leftover costs: more than what tells one rule of thousands from the others. */
const COST = { disagreement: 10, unseen: 8, undecidable: 2, lost: 1, astray: 8 } as const;

/** What is still unexplained in a trial, in bits. */
export function costOf({ comparison, astray }: Trial): number {
  let bits = astray * COST.astray;
  for (const d of comparison.differences) bits += costOfDifference(d);
  return bits;
}

function costOfDifference(d: Difference): number {
  if (isDisagreement(d)) return COST.disagreement;
  if (d.kind === 'lost') return COST.lost;
  return isOpen(d) ? COST.unseen : COST.undecidable;
}

/**
 * A cause is looked for: the sides contradict each other, or the host may have dropped a packet of its own where the
 * given rules let it go on.
 */
export function isOpen(d: Difference): boolean {
  return (isDisagreement(d) && isOfLog(d)) || (d.kind === 'undecidable' && d.reason === NEVER_SEEN);
}

export function openCount({ comparison }: Trial): number {
  return comparison.differences.filter(isOpen).length;
}

/** What the given world costs where nothing is found: differences have some cause. */
export function costOfNoCause(base: Trial): number {
  return costOf(base) + NO_CAUSE;
}

const NO_CAUSE = 25;

/** Tells a difference of one trial from those of another. */
export function differenceKey({ kind, frame, field, rule, line, position }: Difference): string {
  const host = kind === 'onlyHost' ? `${position?.file}:${position?.line}` : `${frame} ${rule} ${line}`;
  return `${kind} ${field ?? ''} ${host}`;
}
