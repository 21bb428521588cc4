import type { Condition, Field } from '../rules/definition.js';
import type { Rule } from '../rules/model.js';
import { Flow, type StatementResult } from '../rules/nft/eval/result.js';
import { Outcome, Verdict } from '../rules/verdict.js';
import { fieldText } from './fields.js';
import type { Passage } from './passage.js';
import type { Observer } from './observer.js';
import { type BaseChainProgram, type CompiledChain, type CompiledRule, StepKind } from './program.js';
import type { Place } from './choice.js';
import type { RuleContext } from './ruleContext.js';
import { RuleIndex } from './ruleIndex.js';

/** Where to go on when a user chain is done. */
interface Frame {
  readonly chain: CompiledChain;
  readonly index: number;
}

/** What the walk of a base chain came to, and whose doing it was. */
export interface WalkResult {
  readonly verdict: Verdict;
  /** null: the policy. */
  readonly rule: Rule | null;
}

/**
 * Walks a base chain: `ipt_do_table()` (net/ipv4/netfilter/ip_tables.c), `nft_do_chain()`
 * (net/netfilter/nf_tables_core.c). Rules are tried in order; a jump puts the
 * next rule on a stack and a goto does not, so that what returns from a goto goes on after the last jump.
 */
export function walk(
  base: BaseChainProgram,
  passage: Passage,
  context: RuleContext,
  observer: Observer | null,
): WalkResult {
  let stack: Frame[] | null = null;
  let chain: CompiledChain = base;
  let index = 0;
  const { packet } = passage;
  const skips = observer === null || observer.misses?.(passage) === false;
  let indexed: CompiledChain | null = null;
  let rules: RuleIndex | null = null;
  // The next rule that the index has for the packet; below `index`: it is to be asked again.
  let keyed = -1;
  observer?.enter(base.chain, null, passage);
  for (;;) {
    if (chain !== indexed) {
      indexed = chain;
      rules = skips ? indexOf(chain) : null;
      keyed = -1;
    }
    if (rules) {
      if (keyed < index) keyed = rules.keyed(index, packet);
      index = Math.min(keyed, rules.unkeyed(index));
    }
    if (index >= chain.rules.length) {
      const frame = returnFrom(base, chain, passage, context, stack, observer);
      if (!frame) return policy(base, passage, context, observer);
      ({ chain, index } = frame);
      continue;
    }
    const rule = chain.rules[index++];
    context.rule = rule.rule;
    context.asking = rule.asksRandom ? { rule, after: placeOf(chain, index, stack) } : null;
    const counted = rule.packets;
    const watched = observer !== null && (observer.watches?.(rule.rule, passage) ?? true);
    const result = watched
      ? runRecorded(rule, base, passage, context, observer)
      : runRule(rule, base, passage, context);
    if (rule.rewrites) keyed = -1;
    if (!watched && observer?.tried) observer.tried(rule.rule, outcomeOf(rule, counted, result));
    if (result === Flow.continue || result === Flow.break) continue;
    if (result === Flow.unknown) {
      passage.doubt ??= `${rule.rule.text}: not known whether it matches`;
      continue;
    }
    if (typeof result === 'object') {
      if (!result.goto) (stack ??= []).push({ chain, index });
      // What `compile` made the jump of.
      chain = result.chain as CompiledChain;
      index = 0;
      observer?.enter(chain.chain, rule.rule, passage);
      continue;
    }
    observer?.verdict(rule.rule, chain.chain, result, passage);
    if (result !== Verdict.return) return { verdict: result, rule: rule.rule };
    const frame: Frame | undefined = stack?.pop();
    if (!frame) return policy(base, passage, context, observer);
    ({ chain, index } = frame);
  }
}

function indexOf(chain: CompiledChain): RuleIndex | null {
  return chain.index === undefined ? (chain.index = RuleIndex.of(chain.rules)) : chain.index;
}

/** What came of the tests of a rule, told from its counter and its result. */
function outcomeOf(rule: CompiledRule, counted: number, result: StatementResult): Outcome {
  if (result === Flow.unknown) return Outcome.unknown;
  if (result === Flow.break) return Outcome.miss;
  return rule.packets > counted || rule.rule.chain.table.nft ? Outcome.hit : Outcome.hotdrop;
}

/** The place as the questions about random choices take it. */
function placeOf(chain: CompiledChain, index: number, stack: readonly Frame[] | null): Place {
  let next: Place | null = null;
  for (const frame of stack ?? []) next = { ...frame, next };
  return { chain, index, next };
}

/** The end of a chain was reached without a verdict; null: it was the base chain's, or a goto's from there. */
function returnFrom(
  base: BaseChainProgram,
  chain: CompiledChain,
  passage: Passage,
  context: RuleContext,
  stack: Frame[] | null,
  observer: Observer | null,
): Frame | null {
  if (chain !== base) {
    if (passage.packet.traced && !base.chain.table.nft) context.traceReturn(passage, base, chain.chain);
    observer?.verdict(null, chain.chain, Verdict.return, passage);
  }
  return stack?.pop() ?? null;
}

