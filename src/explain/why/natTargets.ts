import type { Rule } from '../../rules/model.js';

/** Whether the rule's target can only stand in the nat table. */
export function manipulatesNat(rule: Rule): boolean {
  return rule.steps.some(
    (step) =>
      (step.kind === 'target' && step.definition.tables?.every((table) => table === 'nat') === true) ||
      (step.kind === 'statement' && step.statement.kind === 'nat'),
  );
}
