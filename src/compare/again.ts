import type { PredictedLine } from '../engine/events.js';
import type { Unseen } from '../engine/evidence/sight.js';
import { alignLines } from './align.js';
import type { LogStretch } from './clock.js';
import { placeLines, slackOf } from './compare.js';
import { type LossEvent, type ObservedItem, type ObservedLine, PredictedItem } from './lines.js';
import { createLossFinder, createLossPlacer } from './losses.js';
import { mergeFiles } from './merge.js';
import { createPairReader, isOutsideOf, type Tally, type WritingRule } from './pairs.js';
import type { Comparison } from './result.js';
import { comparisonOf } from './total.js';
import { timeOf } from './window.js';

export interface HeldLogInput {
  /** The lines of a file each. */
  readonly observed: readonly Iterable<ObservedLine>[];
  readonly losses: readonly LossEvent[];
  /** How log time maps to capture time, as a comparison has told. */
  readonly clocks: readonly LogStretch[];
  /** ns since 1970 of capture time 0. */
  readonly epoch: bigint;
  /** Capture time up to which lines count, ns. */
  readonly end: number;
  /** Lines that count; all without it. */
  readonly wants?: (item: ObservedItem) => boolean;
}

/** One of several predictions that are held against the same log. */
export interface Prediction {
  readonly predicted: readonly PredictedLine[];
  readonly packets: number;
  readonly rulesOf: (prefix: string) => readonly WritingRule[];
  readonly unseen: (line: ObservedLine) => Unseen | null;
}

const NAMED_BY_RULES: ReadonlyMap<string, readonly string[]> = new Map();

/**
 * A log that many predictions are held against, one after the other: its lines are placed and read once. All in
 * memory, and the clock stays as it is: what is compared are the predictions.
 */
export function holdLog(input: HeldLogInput): (prediction: Prediction) => Comparison {
  const { clocks, epoch, end, wants } = input;
  const losses = createLossPlacer(input.losses);
  const placed = placeLines(input.observed, clocks, (line, time) => losses.pass(line, time));
  const merged = mergeFiles(placed.files);
  let outside = 0;
  const items: ObservedItem[] = [];
  for (const item of merged.items) {
    const beyond = item.time + item.tolerance < 0 || item.time - item.tolerance > end;
    if (beyond) outside++;
    else if (wants?.(item) ?? true) items.push(item);
  }
  const windows = losses.windows(clocks);
  const slack = slackOf(clocks);
  return ({ predicted, packets, rulesOf, unseen }) => {
    const tally: Tally = { predicted: 0, observed: 0, matched: 0, fieldMismatch: 0, reordered: 0, outside };
    const reader = createPairReader({
      named: NAMED_BY_RULES,
      rulesOf,
      tally,
      isOutside: isOutsideOf(end),
      unseen,
    });
    const ours = predicted.map((line, order) => new PredictedItem(line, order));
    const pairOf = alignLines(ours, items, { knownPrefix: (prefix) => rulesOf(prefix).length > 0 });
    const taken = new Uint8Array(items.length);
    for (const at of pairOf) if (at >= 0) taken[at] = 1;
    const pairs = [
      ...ours.map((item, i) => ({ predicted: item, observed: pairOf[i] < 0 ? null : items[pairOf[i]] })),
      ...items.filter((_, j) => taken[j] === 0).map((observed) => ({ predicted: null, observed })),
    ].sort((a, b) => timeOf(a) - timeOf(b));
    reader.read(pairs);
    const { differences, listedUntil, countOf } = reader.explained(createLossFinder(windows, slack));
    return comparisonOf({
      epoch,
      packets,
      tally,
      differences,
      listedUntil,
      countOf,
      clocks,
      unplaced: placed.unplaced(),
      duplicates: merged.duplicates(),
      assumptions: [],
    });
  };
}
