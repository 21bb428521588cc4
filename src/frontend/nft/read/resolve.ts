import { isConstant } from '../../../rules/nft/constant.js';
import { IpAddress, IpNetwork } from '../../../address/ip.js';
import type {
  AddressValue,
  BinaryOperator,
  BytesValue,
  Constant,
  Expression,
  IntegerValue,
  KeyField,
  SetElement,
} from '../../../rules/nft/model.js';
import { operate } from '../../../rules/nft/operate.js';
import { DATA_TYPES, type DataType } from '../../../rules/nft/types.js';
import { readConstant } from './constants.js';
import type { Raw, RawElement } from './raw.js';
import { collapsed, normalised } from './setOrder.js';
import { isNoValue, Refusal } from './stream.js';
import { isBitmask } from '../symbols.js';

const INTEGER: KeyField = { type: 'integer', bits: 32 };

/** What an expression yields: one field, or one a part of a concatenation; none where only a set can say it. */
export function fieldsOf(expression: Expression): readonly KeyField[] {
  switch (expression.kind) {
    case 'concat':
      return expression.parts.flatMap(fieldsOfPart);
    case 'binary':
      return expression.operator === '<<' || expression.operator === '>>'
        ? fieldsOf(expression.left).map(({ type, bits }) => ({
            type: type === 'mark' ? type : 'integer',
            bits,
          }))
        : fieldsOf(expression.left);
    case 'numgen':
    case 'hash':
      return [INTEGER];
    case 'fib':
      return [
        expression.present ? { type: 'boolean', bits: 1 } : { type: expression.type, bits: expression.bits },
      ];
    case 'integer':
      return [{ type: expression.type, bits: DATA_TYPES[expression.type].bits }];
    case 'map':
    case 'set':
    case 'setReference':
    case 'wildcard':
    case 'verdict':
    case 'boolean':
    case 'prefix':
    case 'range':
    case 'string':
    case 'bytes':
    case 'address':
      return [];
    default:
      return [{ type: expression.type, bits: expression.bits }];
  }
}

/** Of a part of a key, in which constants may stand. */
function fieldsOfPart(part: Expression): readonly KeyField[] {
  if (part.kind === 'string' || part.kind === 'bytes')
    return [{ type: part.type, bits: DATA_TYPES[part.type].bits }];
  if (part.kind === 'address')
    return part.address.version === 4
      ? [{ type: 'ipv4_addr', bits: 32 }]
      : [{ type: 'ipv6_addr', bits: 128 }];
  return fieldsOf(part);
}

function wrong(message: string, raw: Raw): never {
  throw new Refusal(message, raw.at);
}

/** Gives what was written the type that its place demands. */
export function resolve(raw: Raw, fields: readonly KeyField[]): Expression {
  switch (raw.node) {
    case 'selector':
      return raw.expression;
    case 'verdict':
      if (fields.length > 0 && fields[0].type !== 'verdict') wrong(`unexpected ${raw.verdict.kind}`, raw);
      return { kind: 'verdict', verdict: raw.verdict };
    case 'wildcard':
      return { kind: 'wildcard' };
    case 'reference':
      return { kind: 'setReference', name: raw.name };
    case 'set': {
      const interval = raw.elements.some((e) => isInterval(e.key));
      const elements = raw.elements.flatMap((e) => resolveElement(e, fields, null));
      if (elements.length > 1 && elements.some((e) => e.timeout !== null))
        wrong('elements of a set without a name have no timeouts', raw);
      return {
        kind: 'set',
        elements: normalised(elements, { fields, interval, merge: true, listed: raw.listed }),
      };
    }
    case 'map': {
      const key = resolve(raw.key, []);
      return { kind: 'map', key, map: resolveMap(raw.map, fieldsOf(key), fields) };
    }
    case 'concat':
      return resolveConcat(raw.parts, fields, raw);
    case 'binary':
      return resolveBinary(raw, fields);
    default:
      return resolveSingle(raw, fields);
  }
}

/** The `{ key : data, … }` of a map, or its name. */
export function resolveMap(
  raw: Raw,
  keys: readonly KeyField[],
  data: readonly KeyField[],
): { kind: 'set'; elements: readonly SetElement[] } | { kind: 'setReference'; name: string } {
  if (raw.node === 'reference') return { kind: 'setReference', name: raw.name };
  if (raw.node !== 'set') wrong('expecting a map', raw);
  const interval = raw.elements.some((e) => isInterval(e.key));
  const elements = distinct(
    raw.elements.flatMap((e) => resolveElement(e, keys, data)),
    raw,
  );
  return {
    kind: 'set',
    elements: normalised(elements, { fields: keys, interval, merge: false, listed: raw.listed }),
  };
}

