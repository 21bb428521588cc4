import { type AlignContext, type Pair, pairRest } from './align.js';
import type { ObservedItem, PredictedItem } from './lines.js';
import { pairRuns } from './runs.js';
import { Waiting } from './waiting.js';

/** Takes lines of both sides in time order and gives pairs, holding no more than the window of time needs. */
export interface Aligner {
  predicted(item: PredictedItem): void;
  observed(item: ObservedItem): void;
  /** Which side is behind, so that taking a line of it keeps the window small. */
  behind(): 'predicted' | 'observed';
  /** Settles what is before that time, however little is held: all that it may meet has come. */
  settle(until: number): void;
  /** No more lines of that side will come. */
  done(side: 'predicted' | 'observed'): void;
  end(): void;
}

/** Lines held before a window is worth aligning. */
const FEWEST = 4096;
/** A window is this many tolerances long before its older part is settled; the last two are only looked at. */
const LENGTH = 8;
/** The same where there is nothing to align. */
const CALM_LENGTH = 3;

/**
 * Aligns window after window. A line is settled when everything that it, or its rivals, may meet has come: when the
 * slower side is two tolerances past it. Where a tolerance is infinite (a log without usable times) all is held.
 *
 * As long as both sides go on alike, line by line, there is nothing to align; from the first line on where they do not,
 * and two tolerances before it, they are aligned as a whole.
 * @param emit takes the pairs, in order of time; those of one window together. `alike` more are alike and stand in order
 *   among them
 */
