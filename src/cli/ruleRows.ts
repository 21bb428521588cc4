import { chainAddress, listedText } from '../compare/ruleRows.js';
import { chainsInOrder, policyName, type CounterOf } from '../frontend/iptables/print.js';
import type { ChainRow, MatchedRule, RulesSummary } from '../report/replaySummary.js';
import type { Ruleset } from '../rules/model.js';

/** The chains, with how much they counted, and the rules that did: a look at each rule, and no more. */
export function rulesSummary(ruleset: Ruleset, counters: CounterOf): RulesSummary {
  const chains: ChainRow[] = [];
  const matched: MatchedRule[] = [];
  for (const table of ruleset.tables)
    for (const chain of chainsInOrder(table)) {
      const head = chainAddress(chain);
      const before = matched.length;
      for (const [i, rule] of chain.rules.entries()) {
        const { packets, bytes } = counters(rule);
        if (packets > 0)
          matched.push({ address: `${head}:${i + 1}`, packets, bytes, text: () => listedText(rule) });
      }
      chains.push({
        table: head.slice(0, -chain.name.length - 1),
        chain: chain.name,
        rules: chain.rules.length,
        matched: matched.length - before,
        policy: chain.base
          ? `${table.nft ? chain.base.policy : policyName(chain)} ${counters(chain).packets}`
          : '',
      });
    }
  return { chains, matched };
}
