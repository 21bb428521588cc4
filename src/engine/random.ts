/** Numbers in [0, 1) from a seed (Marsaglia's xorshift32): the same seed gives the same ones. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
