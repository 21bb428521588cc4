import { CtState, CtStatus } from '../connection.js';
import type { Context } from '../context.js';

/** XT_CONNTRACK_STATE_* (linux/netfilter/xt_conntrack.h), in the order in which iptables prints them. */
const BITS: readonly (readonly [string, number])[] = [
  ['INVALID', 1 << 0],
  ['NEW', 1 << 3],
  ['RELATED', 1 << 2],
  ['ESTABLISHED', 1 << 1],
  ['UNTRACKED', 1 << 8],
  ['SNAT', 1 << 6],
  ['DNAT', 1 << 7],
];
const INVALID = 1 << 0;
const SNAT = 1 << 6;
const DNAT = 1 << 7;
const UNTRACKED = 1 << 8;

/**
 * Reads a comma-separated list of state names, any case, each perhaps only its beginning.
 * @param nat whether SNAT and DNAT are taken: -m state knows none
 * @returns the bits, or the word that is no state
 */
export function parseStates(text: string, nat: boolean): number | { readonly bad: string } {
  const known = nat ? BITS : BITS.slice(0, 5);
  let bits = 0;
  for (const word of text.split(',')) {
    const found = word === '' ? undefined : known.find(([name]) => name.startsWith(word.toUpperCase()));
    if (!found) return { bad: word };
    bits |= found[1];
  }
  return bits;
}

export function formatStates(bits: number): string {
  return BITS.filter(([, bit]) => bits & bit)
    .map(([name]) => name)
    .join(',');
}

/** The states that the packet is in: one, and SNAT or DNAT besides. `conntrack_mt()` (net/netfilter/xt_conntrack.c). */
export function statesOf(context: Pick<Context, 'connection' | 'ctState'>): number {
  const { connection, ctState } = context;
  if (connection === null) return ctState === CtState.untracked ? UNTRACKED : INVALID;
  const state = ctState === CtState.untracked ? UNTRACKED : 1 << ctState;
  const { status } = connection;
  return state | (status & CtStatus.srcNat ? SNAT : 0) | (status & CtStatus.dstNat ? DNAT : 0);
}
