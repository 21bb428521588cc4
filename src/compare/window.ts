import { alignLines, type AlignContext, type Pair } from './align.js';
import { mayMeet, type ObservedItem, type PredictedItem } from './lines.js';

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
 * @param emit takes the pairs, in order of time; those of one window together
 */
export function createAligner(context: AlignContext, emit: (pairs: readonly Pair[]) => void): Aligner {
  let ours: PredictedItem[] = [];
  let theirs: ObservedItem[] = [];
  /** So many lines at the head of both sides are alike. */
  let alike = 0;
  let ourTime = -Infinity;
  let theirTime = -Infinity;
  let tolerance = 0;

  const extendAlike = (): void => {
    for (; alike < ours.length && alike < theirs.length; alike++)
      if (!ours[alike].kept.equals(theirs[alike].kept) || !mayMeet(ours[alike], theirs[alike])) return;
  };

  /** How many of the lines that are alike need not be looked at to align the others. */
  const calmBefore = (until: number): number => {
    const first = Math.min(ours[alike]?.time ?? Infinity, theirs[alike]?.time ?? Infinity);
    const limit = first < until ? first - 2 * tolerance : until;
    let count = 0;
    while (count < alike && Math.max(ours[count].time, theirs[count].time) < limit) count++;
    return count;
  };

  const settle = (until: number): void => {
    const calm = calmBefore(until);
    const pairs: Pair[] = [];
    for (let i = 0; i < calm; i++) pairs.push({ predicted: ours[i], observed: theirs[i] });
    ours = ours.slice(calm);
    theirs = theirs.slice(calm);
    alike -= calm;
    if ((ours[0]?.time ?? Infinity) < until || (theirs[0]?.time ?? Infinity) < until) align(until, pairs);
    emit(pairs);
  };

  const align = (until: number, pairs: Pair[]): void => {
    const pairOf = alignLines(ours, theirs, context);
    const partner = new Int32Array(theirs.length).fill(-1);
    for (let i = 0; i < pairOf.length; i++) if (pairOf[i] >= 0) partner[pairOf[i]] = i;
    const ourRest: PredictedItem[] = [];
    const theirRest: ObservedItem[] = [];
    for (let i = 0; i < ours.length; i++) {
      const predicted = ours[i];
      const observed = pairOf[i] < 0 ? null : theirs[pairOf[i]];
      if (predicted.time < until) pairs.push({ predicted, observed });
      else ourRest.push(predicted);
    }
    for (let j = 0; j < theirs.length; j++) {
      const observed = theirs[j];
      const predicted = partner[j] < 0 ? null : ours[partner[j]];
      if (!predicted && observed.time < until) pairs.push({ predicted, observed });
      else if (!predicted || predicted.time >= until) theirRest.push(observed);
    }
    [ours, theirs] = [ourRest, theirRest];
    alike = 0;
    extendAlike();
    pairs.sort((a, b) => timeOf(a) - timeOf(b));
  };

  const settleWhereDue = (): void => {
    if (ours.length + theirs.length < FEWEST) return;
    const reached = Math.min(ourTime, theirTime);
    if (!Number.isFinite(reached)) return;
    const first = Math.min(ours[0]?.time ?? Infinity, theirs[0]?.time ?? Infinity);
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
