import type { Unseen } from '../engine/evidence/sight.js';
import { ruleAddress } from '../rules/model.js';
import type { Pair } from './align.js';
import { packetKey } from './identity.js';
import { increasing } from './increasing.js';
import { explainByLoss, isMissing, type LossFinder, NEVER_SEEN } from './losses.js';
import { fieldsOf, type ObservedItem, type ObservedLine, type PredictedItem } from './lines.js';
import { differingFields } from './near.js';
import type { Comparison, Difference, DifferenceKind } from './result.js';

/** A rule that writes a prefix, and why what it writes may be in doubt. */
export interface WritingRule {
  readonly address: string;
  readonly doubt: string | null;
}

/** Which rules were seen to write a prefix, by address. */
export type Named = ReadonlyMap<string, readonly string[]>;

/** Counts that grow while pairs are read. */
export interface Tally {
  predicted: number;
  observed: number;
  matched: number;
  fieldMismatch: number;
  reordered: number;
  outside: number;
}

export interface PairReaderOptions {
  readonly named: Named;
  readonly rulesOf: ((prefix: string) => readonly WritingRule[]) | undefined;
  readonly tally: Tally;
  readonly isOutside: (item: ObservedItem) => boolean;
  /** As in `compareLines`; the time is that of the capture, ns. */
  readonly unseen: ((line: ObservedLine, time: number) => Unseen | null) | undefined;
}

const BEGAN_LATER: Unseen = { mayBeCaptured: false, reason: 'the capture began after this packet' };

/** ns by which the lines of one packet may be spread: a clock that goes by the last of them puts the first before it. */
const SPREAD = 1e6;

/** Close enough to the first captured packet to be held against the capture, and yet before it, as sure as the clock is. */
function isBeforeCapture({ time, precision }: ObservedItem): boolean {
  return time < -SPREAD - 2 * precision;
}

/** The host's line is of a packet from before the first one that was captured. */
export function beganLater({ kind, reason }: Difference): boolean {
  return kind === 'notCaptured' && reason === BEGAN_LATER.reason;
}

/** ns within which a line outside the capture's time still belongs to it. */
const EDGE = 1e8;

/** Tells lines of before the capture, and of after its end (ns): they are no difference. */
export function isOutsideOf(end: number): (item: ObservedItem) => boolean {
  return ({ time, precision }) => {
    const edge = EDGE + precision;
    return Number.isFinite(edge) && (time < -edge || time > end + edge);
  };
}

/** Differences that are kept; of the others only their kinds are counted. */
const MOST_KEPT = 100_000;

/** Turns the pairs of one window after another into differences. */
export interface PairReader {
  /** @param alike so many more that are alike, and stand in order among these */
  read(pairs: readonly Pair[], alike?: number): void;
  /** Those that were found since the last call, in order of time. */
  take(): Difference[];
  /** All that were kept, in order of time, those of lost lines as such; and how many of a kind there are. */
  explained(find: LossFinder): Explained;
}

export interface Explained extends Pick<Comparison, 'differences' | 'listedUntil'> {
  readonly countOf: (kind: DifferenceKind) => number;
}

