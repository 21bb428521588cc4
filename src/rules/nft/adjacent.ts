import type { Match, Payload, Statement } from './model.js';

/*
 * nft compares header fields that touch with one comparison (`stmt_reduce()`, src/rule.c of nftables).
 */

/** A comparison of a whole header field with one value. */
export interface FieldMatch {
  readonly match: Match;
  readonly field: Payload;
}

/** Most bits of one comparison: of the link layer a whole register, of others what the kernel compares fastest. */
const WIDEST = { link: 128, other: 32 };

/** The comparison that a statement is, where it can be one with others. */
export function fieldMatch(statement: Statement): FieldMatch | undefined {
  if (statement.kind !== 'match' || statement.left.kind !== 'payload') return undefined;
  const { left, right, operator } = statement;
  const single = right.kind === 'integer' || right.kind === 'address' || right.kind === 'bytes';
  const whole = left.offset % 8 === 0 && left.bits % 8 === 0 && left.protocol !== null;
  return single && whole && (operator === '==' || operator === '!=')
    ? { match: statement, field: left }
    : undefined;
}

/** Whether the next field, in the order of the header, is compared together with those before it. */
export function touches(joined: readonly FieldMatch[], { field, match }: FieldMatch): boolean {
  const first = joined[0].field;
  const last = joined[joined.length - 1];
  const bits = field.offset + field.bits - first.offset;
  return (
    field.protocol === first.protocol &&
    last.field.offset + last.field.bits === field.offset &&
    bits <= (field.base === 'link' ? WIDEST.link : WIDEST.other) &&
    match.operator === last.match.operator
  );
}

/**
 * What a rule's statements are for the kernel, by their places: `tcp sport != 1 tcp dport != 2` is one comparison, which
 * only a packet that has both misses. nft 1.0.6 lists it as it lists two; later versions make two of it.
 */
export function asCompared(statements: readonly Statement[]): readonly Statement[] {
  const result = [...statements];
  let joined: FieldMatch[] = [];
  const close = (end: number): void => {
    const start = end - joined.length;
    if (joined.length > 1 && joined[0].match.operator === '!=') {
      result[start] = together(joined);
      for (let i = start + 1; i < end; i++) result[i] = PASSES;
    }
    joined = [];
  };
  statements.forEach((statement, index) => {
    const found = fieldMatch(statement);
    if (joined.length > 0 && !(found && touches(joined, found))) close(index);
    if (found) joined.push(found);
  });
  close(statements.length);
  return result;
}

const PASSES: Statement = { kind: 'verdict', verdict: { kind: 'continue' } };

function together(joined: readonly FieldMatch[]): Match {
  return {
    kind: 'match',
    left: { kind: 'concat', parts: joined.map(({ field }) => field) },
    operator: '!=',
    right: { kind: 'concat', parts: joined.map(({ match }) => match.right) },
  };
}
