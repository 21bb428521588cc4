import type { Field } from '../../rules/definition.js';
import type { Rule, Ruleset } from '../../rules/model.js';
import { Outcome } from '../../rules/verdict.js';
import { referenceTo } from '../describe.js';
import type { Setter } from '../result.js';

const MOST_SETTERS = 100;

interface Counts {
  readonly fields: readonly Field[];
  reached: number;
  matched: number;
}

/** The rules that set what a rule asks for (marks, TOS, priorities), and whether they did. */
export class Setters {
  private readonly counts = new Map<Rule, Counts>();

  constructor(rule: Rule | null, ruleset: Ruleset) {
    const read = new Set(
      rule?.steps.flatMap((s) => (s.kind === 'match' ? s.definition.reads(s.data) : [])) ?? [],
    );
    if (read.size === 0) return;
    for (const table of ruleset.tables) {
      if (table.family !== rule?.chain.table.family) continue;
      for (const chain of table.chains.values())
        for (const other of chain.rules) {
          const fields = other.steps.flatMap((s) =>
            s.kind === 'target' ? s.definition.writes.filter((field) => read.has(field)) : [],
          );
          if (fields.length > 0 && this.counts.size < MOST_SETTERS)
            this.counts.set(other, { fields, reached: 0, matched: 0 });
        }
    }
  }

  has(rule: Rule): boolean {
    return this.counts.has(rule);
  }

  tried(rule: Rule, outcome: Outcome): void {
    const counts = this.counts.get(rule);
    if (!counts) return;
    counts.reached++;
    if (outcome === Outcome.hit) counts.matched++;
  }

  result(): Setter[] {
    return [...this.counts].map(([rule, counts]) => ({ rule: referenceTo(rule), ...counts }));
  }
}
