import { KeptText } from '../source/keptText.js';
import { packetKey } from './identity.js';
import type { LogTime, ObservedLine } from './lines.js';
import { createSketch, type Sketch } from './sketch.js';

/** How a stretch of the log (one file, one boot) maps to capture time: `at + (ns - origin) * rate`. */
export interface ClockFit {
  readonly origin: number;
  readonly at: number;
  /** Capture seconds a log second; 1 where the drift cannot be told. */
  readonly rate: number;
  /** Half the width, ns, in which the mapping is known to lie. */
  readonly uncertainty: number;
  /** How many pairs of identical lines agree on it, of how many that were tried. */
  readonly agreeing: number;
  readonly votes: number;
}

/** A stretch of the log with one clock, and its fit; null where nothing in it could be matched. */
export interface LogStretch {
  readonly file: string;
  readonly clock: LogTime['clock'] | null;
  readonly resolution: number;
  /** Where in its file it begins, 1-based. */
  readonly firstLine: number;
  /** Log time of the first line, ns. */
  readonly from: number;
  /** Log time of the last line, ns. */
  readonly to: number;
  readonly lines: number;
  readonly fit: ClockFit | null;
}

/** ns; a clock that goes back by more is another boot (or was set); less is two CPUs or two daemons at once. */
const BACKWARDS = 5e9;
/** No oscillator that boots is off by more. */
const MOST_DRIFT = 1e-3;
/** ns between a packet's capture and its line, on a busy host. */
const JITTER = 20e6;

export function toCapture(fit: ClockFit, ns: number): number {
  return fit.at + (ns - fit.origin) * fit.rate;
}

/** Stretches told apart at most; a log that goes back more often is not one. */
const MOST_STRETCHES = 1000;

/** Cuts the log of one file into stretches of one clock and boot: call it with every line in order; it returns the stretch's number. */
export function createStretcher(): (time: LogTime | null, boot: number | undefined) => number {
  const current = new Map<string, { number: number; latest: number; boot: number | undefined }>();
  let count = 0;
  return (time, boot) => {
    const key = time?.clock ?? '';
    let stretch = current.get(key);
    const ns = time?.ns ?? 0;
    const back = time !== null && stretch !== undefined && ns < stretch.latest - BACKWARDS - time.resolution;
    if (!stretch || ((back || stretch.boot !== boot) && count < MOST_STRETCHES)) {
      stretch = { number: count++, latest: -Infinity, boot };
      current.set(key, stretch);
    }
    stretch.latest = Math.max(stretch.latest, ns);
    return stretch.number;
  };
}

interface Stretch {
  readonly votes: Sketch;
  readonly file: string;
  readonly firstLine: number;
  clock: LogTime['clock'] | null;
  resolution: number;
  from: number;
  to: number;
  lines: number;
}

/** Packets vote only where so few whole lines agree that it may be chance. */
const FEW = 3;

/**
 * Estimates how log time maps to capture time, without being told the boot time or the time zone. Every pair of
 * identical lines votes for the difference of its times; where the texts never agree (another prefix, another MARK), the
 * packets vote. The largest bundle of votes that agree wins, and a line is fitted through it.
 * @param predicted with times in ns of capture time; may be read twice, as `observed`
 * @param observed the lines of a file each
 * @returns those of one file after the other, in the order in which `createStretcher` numbers them
 */
export function estimateClocks(
  predicted: Iterable<Voter & { readonly time: number }>,
  observed: readonly Iterable<ObservedLine>[],
): LogStretch[] {
  const byLine = fitsBy(lineHash, predicted, observed);
  if (byLine.every(({ clock, fit }) => clock === null || (fit !== null && fit.agreeing >= FEW)))
    return byLine;
  const byPacket = fitsBy(packetHash, predicted, observed);
  return byLine.map((stretch, i) => {
    const { fit } = stretch;
    const other = byPacket[i].fit;
    const isBetter = fit !== null && (fit.agreeing >= FEW || fit.agreeing >= (other?.agreeing ?? 0));
    return isBetter ? stretch : { ...stretch, fit: other };
  });
}

/** A line that may have its like on the other side. */
type Voter = Pick<ObservedLine, 'text' | 'kept'>;

function lineHash(line: Voter): number {
  return (line.kept ?? KeptText.of(line.text)).hash;
}

