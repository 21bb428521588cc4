/** Chance that is the same in every run. */
export interface Random {
  /** 0 up to, not including, n. */
  below(n: number): number;
  of<T>(list: readonly T[]): T;
}

/** mulberry32, seeded by a text. */
export function randomOf(seed: string): Random {
  let state = 0;
  for (let i = 0; i < seed.length; i++) state = Math.imul(state ^ seed.charCodeAt(i), 0x01000193);
  const below = (n: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
  return { below, of: (list) => list[below(list.length)] };
}
