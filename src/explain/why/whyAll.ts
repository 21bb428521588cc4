import type { Observer } from '../../engine/observer.js';
import type { Passage } from '../../engine/passage.js';
import type { Chain, Rule, Ruleset } from '../../rules/model.js';
import { Outcome, Verdict } from '../../rules/verdict.js';
import { referenceTo } from '../describe.js';
import { goesTo } from '../jumps.js';
import { waysTo } from '../reach.js';
import type { RuleReference, StaticNote } from '../result.js';
import { chainNotes } from '../statics/notes.js';

/** What became of one rule over a whole capture. */
export interface RuleSummary {
  readonly rule: RuleReference;
  /** How often it was tried. */
  readonly reached: number;
  readonly matched: number;
  /** The condition that failed first, and what it saw, most often in the rule's first tries. */
  readonly failing: {
    readonly name: string;
    readonly wanted: string;
    readonly saw: string;
    readonly count: number;
  } | null;
  /**
   * `unreferenced`: nothing leads to its chain; `chain not entered`: no packet came to it; `shadowed`: every packet in
   * its chain was taken by `by` or others before; `no match`: packets came, none matched.
   */
  readonly state: 'fires' | 'no match' | 'undecided' | 'shadowed' | 'chain not entered' | 'unreferenced';
  /** The rule that took most of the packets before this one. */
  readonly by: RuleReference | null;
  /** Of a rule that did not match: what the rules alone tell. */
  readonly notes: readonly StaticNote[];
}

interface Counts {
  reached: number;
  matched: number;
  unknown: number;
  readonly failures: Map<string, { name: string; wanted: string; saw: string; count: number }>;
}

interface ChainCounts {
  entered: number;
  /** By which rule of the chain, or jump of it, walks ended before its end. */
  readonly ended: Map<Rule, number>;
}

/** Kept for each rule; values beyond are not told apart. */
const MOST_FAILURES = 16;
/** Tries of a rule that are looked into; words for each of millions would take hours. */
const WATCHED_TRIES = 32;

export interface AllCollector extends Observer {
  rows(): RuleSummary[];
}

/** Watches every rule at once. What it keeps grows with the rules, not with the capture. */
export function collectAll(ruleset: Ruleset): AllCollector {
  const rules = new Map<Rule, Counts>();
  const chains = new Map<Chain, ChainCounts>();
  for (const table of ruleset.tables)
    for (const chain of table.chains.values()) {
      chains.set(chain, { entered: 0, ended: new Map() });
      for (const rule of chain.rules) rules.set(rule, newCounts());
    }
  /** The chains being walked and the rules that led to them; answers are walked while another packet is. */
  const stacks = new WeakMap<Passage, { chain: Chain; by: Rule | null }[]>();

  function ended(passage: Passage, from: number, last: Rule): void {
    const stack = stacks.get(passage) ?? [];
    for (let i = from; i < stack.length; i++) {
      const by = i + 1 < stack.length ? stack[i + 1].by : last;
      const counts = by && chains.get(stack[i].chain)?.ended;
      if (counts) counts.set(by, (counts.get(by) ?? 0) + 1);
    }
  }

  function tried(rule: Rule, outcome: Outcome): Counts | undefined {
    const counts = rules.get(rule);
    if (!counts) return undefined;
    counts.reached++;
    if (outcome === Outcome.hit) counts.matched++;
    else if (outcome === Outcome.unknown) counts.unknown++;
    return counts;
  }

  return {
    packet: () => undefined,
    hook: () => undefined,
    skip: () => undefined,
    change: () => undefined,
    route: () => undefined,
    end: (passage) => stacks.delete(passage),
    enter(chain, by, passage) {
      const counts = chains.get(chain);
      if (counts) counts.entered++;
      const stack = by === null ? [] : (stacks.get(passage) ?? []);
      if (by) {
        while (stack.length > 0 && stack[stack.length - 1].chain !== by.chain) stack.pop();
        if (goesTo(by, chain.name)) {
          const left = chains.get(by.chain)?.ended;
          left?.set(by, (left.get(by) ?? 0) + 1);
          stack.pop();
        }
      }
      stack.push({ chain, by });
      stacks.set(passage, stack);
    },
    watches: (rule) => (rules.get(rule)?.reached ?? 0) < WATCHED_TRIES,
    tried,
    rule(rule, outcome, conditions) {
      const counts = tried(rule, outcome);
      if (!counts) return;
      const failed = conditions.find((c) => c.outcome !== Outcome.hit);
      if (!failed) return;
      const { name, wanted, saw } = failed;
      const key = `${name} ${wanted} ${saw}`;
      const known = counts.failures.get(key);
      if (known) known.count++;
      else if (counts.failures.size < MOST_FAILURES)
        counts.failures.set(key, { name, wanted, saw, count: 1 });
    },
    verdict(rule, chain, verdict, passage) {
      if (!rule) return;
      const stack = stacks.get(passage) ?? [];
      const at = stack.findLastIndex((frame) => frame.chain === chain);
      stack.length = at + 1;
      ended(passage, verdict === Verdict.return ? at : 0, rule);
    },
    rows: () => [...chains].flatMap(([chain, counts]) => rowsOf(chain, counts, rules)),
  };
}

function rowsOf(chain: Chain, counts: ChainCounts, rules: ReadonlyMap<Rule, Counts>): RuleSummary[] {
  const unreferenced = counts.entered === 0 && waysTo(chain).bases.size === 0;
  const notes = chainNotes(chain, (rule) => rules.get(rule)?.matched === 0);
  /** The rule that ended most walks up to here. */
  let taker: Rule | null = null;
  return chain.rules.map((rule) => {
    const own = rules.get(rule) ?? newCounts();
    const row = { ...summary(rule, own, counts.entered, unreferenced, taker), notes: notes.get(rule) ?? [] };
    if ((counts.ended.get(rule) ?? 0) > (taker ? (counts.ended.get(taker) ?? 0) : 0)) taker = rule;
    return row;
  });
}

function newCounts(): Counts {
  return { reached: 0, matched: 0, unknown: 0, failures: new Map() };
}

function summary(
  rule: Rule,
  { reached, matched, unknown, failures }: Counts,
  entered: number,
  unreferenced: boolean,
  taker: Rule | null,
): Omit<RuleSummary, 'notes'> {
  const failing = [...failures.values()].reduce<RuleSummary['failing']>(
    (most, f) => (most === null || f.count > most.count ? f : most),
    null,
  );
  const base = { rule: referenceTo(rule), reached, matched, failing, by: null };
  if (matched > 0) return { ...base, state: 'fires' };
  if (reached > 0) return { ...base, state: unknown > 0 ? 'undecided' : 'no match' };
  if (entered === 0) return { ...base, state: unreferenced ? 'unreferenced' : 'chain not entered' };
  return { ...base, state: 'shadowed', by: taker && referenceTo(taker) };
}
