/** Times of a key kept at most: identical lines say little about the clock. */
const PER_KEY = 16;

/**
 * The times at which keys were seen, of a sample of the keys. Both sides sample the same keys (those whose hash ends
 * in so many zero bits), so what one side keeps the other keeps too, and memory does not grow with the input.
 */
export interface Sketch {
  /** @param hash of the key; its lowest bits must be as good as any */
  add(hash: number, time: number): void;
  /** Hash of the key to its times, in order of arrival. */
  readonly times: ReadonlyMap<number, readonly number[]>;
  /** How many were added. */
  readonly total: number;
}

/** @param capacity keys kept at most */
export function createSketch(capacity = 32768): Sketch {
  const times = new Map<number, number[]>();
  let mask = 0;
  let total = 0;
  return {
    times,
    get total() {
      return total;
    },
    add(hash, time) {
      total++;
      if ((hash & mask) !== 0) return;
      const known = times.get(hash);
      if (known) {
        if (known.length < PER_KEY) known.push(time);
        return;
      }
      times.set(hash, [time]);
      if (times.size <= capacity) return;
      mask = mask * 2 + 1;
      for (const other of times.keys()) if ((other & mask) !== 0) times.delete(other);
    },
  };
}
