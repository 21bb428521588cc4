import { isConstant } from '../../../rules/nft/constant.js';
import { IpAddress, IpNetwork } from '../../../address/ip.js';
import type { Expression, IntegerValue, Match, MatchOperator } from '../../../rules/nft/model.js';
import type { DataType } from '../../../rules/nft/types.js';
import type { Token } from './lexer.js';
import type { Raw } from './raw.js';
import { combine, fieldsOf, resolve, singleOf } from './resolve.js';
import { Refusal } from './stream.js';
import { bitNames, isBitmask } from '../symbols.js';

/** Whether a right side is written as flags: one, `a,b`, or `a | b`, also in braces of which it is all. */
function isFlags(right: Raw): boolean {
  const isAlone = right.node === 'set' && !right.listed && right.elements.length === 1;
  const raw = isAlone ? right.elements[0].key : right;
  return raw.node === 'atom' || raw.node === 'list' || (raw.node === 'binary' && raw.operator === '|');
}

/**
 * A comparison in the form in which nft lists it (`relational_binop_postprocess()`, src/netlink_delinearize.c, is where
 * nft finds these forms in what the kernel keeps).
 * @param operator null where none was written
 * @param mask of `flags / mask`
 */
export function makeMatch(
  left: Expression,
  operator: MatchOperator | null,
  raw: Raw,
  mask: Raw | null,
  start: Token | null,
): Match {
  const fields = fieldsOf(left);
  if (mask) return flagMatch(left, operator ?? '==', resolve(raw, fields), resolve(mask, fields), raw);
  const right = singleOf(raw, fields);
  if (right.kind === 'concat' && isConstant(right))
    throw new Refusal('Use concatenations with sets and maps, not singleton values', start);
  if (!isConstant(right) && right.kind !== 'set' && right.kind !== 'setReference')
    throw new Refusal('the right side of a comparison must be constant', raw.at);
  if (operator === null) {
    const type = fields.length === 1 ? fields[0].type : 'integer';
    const hasFlags = isBitmask(type) || type === 'ct_label';
    const flags = left.kind !== 'binary' && right.kind !== 'set' && hasFlags && isFlags(raw);
    return simplified({ kind: 'match', left, operator: flags ? '&' : '==', right });
  }
  if (left.kind === 'binary' && (left.operator === '<<' || left.operator === '>>')) {
    const [field] = fieldsOf(left.left);
    if (field && field.type !== 'integer')
      throw new Refusal(`datatype mismatch, expected ${field.type}, expression has type integer`, start);
  }
  if (operator === '!&' && !(right.kind === 'integer' && isBitmask(right.type)))
    throw new Refusal('negation can only be used with singleton bitmask values', raw.at);
  return simplified({ kind: 'match', left, operator, right });
}

function flagMatch(
  left: Expression,
  operator: MatchOperator,
  right: Expression,
  mask: Expression,
  raw: Raw,
): Match {
  if (right.kind !== 'integer' || mask.kind !== 'integer' || !isBitmask(right.type))
    throw new Refusal('flags are expected on both sides of "/"', raw.at);
  const match: Match = {
    kind: 'match',
    left: { kind: 'binary', operator: '&', left, right: mask },
    operator,
    right,
  };
  // `flags 0x0 / a,b` is listed as `flags ! a,b`.
  return right.value === 0 ? simplified(match) : match;
}

function simplified(match: Match): Match {
  const { left, operator, right } = match;
  if (
    right.kind === 'range' &&
    right.from.kind === 'integer' &&
    right.to.kind === 'integer' &&
    right.from.type === 'hour'
  )
    return hourRange(match, right.from, right.to);
  if (left.kind !== 'binary' || !isConstant(left.right)) return match;
  if (
    left.operator === '^' &&
    left.right.kind === 'integer' &&
    right.kind === 'integer' &&
    (operator === '==' || operator === '!=')
  )
    return simplified({
      ...match,
      left: left.left,
      right: asInteger(combine('^', right, left.right), right),
    });
  if (
    left.operator === '^' &&
    left.right.kind === 'address' &&
    right.kind === 'address' &&
    isEquality(operator)
  )
    return {
      ...match,
      left: left.left,
      right: { kind: 'address', address: xor(left.right.address, right.address) },
    };
  if (left.operator !== '&' || (operator !== '==' && operator !== '!=')) return match;
  const prefix = addressPrefix(left.right, right);
  if (prefix) return { ...match, left: left.left, right: prefix };
  const leading = integerPrefix(left.right, right);
  if (leading) return { ...match, left: left.left, right: leading };
  const type = right.kind === 'integer' ? right.type : undefined;
  if (
    right.kind === 'integer' &&
    right.value === 0 &&
    type !== undefined &&
    isBitmask(type) &&
    left.right.kind === 'integer'
  )
    return { kind: 'match', left: left.left, operator: operator === '==' ? '!&' : '&', right: left.right };
  return match;
}

function isEquality(operator: MatchOperator): boolean {
  return operator === '==' || operator === '!=';
}

function xor(a: IpAddress, b: IpAddress): IpAddress {
  return new IpAddress(a.version, a.a ^ b.a, a.b ^ b.b, a.c ^ b.c, a.d ^ b.d);
}

function asInteger(value: Expression, otherwise: IntegerValue): IntegerValue {
  return value.kind === 'integer' ? value : otherwise;
}

/** Hours that wrap over midnight are those that are not between the ends. */
function hourRange(match: Match, from: IntegerValue, to: IntegerValue): Match {
  if (from.value <= to.value || (match.operator !== '==' && match.operator !== '!=')) return match;
  return {
    ...match,
    operator: match.operator === '==' ? '!=' : '==',
    right: { kind: 'range', from: to, to: from },
  };
}

/** `saddr & 255.0.0.0 == 10.0.0.0` is `saddr 10.0.0.0/8`. */
function addressPrefix(mask: Expression, right: Expression): Expression | undefined {
  if (mask.kind !== 'address' || right.kind !== 'address') return undefined;
  const length = new IpNetwork(right.address, mask.address).prefixLength;
  if (
    length === undefined ||
    length === 0 ||
    !new IpNetwork(right.address, mask.address).includes(right.address)
  )
    return undefined;
  return length === (right.address.version === 4 ? 32 : 128)
    ? right
    : { kind: 'prefix', base: right, length };
}

/** Types whose values nft writes as prefixes (DTYPE_F_PREFIX, src/datatype.c of nftables). */
const WITH_PREFIX: ReadonlySet<DataType> = new Set(['mark', 'devgroup', 'realm']);

/** `mark & 0xff000000 == 0x12000000` is `mark 0x12000000/8`. */
function integerPrefix(mask: Expression, right: Expression): Expression | undefined {
  if (mask.kind !== 'integer' || right.kind !== 'integer' || !WITH_PREFIX.has(right.type)) return undefined;
  const length = Math.clz32(~mask.value);
  const isPrefix = length > 0 && length < 32 && (mask.value << length) >>> 0 === 0;
  return isPrefix && (right.value & ~mask.value) === 0 ? { kind: 'prefix', base: right, length } : undefined;
}

/** Whether `value / mask` is how nft writes a masked comparison: flags, of which the mask has several. */
export function isFlagComparison(match: Match): boolean {
  const { left, operator, right } = match;
  if (left.kind !== 'binary' || left.operator !== '&' || left.right.kind !== 'integer') return false;
  if (right.kind !== 'integer' || !isBitmask(right.type) || (operator !== '==' && operator !== '!='))
    return false;
  return (bitNames(left.right.type, left.right.value)?.length ?? 0) > 1;
}
