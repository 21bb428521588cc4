import type { Rule, Step } from './model.js';
import type { NftTable } from './nft/model.js';
import { partsOf } from './nft/parts.js';
import type { Statement } from './nft/statements.js';

/** Matches and targets of iptables whose answer hangs on the packets before, and statements of nft. */
const COUNTING: ReadonlySet<string> = new Set([
  ...['limit', 'hashlimit', 'connlimit', 'connbytes', 'quota', 'recent', 'statistic', 'rateest', 'setUpdate'],
]);

/** What a step counts or remembers packets with, by its name; null: it asks the packet at hand alone. */
export function countingIn(step: Step, nft: NftTable | undefined): string | null {
  if (step.kind === 'match') {
    const { name } = step.definition;
    return COUNTING.has(name) ? name : null;
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
        return TELLING.has(step.definition.name);
      case 'statement':
        return TELLING_STATEMENTS.has(step.statement.kind);
      case 'jump':
        return false;
    }
  });
}

const TELLING: ReadonlySet<string> = new Set(['LOG', 'NFLOG']);
const TELLING_STATEMENTS: ReadonlySet<string> = new Set([
  ...['match', 'counter', 'log', 'limit', 'quota', 'connlimit', 'objref'],
]);