/** Elements of a map without a name, each once: one key cannot have two values. */
function distinct(elements: readonly SetElement[], raw: Raw): readonly SetElement[] {
  const values = new Map<string, string>();
  return elements.filter(({ key, data, statements }) => {
    // What was listed the kernel has taken: versions after 1.0.6 count in such maps.
    if (statements.length > 0 && !(raw.node === 'set' && raw.listed))
      wrong('missing statement in map declaration', raw);
    const [name, value] = [JSON.stringify(key), JSON.stringify(data)];
    const there = values.get(name);
    if (there !== undefined && there !== value) wrong('File exists', raw);
    values.set(name, value);
    return there === undefined;
  });
}

export function isInterval(raw: Raw): boolean {
  return (
    raw.node === 'range' ||
    raw.node === 'prefix' ||
    raw.node === 'wildcard' ||
    (raw.node === 'atom' && raw.text.endsWith('*')) ||
    (raw.node === 'set' && raw.elements.some((e) => isInterval(e.key))) ||
    (raw.node === 'concat' && raw.parts.some(isInterval))
  );
}

/** One element; one that is a set itself (`{ $nets, 10.0.0.1 }`) is all of that set's. */
export function resolveElement(
  element: RawElement,
  keys: readonly KeyField[],
  data: readonly KeyField[] | null,
): SetElement[] {
  if (element.key.node === 'set') return element.key.elements.flatMap((e) => resolveElement(e, keys, data));
  if (element.data && !data) wrong('mapping outside of map context', element.data);
  if (!element.data && data) wrong('expecting a mapping', element.key);
  const { timeout, expires, comment, statements } = element;
  return [
    {
      key: resolve(element.key, keys),
      data: element.data && data ? resolve(element.data, data) : null,
      timeout,
      expires,
      comment,
      statements,
    },
  ];
}

function resolveConcat(parts: readonly Raw[], fields: readonly KeyField[], raw: Raw): Expression {
  if (fields.length > 0 && parts.length !== fields.length)
    wrong('datatype mismatch: another number of fields', raw);
  return {
    kind: 'concat',
    parts: parts.map((part, i) => resolve(part, fields.length > 0 ? [fields[i]] : [])),
  };
}

/** Types whose values have any name. */
const ANY_WORD: ReadonlySet<DataType> = new Set(['ifname', 'iface_index']);

function onlyField(raw: Raw, fields: readonly KeyField[]): KeyField {
  if (fields.length > 1) wrong('datatype mismatch: a concatenation is expected', raw);
  return fields[0] ?? wrong('No symbol type information', raw);
}

function resolveSingle(raw: Raw, fields: readonly KeyField[]): Constant {
  const field = onlyField(raw, fields);
  switch (raw.node) {
    case 'atom': {
      if (field.type === 'verdict') wrong('expecting a verdict', raw);
      if (raw.at?.kind === 'word' && ANY_WORD.has(field.type) && isNoValue(raw.text))
        wrong(`unexpected ${raw.text}, expecting a value`, raw);
      const value = readConstant(raw.text, field);
      return typeof value === 'string' ? wrong(value, raw) : value;
    }
    case 'list':
      return joinBits(
        raw,
        raw.items.map((item) => resolve(item, fields)),
        field,
      );
    case 'prefix': {
      const base = resolve(raw.base, fields);
      if (base.kind === 'address') return prefixOf(base.address, raw.length, raw);
      if (base.kind !== 'integer' && base.kind !== 'bytes')
        return wrong('Prefix length is of no use here', raw);
      if (raw.length > field.bits) wrong('Prefix length exceeds the width of the type', raw);
      return { kind: 'prefix', base, length: raw.length };
    }
    case 'range': {
      const from = resolve(raw.from, fields);
      const to = resolve(raw.to, fields);
      if (!isConstant(from) || !isConstant(to)) return wrong('a range is of constants', raw);
      if (order(from) > order(to) && field.type !== 'hour') wrong('Range has zero or negative size', raw);
      return { kind: 'range', from, to };
    }
    default:
      return wrong('expecting a value', raw);
  }
}

function prefixOf(address: IpAddress, length: number, raw: Raw): Constant {
  const width = address.version === 4 ? 32 : 128;
  if (length > width) wrong(`Prefix length ${length} exceeds ${width}`, raw);
  const base: AddressValue = { kind: 'address', address: IpNetwork.ofPrefix(address, length).address };
  return length === width ? base : { kind: 'prefix', base, length };
}