export function createPairReader(options: PairReaderOptions): PairReader {
  const { tally } = options;
  let differences: Difference[] = [];
  const more = new Map<DifferenceKind, number>();
  let listedUntil = Infinity;
  /** Times of the missing lines among those that were not kept. */
  const missing = new Map<DifferenceKind, number[]>();
  const add = (difference: Difference): void => {
    const { kind, time } = difference;
    if (differences.length < MOST_KEPT) {
      differences.push(difference);
      return;
    }
    more.set(kind, (more.get(kind) ?? 0) + 1);
    listedUntil = Math.min(listedUntil, time);
    if (!isMissing(difference)) return;
    const times = missing.get(kind);
    if (times) times.push(time);
    else missing.set(kind, [time]);
  };

  const readBoth = (p: PredictedItem, o: ObservedItem, moved: Difference | undefined): void => {
    tally.predicted++;
    tally.observed++;
    const fields = p.kept.equals(o.kept) ? [] : differingFields(p, o);
    if (fields.length === 0 && !moved) {
      tally.matched++;
      return;
    }
    const { doubt } = p.line;
    if (doubt === null) tally.fieldMismatch++;
    const kind = doubt === null ? 'field' : 'undecidable';
    for (const field of fields) add({ ...about(p, o), kind, ...field, reason: doubt, finding: null });
    if (moved) add(moved);
  };

  const readPredicted = (p: PredictedItem): void => {
    tally.predicted++;
    const reason = p.line.doubt ?? (p.line.uncaptured ? NEVER_SEEN : null);
    add({
      ...about(p, null),
      kind: reason === null ? 'onlySimulated' : 'undecidable',
      field: null,
      simulated: p.text,
      host: null,
      reason,
      finding: null,
    });
  };

  const readObserved = (o: ObservedItem, frameOf: (o: ObservedItem) => number): void => {
    if (options.isOutside(o)) {
      tally.outside++;
      return;
    }
    tally.observed++;
    const prefix = fieldsOf(o).get('PREFIX') ?? '';
    const rules = options.rulesOf?.(prefix) ?? [];
    const addresses = rules.length > 0 ? rules.map((r) => r.address) : (options.named.get(prefix) ?? []);
    const unseen = isBeforeCapture(o) ? BEGAN_LATER : options.unseen?.(o.line, o.time);
    const isNotCaptured = unseen?.mayBeCaptured === false;
    // What no given rule writes is a difference whatever the packet was.
    const isForeign = options.rulesOf !== undefined && addresses.length === 0 && !isNotCaptured;
    const reason = isForeign ? null : (unseen?.reason ?? rules.find((r) => r.doubt !== null)?.doubt ?? null);
    add({
      kind: isNotCaptured ? 'notCaptured' : reason === null ? 'onlyHost' : 'undecidable',
      time: o.time,
      frame: frameOf(o),
      field: null,
      simulated: null,
      host: o.text,
      rule: addresses.length === 1 ? addresses[0] : null,
      reason,
      position: { file: o.line.file, line: o.line.line },
      line: o.text,
      finding: null,
    });
  };

  const take = (): Difference[] => {
    const taken = differences.sort((a, b) => a.time - b.time);
    differences = [];
    return taken;
  };

  return {
    take,
    explained(find) {
      const kept = explainByLoss(take(), find);
      const counts = new Map(more);
      const count = (kind: DifferenceKind, by: number): void =>
        void counts.set(kind, (counts.get(kind) ?? 0) + by);
      for (const { kind } of kept) count(kind, 1);
      for (const [kind, times] of missing) {
        const lost = times.filter((time) => find(time) !== null).length;
        count(kind, -lost);
        count('lost', lost);
      }
      return { differences: kept, listedUntil, countOf: (kind) => counts.get(kind) ?? 0 };
    },
    read(pairs, alike = 0) {
      tally.predicted += alike;
      tally.observed += alike;
      tally.matched += alike;
      const moved = movedLines(pairs);
      tally.reordered += moved.betweenPackets;
      let frames: Map<string, Told> | null = null;
      const frameOf = ({ text, time }: ObservedItem): number => {
        frames ??= framesOf(pairs);
        return nearestFrame(frames.get(packetKey(text)), time);
      };
      for (const { predicted: p, observed: o } of pairs) {
        if (p && o) readBoth(p, o, moved.withinPacket.get(p));
        else if (p) readPredicted(p);
        else if (o) readObserved(o, frameOf);
      }
    },
  };
}

function about(
  p: PredictedItem,
  o: ObservedItem | null,
): Pick<Difference, 'time' | 'frame' | 'rule' | 'position' | 'line'> {
  return {
    time: p.time,
    frame: p.line.frame,
    rule: p.line.rule ? ruleAddress(p.line.rule) : null,
    position: o && { file: o.line.file, line: o.line.line },
    line: p.text,
  };
}

