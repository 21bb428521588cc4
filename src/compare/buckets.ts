import type { KeptText } from '../source/keptText.js';
import { mayMeet, type ObservedItem, type PredictedItem } from './lines.js';

/** Places of lines of both sides that share a key. */
export interface Bucket {
  readonly predicted: number[];
  readonly observed: number[];
}

/** Marks two lines as the same event. */
export function pairUp(pairOf: Int32Array, taken: Uint8Array, p: number, o: number): void {
  pairOf[p] = o;
  taken[o] = 1;
}

/**
 * Identical lines of both sides that are not paired yet: those that each side has once are paired where their times allow
 * it, the others come back as buckets. Nothing is made a line, since there may be millions: the lines of a text are chained by their places,
 * and the texts stand in an open-addressed table by their hash.
 */
export function pairIdentical(
  predicted: readonly PredictedItem[],
  observed: readonly ObservedItem[],
  pairOf: Int32Array,
  taken: Uint8Array,
): Bucket[] {
  const size = 1 << (33 - Math.clz32(predicted.length));
  const table = new Int32Array(size).fill(-1);
  const slotOf = (text: KeptText): number => {
    let slot = text.hash & (size - 1);
    for (let first = table[slot]; first >= 0; first = table[slot]) {
      if (predicted[first].kept.equals(text)) break;
      slot = (slot + 1) & (size - 1);
    }
    return slot;
  };
  const ours = createChains(predicted.length, predicted.length);
  const theirs = createChains(predicted.length, observed.length);
  // Functions of their own: V8 would compile a loop this long anew for each window.
  const addOurs = (i: number): void => {
    const slot = slotOf(predicted[i].kept);
    if (table[slot] < 0) table[slot] = i;
    ours.append(table[slot], i);
  };
  const addTheirs = (j: number): void => {
    const first = table[slotOf(observed[j].kept)];
    if (first >= 0) theirs.append(first, j);
  };
  for (let i = 0; i < predicted.length; i++) if (pairOf[i] < 0) addOurs(i);
  for (let j = 0; j < observed.length; j++) if (taken[j] === 0) addTheirs(j);
  const buckets: Bucket[] = [];
  for (let i = 0; i < predicted.length; i++) {
    const o = theirs.first[i];
    if (ours.first[i] < 0 || o < 0) continue;
    if (ours.next[i] >= 0 || theirs.next[o] >= 0)
      buckets.push({ predicted: ours.list(i), observed: theirs.list(i) });
    else if (mayMeet(predicted[i], observed[o])) pairUp(pairOf, taken, i, o);
  }
  return buckets;
}

/** Lists of places, each named by a number; a place is in one list at most. */
function createChains(lists: number, places: number) {
  const first = new Int32Array(lists).fill(-1);
  const last = new Int32Array(lists);
  const next = new Int32Array(places).fill(-1);
  return {
    first,
    next,
    append(list: number, place: number): void {
      if (first[list] < 0) first[list] = place;
      else next[last[list]] = place;
      last[list] = place;
    },
    list(list: number): number[] {
      const found: number[] = [];
      for (let at = first[list]; at >= 0; at = next[at]) found.push(at);
      return found;
    },
  };
}

/** Lines not paired yet, of both sides, that share what `key` says; those without a partner are left out. */
export function bucketsBy(
  key: (item: PredictedItem | ObservedItem) => string | null,
  predicted: readonly PredictedItem[],
  observed: readonly ObservedItem[],
  pairOf: Int32Array,
  taken: Uint8Array,
): Bucket[] {
  const buckets = new Map<string, Bucket>();
  for (let i = 0; i < predicted.length; i++) {
    const k = pairOf[i] < 0 ? key(predicted[i]) : null;
    if (k === null) continue;
    const bucket = buckets.get(k);
    if (bucket) bucket.predicted.push(i);
    else buckets.set(k, { predicted: [i], observed: [] });
  }
  if (buckets.size === 0) return [];
  for (let j = 0; j < observed.length; j++) {
    const k = taken[j] ? null : key(observed[j]);
    if (k !== null) buckets.get(k)?.observed.push(j);
  }
  return [...buckets.values()].filter((b) => b.observed.length > 0);
}
