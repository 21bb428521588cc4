import type { Chain } from '../../rules/model.js';
import type { Visit } from './walks.js';

/** log2 of the ways to choose k of n. */
export function bitsToChoose(k: number, n: number): number {
  const few = Math.min(k, n - k);
  let bits = 0;
  for (let i = 0; i < few; i++) bits += Math.log2((n - i) / (i + 1));
  return Math.max(0, bits);
}

/**
 * Bits that it takes to say which packets a rule in a chain is to match when nothing tells its conditions: which of the
 * kinds that come there, by what rules can ask of them, and where only some of a kind are meant, which of these. What
 * conditions do is cheap, however many packets it concerns; what chance does is not.
 */
export function createChoices(
  visits: readonly Visit[],
): (chain: Chain, frames: ReadonlySet<number>) => number {
  const kinds = new Map<Chain, Map<string, Set<number>>>();
  for (const { chain, frame, traits } of visits) {
    let own = kinds.get(chain);
    if (!own) kinds.set(chain, (own = new Map<string, Set<number>>()));
    const key = traits.join(' ');
    const known = own.get(key);
    if (known) known.add(frame);
    else own.set(key, new Set([frame]));
  }
  const known = new Map<ReadonlySet<number>, Map<Chain, number>>();
  return (chain, frames) => {
    let own = known.get(frames);
    if (!own) known.set(frames, (own = new Map<Chain, number>()));
    let bits = own.get(chain);
    if (bits === undefined) own.set(chain, (bits = bitsOf(kinds.get(chain), frames)));
    return bits;
  };
}

function bitsOf(
  kinds: ReadonlyMap<string, ReadonlySet<number>> | undefined,
  meant: ReadonlySet<number>,
): number {
  if (!kinds) return 0;
  let chosen = 0;
  let bits = 0;
  for (const frames of kinds.values()) {
    let own = 0;
    for (const frame of frames) if (meant.has(frame)) own++;
    if (own > 0) chosen++;
    if (own > 0 && own < frames.size) bits += bitsToChoose(own, frames.size);
  }
  return bits + bitsToChoose(chosen, kinds.size);
}