/** The frames of the predicted lines that tell of one packet, or of several alike; in order of time. */
interface Told {
  readonly times: number[];
  readonly frames: number[];
}

function framesOf(pairs: readonly Pair[]): Map<string, Told> {
  const all = new Map<string, Told>();
  for (const { predicted } of pairs) {
    if (!predicted) continue;
    const key = packetKey(predicted.text);
    let told = all.get(key);
    if (!told) all.set(key, (told = { times: [], frames: [] }));
    told.times.push(predicted.time);
    told.frames.push(predicted.line.frame);
  }
  return all;
}

/** Of packets that are alike, the one nearest in time; 0 for none. */
function nearestFrame(told: Told | undefined, time: number): number {
  if (!told) return 0;
  const { times, frames } = told;
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return frames[0];
  return low === times.length || time - times[low - 1] <= times[low] - time ? frames[low - 1] : frames[low];
}

/**
 * Lines that are on both sides but in another order. Between packets that is how several CPUs work, and is only counted; the lines of
 * one packet are written by one CPU in the order of the rules, so there it is a difference, told of as few lines as
 * explain it.
 */
function movedLines(pairs: readonly Pair[]): {
  withinPacket: Map<PredictedItem, Difference>;
  betweenPackets: number;
} {
  const withinPacket = new Map<PredictedItem, Difference>();
  if (areInOrder(pairs)) return { withinPacket, betweenPackets: 0 };
  const both = pairs.filter((pair): pair is BothSides => Boolean(pair.predicted && pair.observed));
  both.sort((a, b) => a.predicted.order - b.predicted.order);
  const inOrder = increasing(both.map((pair) => pair.observed.order));
  let out = 0;
  for (const mark of inOrder) out += 1 - mark;
  if (out === 0) return { withinPacket, betweenPackets: 0 };

  for (let from = 0, to = 0; from < both.length; from = to) {
    const { frame } = both[from].predicted.line;
    while (to < both.length && both[to].predicted.line.frame === frame) to++;
    if (frame === 0 || to - from < 2) continue;
    for (const group of byFile(both.slice(from, to)))
      for (const moved of movedWithin(group)) withinPacket.set(...moved);
  }
  return { withinPacket, betweenPackets: Math.max(0, out - withinPacket.size) };
}

interface BothSides {
  readonly predicted: PredictedItem;
  readonly observed: ObservedItem;
}

/** Two files tell nothing of the order in which lines of the same moment were written. */
function byFile(pairs: readonly BothSides[]): BothSides[][] {
  const files = new Map<string, BothSides[]>();
  for (const pair of pairs) {
    const { file } = pair.observed.line;
    const others = files.get(file);
    if (others) others.push(pair);
    else files.set(file, [pair]);
  }
  return [...files.values()];
}

/** The lines of one packet, in the order of the rules, that the host has in another. */
function* movedWithin(group: readonly BothSides[]): Generator<[PredictedItem, Difference]> {
  const stays = increasing(group.map((pair) => pair.observed.order));
  const byHost = [...group].sort((a, b) => a.observed.order - b.observed.order);
  const place = (n: number): string => `line ${n + 1} of ${group.length} for this packet`;
  for (let k = 0; k < group.length; k++) {
    if (stays[k]) continue;
    const { predicted: p, observed: o } = group[k];
    yield [
      p,
      {
        ...about(p, o),
        kind: p.line.doubt === null ? 'field' : 'undecidable',
        field: 'order',
        simulated: place(k),
        host: place(byHost.findIndex((pair) => pair.predicted === p)),
        reason: p.line.doubt,
        finding: null,
      },
    ];
  }
}

/** Both sides go up: nothing has moved, as nearly always. */
function areInOrder(pairs: readonly Pair[]): boolean {
  let ours = -1;
  let theirs = -1;
  for (const { predicted, observed } of pairs) {
    if (!predicted || !observed) continue;
    if (predicted.order < ours || observed.order < theirs) return false;
    ours = predicted.order;
    theirs = observed.order;
  }
  return true;
}
