import { type Bucket, bucketsBy, pairIdentical, pairUp } from './buckets.js';
import { isHostMade, withoutUnknowable } from './identity.js';
import { type Coordinates, coordinates } from './coordinates.js';
import { mayMeet, type ObservedItem, type PredictedItem } from './lines.js';
import { pairNear } from './near.js';
import { pairRuns } from './runs.js';

/** A predicted line and an observed one that are the same event; either may be missing. */
export interface Pair {
  readonly predicted: PredictedItem | null;
  readonly observed: ObservedItem | null;
}

/** What is known of all lines, for the pairing of some. */
export interface AlignContext {
  /** A rule of the given ruleset writes this prefix, so a line with it is not another rule's with its prefix changed. */
  readonly knownPrefix: (prefix: string) => boolean;
  /** Of lines that are what others left over: where they stand among those, and the texts of all predicted ones. */
  readonly among?: { readonly place: Coordinates; readonly texts: () => Iterable<string> };
}

/** A bucket with more cells than this is paired front to back: its lines are identical, so little is lost. */
const MOST_CELLS = 1_000_000;

/**
 * Pairs lines, all at once.
 * @param predicted in order
 * @param observed in order, times in capture time
 * @returns for each predicted line the place of its observed one, -1 for none
 */
export function alignLines(
  predicted: readonly PredictedItem[],
  observed: readonly ObservedItem[],
  context: AlignContext,
): Int32Array {
  const pairOf = new Int32Array(predicted.length).fill(-1);
  const taken = new Uint8Array(observed.length);
  const isAlike = (i: number, j: number): boolean =>
    predicted[i].kept.equals(observed[j].kept) && mayMeet(predicted[i], observed[j]);
  const hashes = {
    ours: (i: number) => predicted[i].kept.hash,
    theirs: (j: number) => observed[j].kept.hash,
  };
  pairRuns({ isAlike, hashes }, pairOf, taken);
  pairRest(predicted, observed, context, pairOf, taken);
  return pairOf;
}

/**
 * Pairs the lines that are not paired yet: identical lines first (those of equal number on both sides in order; they anchor the
 * places of the rest), then identical lines of which a side has more, then lines of packets that the host made but for
 * what cannot be known, then lines that differ in little (near.ts).
 */
export function pairRest(
  predicted: readonly PredictedItem[],
  observed: readonly ObservedItem[],
  context: AlignContext,
  pairOf: Int32Array,
  taken: Uint8Array,
): void {
  const place = (): Coordinates => placesAmong(coordinates(pairOf, observed.length), context);
  const buckets = pairIdentical(predicted, observed, pairOf, taken);
  for (const bucket of buckets) pairEven(bucket, predicted, observed, pairOf, taken);
  pairUneven(buckets, predicted, observed, pairOf, taken, place);
  const masked = bucketsBy(unknowableKey, predicted, observed, pairOf, taken);
  pairUneven(masked, predicted, observed, pairOf, taken, place);
  pairNear(predicted, observed, pairOf, taken, place(), context);
}

/** The places that lines have when those are counted as well that they were left over by. */
function placesAmong({ predicted, observed }: Coordinates, { among }: AlignContext): Coordinates {
  if (!among) return { predicted, observed };
  return {
    predicted: predicted.map((place, i) => place + among.place.predicted[i]),
    observed: observed.map((place, j) => place + among.place.observed[j]),
  };
}

/** What lines of packets that the host made share but for what cannot be known; null for all others. */
function unknowableKey(item: PredictedItem | ObservedItem): string | null {
  const uncaptured = 'uncaptured' in item.line ? item.line.uncaptured : isHostMade(item.text);
  return uncaptured ? withoutUnknowable(item.text) : null;
}

function pairEven(
  { predicted: ps, observed: os }: Bucket,
  predicted: readonly PredictedItem[],
  observed: readonly ObservedItem[],
  pairOf: Int32Array,
  taken: Uint8Array,
): void {
  if (ps.length !== os.length) return;
  if (!ps.every((p, k) => mayMeet(predicted[p], observed[os[k]]))) return;
  ps.forEach((p, k) => {
    pairUp(pairOf, taken, p, os[k]);
  });
}

