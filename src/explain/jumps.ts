import type { Rule, Table } from '../rules/model.js';
import type { Expression, SetExpression, SetReference, Statement, Verdict } from '../rules/nft/model.js';

/** A chain that a rule can send packets to. */
export interface Jump {
  readonly chain: string;
  readonly goto: boolean;
}

/** Where a rule's packets may go on: one chain for iptables, those of a verdict map too for nft. */
export function jumpsOf(rule: Rule): Jump[] {
  return rule.steps.flatMap((step): Jump[] => {
    if (step.kind === 'jump') return [{ chain: step.chain, goto: step.goto }];
    return step.kind === 'statement' ? jumpsOfStatement(step.statement, rule.chain.table) : [];
  });
}

/** Whether it sends them there by goto, so that they do not come back to it. */
export function goesTo(rule: Rule, chain: string): boolean {
  return jumpsOf(rule).some((jump) => jump.goto && jump.chain === chain);
}

function jumpsOfStatement(statement: Statement, table: Table): Jump[] {
  if (statement.kind === 'verdict') return jumpOf(statement.verdict);
  if (statement.kind !== 'vmap') return [];
  return elementsOf(statement.map, table).flatMap((data) =>
    data?.kind === 'verdict' ? jumpOf(data.verdict) : [],
  );
}

function elementsOf(map: SetExpression | SetReference, { nft }: Table): (Expression | null)[] {
  const elements = map.kind === 'set' ? map.elements : (nft?.sets.get(map.name)?.elements ?? []);
  return elements.map(({ data }) => data);
}

function jumpOf(verdict: Verdict): Jump[] {
  return verdict.kind === 'jump' || verdict.kind === 'goto'
    ? [{ chain: verdict.chain, goto: verdict.kind === 'goto' }]
    : [];
}
