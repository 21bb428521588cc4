import type { PredictedLine } from '../engine/events.js';
import type { Unseen } from '../engine/evidence/sight.js';
import { parse } from '../klog/parse.js';
import { ruleAddress, type Rule } from '../rules/model.js';
import { type ClockFit, createStretcher, estimateClocks, toCapture, type LogStretch } from './clock.js';
import {
  type LogTime,
  type LossEvent,
  ObservedItem,
  type ObservedLine,
  PredictedItem,
  type Reach,
} from './lines.js';
import { createLossFinder, createLossPlacer } from './losses.js';
import { mergeFiles } from './merge.js';
import { createPairReader, isOutsideOf, type Named, type Tally, type WritingRule } from './pairs.js';
import type { Comparison } from './result.js';
import { comparisonOf } from './total.js';
import { createAligner } from './window.js';

export interface CompareInput {
  /** In the order in which the kernel would have written them. Read several times. */
  readonly predicted: Iterable<PredictedLine>;
  /** The lines of a file each. Read several times. */
  readonly observed: readonly Iterable<ObservedLine>[];
  readonly losses?: readonly LossEvent[];
  /** Frames in the capture. */
  readonly packets: number;
  /** ns since 1970 of capture time 0. */
  readonly epoch: bigint;
  /** Capture time of the last frame, ns. */
  readonly end: number;
  /**
   * The rules that write a prefix, and why what they write may be in doubt; without it the prefixes that were predicted
   * are the ones known.
   */
  readonly rulesOf?: (prefix: string) => readonly WritingRule[];
  /** Why the simulation may not know of the packet that an observed line tells of; null, or without it: it does. */
  readonly unseen?: (line: ObservedLine) => Unseen | null;
}

/** ns that a line may be written after, or stamped before, its packet was captured. */
const SLACK = 1e9;
/** The same for syslog daemons, which stamp a line when they get it. */
const COARSE_SLACK = 2e9;
/**
 * The same for ulogd: the kernel keeps messages back for a second (NFULNL_TIMEOUT_DEFAULT, net/netfilter/nfnetlink_log.c), and those of
 * packets that the host made have the time at which ulogd got them.
 */
const GROUP_SLACK = 3e9;
/** ns by which an unconfirmed wall clock may miss the capture's time and still be believed. */
const WALL_TRUST = 60e9;

/** Holds the predicted lines against the host's. The log's clock need not be known. */
export function compareLines(input: CompareInput): Comparison {
  const { stretches, named } = survey(input);
  const clocked = stretches.some((s) => s.fit !== null);
  const losses = createLossPlacer(input.losses ?? []);
  const tally: Tally = { predicted: 0, observed: 0, matched: 0, fieldMismatch: 0, reordered: 0, outside: 0 };
  const reader = createPairReader({
    named,
    rulesOf: input.rulesOf,
    tally,
    isOutside: isOutsideOf(input.end),
    unseen: input.unseen,
  });
  const knownPrefix = (prefix: string): boolean =>
    named.has(prefix) || (input.rulesOf?.(prefix).length ?? 0) > 0;
  const aligner = createAligner({ knownPrefix }, (pairs, alike) => reader.read(pairs, alike));

  const placed = placeLines(input.observed, stretches, (line, time) => losses.pass(line, time));
  const merged = mergeFiles(placed.files);

  feed(aligner, input.predicted, merged.items, (item) => {
    const beyond = item.time + item.tolerance < 0 || item.time - item.tolerance > input.end;
    if (beyond) tally.outside++;
    return !beyond;
  });

  const { differences, listedUntil, countOf } = reader.explained(
    createLossFinder(losses.windows(stretches), slackOf(stretches)),
  );
  return comparisonOf({
    epoch: input.epoch,
    packets: input.packets,
    tally,
    differences,
    listedUntil,
    countOf,
    clocks: stretches,
    unplaced: placed.unplaced(),
    duplicates: merged.duplicates(),
    assumptions: assumptions(stretches, clocked, tally),
  });
}

/** What is asked of all lines first: the clocks, and which rule writes which prefix. */
function survey({ predicted, observed, end }: CompareInput): { stretches: LogStretch[]; named: Named } {
  const named = createNaming();
  const stretches = estimateClocks(noted(predicted, named), observed);
  return { stretches: believingWall(stretches, end), named: named.addresses() };
}

function* noted(lines: Iterable<PredictedLine>, named: Naming): Generator<PredictedLine> {
  for (const line of lines) {
    named.note(line);
    yield line;
  }
}

/** Notes which rules write a prefix, as it is read in their lines. */
interface Naming {
  note(line: PredictedLine): void;
  addresses(): Named;
}

