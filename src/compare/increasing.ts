/**
 * The longest strictly increasing subsequence (patience sorting, O(n log n)).
 * @returns 1 for each place that belongs to it, 0 for the others
 */
export function increasing(values: readonly number[]): Uint8Array {
  if (isIncreasing(values)) return new Uint8Array(values.length).fill(1);
  const before = new Int32Array(values.length);
  const tails: number[] = [];
  for (let i = 0; i < values.length; i++) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[tails[middle]] < values[i]) low = middle + 1;
      else high = middle;
    }
    before[i] = low > 0 ? tails[low - 1] : -1;
    tails[low] = i;
  }
  const chosen = new Uint8Array(values.length);
  for (let i = tails.length > 0 ? tails[tails.length - 1] : -1; i >= 0; i = before[i]) chosen[i] = 1;
  return chosen;
}

function isIncreasing(values: readonly number[]): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] <= values[i - 1]) return false;
  return true;
}
