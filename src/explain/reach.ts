import type { Chain, Rule } from '../rules/model.js';
import { jumpsOf } from './jumps.js';

/** The ways that lead to a chain: who jumps to it, who jumps to those, up to where the kernel calls them. */
export interface Ways {
  /** Jumps still to be taken, by chain; 0 for the chain itself. */
  readonly distance: ReadonlyMap<Chain, number>;
  /** The rules that jump or go to a chain of `distance`. */
  readonly gates: ReadonlySet<Rule>;
  /** Those of the chains that the kernel calls. */
  readonly bases: ReadonlySet<Chain>;
}

export function waysTo(target: Chain): Ways {
  const callers = callersIn(target);
  const distance = new Map<Chain, number>([[target, 0]]);
  const gates = new Set<Rule>();
  const bases = new Set<Chain>();
  const queue = [target];
  for (let i = 0; i < queue.length; i++) {
    const chain = queue[i];
    if (chain.base) bases.add(chain);
    for (const rule of callers.get(chain.name) ?? []) {
      gates.add(rule);
      if (distance.has(rule.chain)) continue;
      distance.set(rule.chain, (distance.get(chain) ?? 0) + 1);
      queue.push(rule.chain);
    }
  }
  return { distance, gates, bases };
}

function callersIn(target: Chain): Map<string, Rule[]> {
  const callers = new Map<string, Rule[]>();
  for (const chain of target.table.chains.values())
    for (const rule of chain.rules)
      for (const { chain: name } of jumpsOf(rule)) {
        const known = callers.get(name);
        if (known) known.push(rule);
        else callers.set(name, [rule]);
      }
  return callers;
}
