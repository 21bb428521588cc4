import type { Condition, Field } from './definition.js';
import { Outcome } from './verdict.js';

/** One condition from its parts; `hit` after negation. */
export function condition(
  name: string,
  field: Field,
  negated: boolean,
  wanted: string,
  saw: string,
  hit: boolean,
): Condition {
  return {
    name,
    field,
    wanted: negated ? `not ${wanted}` : wanted,
    saw,
    outcome: hit ? Outcome.hit : Outcome.miss,
  };
}

/** One condition that cannot be decided, and why. */
export function undecided(
  name: string,
  field: Field,
  negated: boolean,
  wanted: string,
  why: string,
): Condition {
  return { name, field, wanted: negated ? `not ${wanted}` : wanted, saw: why, outcome: Outcome.unknown };
}