function createNaming(): Naming {
  const seen = new Map<string, Set<Rule | null>>();
  const named = new Map<string, Set<Rule>>();
  return {
    note(line) {
      const { rule, prefix } = line;
      let rules = seen.get(prefix);
      if (!rules) seen.set(prefix, (rules = new Set()));
      if (rules.has(rule)) return;
      rules.add(rule);
      const read = parse(line.text)?.prefix ?? prefix;
      const known = named.get(read) ?? new Set();
      named.set(read, known);
      if (rule) known.add(rule);
    },
    addresses: () => new Map([...named].map(([prefix, rules]) => [prefix, [...rules].map(ruleAddress)])),
  };
}

/** Where no line tells the clock, a wall clock is taken at its word if it falls into the capture's time. */
function believingWall(stretches: LogStretch[], end: number): LogStretch[] {
  if (stretches.some((s) => s.fit !== null)) return stretches;
  const fit = { origin: 0, at: 0, rate: 1, uncertainty: 1e9, agreeing: 0, votes: 0 };
  return stretches.map((s) =>
    s.clock === 'wall' && s.to >= -WALL_TRUST && s.from <= end + WALL_TRUST ? { ...s, fit } : s,
  );
}

/** ns by which capture time and log time may differ. */
export function slackOf(stretches: readonly LogStretch[]): number {
  return Math.max(SLACK, ...stretches.map((s) => s.resolution));
}

/**
 * The lines on the scale of the capture's time, in their order; those of a boot or a file whose clock could not be
 * told, while others' could, are only counted.
 * @param passed is told of each, and its capture time
 */
export function placeLines(
  files: readonly Iterable<ObservedLine>[],
  stretches: readonly LogStretch[],
  passed: (line: ObservedLine, time: number) => void,
): { files: Iterable<ObservedItem>[]; unplaced(): number } {
  const clocked = stretches.some((s) => s.fit !== null);
  let unplaced = 0;
  let order = 0;
  function* items(lines: Iterable<ObservedLine>): Generator<ObservedItem> {
    const stretchOf = createStretcher();
    let own: readonly LogStretch[] | null = null;
    for (const line of lines) {
      own ??= stretches.filter(({ file }) => file === line.file);
      const { time } = line;
      const stretch = own[stretchOf(time, line.boot)];
      if (clocked && (stretch.fit === null || time === null)) {
        unplaced++;
        continue;
      }
      const item = place(line, time, stretch, order++);
      passed(line, item.time);
      yield item;
    }
  }
  return { files: files.map(items), unplaced: () => unplaced };
}

const ANYWHEN: Reach = { tolerance: Infinity, precision: Infinity };

/** Those that lines have in common: of one stretch there are few. */
const reaches = new WeakMap<ClockFit, Reach[]>();

function reachOf(fit: ClockFit, resolution: number, by: ObservedLine['by']): Reach {
  const late = by ? GROUP_SLACK : resolution > 1e6 ? COARSE_SLACK : SLACK;
  const precision = resolution / 2 + fit.uncertainty;
  const tolerance = precision + late;
  let known = reaches.get(fit);
  if (!known) reaches.set(fit, (known = []));
  let reach = known.find((r) => r.tolerance === tolerance && r.precision === precision);
  if (!reach) known.push((reach = { tolerance, precision }));
  return reach;
}

function place(line: ObservedLine, time: LogTime | null, { fit }: LogStretch, order: number): ObservedItem {
  if (fit === null || time === null) return new ObservedItem(line, 0, ANYWHEN, order);
  const { ns, resolution } = time;
  return new ObservedItem(
    line,
    toCapture(fit, ns + resolution / 2),
    reachOf(fit, resolution, line.by),
    order,
  );
}

/** Takes lines of the side that is behind, so that the window stays small. */
function feed(
  aligner: ReturnType<typeof createAligner>,
  predicted: Iterable<PredictedLine>,
  observed: Iterable<ObservedItem>,
  wanted: (item: ObservedItem) => boolean,
): void {
  const ours = predicted[Symbol.iterator]();
  const theirs = observed[Symbol.iterator]();
  let order = 0;
  for (let open = 2; open > 0;) {
    if (aligner.behind() === 'predicted') {
      const next = ours.next();
      if (next.done) {
        aligner.done('predicted');
        open--;
      } else aligner.predicted(new PredictedItem(next.value, order++));
    } else {
      const next = theirs.next();
      if (next.done) {
        aligner.done('observed');
        open--;
      } else if (wanted(next.value)) aligner.observed(next.value);
    }
  }
  aligner.end();
}

function assumptions(stretches: readonly LogStretch[], clocked: boolean, tally: Tally): string[] {
  const list: string[] = [];
  if (!clocked && stretches.some((s) => s.clock !== null) && tally.predicted > 0)
    list.push(
      'No line of the log is of a packet that the simulation logs, so the clock of the log could not be told from it; lines were paired by order alone.',
    );
  if (stretches.some((s) => s.fit?.votes === 0))
    list.push("No line confirms the log's wall clock; it was believed to be the capture's.");
  if (stretches.some((s) => s.clock === null))
    list.push('The log has lines without a time; they were paired by order alone.');
  return list;
}
