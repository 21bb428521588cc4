import type { Family } from '../../../rules/model.js';
import type {
  Expression,
  IntegerValue,
  Mangle,
  Match,
  Payload,
  Statement,
} from '../../../rules/nft/model.js';
import type { DataType } from '../../../rules/nft/types.js';
import { headersIn } from '../context.js';
import { isProtocol } from './adjacent.js';
import { headerProtocol, payloadField, rawPayload } from '../headers.js';

/**
 * Fields that are no whole bytes are loaded with the bytes around them, masked and shifted. nft finds a field's name
 * again only where no mask but its own is on it; else it lists what the kernel does, and what says which header that is.
 */
export function inWholeBytes(statements: readonly Statement[], family: Family): readonly Statement[] {
  const result: Statement[] = [];
  for (const statement of statements) {
    const found = wholeBytesIn(statement);
    if (!found) result.push(withShownShifts(statement));
    else result.push(...headerOf(found.field, family, result), found.statement);
  }
  return result;
}

function wholeBytesIn(statement: Statement): Whole | undefined {
  switch (statement.kind) {
    case 'match':
      return wholeBytes(statement);
    case 'mangle':
      return wholeBytesOf(statement);
    case 'vmap':
      return statement.map.kind === 'setReference' && isShifted(statement.key)
        ? {
            field: statement.key,
            statement: { ...statement, key: shiftedField(statement.key, statement.key.type) },
          }
        : undefined;
    default:
      return undefined;
  }
}

interface Whole {
  readonly statement: Statement;
  /** The field that was read. */
  readonly field: Payload;
}

/** A field of a header that does not end where its bytes end. */
function isShifted(expression: Expression): expression is Payload {
  return (
    expression.kind === 'payload' &&
    expression.protocol !== null &&
    !isWhole(expression) &&
    around(expression).shift > 0
  );
}

/**
 * Of such a field in a concatenation, or in what is put into a set, nft finds the name, and lists the shift behind it as
 * if it were the rule's.
 */
function withShownShifts(statement: Statement): Statement {
  switch (statement.kind) {
    case 'match':
      return statement.left.kind === 'concat'
        ? { ...statement, left: withShownShift(statement.left) }
        : statement;
    case 'vmap':
      return statement.key.kind === 'concat'
        ? { ...statement, key: withShownShift(statement.key) }
        : statement;
    case 'mangle': {
      const { value } = statement;
      return value.kind === 'map' && value.key.kind === 'concat'
        ? { ...statement, value: { ...value, key: withShownShift(value.key) } }
        : statement;
    }
    case 'setUpdate':
      return { ...statement, key: withShownShift(statement.key) };
    default:
      return statement;
  }
}

function withShownShift<E extends Expression>(expression: E): E;
function withShownShift(expression: Expression): Expression {
  if (expression.kind === 'concat')
    return { ...expression, parts: expression.parts.map((part) => withShownShift(part)) };
  if (expression.kind === 'binary') return { ...expression, left: withShownShift(expression.left) };
  return isShifted(expression) ? { ...expression, shownShift: around(expression).shift } : expression;
}

/** What was listed with such a shift is the field itself. */
export function withoutShownShift(part: Expression): Expression {
  if (part.kind !== 'binary') return part;
  const { left, operator, right } = part;
  if (!isShifted(left)) return { ...part, left: withoutShownShift(left) };
  const { shift } = around(left);
  const isShown = operator === '>>' && right.kind === 'integer' && right.value === shift;
  return isShown ? { ...left, shownShift: shift } : part;
}

/** `meta mark set vlan id`. */
function wholeBytesOf(statement: Mangle): Whole | undefined {
  const { value } = statement;
  if (value.kind === 'map' && value.map.kind === 'setReference' && isShifted(value.key))
    return {
      field: value.key,
      statement: { ...statement, value: { ...value, key: shiftedField(value.key, value.key.type) } },
    };
  if (value.kind !== 'payload' || isWhole(value) || value.type !== 'integer') return undefined;
  return { field: value, statement: { ...statement, value: shiftedField(value) } };
}