/** Identical lines of which one side has more: those are paired that stand nearest, by place and then by time. */
function pairUneven(
  buckets: readonly Bucket[],
  predicted: readonly PredictedItem[],
  observed: readonly ObservedItem[],
  pairOf: Int32Array,
  taken: Uint8Array,
  placeNow: () => Coordinates,
): void {
  const open = buckets.filter((b) => pairOf[b.predicted[0]] < 0);
  if (open.length === 0) return;
  const place = placeNow();
  const make = (p: number, o: number): void => pairUp(pairOf, taken, p, o);
  for (const bucket of open)
    for (const { predicted: ps, observed: os } of splitByTime(bucket, predicted, observed)) {
      const meet = (i: number, j: number): boolean => mayMeet(predicted[ps[i]], observed[os[j]]);
      if (ps.length * os.length > MOST_CELLS) {
        pairFrontToBack(
          ps.length,
          os.length,
          meet,
          (i, j) => predicted[ps[i]].time < observed[os[j]].time,
        ).forEach(([i, j]) => make(ps[i], os[j]));
        continue;
      }
      const apart = (i: number, j: number): number => {
        const p = predicted[ps[i]];
        const o = observed[os[j]];
        const late = o.tolerance === Infinity ? 0 : Math.abs(p.time - o.time) / o.tolerance;
        return Math.abs(place.predicted[ps[i]] - place.observed[os[j]]) + late;
      };
      pairInOrder(ps.length, os.length, meet, apart).forEach(([i, j]) => make(ps[i], os[j]));
    }
}

/** Cuts a bucket where nothing on one side of the cut may meet anything on the other. */
function splitByTime(
  { predicted: ps, observed: os }: Bucket,
  predicted: readonly PredictedItem[],
  observed: readonly ObservedItem[],
): Bucket[] {
  const parts: Bucket[] = [];
  let part: Bucket = { predicted: [], observed: [] };
  let reach = -Infinity;
  for (let i = 0, j = 0; i < ps.length || j < os.length;) {
    const p = i < ps.length ? predicted[ps[i]] : null;
    const o = j < os.length ? observed[os[j]] : null;
    const ours = p !== null && (o === null || p.time <= o.time);
    const time = ours ? p.time : o!.time;
    const tolerance = observed[os[Math.min(j, os.length - 1)]].tolerance;
    if (time - tolerance > reach && part.predicted.length + part.observed.length > 0) {
      parts.push(part);
      part = { predicted: [], observed: [] };
    }
    if (ours) part.predicted.push(ps[i++]);
    else part.observed.push(os[j++]);
    reach = Math.max(reach, time);
  }
  parts.push(part);
  return parts.filter((b) => b.predicted.length > 0 && b.observed.length > 0);
}

/**
 * Pairs two sequences in order: as many pairs as may be, and of those choices the one with the least sum of `apart`.
 */
function pairInOrder(
  n: number,
  m: number,
  meet: (i: number, j: number) => boolean,
  apart: (i: number, j: number) => number,
): [number, number][] {
  const width = m + 1;
  const count = new Int32Array((n + 1) * width);
  const cost = new Float64Array((n + 1) * width);
  const step = new Uint8Array((n + 1) * width);
  for (let i = n - 1; i >= 0; i--)
    for (let j = m - 1; j >= 0; j--) {
      const at = i * width + j;
      const [down, right, across] = [at + width, at + 1, at + width + 1];
      const skipsFirst =
        count[down] > count[right] || (count[down] === count[right] && cost[down] < cost[right]);
      const from = skipsFirst ? down : right;
      let pairs = count[from];
      let sum = cost[from];
      step[at] = skipsFirst ? SKIP_FIRST : SKIP_SECOND;
      if (meet(i, j) && count[across] + 1 >= pairs) {
        const together = cost[across] + apart(i, j);
        if (count[across] + 1 > pairs || together <= sum) {
          pairs = count[across] + 1;
          sum = together;
          step[at] = PAIR;
        }
      }
      count[at] = pairs;
      cost[at] = sum;
    }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < n && j < m;) {
    const how = step[i * width + j];
    if (how === PAIR) pairs.push([i++, j++]);
    else if (how === SKIP_FIRST) i++;
    else j++;
  }
  return pairs;
}

const PAIR = 1;
const SKIP_FIRST = 2;
const SKIP_SECOND = 3;

function pairFrontToBack(
  n: number,
  m: number,
  meet: (i: number, j: number) => boolean,
  earlier: (i: number, j: number) => boolean,
): [number, number][] {
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < n && j < m;) {
    if (meet(i, j)) pairs.push([i++, j++]);
    else if (earlier(i, j)) i++;
    else j++;
  }
  return pairs;
}
