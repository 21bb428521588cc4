import { chainsInOrder, policyName, type CounterOf } from '../frontend/iptables/print.js';
import type { Chain, Rule, Ruleset, Table } from '../rules/model.js';

/** A rule, or a policy, with its counters. */
export interface RuleRow {
  readonly address: string;
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** 1-based; null for the policy. */
  readonly number: number | null;
  readonly packets: number;
  readonly bytes: number;
  /** What the host's own counters say after the capture; null where they were not given. */
  readonly hostPackets: number | null;
  readonly hostBytes: number | null;
  readonly text: string;
}

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

/** As iptables-save or nft list it. */
export function listedText({ chain, text }: Rule): string {
  return chain.table.nft ? text : `-A ${chain.name} ${text}`.trimEnd();
}

/** The words of a rule; nft lists what was counted among them. */
function withoutCounts({ text, chain }: Rule): string {
  return chain.table.nft ? text.replace(/counter packets \d+ bytes \d+|used \d+ \w*bytes/g, '') : text;
}

/**
 * The counters of another reading of the ruleset, rule by rule as far as the rules are the same: of a chain in which
 * some are not, those before and those behind them.
 */
export function countersFrom(ruleset: Ruleset, other: Ruleset): CounterOf {
  const found = new Map<Rule | Chain, { packets: number; bytes: number }>();
  const key = ({ family, name, nft }: Table): string => `${nft ? 'nft' : 'iptables'} ${family} ${name}`;
  const tables = new Map(other.tables.map((table) => [key(table), table]));
  for (const table of ruleset.tables)
    for (const chain of table.chains.values()) {
      const same = tables.get(key(table))?.chains.get(chain.name);
      if (!same) continue;
      // nft has no counters of policies.
      if (same.base && !table.nft) found.set(chain, same.base);
      for (const [rule, counted] of sameRules(chain.rules, same.rules)) found.set(rule, counted);
    }
  return (of) => found.get(of) as { packets: number; bytes: number };
}

function* sameRules(ours: readonly Rule[], theirs: readonly Rule[]): Generator<[Rule, Rule]> {
  const mayPair = (i: number, j: number): boolean => withoutCounts(ours[i]) === withoutCounts(theirs[j]);
  const least = Math.min(ours.length, theirs.length);
  let front = 0;
  for (; front < least && mayPair(front, front); front++) yield [ours[front], theirs[front]];
  for (let back = 1; back <= least - front; back++) {
    const [i, j] = [ours.length - back, theirs.length - back];
    if (!mayPair(i, j)) return;
    yield [ours[i], theirs[j]];
  }
}
