import { increasing } from '../../compare/increasing.js';
import type { Chain, Rule, Ruleset, Table } from '../../rules/model.js';
import { chainAddress, policyReference, referenceTo } from '../describe.js';
import type { RuleReference } from '../result.js';
import { commute, meaningOf } from '../statics/meaning.js';

/** One thing in which two rulesets differ; null: that one has none. */
export type RuleDifference =
  | { readonly kind: 'table'; readonly place: string; readonly first: boolean; readonly second: boolean }
  | {
      readonly kind: 'chain';
      readonly place: string;
      readonly first: number | null;
      readonly second: number | null;
    }
  /** Where the kernel calls the chain: `nat prerouting -100`. */
  | { readonly kind: 'hook'; readonly place: string; readonly first: string; readonly second: string }
  | {
      readonly kind: 'policy';
      readonly place: string;
      readonly first: RuleReference;
      readonly second: RuleReference;
    }
  | {
      readonly kind: 'rule';
      readonly place: string;
      readonly first: RuleReference | null;
      readonly second: RuleReference | null;
      /** Both have it, elsewhere among rules that it does not commute with. */
      readonly moved: boolean;
    };

export interface RulesetDiff {
  readonly differences: readonly RuleDifference[];
  /** Rules of both that say the same in other words, or stand elsewhere where that makes no difference. */
  readonly alike: number;
  readonly same: number;
}

/** What differs between two rulesets by what it means: other words for the same, counters and comments do not count. */
export function diffRulesets(first: Ruleset, second: Ruleset): RulesetDiff {
  const differences: RuleDifference[] = [];
  const counts = { alike: 0, same: 0 };
  const partner = (table: Table, { tables }: Ruleset): Table | undefined =>
    tables.find((t) => t.family === table.family && t.name === table.name && !t.nft === !table.nft);
  for (const table of first.tables) {
    const other = partner(table, second);
    if (other) diffTables(table, other, differences, counts);
    else if (says(table))
      differences.push({ kind: 'table', place: tableName(table), first: true, second: false });
  }
  for (const table of second.tables)
    if (!partner(table, first) && says(table))
      differences.push({ kind: 'table', place: tableName(table), first: false, second: true });
  return { differences, ...counts };
}

/** A table of iptables that accepts everything is as good as none. */
function says(table: Table): boolean {
  return (
    table.nft !== undefined ||
    [...table.chains.values()].some((c) => !c.base || c.base.policy === 'drop' || c.rules.length > 0)
  );
}

function tableName({ family, name, nft }: Table): string {
  return nft ? `${family}:${name}` : family === 'ip6' ? `ip6:${name}` : name;
}

function diffTables(
  first: Table,
  second: Table,
  differences: RuleDifference[],
  counts: { alike: number; same: number },
): void {
  for (const chain of first.chains.values()) {
    const other = second.chains.get(chain.name);
    const place = chainAddress(chain);
    if (!other) {
      differences.push({ kind: 'chain', place, first: chain.rules.length, second: null });
      continue;
    }
    const [hook, otherHook] = [hookOf(chain), hookOf(other)];
    if (hook !== otherHook) differences.push({ kind: 'hook', place, first: hook, second: otherHook });
    if (chain.base && other.base && chain.base.policy !== other.base.policy)
      differences.push({
        kind: 'policy',
        place,
        first: policyReference(chain),
        second: policyReference(other),
      });
    diffRules(chain, other, differences, counts);
  }
  for (const chain of second.chains.values())
    if (!first.chains.has(chain.name))
      differences.push({
        kind: 'chain',
        place: chainAddress(chain),
        first: null,
        second: chain.rules.length,
      });
}

function hookOf({ base }: Chain): string {
  return base ? `${base.type} ${base.hook} ${base.priority}` : 'none';
}

/** Rules by what they mean, the first of several alike with the first. */
function diffRules(
  first: Chain,
  second: Chain,
  differences: RuleDifference[],
  counts: { alike: number; same: number },
): void {
  const place = chainAddress(first);
  const waiting = new Map<string, number[]>();
  second.rules.forEach((rule, i) => {
    const key = meaningOf(rule);
    const list = waiting.get(key);
    if (list) list.push(i);
    else waiting.set(key, [i]);
  });
  for (const list of waiting.values()) list.reverse();
  const pairs: [number, number][] = [];
  const removed: number[] = [];
  first.rules.forEach((rule, i) => {
    const found = waiting.get(meaningOf(rule))?.pop();
    if (found === undefined) removed.push(i);
    else pairs.push([i, found]);
  });
  const kept = increasing(pairs.map(([, at]) => at));
  const moved = new Map(pairs.filter((_, k) => !kept[k]));
  const inOrder = orderTests(first, pairs, moved);
  const paired = new Set(pairs.map(([, at]) => at));
  const found: { at: number; difference: RuleDifference }[] = removed.map((at) => ({
    at,
    difference: { kind: 'rule', place, first: referenceTo(first.rules[at]), second: null, moved: false },
  }));
  second.rules.forEach((rule, at) => {
    if (!paired.has(at))
      found.push({
        at,
        difference: { kind: 'rule', place, first: null, second: referenceTo(rule), moved: false },
      });
  });
  for (const [from, to] of pairs) {
    const [a, b] = [first.rules[from], second.rules[to]];
    if (moved.has(from) && !inOrder(from, to))
      found.push({
        at: to,
        difference: { kind: 'rule', place, first: referenceTo(a), second: referenceTo(b), moved: true },
      });
    else if (a.text === b.text && !moved.has(from)) counts.same++;
    else counts.alike++;
  }
  differences.push(...found.sort((x, y) => x.at - y.at).map(({ difference }) => difference));
}

/** Comparisons of two rules; beyond, a move is taken to matter. */
const MOST_COMPARED = 2_000_000;

/** Whether a moved rule commutes with every rule that it has overtaken, or that has overtaken it. */
function orderTests(
  { rules }: Chain,
  pairs: readonly (readonly [number, number])[],
  moved: ReadonlyMap<number, number>,
): (from: number, to: number) => boolean {
  const mayCompare = pairs.length * moved.size <= MOST_COMPARED;
  const rule = (at: number): Rule => rules[at];
  return (from, to) =>
    mayCompare && pairs.every(([a, b]) => a === from || a < from === b < to || commute(rule(a), rule(from)));
}
