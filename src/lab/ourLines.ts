import { parse } from '../klog/parse.js';
import type { LogOptions } from '../rules/context.js';
import type { Rule, Ruleset, Step } from '../rules/model.js';
import { log } from '../rules/targets/log.js';
import { trace } from '../rules/targets/trace.js';
import type { LabHost } from './namespaces.js';

/**
 * Which lines of the machine's log are a lab's: those with a prefix of its rules and interfaces that it has.
 * @returns null where no rule writes any
 */
export function linesOf(ruleset: Ruleset, { interfaces }: LabHost): ((line: string) => boolean) | null {
  const steps = ruleset.tables.flatMap(({ chains }) => [...chains.values()].flatMap(stepsOf));
  const prefixes = new Set(steps.flatMap(prefixOf));
  const traces =
    steps.some((step) => step.kind === 'target' && step.definition === trace) || hasTracedTables(ruleset);
  if (prefixes.size === 0 && !traces) return null;
  const names = new Set(['', 'lo', ...interfaces.map((i) => i.name)]);
  return (line) => {
    const record = parse(line);
    if (!record || !names.has(record.in) || !names.has(record.out ?? '')) return false;
    return prefixes.has(record.prefix.trim()) || (traces && record.prefix.startsWith('TRACE: '));
  };
}

/** What nft marks to be traced, iptables writes lines about (`skb->nf_trace`). */
function hasTracedTables(ruleset: Ruleset): boolean {
  return tracesNft(ruleset) && ruleset.tables.some((table) => !table.nft);
}

/** Whether rules of nft trace packets: `meta nftrace set 1`. */
export function tracesNft({ tables }: Ruleset): boolean {
  const steps = tables.flatMap(({ chains }) => [...chains.values()].flatMap(stepsOf));
  return steps.some(
    (step) =>
      step.kind === 'statement' &&
      step.statement.kind === 'mangle' &&
      step.statement.target.kind === 'meta' &&
      step.statement.target.key === 'nftrace',
  );
}

function stepsOf({ rules }: { readonly rules: readonly Rule[] }): Step[] {
  return rules.flatMap((rule) => rule.steps);
}

function prefixOf(step: Step): string[] {
  if (step.kind === 'target' && step.definition === log) return [(step.data as LogOptions).prefix.trim()];
  if (step.kind === 'statement' && step.statement.kind === 'log' && step.statement.group === null)
    return [(step.statement.prefix ?? '').trim()];
  return [];
}
