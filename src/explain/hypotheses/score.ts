import { NEVER_SEEN } from '../../compare/losses.js';
import { type Difference, isDisagreement } from '../../compare/result.js';
import type { Trial } from './hypothesis.js';

/** Bits that a leftover costs: more than what tells one rule of thousands from the others. */
const COST = {
  disagreement: 10,
  unseen: 8,
  undecidable: 2,
  lost: 1,
  /** A packet that left, or did not, or left otherwise. */
  astray: 8,
  /** A rule's counters, or a connection: what one packet does may show in many. */
  behind: 3,
} as const;

/** What is still unexplained in a trial, in bits. */
export function costOf({ comparison, astray }: Trial): number {
  let bits = 0;
  const otherwise = new Set<number>();
  let gone = 0;
  let counter: string | null = null;
  for (const d of comparison.differences) {
    if (d.kind === 'egress') {
      if (d.field === null) gone++;
      else otherwise.add(d.frame);
    } else if (d.kind === 'counter') {
      // Packets and bytes of one rule come one behind the other.
      if (d.rule !== counter) bits += COST.behind;
      counter = d.rule;
    } else bits += costOfDifference(d);
  }
  return bits + COST.astray * (Math.max(astray, gone) + otherwise.size);
}

function costOfDifference(d: Difference): number {
  if (d.kind === 'conntrack') return COST.behind;
  if (isDisagreement(d)) return COST.disagreement;
  if (d.kind === 'lost') return COST.lost;
  return isOpen(d) ? COST.unseen : COST.undecidable;
}

/**
 * A cause is looked for: the sides contradict each other, or the host may have dropped a packet of its own where the
 * given rules let it go on.
 */
export function isOpen(d: Difference): boolean {
  return isDisagreement(d) || (d.kind === 'undecidable' && d.reason === NEVER_SEEN);
}

export function openCount({ comparison }: Trial): number {
  return comparison.differences.filter(isOpen).length;
}

/** The trial as it would be without some of its differences. */
export function without({ comparison, astray }: Trial, gone: ReadonlySet<Difference>): Trial {
  const packets = new Set<number>();
  for (const { kind, field, frame } of gone) if (kind === 'egress' && field === null) packets.add(frame);
  const differences = comparison.differences.filter((d) => !gone.has(d));
  return { astray: Math.max(0, astray - packets.size), comparison: { ...comparison, differences } };
}

/** What the given world costs where nothing is found: differences have some cause. */
export function costOfNoCause(base: Trial): number {
  return costOf(base) + NO_CAUSE;
}

const NO_CAUSE = 25;

/** Tells a difference of one trial from those of another. */
export function differenceKey({ kind, frame, field, rule, line, position }: Difference): string {
  const host =
    kind === 'onlyHost' || kind === 'notCaptured'
      ? `${position?.file}:${position?.line}`
      : `${frame} ${rule} ${line}`;
  return `${kind} ${field ?? ''} ${host}`;
}