/** A value as a number that orders: addresses and integers only. */
export function order(value: Constant): bigint {
  if (value.kind === 'integer') return BigInt(Math.trunc(value.value));
  if (value.kind !== 'address') return 0n;
  const { a, b, c, d } = value.address;
  return [a, b, c, d].reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
}

function joinBits(raw: Raw, values: readonly Expression[], field: KeyField): IntegerValue | BytesValue {
  if (field.type === 'ct_label') {
    const bytes = new Uint8Array(16);
    for (const value of values) if (value.kind === 'bytes') value.bytes.forEach((b, i) => (bytes[i] |= b));
    return { kind: 'bytes', bytes, type: field.type };
  }
  if (!isBitmask(field.type)) wrong(`Basetype of type ${field.type} is not bitmask`, raw);
  let sum = 0;
  for (const value of values) sum |= value.kind === 'integer' ? value.value : wrong('expecting a value', raw);
  return { kind: 'integer', value: sum >>> 0, type: field.type };
}

function resolveBinary(raw: Raw & { node: 'binary' }, fields: readonly KeyField[]): Expression {
  const left = resolve(raw.left, fields);
  const shift = raw.operator === '<<' || raw.operator === '>>';
  const own = fieldsOf(left);
  const right = resolve(raw.right, shift ? [INTEGER] : own.length > 0 ? own : fields);
  if (left.kind === 'concat' || right.kind === 'concat') wrong('a concatenation is no operand', raw);
  return combine(raw.operator, left, right);
}

/**
 * An operation in the form in which nft prints it back: constants are calculated, and a chain of `&`, `|`, `^` with
 * constants becomes the mask and the exclusive-or that the kernel keeps (`stmt_evaluate_arg()`, `expr_evaluate_bits()`
 * and `netlink_parse_bitwise()` of nft): `x & m ^ y | o`.
 */
export function combine(operator: BinaryOperator, left: Expression, right: Expression): Expression {
  if (left.kind === 'integer' && right.kind === 'integer')
    return { kind: 'integer', value: operate(operator, left.value, right.value), type: left.type };
  if (right.kind !== 'integer' || operator === '<<' || operator === '>>')
    return { kind: 'binary', operator, left, right };
  const field = fieldsOf(left)[0] ?? INTEGER;
  if (field.bits > 32) return { kind: 'binary', operator, left, right };
  const full = 2 ** field.bits - 1;
  const { base, mask, xor } = maskAndXor({ kind: 'binary', operator, left, right }, full);
  const or = (xor & ~mask & full) >>> 0;
  const flip = (xor & mask) >>> 0;
  const keep = (mask | or) >>> 0;
  const step = (inner: Expression, op: BinaryOperator, value: number): Expression => ({
    kind: 'binary',
    operator: op,
    left: inner,
    right: { kind: 'integer', value, type: right.type },
  });
  let result = base;
  if (keep !== full) result = step(result, '&', keep);
  if (flip !== 0) result = step(result, '^', flip);
  if (or !== 0) result = step(result, '|', or);
  return result;
}

function maskAndXor(expression: Expression, full: number): { base: Expression; mask: number; xor: number } {
  if (expression.kind !== 'binary' || expression.right.kind !== 'integer')
    return { base: expression, mask: full, xor: 0 };
  const { operator, right } = expression;
  if (operator === '<<' || operator === '>>') return { base: expression, mask: full, xor: 0 };
  const { base, mask, xor } = maskAndXor(expression.left, full);
  const value = right.value;
  switch (operator) {
    case '&':
      return { base, mask: (mask & value) >>> 0, xor: (xor & value) >>> 0 };
    case '|':
      return { base, mask: (mask & ~value) >>> 0, xor: ((xor & ~value) | value) >>> 0 };
    case '^':
      return { base, mask, xor: (xor ^ value) >>> 0 };
  }
}

/** An anonymous set that was written with a single plain element, which nft turns into a comparison. */
export function singleOf(raw: Raw, fields: readonly KeyField[]): Expression {
  const resolved = resolve(raw, fields);
  if (raw.node !== 'set' || raw.listed || raw.elements.length !== 1 || resolved.kind !== 'set')
    return resolved;
  let { key } = raw.elements[0];
  // `{ $net }` with a variable that is a set itself.
  while (key.node === 'set' && key.elements.length === 1) ({ key } = key.elements[0]);
  return key.node === 'set' || collapsed(resolved) === resolved ? resolved : resolve(key, fields);
}
