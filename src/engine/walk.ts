import type { Condition } from '../rules/definition.js';
import type { Rule } from '../rules/model.js';
import { Outcome, Verdict } from '../rules/verdict.js';
import { fieldText } from './fields.js';
import type { Passage } from './passage.js';
import type { Observer } from './observer.js';
import {
  type BaseChainProgram,
  type CompiledChain,
  type CompiledRule,
  type CompiledStep,
  StepKind,
} from './program.js';
import type { Place } from './choice.js';
import type { RuleContext } from './ruleContext.js';

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
 * Walks a base chain: `ipt_do_table()` (net/ipv4/netfilter/ip_tables.c). Rules are tried in order; a jump puts the
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
  observer?.enter(base.chain, null, passage);
  for (;;) {
    if (index >= chain.rules.length) {
      const frame = returnFrom(base, chain, passage, context, stack, observer);
      if (!frame) return policy(base, passage, context, observer);
      ({ chain, index } = frame);
      continue;
    }
    const rule = chain.rules[index++];
    context.rule = rule.rule;
    if (rule.asksRandom) context.asking = { rule, after: placeOf(chain, index, stack) };
    const outcome =
      observer && (observer.watches?.(rule.rule, passage) ?? true)
        ? tryRecorded(rule, passage, context, observer)
        : tryRule(rule, passage, context);
    if (outcome === Outcome.miss) continue;
    if (outcome === Outcome.hotdrop) return { verdict: Verdict.drop, rule: rule.rule };
    if (outcome === Outcome.unknown) {
      passage.doubt ??= `${rule.rule.text}: not known whether it matches`;
      continue;
    }
    const last = rule.steps[rule.steps.length - 1];
    if (passage.packet.traced) context.trace(passage, base, rule.rule);
    if (last.kind === StepKind.jump) {
      if (!last.goto) (stack ??= []).push({ chain, index });
      chain = last.chain;
      index = 0;
      observer?.enter(chain.chain, rule.rule, passage);
      continue;
    }
    if (last.kind !== StepKind.target) continue;
    const verdict =
      observer && last.definition.writes.length > 0
        ? runRecorded(last, rule, passage, context, observer)
        : last.definition.run(last.data, passage.packet, context, last.state);
    if (verdict === Verdict.continue) continue;
    observer?.verdict(rule.rule, chain.chain, verdict, passage);
    if (verdict !== Verdict.return) return { verdict, rule: rule.rule };
    const frame: Frame | undefined = stack?.pop();
    if (!frame) return policy(base, passage, context, observer);
    ({ chain, index } = frame);
  }
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
    if (passage.packet.traced) context.traceReturn(passage, base, chain.chain);
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
  if (passage.packet.traced) context.tracePolicy(passage, base);
  const verdict = base.base.policy === 'drop' ? Verdict.drop : Verdict.accept;
  observer?.verdict(null, base.chain, verdict, passage);
  return { verdict, rule: null };
}

/** The tests of a rule in order, and its counter where they all hit. */
function tryRule(rule: CompiledRule, passage: Passage, context: RuleContext): Outcome {
  const { steps } = rule;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i];
    if (step.kind === StepKind.match) {
      const outcome = step.definition.test(step.data, passage.packet, context, step.state);
      if (outcome !== Outcome.hit) return outcome;
    } else if (step.kind === StepKind.counter) {
      rule.packets++;
      rule.bytes += passage.packet.length;
    }
  }
  return Outcome.hit;
}

/** The same, with every condition told to the observer. */
function tryRecorded(
  rule: CompiledRule,
  passage: Passage,
  context: RuleContext,
  observer: Observer,
): Outcome {
  const conditions: Condition[] = [];
  for (const step of rule.steps) {
    if (step.kind === StepKind.match) {
      const outcome = step.definition.test(step.data, passage.packet, context, step.state);
      conditions.push(...step.definition.explain(step.data, passage.packet, context, step.state, outcome));
      if (outcome !== Outcome.hit) {
        observer.rule(rule.rule, outcome, conditions, passage);
        return outcome;
      }
    } else if (step.kind === StepKind.counter) {
      rule.packets++;
      rule.bytes += passage.packet.length;
    }
  }
  observer.rule(rule.rule, Outcome.hit, conditions, passage);
  return Outcome.hit;
}

/** Runs a target, and tells the observer which of the fields that it may write have changed. */
function runRecorded(
  step: Extract<CompiledStep, { kind: typeof StepKind.target }>,
  rule: CompiledRule,
  passage: Passage,
  context: RuleContext,
  observer: Observer,
): Verdict {
  const { definition, data, state } = step;
  const before = definition.writes.map((field) => fieldText(field, passage));
  const verdict = definition.run(data, passage.packet, context, state);
  definition.writes.forEach((field, i) => {
    const now = fieldText(field, passage);
    if (now !== before[i]) observer.change(field, before[i] ?? '', now ?? '', rule.rule, passage);
  });
  return verdict;
}