export function createAligner(
  context: AlignContext,
  emit: (pairs: readonly Pair[], alike: number) => void,
): Aligner {
  const ours = new Waiting<PredictedItem>();
  const theirs = new Waiting<ObservedItem>();
  /** So many lines at the head of both sides are alike. */
  let alike = 0;
  let ourTime = -Infinity;
  let theirTime = -Infinity;
  let tolerance = 0;

  const isAlike = (i: number, j: number): boolean =>
    ours.hasText(i, theirs, j) && Math.abs(ours.timeAt(i) - theirs.timeAt(j)) <= theirs.alikeAt(j).tolerance;
  const extendAlike = (): void => {
    while (alike < ours.length && alike < theirs.length && isAlike(alike, alike)) alike++;
  };
  /** Of the first line that is there, Infinity for none. */
  const firstTime = (at: number): number =>
    Math.min(
      at < ours.length ? ours.timeAt(at) : Infinity,
      at < theirs.length ? theirs.timeAt(at) : Infinity,
    );

  /** How many of the lines that are alike need not be looked at to align the others. */
  const calmBefore = (until: number): number => {
    const first = firstTime(alike);
    const limit = first < until ? first - 2 * tolerance : until;
    let count = 0;
    while (count < alike && Math.max(ours.timeAt(count), theirs.timeAt(count)) < limit) count++;
    return count;
  };

  const settle = (until: number): void => {
    const calm = calmBefore(until);
    if (firstTime(calm) < until) return align(until, calm);
    ours.dropFirst(calm);
    theirs.dropFirst(calm);
    alike -= calm;
    emit([], calm);
  };

  const align = (until: number, calm: number): void => {
    const [n, m] = [ours.length - calm, theirs.length - calm];
    const pairOf = new Int32Array(n).fill(-1);
    const taken = new Uint8Array(m);
    const hashes = {
      ours: (i: number) => ours.hashAt(calm + i),
      theirs: (j: number) => theirs.hashAt(calm + j),
    };
    const areRuns = pairRuns({ isAlike: (i, j) => isAlike(calm + i, calm + j), hashes }, pairOf, taken);
    const left = {
      ours: placesOf(n, (i) => pairOf[i] < 0),
      theirs: placesOf(m, (j) => taken[j] === 0),
    };
    const predicted = left.ours.map((i) => ours.item(calm + i));
    const observed = left.theirs.map((j) => theirs.item(calm + j));
    const ourPlace = left.ours.map((i, k) => i - k);
    const theirPlace = left.theirs.map((j, k) => j - k);
    const restOf = new Int32Array(predicted.length).fill(-1);
    const place = { predicted: Int32Array.from(ourPlace), observed: Int32Array.from(theirPlace) };
    const among = areRuns ? { place, texts: () => textsOf(ours, calm) } : undefined;
    pairRest(predicted, observed, { ...context, among }, restOf, new Uint8Array(observed.length));
    restOf.forEach((l, k) => {
      if (l < 0) return;
      pairOf[left.ours[k]] = left.theirs[l];
      taken[left.theirs[l]] = 1;
    });

    const goes = {
      ours: new Uint8Array(calm + n).fill(1, 0, calm),
      theirs: new Uint8Array(calm + m).fill(1, 0, calm),
    };
    let settled = calm;
    for (let i = 0; i < n; i++) {
      if (ours.timeAt(calm + i) >= until) continue;
      settled++;
      goes.ours[calm + i] = 1;
      if (pairOf[i] >= 0) goes.theirs[calm + pairOf[i]] = 1;
    }
    for (let j = 0; j < m; j++)
      if (taken[j] === 0 && theirs.timeAt(calm + j) < until) goes.theirs[calm + j] = 1;

    // Where the lines that runs left over stand in order among the others, and none needs to be told of the others, nobody looks at those.
    const isPlain =
      areRuns &&
      increase(restOf, (k, l) => ourPlace[k] === theirPlace[l]) &&
      left.theirs.every((j) => taken[j] === 1 || goes.theirs[calm + j] === 0);
    const pairs: Pair[] = [];
    if (isPlain)
      predicted.forEach((item, k) => {
        if (goes.ours[calm + left.ours[k]] === 1)
          pairs.push({ predicted: item, observed: restOf[k] < 0 ? null : observed[restOf[k]] });
      });
    else {
      for (let i = 0; i < calm + n; i++) {
        const j = i < calm ? i : pairOf[i - calm] < 0 ? -1 : calm + pairOf[i - calm];
        if (goes.ours[i] === 1)
          pairs.push({ predicted: ours.item(i), observed: j < 0 ? null : theirs.item(j) });
      }
      left.theirs.forEach((j, l) => {
        if (taken[j] === 0 && goes.theirs[calm + j] === 1)
          pairs.push({ predicted: null, observed: observed[l] });
      });
    }
    ours.drop(goes.ours);
    theirs.drop(goes.theirs);
    alike = 0;
    extendAlike();
    pairs.sort((a, b) => timeOf(a) - timeOf(b));
    emit(pairs, isPlain ? settled - pairs.length : 0);
  };

  const settleWhereDue = (): void => {
    if (ours.length + theirs.length < FEWEST) return;
    const reached = Math.min(ourTime, theirTime);
    if (!Number.isFinite(reached)) return;
    const first = firstTime(0);
    const isCalm = alike === Math.min(ours.length, theirs.length);
    if (reached - first > (isCalm ? CALM_LENGTH : LENGTH) * tolerance) settle(reached - 2 * tolerance);
  };

  return {
    predicted(item) {
      ours.push(item);
      ourTime = Math.max(ourTime, item.time);
      extendAlike();
      settleWhereDue();
    },
    observed(item) {
      theirs.push(item);
      theirTime = Math.max(theirTime, item.time);
      tolerance = Math.max(tolerance, item.tolerance);
      extendAlike();
      settleWhereDue();
    },
    settle,
    behind: () => (ourTime <= theirTime ? 'predicted' : 'observed'),
    done(side) {
      if (side === 'predicted') ourTime = Infinity;
      else theirTime = Infinity;
    },
    end: () => settle(Infinity),
  };
}

export function timeOf({ predicted, observed }: Pair): number {
  return predicted?.time ?? observed!.time;
}

function placesOf(count: number, wants: (place: number) => boolean): number[] {
  const places: number[] = [];
  for (let i = 0; i < count; i++) if (wants(i)) places.push(i);
  return places;
}

function* textsOf(lines: Waiting<PredictedItem>, from: number): Generator<string> {
  for (let i = from; i < lines.length; i++) yield lines.item(i).text;
}

/** Those that are paired have partners that follow each other, at places that agree. */
function increase(pairOf: Int32Array, agree: (ours: number, theirs: number) => boolean): boolean {
  let last = -1;
  for (let k = 0; k < pairOf.length; k++) {
    if (pairOf[k] < 0) continue;
    if (pairOf[k] < last || !agree(k, pairOf[k])) return false;
    last = pairOf[k];
  }
  return true;
}
