import type { Rule } from '../../rules/model.js';
import { Flow, type StatementResult } from '../../rules/nft/eval/result.js';
import { Outcome, Verdict } from '../../rules/verdict.js';
import type { FlowPaths } from '../steady/flowPath.js';
import type { Passage } from '../passage.js';
import type { Observer } from '../observer.js';
import type { BaseChainProgram, CompiledChain, CompiledRule } from './program.js';
import type { Place } from './choice.js';
import type { RuleContext } from './ruleContext.js';
import { RuleIndex } from './ruleIndex.js';
import type { RuleRecords } from './ruleRecords.js';
import { runNoted, runRecorded, runRule } from './runRule.js';

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
 * @param paths notes the way, for the rest of the packet's flow; only where no observer watches single rules
 */
export function walk(
  base: BaseChainProgram,
  passage: Passage,
  context: RuleContext,
  records: RuleRecords,
  observer: Observer | null,
  paths: FlowPaths | null = null,
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
  let isTold = false;
  records.forget();
  observer?.enter(base.chain, null, passage);
  paths?.enters(base);
  for (;;) {
    if (chain !== indexed) {
      indexed = chain;
      rules = skips ? indexOf(chain) : null;
      keyed = -1;
    }
    if (rules) {
      if (keyed < index) keyed = rules.keyed(index, packet);
      index = Math.min(keyed, rules.unkeyed(index));
    } else if (skips) index = records.next(chain, index, packet);
    if (index >= chain.rules.length) {
      const frame = returnFrom(base, chain, passage, context, stack, observer);
      if (!frame) return policy(base, passage, context, observer, paths, isTold);
      ({ chain, index } = frame);
      continue;
    }
    const rule = chain.rules[index++];
    context.rule = rule.rule;
    context.asking = rule.asksRandom ? { rule, after: placeOf(chain, index, stack) } : null;
    const counted = rule.packets;
    const { doubt } = passage;
    const watched = observer !== null && (observer.watches?.(rule.rule, passage) ?? true);
    const result = watched
      ? runRecorded(rule, base, passage, context, observer)
      : paths
        ? runNoted(rule, passage, context, paths)
        : runRule(rule, base, passage, context);
    if (rule.rewrites) {
      keyed = -1;
      records.forget();
    }
    if (!watched && observer?.tried) observer.tried(rule.rule, outcomeOf(rule, counted, result));
    if (rule.onlyTells && result !== Flow.unknown) passage.doubt = doubt;
    if (packet.traced && base.chain.table.nft && result !== Flow.break && result !== Flow.unknown) {
      context.traceNft(chain.chain, rule.rule, verdictText(result), !isTold);
      isTold = true;
    }
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
      paths?.enters(chain);
      continue;
    }
    observer?.verdict(rule.rule, chain.chain, result, passage);
    if (result !== Verdict.return) return { verdict: result, rule: rule.rule };
    const frame: Frame | undefined = stack?.pop();
    if (!frame) return policy(base, passage, context, observer, paths, isTold);
    ({ chain, index } = frame);
  }
}

const VERDICTS = new Map<number, string>([
  [Verdict.drop, 'drop'],
  [Verdict.accept, 'accept'],
  [Verdict.stolen, 'stolen'],
  [Verdict.queue, 'queue'],
  [Verdict.return, 'return'],
]);

/** As nft names it (`verdict_type_print()`, src/datatype.c of nftables). */
function verdictText(result: StatementResult): string {
  if (typeof result !== 'object') return VERDICTS.get(result) ?? 'continue';
  return `${result.goto ? 'goto' : 'jump'} ${(result.chain as CompiledChain).chain.name}`;
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
  for (const frame of stack ?? []) next = { chain: frame.chain, index: frame.index, next };
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
  paths: FlowPaths | null,
  isTold: boolean,
): WalkResult {
  paths?.policy(base);
  base.policyPackets++;
  base.policyBytes += passage.packet.length;
  if (passage.packet.traced) {
    if (base.chain.table.nft) context.traceNft(base.chain, null, base.base.policy, !isTold);
    else context.tracePolicy(passage, base);
  }
  const verdict = base.base.policy === 'drop' ? Verdict.drop : Verdict.accept;
  observer?.verdict(null, base.chain, verdict, passage);
  return { verdict, rule: null };
}
