import type { Chain, Rule, Table } from '../../src/rules/model.js';
import { ruleAddress } from '../../src/rules/model.js';

export interface Counted {
  readonly address: string;
  /** null: the counters do not tell, since the chain before it was left in ways that are not counted apart. */
  readonly reached: number | null;
  readonly matched: number;
}

/**
 * What the kernel's counters tell of each rule of a table: how often it matched is its own counter; how often it was
 * reached follows from those that ended before it, the jumps to its chain, and the policy's.
 */
export function countedBy(before: Table, after: Table): Counted[] {
  const chains = [...after.chains.values()];
  const old = (chain: Chain): Chain => before.chains.get(chain.name) as Chain;
  const gained = (rule: Rule): number =>
    rule.packets - old(rule.chain).rules[rule.chain.rules.indexOf(rule)].packets;
  const callers = (name: string): Rule[] =>
    chains.flatMap((c) => c.rules.filter((r) => r.steps.some((s) => s.kind === 'jump' && s.chain === name)));

  /** Packets whose walk ended at a rule, or in the chain that it leads to; null: not told. */
  function endedAt(rule: Rule): number | null {
    const last = rule.steps[rule.steps.length - 1];
    if (last.kind === 'target') return last.definition.terminal ? gained(rule) : 0;
    if (last.kind !== 'jump') return 0;
    if (last.goto) return gained(rule);
    const inside = endedIn(after.chains.get(last.chain) as Chain);
    return inside === 0 || callers(last.chain).length === 1 ? inside : null;
  }

  /** Packets that did not come back from a chain. */
  function endedIn(chain: Chain): number | null {
    let sum: number | null = 0;
    for (const rule of chain.rules) {
      const last = rule.steps[rule.steps.length - 1];
      if (last.kind === 'target' && last.definition.name === 'RETURN') continue;
      // What a goto leads to may come back to where the last jump was.
      const ended: number | null = last.kind === 'jump' && last.goto ? null : endedAt(rule);
      sum = ended === null ? null : sum + ended;
      if (sum === null) return null;
    }
    return sum;
  }

  function entered(chain: Chain): number | null {
    if (!chain.base) return callers(chain.name).reduce((sum, rule) => sum + gained(rule), 0);
    const ended = endedIn(chain);
    return ended === null ? null : chain.base.packets - (old(chain).base?.packets ?? 0) + ended;
  }

  return chains.flatMap((chain) => {
    let reached = entered(chain);
    return chain.rules.map((rule): Counted => {
      const counted = { address: ruleAddress(rule), reached, matched: gained(rule) };
      const ended = endedAt(rule);
      reached = reached === null || ended === null ? null : reached - ended;
      return counted;
    });
  });
}
