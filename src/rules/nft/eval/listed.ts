import type { NftRule, NftTable, Statement } from '../model.js';
import type { RunningStatement } from './result.js';
import type { RunningTable } from './table.js';

/** A rule's statements while they run; its first counter counts into the rule itself. */
export interface RunningRule {
  readonly packets: number;
  readonly bytes: number;
  /** By statement; null: the first counter. */
  readonly statements: readonly (RunningStatement | null)[];
}

/**
 * A table as it would be listed now: counters, quotas, elements of sets.
 * @param rulesOf the running rules of a chain, as many as the chain has
 * @param now ns since capture start
 */
export function listedTable(
  running: RunningTable,
  rulesOf: (chain: string) => readonly RunningRule[],
  now: number,
): NftTable {
  const { table } = running;
  const chains = new Map(
    [...table.chains].map(([name, chain]) => {
      const rules = rulesOf(name);
      return [
        name,
        { ...chain, rules: chain.rules.map((rule, i) => listedRule(rule, rules[i], now)) },
      ] as const;
    }),
  );
  return { ...table, chains, ...running.listed(now) };
}

function listedRule(rule: NftRule, running: RunningRule, now: number): NftRule {
  const { packets, bytes } = running;
  const statements = running.statements.map((statement, i): Statement =>
    statement === null
      ? { kind: 'counter', packets, bytes }
      : (statement.listed?.(now) ?? rule.statements[i]),
  );
  return { ...rule, statements };
}
