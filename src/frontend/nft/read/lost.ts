import { isConstant } from '../../../rules/nft/constant.js';
import type { Expression, Match, MatchOperator, Statement } from '../../../rules/nft/model.js';
import { headersIn, protocolOf } from '../context.js';
import type { Raw } from './raw.js';
import { fieldsOf, order, resolve } from './resolve.js';

/*
 * What nft 1.0.6 does not list though the kernel compares it, as far as what it lists tells so. Asked of nft itself.
 */

/**
 * `X != 10-9`, which nobody can write: nft found `Y < 10 X > 9` and took Y for X, of which it compares the kind only
 * (`expr_may_merge_range()`, src/netlink_delinearize.c); `X 10-9` of `Y >= 10 X <= 9`.
 * @returns what is known of the two; undefined where the range may be one
 */
export function lostComparison(
  left: Expression,
  operator: MatchOperator | null,
  raw: Raw,
): Match | undefined {
  if (raw.node !== 'range' || (operator !== '!=' && operator !== null && operator !== '==')) return undefined;
  const fields = fieldsOf(left);
  if (fields.length !== 1 || fields[0].type === 'hour') return undefined;
  const from = resolve(raw.from, fields);
  const to = resolve(raw.to, fields);
  if (!isConstant(from) || !isConstant(to)) return undefined;
  const isReversed = order(from) > order(to);
  if (!isReversed && !(operator === '!=' && order(from) === order(to))) return undefined;
  const written = operator ?? '==';
  return {
    kind: 'match',
    left,
    operator: written === '==' ? '<=' : isReversed ? '>' : '!=',
    right: to,
    listedAs: [{ kind: 'match', left, operator: written, right: { kind: 'range', from, to } }],
    lost: 'comparison',
  };
}

/**
 * nft leaves out `meta l4proto`, whatever it compares, before a TCP option (`exthdr_dependency_kill()`, src/payload.c). It
 * matters where the option is to be missing, which it is from what is not TCP.
 */
export function withLostProtocols(statements: readonly Statement[]): readonly Statement[] {
  if (!statements.some(wantsMissing) || statements.some(asksForTransport)) return statements;
  return statements.map((s) => (wantsMissing(s) ? { ...s, lost: 'protocol' } : s));
}

function wantsMissing(statement: Statement): statement is Match {
  if (statement.kind !== 'match' || statement.left.kind !== 'tcpOption' || statement.left.field !== null)
    return false;
  const { operator, right } = statement;
  return right.kind === 'boolean' && right.value === (operator === '!=');
}

function asksForTransport(statement: Statement): boolean {
  const said = protocolOf(statement);
  if (said?.layer === 'transport') return true;
  return statement.kind === 'match' && headersIn(statement.left).includes('tcp');
}
