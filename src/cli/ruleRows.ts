import { chainsInOrder, policyName, type CounterOf } from '../frontend/iptables/print.js';
import type { ChainRow, MatchedRule, RulesSummary } from '../report/replaySummary.js';
import type { RuleRow } from '../report/tables.js';
import type { Chain, Rule, Ruleset, Table } from '../rules/model.js';

/** `filter:FORWARD`, as the addresses of its rules begin (`ruleAddress`). */
export function chainAddress({ table, name }: Chain): string {
  const { family } = table;
  return `${family === 'ip' && !table.nft ? '' : `${family}:`}${table.name}:${name}`;
}

/** `filter:FORWARD:policy`, as the command line addresses it. */
export function policyAddress(chain: Chain): string {
  return `${chainAddress(chain)}:policy`;
}

/** The rules and policies in the order in which they are listed, with what they counted. */
export function* ruleRows(
  ruleset: Ruleset,
  counters: CounterOf,
  hostCounters: CounterOf | null = null,
): Generator<RuleRow> {
  for (const table of ruleset.tables)
    for (const chain of chainsInOrder(table)) {
      const about = { family: table.family, table: table.name, chain: chain.name };
      const head = chainAddress(chain);
      const counted = (
        of: Rule | Chain,
      ): Pick<RuleRow, 'packets' | 'bytes' | 'hostPackets' | 'hostBytes'> => {
        const { packets, bytes } = counters(of);
        const host = hostCounters?.(of);
        return { packets, bytes, hostPackets: host?.packets ?? null, hostBytes: host?.bytes ?? null };
      };
      if (chain.base)
        yield {
          ...about,
          address: policyAddress(chain),
          number: null,
          ...counted(chain),
          text: table.nft ? `policy ${chain.base.policy}` : `-P ${chain.name} ${policyName(chain)}`,
        };
      for (const [i, rule] of chain.rules.entries())
        yield {
          ...about,
          address: `${head}:${i + 1}`,
          number: i + 1,
          ...counted(rule),
          text: listedText(rule),
        };
    }
}

function listedText({ chain, text }: Rule): string {
  return chain.table.nft ? text : `-A ${chain.name} ${text}`.trimEnd();
}

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

/** The words of a rule; nft lists what was counted among them. */
function withoutCounts({ text, chain }: Rule): string {
  return chain.table.nft ? text.replace(/counter packets \d+ bytes \d+|used \d+ \w*bytes/g, '') : text;
}

/** The counters of another reading of the same ruleset, rule by rule as far as the rules are the same. */
export function countersFrom(ruleset: Ruleset, other: Ruleset): CounterOf {
  const found = new Map<Rule | Chain, { packets: number; bytes: number }>();
  const key = ({ family, name }: Table): string => `${family} ${name}`;
  const tables = new Map(other.tables.map((table) => [key(table), table]));
  for (const table of ruleset.tables)
    for (const chain of table.chains.values()) {
      const same = tables.get(key(table))?.chains.get(chain.name);
      // nft has no counters of policies.
      if (same?.base && !table.nft) found.set(chain, same.base);
      chain.rules.forEach((rule, i) => {
        const other = same?.rules[i];
        if (other && withoutCounts(other) === withoutCounts(rule)) found.set(rule, other);
      });
    }
  return (of) => found.get(of) as { packets: number; bytes: number };
}
