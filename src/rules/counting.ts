import type { Field } from './definition.js';
import type { Rule, Step } from './model.js';
import type { NftTable } from './nft/model.js';
import { partsOf } from './nft/parts.js';
import type { Statement } from './nft/statements.js';

/** What a match reads that hangs on the packets before. */
const COUNTED: readonly Field[] = ['count', 'ct.counters'];
/** Statements of nft, and objects that they name, whose answer hangs on them. */
const COUNTING: ReadonlySet<string> = new Set(['limit', 'connlimit', 'quota', 'setUpdate']);

/** What a step counts or remembers packets with, by its name; null: it asks the packet at hand alone. */
export function countingIn(step: Step, nft: NftTable | undefined): string | null {
  if (step.kind === 'match') {
    const reads = step.definition.reads(step.data);
    return COUNTED.some((field) => reads.includes(field)) ? step.definition.name : null;
  }
  return step.kind === 'statement' ? countingStatement(step.statement, nft) : null;
}

function countingStatement(statement: Statement, nft: NftTable | undefined): string | null {
  if (COUNTING.has(statement.kind)) return statement.kind;
  if (statement.kind === 'objref' && COUNTING.has(statement.object)) return statement.object;
  for (const { kind, name, mode } of partsOf(statement)) {
    if (kind === 'numgen' && mode !== 'random') return 'numgen';
    const set = kind === 'setReference' && typeof name === 'string' ? nft?.sets.get(name) : undefined;
    if (set?.flags.includes('dynamic') === true) return `set ${set.name}`;
  }
  return null;
}

/** Whether a rule only tells: its counting decides of its line, and of nothing else that becomes of the packet. */
export function onlyTells({ steps }: Rule): boolean {
  return steps.every((step) => {
    switch (step.kind) {
      case 'match':
      case 'counter':
        return true;
      case 'target':
        return step.definition.onlyTells === true;
      case 'statement':
        return TELLING_STATEMENTS.has(step.statement.kind);
      case 'jump':
        return false;
    }
  });
}

const TELLING_STATEMENTS: ReadonlySet<string> = new Set([
  ...['match', 'counter', 'log', 'limit', 'quota', 'connlimit', 'objref'],
]);
