import { Outcome } from './verdict.js';

export function outcomeOf(hit: boolean): Outcome {
  return hit ? Outcome.hit : Outcome.miss;
}

/** Turns hit and miss around where `negated`; what is not known, or drops the packet, stays. */
export function negate(outcome: Outcome, negated: boolean): Outcome {
  if (!negated) return outcome;
  if (outcome === Outcome.hit) return Outcome.miss;
  return outcome === Outcome.miss ? Outcome.hit : outcome;
}
