import { alignLines, type AlignContext, type Pair } from './align.js';
import type { ObservedItem, PredictedItem } from './lines.js';

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

/**
 * Aligns window after window. A line is settled when everything that it, or its rivals, may meet has come: when the
 * slower side is two tolerances past it. Where a tolerance is infinite (a log without usable times) all is held.
 * @param emit takes the pairs, in order of time; those of one window together
 */
export function createAligner(context: AlignContext, emit: (pairs: readonly Pair[]) => void): Aligner {
  let ours: PredictedItem[] = [];
  let theirs: ObservedItem[] = [];
  let ourTime = -Infinity;
  let theirTime = -Infinity;
  let tolerance = 0;

  const settle = (until: number): void => {
    const pairOf = alignLines(ours, theirs, context);
    const partner = new Int32Array(theirs.length).fill(-1);
    for (let i = 0; i < pairOf.length; i++) if (pairOf[i] >= 0) partner[pairOf[i]] = i;
    const pairs: Pair[] = [];
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
    pairs.sort((a, b) => timeOf(a) - timeOf(b));
    emit(pairs);
  };

  const settleWhereDue = (): void => {
    if (ours.length + theirs.length < FEWEST) return;
    const reached = Math.min(ourTime, theirTime);
    if (!Number.isFinite(reached)) return;
    const first = Math.min(ours[0]?.time ?? Infinity, theirs[0]?.time ?? Infinity);
    if (reached - first > LENGTH * tolerance) settle(reached - 2 * tolerance);
  };

  return {
    predicted(item) {
      ours.push(item);
      ourTime = Math.max(ourTime, item.time);
      settleWhereDue();
    },
    observed(item) {
      theirs.push(item);
      theirTime = Math.max(theirTime, item.time);
      tolerance = Math.max(tolerance, item.tolerance);
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
