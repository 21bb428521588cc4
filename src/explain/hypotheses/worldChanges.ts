import type { Clues } from './clues.js';
import type { Hypothesis } from './hypothesis.js';

/** What may be otherwise beside the rules. */
export function worldChanges(_clues: Clues): Hypothesis[] {
  return [];
}
