import { increasing } from './increasing.js';

/** Where each line stands among the pairs made so far: the number of pairs (in the common order) before it. */
export interface Coordinates {
  readonly predicted: Int32Array;
  readonly observed: Int32Array;
}

export function coordinates(pairOf: Int32Array, observedCount: number): Coordinates {
  const anchors: number[] = [];
  for (let i = 0; i < pairOf.length; i++) if (pairOf[i] >= 0) anchors.push(i);
  const inOrder = increasing(anchors.map((i) => pairOf[i]));
  const atPredicted = new Uint8Array(pairOf.length);
  const atObserved = new Uint8Array(observedCount);
  anchors.forEach((i, k) => {
    if (!inOrder[k]) return;
    atPredicted[i] = 1;
    atObserved[pairOf[i]] = 1;
  });
  return { predicted: countBefore(atPredicted), observed: countBefore(atObserved) };
}

function countBefore(marks: Uint8Array): Int32Array {
  const counts = new Int32Array(marks.length);
  for (let i = 1; i < marks.length; i++) counts[i] = counts[i - 1] + marks[i - 1];
  return counts;
}
