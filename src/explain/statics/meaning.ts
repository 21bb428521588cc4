import type { Rule, Step } from '../../rules/model.js';
import { type Intervals, intersection } from './intervals.js';
import type { Limits } from './limit.js';
import { limitsOf, limitsOfStep } from './limits.js';

/**
 * What a rule does, as a text that rules with the same effect share: in whatever words and order its conditions stand.
 * Comments and counters are no part of it.
 */
export function meaningOf(rule: Rule): string {
  const version = rule.chain.table.family === 'ip6' ? 6 : 4;
  const parts: string[] = [];
  let run: Limits[] = [];
  const endRun = (): void => {
    if (run.length > 0) parts.push(asked(run));
    run = [];
  };
  for (const step of rule.steps) {
    const limits = limitsOfStep(step, version);
    if (limits.known.length > 0 || limits.others.length > 0) {
      // What counts or remembers sees only what the conditions before it let through.
      if (limits.others.some((other) => !other.isPure)) endRun();
      run.push(limits);
      if (limits.others.some((other) => !other.isPure)) endRun();
    } else {
      const text = done(step, version);
      if (text !== '') {
        endRun();
        parts.push(text);
      }
    }
  }
  endRun();
  return parts.join('; ');
}

/** Conditions that all must hold, in one order. */
function asked(run: readonly Limits[]): string {
  const fields = new Map<string, Intervals>();
  for (const { field, allowed } of run.flatMap((limits) => limits.known)) {
    const before = fields.get(field);
    fields.set(field, before ? intersection(before, allowed) : allowed);
  }
  const known = [...fields].map(
    ([field, allowed]) => `${field} ${allowed.map((i) => i.join('-')).join(',')}`,
  );
  const others = new Set(run.flatMap((limits) => limits.others.map(({ said }) => said)));
  return [...known.sort(), ...[...others].sort()].join(' & ');
}

/** What a step does; '' for a test, a comment and a counter. */
function done(step: Step, version: 4 | 6): string {
  switch (step.kind) {
    case 'jump':
      return `${step.goto ? '-g' : '-j'} ${step.chain}`;
    case 'target':
      return `-j ${step.definition.name} ${step.definition.print(step.data, version)}`.trimEnd();
    case 'statement':
      return step.statement.kind === 'last' ? '' : step.text;
    case 'match':
    case 'counter':
      return '';
  }
}

/** Whether it makes no difference which of two rules of a chain comes first, as far as their words tell. */
export function commute(a: Rule, b: Rule): boolean {
  const verdict = verdictOf(a);
  return (verdict !== null && verdict === verdictOf(b)) || areDisjoint(limitsOf(a), limitsOf(b));
}

/** The verdict of a rule that does nothing but decide, and asks nothing that remembers. */
function verdictOf(rule: Rule): string | null {
  if (limitsOf(rule).others.some((other) => !other.isPure)) return null;
  const ends = rule.steps.filter((step) => step.kind !== 'match' && step.kind !== 'counter');
  const deciding = ends.filter((step) => step.kind !== 'statement' || step.statement.kind !== 'match');
  const [only] = deciding;
  if (deciding.length !== 1) return null;
  if (only.kind === 'target')
    return /^(ACCEPT|DROP|RETURN)$/.test(only.definition.name) ? only.definition.name : null;
  return only.kind === 'statement' && /^(accept|drop|return)$/.test(only.text) ? only.text : null;
}

/** No packet is wanted by both. */
function areDisjoint(a: Limits, b: Limits): boolean {
  return a.known.some(({ field, allowed }) =>
    b.known.some((other) => other.field === field && intersection(allowed, other.allowed).length === 0),
  );
}
