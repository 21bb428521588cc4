import { type FieldMatch, fieldMatch, touches } from '../../../rules/nft/adjacent.js';
import type { Match, Statement } from '../../../rules/nft/model.js';
import { headersIn, protocolOf } from '../context.js';
import { headerProtocol, rawPayload } from '../headers.js';

const BASES = { link: 0, network: 1, transport: 2, inner: 3 } as const;
/** Fields that say which header comes next. */
const NEXT_HEADER = new Set(['ip protocol', 'ip6 nexthdr', 'ether type', 'vlan type']);

interface Candidate extends FieldMatch {
  readonly index: number;
}

/**
 * Equality matches of fields that touch become one comparison wherever they stand in the rule, and are listed in the
 * header's order where the one with the lower field stood (`stmt_reduce()`, src/rule.c of nftables).
 */
export function joinAdjacent(statements: readonly Statement[]): readonly Statement[] {
  const result: (readonly Statement[])[] = statements.map((s) => [s]);
  const moved: Candidate[] = [];
  let batch: Candidate[] = [];
  const flush = (): void => {
    // A single one waits for others, also behind a statement that is no match.
    if (batch.length < 2) return;
    joinBatch(batch, result, moved);
    batch = [];
  };
  statements.forEach((statement, index) => {
    if (statement.kind !== 'match') flush();
    const found = candidate(statement, index);
    if (found) batch.push(found);
  });
  flush();
  return moved.length === 0 ? result.flat() : leaveProtocols(result, moved);
}

function joinBatch(batch: Candidate[], result: (readonly Statement[])[], moved: Candidate[]): void {
  batch.sort((a, b) => BASES[a.field.base] - BASES[b.field.base] || a.field.offset - b.field.offset);
  let joined = [batch[0]];
  let at = batch[0].index;
  for (const next of batch.slice(1)) {
    if (!touches(joined, next)) {
      joined = [next];
      at = next.index;
      continue;
    }
    // What says which header comes next stays where the fields after it expect it.
    const place = NEXT_HEADER.has(`${next.field.protocol} ${next.field.field}`) ? next.index : at;
    joined = [...joined, next];
    for (const one of joined) {
      result[one.index] = [];
      if (one.index !== place) moved.push(one);
    }
    at = place;
    result[at] = joined[0].field.protocol === 'th' ? [asRaw(joined)] : joined.map((c) => c.match);
  }
}

/** Ports of nobody knows which protocol are listed as the bytes that they are. */
function asRaw(joined: readonly Candidate[]): Match {
  const [{ field, match }] = joined;
  const bits = joined.reduce((sum, c) => sum + c.field.bits, 0);
  const value = joined.reduce(
    (sum, c) => sum * 2 ** c.field.bits + (c.match.right.kind === 'integer' ? c.match.right.value : 0),
    0,
  );
  return {
    ...match,
    left: rawPayload('transport', field.offset, bits),
    right: { kind: 'integer', value, type: 'integer' },
  };
}

function candidate(statement: Statement, index: number): Candidate | undefined {
  const found = fieldMatch(statement);
  return found && { ...found, index };
}

/** The protocol that a field asked for is still asked for where the field was the first to do so. */
function leaveProtocols(result: (readonly Statement[])[], moved: readonly Candidate[]): readonly Statement[] {
  for (const { index, field } of moved) {
    const protocol = headerProtocol(field.protocol);
    if (protocol === null || result[index].length > 0) continue;
    const before = result.slice(0, index).flat();
    if (!before.some((s) => asksFor(field.protocol ?? '', s))) result[index] = [isProtocol(protocol)];
  }
  return result.flat();
}

function asksFor(header: string, statement: Statement): boolean {
  return (
    protocolOf(statement)?.layer === 'transport' ||
    (statement.kind === 'match' && headersIn(statement.left).includes(header))
  );
}

/** `meta l4proto tcp`. */
export function isProtocol(value: number): Match {
  return isMeta('l4proto', 'inet_proto', value);
}

export function isVersion(value: number): Match {
  return isMeta('nfproto', 'nf_proto', value);
}

function isMeta(key: 'l4proto' | 'nfproto', type: 'inet_proto' | 'nf_proto', value: number): Match {
  return {
    kind: 'match',
    left: { kind: 'meta', key, bits: 8, type },
    operator: '==',
    right: { kind: 'integer', value, type },
  };
}

/** `x >= a x <= b` is kept as a range, which nft finds in that order only (`range_expr_set()`, src/netlink_delinearize.c). */
export function joinBounds(statements: readonly Statement[]): readonly Statement[] {
  const result: Statement[] = [];
  for (const statement of statements) {
    const lower = result.at(-1);
    if (
      lower?.kind === 'match' &&
      statement.kind === 'match' &&
      lower.operator === '>=' &&
      statement.operator === '<=' &&
      JSON.stringify(lower.left) === JSON.stringify(statement.left) &&
      isSingle(lower.right) &&
      isSingle(statement.right)
    ) {
      const right = { kind: 'range', from: lower.right, to: statement.right } as const;
      result[result.length - 1] = { kind: 'match', left: lower.left, operator: '==', right };
    } else result.push(statement);
  }
  return result;
}

function isSingle(value: Match['right']): value is Extract<Match['right'], { kind: 'integer' | 'address' }> {
  return value.kind === 'integer' || value.kind === 'address';
}
