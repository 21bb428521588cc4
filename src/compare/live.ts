import type { PredictedLine } from '../engine/events.js';
import type { Unseen } from '../engine/evidence/sight.js';
import { parse } from '../klog/parse.js';
import type { ObservedEntry } from '../observed/entry.js';
import { ruleAddress } from '../rules/model.js';
import type { LogStretch } from './clock.js';
import { ObservedItem, type ObservedLine, PredictedItem } from './lines.js';
import { createLossFinder, explainByLoss, type LossWindow } from './losses.js';
import { createPairReader, type Tally, type WritingRule } from './pairs.js';
import type { Comparison, Difference, DifferenceKind } from './result.js';
import { comparisonOf } from './total.js';
import { createAligner } from './window.js';

export interface LiveComparisonOptions {
  /** ns since 1970 of capture time 0. */
  readonly epoch: bigint;
  /** ns by which a line may be late, or stamped apart from its packet. */
  readonly tolerance: number;
  readonly rulesOf: (prefix: string) => readonly WritingRule[];
  /** As in `compareLines`; the time is that of the capture, ns. */
  readonly unseen?: (line: ObservedLine, time: number) => Unseen | null;
}

/** A comparison that goes on while both sides still grow. Times are ns since capture start. */
export interface LiveComparison {
  predicted(line: PredictedLine): void;
  /** @param arrival when it was read */
  observed(entry: ObservedEntry, arrival: number): void;
  /** Lines were lost that had been written until then. */
  lost(time: number, reason: string): void;
  /** Decides what is before that time, and gives the differences in it. */
  settle(until: number): readonly Difference[];
  /** What it came to, once all is settled. @param end time of the capture's end */
  result(end: number, packets: number): Comparison;
}

/** Differences that are kept for the report; the counts go on. */
const MOST_KEPT = 100_000;
/** ns before the capture began in which a line may still belong to its first packets. */
const EDGE = 1e8;
/** Losses that are remembered while lines that they may explain can still come. */
const MOST_LOSSES = 1000;

/**
 * Compares as `compareLines` does, window after window. The log's clock is told by when its lines were read: of all
 * readings the quickest one is the nearest to when the line was written.
 */
export function createLiveComparison(options: LiveComparisonOptions): LiveComparison {
  const { epoch, tolerance, rulesOf } = options;
  const tally: Tally = { predicted: 0, observed: 0, matched: 0, fieldMismatch: 0, reordered: 0, outside: 0 };
  const counts = new Map<DifferenceKind, number>();
  const named = new Map<string, string[]>();
  const kept: Difference[] = [];
  const clocks = new Map<string, LogClock>();
  let losses: (LossWindow & { count: number })[] = [];
  const reach = { tolerance, precision: 0 };
  let end = Infinity;
  let order = 0;
  let latest = 0;
  let emulated = 0;

  const reader = createPairReader({
    named,
    rulesOf,
    tally,
    isOutside: (item) => item.time < -EDGE || item.time > end + EDGE,
    unseen: options.unseen,
  });
  const knownPrefix = (prefix: string): boolean => named.has(prefix) || rulesOf(prefix).length > 0;
  const aligner = createAligner({ knownPrefix }, (pairs, alike) => reader.read(pairs, alike));

  const settle = (until: number): readonly Difference[] => {
    aligner.settle(until);
    const differences = explainByLoss(reader.take(), createLossFinder(losses, tolerance));
    for (const d of differences) {
      counts.set(d.kind, (counts.get(d.kind) ?? 0) + 1);
      if (d.kind === 'lost') {
        const loss = losses.find((l) => l.reason === d.reason && l.count > 0);
        if (loss) loss.count--;
      }
      if (kept.length < MOST_KEPT) kept.push(d);
    }
    losses = losses.filter((l) => l.count > 0 && l.to + 2 * tolerance > until);
    return differences;
  };
  const addLoss = (to: number, count: number, reason: string): void => {
    if (losses.length < MOST_LOSSES) losses.push({ from: latest, to, count, reason });
  };

  return {
    predicted(line) {
      const head = line.text.slice(0, line.text.lastIndexOf('IN=', line.text.indexOf('OUT=')));
      const prefix = parse(line.text)?.prefix ?? head;
      const address = line.rule && ruleAddress(line.rule);
      const known = named.get(prefix) ?? [];
      named.set(prefix, known);
      if (address && !known.includes(address)) known.push(address);
      aligner.predicted(new PredictedItem(line, order++));
    },
    observed(entry, arrival) {
      const { text, file, line, boot, loss, trace, by } = entry;
      if (trace) return;
      if (by) {
        emulated++;
        return;
      }
      if (loss) {
        // The kernel's rate limits do not touch LOG lines.
        if (loss.by !== 'ratelimit') addLoss(arrival, loss.count ?? Infinity, text);
        return;
      }
      let clock = clocks.get(file);
      if (!clock) clocks.set(file, (clock = new LogClock(file, tolerance)));
      const time = clock.place(entry, arrival);
      latest = Math.max(latest, time);
      const observed: ObservedLine = { text, time: null, file, line, boot };
      aligner.observed(new ObservedItem(observed, time, reach, order++));
    },
    lost: (time, reason) => addLoss(time, Infinity, reason),
    settle,
    result(time, packets) {
      end = time;
      settle(Infinity);
      const differences = kept.sort((a, b) => a.time - b.time);
      const all = [...counts.values()].reduce((a, b) => a + b, 0);
      return comparisonOf({
        epoch,
        packets,
        tally,
        differences,
        listedUntil: Infinity,
        countOf: (kind) => counts.get(kind) ?? 0,
        clocks: [...clocks.values()].map((c) => c.stretch()),
        unplaced: 0,
        duplicates: 0,
        assumptions: [
          ...(all > kept.length ? [`Only the first ${kept.length} of ${all} differences were kept.`] : []),
          ...(emulated > 0
            ? [`${emulated} lines of ulogd are not compared live; compare holds them against a capture.`]
            : []),
        ],
      });
    },
  };
}

/** How a followed log's own clock relates to capture time. */
class LogClock {
  private offset = Infinity;
  private firstLine = 0;
  private lines = 0;
  private from = 0;
  private to = 0;
  private own = false;

  constructor(
    private readonly file: string,
    private readonly tolerance: number,
  ) {}

  /** Capture time of an entry that was read at `arrival`. */
  place({ time: { kernel }, line }: ObservedEntry, arrival: number): number {
    const log = kernel?.ns ?? arrival;
    if (kernel) {
      this.own = true;
      const offset = arrival - kernel.ns;
      // The kernel's clock stands still while the machine sleeps.
      this.offset = offset > this.offset + this.tolerance ? offset : Math.min(this.offset, offset);
    }
    if (this.lines++ === 0) {
      this.firstLine = line;
      this.from = log;
    }
    this.to = log;
    return kernel ? kernel.ns + this.offset : arrival;
  }

  stretch(): LogStretch {
    const { file, firstLine, lines, from, to } = this;
    const fit = {
      origin: 0,
      at: this.own ? this.offset : 0,
      rate: 1,
      uncertainty: 1e6,
      agreeing: lines,
      votes: lines,
    };
    return { file, clock: this.own ? 'kernel' : 'wall', resolution: 1000, firstLine, from, to, lines, fit };
  }
}
