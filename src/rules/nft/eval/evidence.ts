import type { Packet } from '../../../packet/packet.js';
import type { Context, Manip, NatRange } from '../../context.js';
import type { Expression, Nat, NftTable, Verdict } from '../model.js';
import type { Element, LiveSet } from './set.js';

/*
 * `numgen random` and hashes with a secret choose an element of a map; which one is seen in what left the host
 * (design.md, decision 7).
 */

/** A translation that an element leads to. */
export interface Way {
  readonly manip: Manip;
  readonly range: NatRange;
}

/** Whether the kernel chooses the value by what no input tells. */
export function isChosen(key: Expression): boolean {
  if (key.kind === 'numgen') return key.mode === 'random';
  return key.kind === 'hash' && (key.algorithm === 'symhash' || key.seed === null);
}

/** The one element that leads to what was seen; null where nothing was seen, or several do. */
export function elementSeen(
  set: LiveSet,
  ways: (element: Element) => readonly Way[],
  packet: Packet,
  context: Context,
): Element | null {
  let found: Element | null = null;
  for (const element of set.elements()) {
    const leads = ways(element).some(({ manip, range }) => context.couldBe(packet, manip, range) === true);
    if (!leads) continue;
    if (found) return null;
    found = element;
  }
  return found;
}

/** Chains followed at most for one element. */
const MOST_CHAINS = 64;

/** The NAT statements that a verdict can come to, through the chains that it calls. */
export function statementsBehind(verdict: Verdict, table: NftTable): readonly Nat[] {
  const seen = new Set<string>();
  const open = 'chain' in verdict ? [verdict.chain] : [];
  const found: Nat[] = [];
  for (let name = open.pop(); name !== undefined && seen.size < MOST_CHAINS; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const rule of table.chains.get(name)?.rules ?? [])
      for (const statement of rule.statements) {
        if (statement.kind === 'nat') found.push(statement);
        if (statement.kind === 'verdict' && 'chain' in statement.verdict) open.push(statement.verdict.chain);
      }
  }
  return found;
}