/** null: it tells of no packet. */
function packetHash({ text }: Voter): number | null {
  const key = packetKey(text);
  return key === '' ? null : KeptText.of(key).hash;
}

/** What the lines that share a hash vote for. @param hashOf null for lines without a vote */
function fitsBy(
  hashOf: (line: Voter) => number | null,
  predicted: Iterable<Voter & { readonly time: number }>,
  observed: readonly Iterable<ObservedLine>[],
): LogStretch[] {
  const ours = createSketch();
  for (const line of predicted) {
    const hash = hashOf(line);
    if (hash !== null) ours.add(hash, line.time);
  }
  const stretches = observed.flatMap((lines) => stretchesOf(lines, hashOf));
  return stretches.map(({ votes: theirs, ...about }) => ({
    ...about,
    fit: about.clock === null ? null : fitClock(votes(ours, theirs), about.resolution),
  }));
}

function stretchesOf(lines: Iterable<ObservedLine>, hashOf: (line: Voter) => number | null): Stretch[] {
  const stretches: Stretch[] = [];
  const stretchOf = createStretcher();
  for (const line of lines) {
    const { time } = line;
    const stretch = (stretches[stretchOf(time, line.boot)] ??= {
      votes: createSketch(),
      file: line.file,
      firstLine: line.line,
      clock: null,
      resolution: 0,
      from: time?.ns ?? 0,
      to: time?.ns ?? 0,
      lines: 0,
    });
    stretch.lines++;
    if (time === null) continue;
    if (stretch.clock === null) stretch.from = time.ns;
    stretch.to = time.ns;
    stretch.clock = time.clock;
    stretch.resolution = Math.max(stretch.resolution, time.resolution);
    const hash = hashOf(line);
    if (hash !== null) stretch.votes.add(hash, time.ns + time.resolution / 2);
  }
  return stretches;
}

/** One pair of lines that may be the same: log time (the middle of what the stamp allows) and capture time, ns. */
export interface Vote {
  readonly log: number;
  readonly capture: number;
}

/** ns; stamps of so many or more leave open more than packets scatter. */
const COARSE = 1e6;

/** Votes kept at most; the sketches keep them well apart. */
const MOST_VOTES = 400_000;

function votes(ours: Sketch, theirs: Sketch): Vote[] {
  const list: Vote[] = [];
  for (const [key, logs] of theirs.times) {
    const captures = ours.times.get(key);
    if (!captures) continue;
    for (const log of logs) for (const capture of captures) list.push({ log, capture });
    if (list.length > MOST_VOTES) break;
  }
  return list;
}

/**
 * The line that most votes agree on; null without votes.
 * @param resolution ns of the log's stamps
 */
export function fitClock(all: readonly Vote[], resolution: number): ClockFit | null {
  if (all.length === 0) return null;
  const span = spread(all.map((v) => v.capture));
  const bundles = densest(all, resolution + JITTER + span * MOST_DRIFT);
  const [first, ...others] = bundles.map((bundle) => fitBundle(bundle, all.length, resolution));
  // Traffic that repeats itself agrees with itself a period later as well, but not as closely; coarse stamps do not show it.
  if (resolution >= COARSE) return first;
  return others.reduce((best, fit) => (fit.uncertainty < best.uncertainty ? fit : best), first);
}

/** The line through a bundle of votes, those that are far from it left out. */
function fitBundle(bundle: readonly Vote[], votes: number, resolution: number): ClockFit {
  let agreeing = bundle;
  const origin = agreeing[0].log;
  let line = { at: median(agreeing.map((v) => v.capture - (v.log - origin))), rate: 1 };
  for (let round = 0; round < 4; round++) {
    line = lineThrough(agreeing, origin, resolution);
    const off = agreeing.map((v) => Math.abs(residual(line, origin, v)));
    const most = Math.max(6 * median(off), resolution / 2 + 50e3);
    const kept = agreeing.filter((_, i) => off[i] <= most);
    if (kept.length === agreeing.length || kept.length < 2) break;
    agreeing = kept;
  }
  return {
    origin,
    ...line,
    uncertainty: uncertaintyOf(agreeing, line, origin, resolution),
    agreeing: agreeing.length,
    votes,
  };
}

interface Line {
  readonly at: number;
  readonly rate: number;
}