function shiftedField(field: Payload, type: DataType = 'integer'): Expression {
  const { bytes: raw, shift } = around(field);
  const bytes = { ...raw, type };
  const own = and(bytes, integer((2 ** field.bits - 1) * 2 ** shift));
  return shift === 0 ? own : { kind: 'binary', operator: '>>', left: own, right: integer(shift) };
}

function wholeBytes(match: Match): Whole | undefined {
  const { left, operator, right } = match;
  if ((operator !== '==' && operator !== '!=') || right.kind !== 'integer') return undefined;
  if (left.kind === 'payload') {
    if (left.protocol !== null || isWhole(left)) return undefined;
    const { bytes, shift } = around(left);
    const mask = integer((2 ** left.bits - 1) * 2 ** shift);
    const value = integer(right.value * 2 ** shift);
    return { field: left, statement: { ...match, left: and(bytes, mask), right: value } };
  }
  if (left.kind !== 'binary' || left.operator !== '&' || left.right.kind !== 'integer') return undefined;
  const field = left.left;
  if (field.kind !== 'payload' || isWhole(field)) return undefined;
  const { bytes, shift } = around(field);
  const masked = and(shift === 0 ? bytes : shiftedField(field), integer(left.right.value));
  return { field, statement: { ...match, left: masked, right: integer(right.value) } };
}

function isWhole({ offset, bits }: Payload): boolean {
  return (offset % 8 === 0 && bits % 8 === 0) || bits > 24;
}

/** The whole bytes that hold a field, and how far the field is from their end. */
function around({ base, offset, bits }: Payload): { bytes: Payload; shift: number } {
  const from = offset - (offset % 8);
  const to = Math.ceil((offset + bits) / 8) * 8;
  return { bytes: rawPayload(base, from, to - from), shift: to - offset - bits };
}

function integer(value: number): IntegerValue {
  return { kind: 'integer', value, type: 'integer' };
}

function and(left: Expression, right: IntegerValue): Expression {
  return { kind: 'binary', operator: '&', left, right };
}

/** The match that says which header the bytes are of, unless the family or the rule has said so. */
function headerOf({ protocol }: Payload, family: Family, before: readonly Statement[]): readonly Match[] {
  const said = headerMatch(protocol, family);
  if (!said) return [];
  const text = JSON.stringify(said);
  return before.some((s) => readsHeader(s, protocol) || JSON.stringify(s) === text) ? [] : [said];
}

/** Whether nft has asked for the header already, on which it relies from then on. */
function readsHeader(statement: Statement, header: string | null): boolean {
  if (header === null) return false;
  switch (statement.kind) {
    case 'match':
      return headersIn(statement.left).includes(header);
    case 'vmap':
      return headersIn(statement.key).includes(header);
    case 'mangle':
      return [...headersIn(statement.target), ...headersIn(statement.value)].includes(header);
    default:
      return false;
  }
}

const ETHER_TYPES = new Map([
  ['vlan', 0x8100],
  ['ip', 0x800],
  ['ip6', 0x86dd],
]);
const VERSIONS = new Map([
  ['ip', 2],
  ['ip6', 10],
]);

function headerMatch(protocol: string | null, family: Family): Match | undefined {
  const transport = headerProtocol(protocol);
  if (transport !== null) return isProtocol(transport);
  const version = VERSIONS.get(protocol ?? '');
  if (version !== undefined && (family === 'ip' || family === 'ip6')) return undefined;
  if (version !== undefined && family === 'inet')
    return {
      kind: 'match',
      left: { kind: 'meta', key: 'nfproto', bits: 8, type: 'nf_proto' },
      operator: '==',
      right: { kind: 'integer', value: version, type: 'nf_proto' },
    };
  const type = ETHER_TYPES.get(protocol ?? '');
  return type === undefined ? undefined : etherType(type);
}

/** `ether type 8021q`. */
export function etherType(value: number): Match | undefined {
  const left = payloadField('ether', 'type');
  return (
    left && { kind: 'match', left, operator: '==', right: { kind: 'integer', value, type: 'ether_type' } }
  );
}