function policy(
  base: BaseChainProgram,
  passage: Passage,
  context: RuleContext,
  observer: Observer | null,
): WalkResult {
  base.policyPackets++;
  base.policyBytes += passage.packet.length;
  if (passage.packet.traced && !base.chain.table.nft) context.tracePolicy(passage, base);
  const verdict = base.base.policy === 'drop' ? Verdict.drop : Verdict.accept;
  observer?.verdict(null, base.chain, verdict, passage);
  return { verdict, rule: null };
}

/** What a test that did not hit comes to. */
const RESULT_OF = {
  [Outcome.miss]: Flow.break,
  [Outcome.unknown]: Flow.unknown,
  [Outcome.hotdrop]: Verdict.drop,
} as const;

function count(rule: CompiledRule, passage: Passage): void {
  rule.packets++;
  rule.bytes += passage.packet.length;
}

/** A TRACE line of iptables; nft tells its traces over netlink. */
function trace(rule: CompiledRule, base: BaseChainProgram, passage: Passage, context: RuleContext): void {
  if (passage.packet.traced && !base.chain.table.nft) context.trace(passage, base, rule.rule);
}

function doubt(rule: CompiledRule, passage: Passage): void {
  passage.doubt ??= `${rule.rule.text}: not known what it does to the packet`;
}

/** Runs the steps of a rule in order, until one ends it. */
function runRule(
  rule: CompiledRule,
  base: BaseChainProgram,
  passage: Passage,
  context: RuleContext,
): StatementResult {
  const { steps } = rule;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i];
    switch (step.kind) {
      case StepKind.match: {
        const outcome = step.definition.test(step.data, passage.packet, context, step.state);
        if (outcome !== Outcome.hit) return RESULT_OF[outcome];
        break;
      }
      case StepKind.counter:
        count(rule, passage);
        break;
      case StepKind.statement: {
        const result = step.statement.run(passage.packet, context);
        if (result !== Flow.continue) return result;
        break;
      }
      case StepKind.target:
        trace(rule, base, passage, context);
        if (step.definition.unforeseen) doubt(rule, passage);
        return step.definition.run(step.data, passage.packet, context, step.state);
      case StepKind.jump:
        trace(rule, base, passage, context);
        return step;
    }
  }
  trace(rule, base, passage, context);
  return Flow.continue;
}

/** The same, with every condition, and every field that changes, told to the observer. */
function runRecorded(
  rule: CompiledRule,
  base: BaseChainProgram,
  passage: Passage,
  context: RuleContext,
  observer: Observer,
): StatementResult {
  const conditions: Condition[] = [];
  const tell = (outcome: Outcome): void => observer.rule(rule.rule, outcome, conditions, passage);
  for (const step of rule.steps)
    switch (step.kind) {
      case StepKind.match: {
        const outcome = step.definition.test(step.data, passage.packet, context, step.state);
        conditions.push(...step.definition.explain(step.data, passage.packet, context, step.state, outcome));
        if (outcome === Outcome.hit) break;
        tell(outcome);
        return RESULT_OF[outcome];
      }
      case StepKind.counter:
        count(rule, passage);
        break;
      case StepKind.statement: {
        const { statement } = step;
        const run = (): StatementResult => statement.run(passage.packet, context);
        const result = statement.writes ? watched(statement.writes, rule, passage, observer, run) : run();
        conditions.push(...(statement.explain?.(passage.packet, context, result) ?? []));
        if (result === Flow.continue) break;
        tell(result === Flow.break ? Outcome.miss : result === Flow.unknown ? Outcome.unknown : Outcome.hit);
        return result;
      }
      case StepKind.target: {
        tell(Outcome.hit);
        trace(rule, base, passage, context);
        if (step.definition.unforeseen) doubt(rule, passage);
        const run = (): Verdict => step.definition.run(step.data, passage.packet, context, step.state);
        return watched(step.definition.writes, rule, passage, observer, run);
      }
      case StepKind.jump:
        tell(Outcome.hit);
        trace(rule, base, passage, context);
        return step;
    }
  tell(Outcome.hit);
  trace(rule, base, passage, context);
  return Flow.continue;
}

/** Runs what may write `fields`, and tells the observer which of them have changed. */
function watched<T>(
  fields: readonly Field[],
  rule: CompiledRule,
  passage: Passage,
  observer: Observer,
  run: () => T,
): T {
  if (!observer.change) return run();
  const before = fields.map((field) => fieldText(field, passage));
  const result = run();
  fields.forEach((field, i) => {
    const now = fieldText(field, passage);
    if (now !== before[i]) observer.change?.(field, before[i] ?? '', now ?? '', rule.rule, passage);
  });
  return result;
}