function residual(line: Line, origin: number, v: Vote): number {
  return v.capture - (line.at + (v.log - origin) * line.rate);
}

/** Bundles that are looked at, where the largest has at least so many votes and the others nearly as many. */
const MOST_BUNDLES = 5;
const LEAST_VOTES = 8;
const NEARLY = 0.7;

/** The votes in the window of difference that holds most of them, and in others beside it that hold nearly as many. */
function densest(all: readonly Vote[], width: number): Vote[][] {
  const sorted = [...all].sort((a, b) => a.log - a.capture - (b.log - b.capture));
  const difference = (i: number): number => sorted[i].log - sorted[i].capture;
  /** For each vote, how many stand in the window that begins with it. */
  const counts = new Int32Array(sorted.length);
  for (let from = 0, to = 0; from < sorted.length; from++) {
    while (to < sorted.length && difference(to) - difference(from) <= width) to++;
    counts[from] = to - from;
  }
  const chosen: number[] = [];
  while (chosen.length < MOST_BUNDLES) {
    let best = -1;
    for (let i = 0; i < counts.length; i++)
      if (
        (best < 0 || counts[i] > counts[best]) &&
        chosen.every((c) => Math.abs(difference(i) - difference(c)) > width)
      )
        best = i;
    const most = chosen.length > 0 ? counts[chosen[0]] : 0;
    if (best < 0 || counts[best] < NEARLY * most) break;
    chosen.push(best);
    if (counts[best] < LEAST_VOTES) break;
  }
  return chosen.map((from) => sorted.slice(from, from + counts[from]).sort((a, b) => a.log - b.log));
}

/** Slopes are taken between so many votes at most (Theil and Sen: the median of slopes). */
const SLOPE_POINTS = 300;

/** The offset is the median (the middle of the range for coarse stamps); the slope counts only where it stands out of the scatter. */
function lineThrough(list: readonly Vote[], origin: number, resolution: number): Line {
  const flat = (rate: number): Line => ({
    at: centre(
      list.map((v) => v.capture - (v.log - origin) * rate),
      resolution,
    ),
    rate,
  });
  const level = flat(1);
  const span = list[list.length - 1].log - list[0].log;
  if (list.length < 8 || span < 1e9) return level;
  const step = Math.max(1, Math.floor(list.length / SLOPE_POINTS));
  const points = list.filter((_, i) => i % step === 0);
  const slopes: number[] = [];
  for (let i = 0; i < points.length; i++)
    for (let j = i + 1; j < points.length; j++) {
      const apart = points[j].log - points[i].log;
      if (apart > span / 3) slopes.push((points[j].capture - points[i].capture) / apart);
    }
  if (slopes.length === 0) return level;
  const rate = median(slopes);
  if (Math.abs(rate - 1) > MOST_DRIFT) return level;
  const sloped = flat(rate);
  const scatter = median(list.map((v) => Math.abs(residual(sloped, origin, v))));
  const noise = (6 * Math.max(scatter, resolution / 4)) / Math.sqrt(list.length);
  return Math.abs(rate - 1) * span > noise ? sloped : level;
}

function uncertaintyOf(list: readonly Vote[], line: Line, origin: number, resolution: number): number {
  const off = list.map((v) => residual(line, origin, v)).sort((a, b) => a - b);
  const range = quantile(off, 0.95) - quantile(off, 0.05);
  if (resolution < COARSE) return Math.max(range / 2, resolution);
  // Coarse stamps spread evenly over their resolution: what they leave open is what they do not fill.
  return Math.max(resolution / 2 - range / 2, JITTER / 20) + resolution / (2 * Math.sqrt(list.length));
}

function centre(values: readonly number[], resolution: number): number {
  if (resolution < COARSE) return median(values);
  const sorted = [...values].sort((a, b) => a - b);
  return (quantile(sorted, 0.02) + quantile(sorted, 0.98)) / 2;
}

function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

function spread(values: readonly number[]): number {
  let least = Infinity;
  let most = -Infinity;
  for (const v of values) {
    if (v < least) least = v;
    if (v > most) most = v;
  }
  return most - least;
}

/** How a drift is told: parts in a million, positive where the log's clock runs fast. */
export function partsPerMillion(fit: ClockFit): number {
  return (1 / fit.rate - 1) * 1e6;
}
