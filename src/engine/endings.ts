import type { Rule } from '../rules/model.js';
import type { Observer } from './observer.js';
import type { Passage } from './passage.js';

export const TAKEN = 'another connection has taken its tuple';
export const REFUSED_BY_HELPER = 'the helper of its connection cannot make out what it says';
export const REFUSED_BY_SYNPROXY =
  'synproxy cannot go on with it: its options are broken, or it brings back no cookie';
export const TAKEN_BY_SYNPROXY = 'synproxy answers it itself';
export const WAITS_FOR_FRAGMENTS = 'a fragment: it waits for the others';

/** A packet is taken out of the hooks, by a rule or by the kernel itself. */
export function tellHeld(
  observer: Observer | null,
  passage: Passage,
  rule: Rule | null,
  reason: string,
): void {
  observer?.end(passage, { kind: 'held', rule, reason });
}

/** The kernel itself drops a packet. */
export function tellLost(observer: Observer | null, passage: Passage, reason: string): void {
  observer?.end(passage, { kind: 'dropped', rule: null, chain: null, reason });
}
