import { isBehind } from '../../compare/result.js';
import type { Ruleset } from '../../rules/model.js';
import type { Clues } from './clues.js';
import { suspectAddressOf } from './rank.js';
import type { Hypothesis, Trial, Tried, World } from './hypothesis.js';
import { KIND_BITS } from './ruleChanges.js';
import { costOf, isOpen, openCount, without } from './score.js';

/** Bits for a ruleset that was loaded while the capture ran. */
export const RELOADED = 8;
/** Bits of a difference that an unknown ruleset makes. */
const BY_UNKNOWN = 4;
/** Changes that are tried as those of another generation. */
const MOST_TRIED = 8;
/** Bits for each difference that such a change leaves in its own time. */
const LEFT = 10;
/** Lines that must agree on the other side, for two rulesets to be told apart; and where nothing is known of one. */
export const FEWEST_AGREEING = 3;
const FEWEST_FOR_UNKNOWN = 8;

/** Changes of the ruleset that make the capture's end, or its beginning, agree, however much they spoil of the rest. */
export interface Generations {
  note(hypothesis: Hypothesis, trial: Trial): void;
  hypotheses(): Hypothesis[];
}

/** A part of the capture in which all differences lie. */
export interface Side {
  readonly isLater: boolean;
  /** ns: what is loaded then. */
  readonly at: number;
  has(time: number): boolean;
  /** Lines that agree on the other side. */
  readonly agreeing: number;
}

export function createGenerations(clues: Clues, base: Trial): Generations {
  const { world } = clues;
  const sides = sidesOf(clues, base).filter((side) => side.agreeing >= FEWEST_AGREEING);
  const open = timesOf(base).length;
  const found = sides.map((side) => ({ side, changes: [] as { hypothesis: Hypothesis; order: number }[] }));
  return {
    note(hypothesis, trial) {
      const times = timesOf(trial);
      for (const { side, changes } of found) {
        const left = times.filter((t) => side.has(t)).length;
        // What spoils nothing on the other side is as good for all the time.
        if (left < open && left < times.length)
          changes.push({ hypothesis, order: hypothesis.bits + LEFT * left });
      }
    },
    hypotheses: () =>
      found.flatMap(({ side, changes }) =>
        changes
          .sort((a, b) => a.order - b.order)
          .slice(0, MOST_TRIED)
          .flatMap(({ hypothesis }) => {
            const ruleset = hypothesis.change()?.ruleset;
            return ruleset ? [generation(world, side, ruleset, hypothesis)] : [];
          }),
      ),
  };
}

/** The world in which that ruleset decides on one side; counters and limits begin anew with the later one. */
function generation(world: World, { isLater, at }: Side, ruleset: Ruleset, by: Hypothesis): Hypothesis {
  const { suspect, bits } = by;
  return {
    claim: { kind: 'reloaded', facts: { at, to: 'other', isLater, rule: suspectAddressOf(suspect) } },
    suspect,
    bits: bits + RELOADED,
    frames: null,
    change: () => (isLater ? { later: { at, ruleset } } : { ruleset, later: { at, ruleset: world.ruleset } }),
  };
}

/** Open differences on one side, and none on the other, of a ruleset of which nothing is known. */
export function unknownReload(clues: Clues, base: Trial): Tried[] {
  const { differences, summary } = base.comparison;
  const open = differences.filter(isOpen);
  // Whatever the rules are, they write of packets that came.
  if (open.length < 4 || open.some((d) => d.kind === 'onlyHost' && clues.frameOf(d) === 0)) return [];
  return sidesOf(clues, base)
    .filter((side) => side.agreeing >= FEWEST_FOR_UNKNOWN)
    .map(({ at, isLater }) => {
      const trial = without(base, new Set(open));
      const bits = KIND_BITS + RELOADED + Math.log2(summary.packets + 1) + BY_UNKNOWN * open.length;
      const hypothesis: Hypothesis = {
        claim: { kind: 'reloaded', facts: { at, to: 'other', isLater, rule: null } },
        suspect: null,
        bits,
        frames: null,
        change: () => null,
      };
      return { hypothesis, trial, score: { left: openCount(trial), bits: bits + costOf(trial) } };
    });
}

/** When the packets and lines were that differ; what shows when the capture has ended came whenever it did. */
function timesOf({ comparison }: Trial): number[] {
  return comparison.differences.filter((d) => isOpen(d) && !isBehind(d)).map((d) => d.time);
}

export function sidesOf({ frameOf, walks }: Clues, base: Trial): Side[] {
  const times = timesOf(base);
  if (times.length === 0) return [];
  // A line is written a little later than its packet came.
  const came = base.comparison.differences.map((d) => (isOpen(d) ? walks.timeOf(frameOf(d)) : null));
  const first = [...times, ...came.filter((t) => t !== null)].reduce((a, b) => Math.min(a, b));
  const last = times.reduce((a, b) => Math.max(a, b));
  const { matched } = base.comparison.summary;
  const later: Side = {
    isLater: true,
    at: first,
    has: (t) => t >= first,
    agreeing: linesBefore(base, first),
  };
  if (last <= 0) return [later];
  const agreeing = matched - linesBefore(base, last);
  return [later, { isLater: false, at: last + 1, has: (t) => t <= last, agreeing }];
}

/** Predicted lines that agree before a time: as many as there are but for those that differ, in proportion. */
function linesBefore({ comparison }: Trial, from: number): number {
  const { clocks, summary } = comparison;
  const end = Math.max(...clocks.map((c) => (c.fit ? c.fit.at + (c.to - c.fit.origin) * c.fit.rate : 0)), 1);
  return summary.matched * Math.min(1, Math.max(0, from / end));
}
