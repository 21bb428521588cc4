import { isBehind } from '../../compare/result.js';
import { suspectAddressOf } from './rank.js';
import type { Hypothesis, Trial, Tried } from './hypothesis.js';
import { KIND_BITS } from './ruleChanges.js';
import { costOf, isOpen, openCount, without } from './score.js';

/** Bits for a ruleset that was loaded while the capture ran. */
const RELOADED = 8;
/** Bits of a difference that an unknown ruleset makes. */
const BY_UNKNOWN = 4;
/** Changes that are tried as those of a later ruleset. */
const MOST_LATER = 8;
/** Lines that must agree before, for two rulesets to be told apart. */
const FEWEST_BEFORE = 8;

/** Changes of the ruleset that make the capture's end agree, however much they spoil of its beginning. */
export interface LateChanges {
  note(hypothesis: Hypothesis, trial: Trial): void;
  hypotheses(): Hypothesis[];
}

export function createLateChanges(base: Trial): LateChanges {
  const from = firstTime(base);
  const { matched } = base.comparison.summary;
  const found: { hypothesis: Hypothesis; left: number }[] = [];
  return {
    note(hypothesis, trial) {
      const left = trial.comparison.differences.filter((d) => isOpen(d) && !isBehind(d));
      if (left.length === 0 || !Number.isFinite(from) || matched < FEWEST_BEFORE) return;
      if (left.some((d) => d.time >= from)) return;
      found.push({ hypothesis, left: left.length });
    },
    hypotheses: () =>
      found
        .sort((a, b) => a.hypothesis.bits - b.hypothesis.bits)
        .slice(0, MOST_LATER)
        .map(({ hypothesis }) => ({
          claim: {
            kind: 'reloaded',
            facts: { at: from, rule: suspectAddressOf(hypothesis.suspect) },
          },
          suspect: hypothesis.suspect,
          bits: hypothesis.bits + RELOADED,
          frames: null,
          change: () => {
            const ruleset = hypothesis.change()?.ruleset;
            return ruleset ? { later: { at: from, ruleset } } : null;
          },
        })),
  };
}

/** Open differences from some time on, and none before, of a ruleset of which nothing is known. */
export function unknownReload(base: Trial): Tried[] {
  const { differences, summary } = base.comparison;
  const from = firstTime(base);
  const open = differences.filter(isOpen);
  const before = linesBefore(base, from);
  if (open.length < 4 || before < FEWEST_BEFORE) return [];
  const trial = without(base, new Set(open));
  const bits = KIND_BITS + RELOADED + Math.log2(summary.packets + 1) + BY_UNKNOWN * open.length;
  const hypothesis: Hypothesis = {
    claim: { kind: 'reloaded', facts: { at: from, rule: null } },
    suspect: null,
    bits,
    frames: null,
    change: () => null,
  };
  return [{ hypothesis, trial, score: { left: openCount(trial), bits: bits + costOf(trial) } }];
}

function firstTime({ comparison }: Trial): number {
  return comparison.differences.reduce((t, d) => (isOpen(d) ? Math.min(t, d.time) : t), Infinity);
}

/** Predicted lines that agree before a time: as many as there are but for those that differ, in proportion. */
function linesBefore({ comparison }: Trial, from: number): number {
  const { clocks, summary } = comparison;
  const end = Math.max(...clocks.map((c) => (c.fit ? c.fit.at + (c.to - c.fit.origin) * c.fit.rate : 0)), 1);
  return summary.matched * Math.min(1, Math.max(0, from / end));
}
