import type { Condition, Field } from '../../rules/definition.js';
import { isCounter } from '../../rules/nft/eval/lasting.js';
import { Flow, type StatementResult } from '../../rules/nft/eval/result.js';
import { Outcome, Verdict } from '../../rules/verdict.js';
import { fieldText } from './fields.js';
import type { FlowPaths } from '../steady/flowPath.js';
import { guardsOf } from '../steady/lasting.js';
import type { Observer } from '../observer.js';
import type { Passage } from '../passage.js';
import { type BaseChainProgram, type CompiledRule, StepKind } from './program.js';
import type { RuleContext } from './ruleContext.js';

/*
 * One rule on one packet, three times: as fast as it goes, so that the packet's flow can be counted along the same way, and
 * with all that was seen. A test holds them to the same results.
 */

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
export function runRule(
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
        if (step.counting !== null) context.counted(step.counting);
        if (outcome !== Outcome.hit) return RESULT_OF[outcome];
        break;
      }
      case StepKind.counter:
        count(rule, passage);
        break;
      case StepKind.statement: {
        const result = step.statement.run(passage.packet, context);
        if (step.counting !== null) context.counted(step.counting);
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

/** The same, noting whether the next packet of the flow would go the same way, and what it would count. */
export function runNoted(
  rule: CompiledRule,
  passage: Passage,
  context: RuleContext,
  paths: FlowPaths,
): StatementResult {
  const { steps } = rule;
  const guards = guardsOf(rule, context.sets);
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i];
    paths.ran(guards[i]);
    switch (step.kind) {
      case StepKind.match: {
        const outcome = step.definition.test(step.data, passage.packet, context, step.state);
        if (step.counting !== null) context.counted(step.counting);
        if (outcome === Outcome.unknown) paths.stop();
        if (outcome !== Outcome.hit) return RESULT_OF[outcome];
        break;
      }
      case StepKind.counter:
        count(rule, passage);
        paths.counts(rule);
        break;
      case StepKind.statement: {
        const { statement } = step;
        if (isCounter(statement.statement)) paths.countsIn(statement);
        const result = statement.run(passage.packet, context);
        if (step.counting !== null) context.counted(step.counting);
        if (result === Flow.unknown) paths.stop();
        else if (typeof result === 'object' || result >= 0) paths.decides(rule);
        if (result !== Flow.continue) return result;
        break;
      }
      case StepKind.target:
        paths.decides(rule);
        if (step.definition.unforeseen) doubt(rule, passage);
        return step.definition.run(step.data, passage.packet, context, step.state);
      case StepKind.jump:
        return step;
    }
  }
  return Flow.continue;
}

/** The same, with every condition, and every field that changes, told to the observer. */
export function runRecorded(
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
        if (step.counting !== null) context.counted(step.counting);
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
        if (step.counting !== null) context.counted(step.counting);
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
