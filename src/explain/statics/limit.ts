import type { Intervals } from './intervals.js';

/** What one condition of a rule allows one field of a packet to be. */
export interface Limit {
  readonly field: string;
  readonly allowed: Intervals;
  /** The condition, in the rule's words. */
  readonly said: string;
}

/** What a rule asks for, as far as its words tell. */
export interface Limits {
  readonly known: readonly Limit[];
  /** The conditions that are not understood here: the same words ask for the same. */
  readonly others: readonly { readonly said: string; readonly isPure: boolean }[];
}
