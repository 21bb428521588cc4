import { IpAddress } from '../../../address/ip.js';
import type { Constant, Expression, KeyField, SetElement, SetExpression } from '../../../rules/nft/model.js';
import { DATA_TYPES } from '../../../rules/nft/types.js';
import { Refusal } from './stream.js';
import { isBitmask } from '../symbols.js';

/** How a set is brought into the order in which nft lists it. */
export interface Ordering {
  readonly fields: readonly KeyField[];
  readonly interval: boolean;
  /** Touching and overlapping intervals become one, of which is said what was of the first: anonymous sets, and `auto-merge`. */
  readonly merge: boolean;
  /** nft listed them in this order. */
  readonly listed?: boolean;
}

/**
 * The elements in nft's order: single values ascending, concatenations by their bytes read from the last to the
 * first (`list_expr_sort()` imports a register's content as one host-order number), `*` last. Concatenations with
 * intervals stay as they were given: nft does not sort them, and the kernel lists them as they came.
 */
export function normalised(elements: readonly SetElement[], ordering: Ordering): readonly SetElement[] {
  if (elements.length < 2 && !ordering.interval) return elements;
  if (ordering.interval && ordering.fields.length > 1) return elements;
  const spans = ordering.interval && ordering.fields.length === 1 ? intervals(elements, ordering) : undefined;
  if (spans) return spans;
  const keyed = elements.map((element) => ({ element, key: sortKey(element.key, ordering) }));
  // The kernel gives a set of flags back from the last to the first, and flags with the same lowest bit stay so.
  const first = elements.at(0);
  if (
    !ordering.listed &&
    first?.data === null &&
    first.key.kind === 'integer' &&
    first.key.type === 'tcp_flag'
  )
    keyed.reverse();
  keyed.sort((a, b) => compareKeys(a.key, b.key));
  const unique = keyed.filter((k, i) => i === 0 || k.key === null || !same(k.element, keyed[i - 1].element));
  return unique.map((k) => k.element);
}

type Key = Uint8Array | bigint | number | null;

function compareKeys(a: Key, b: Key): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    for (let i = Math.max(a.length, b.length) - 1; i >= 0; i--) {
      const difference = (a[i] ?? 0) - (b[i] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Plain equal integers and addresses are one element, without what else is said about them. */
function same(a: SetElement, b: SetElement): boolean {
  if (a.data || b.data) return false;
  const [x, y] = [a.key, b.key];
  if (x.kind === 'integer' && y.kind === 'integer') return x.value === y.value;
  return x.kind === 'address' && y.kind === 'address' && x.address.equals(y.address);
}

function sortKey(key: Expression, ordering: Ordering): Key {
  switch (key.kind) {
    case 'integer':
      return isBitmask(key.type) ? key.value & -key.value : key.value;
    case 'address':
      return addressNumber(key.address);
    case 'bytes':
      return key.bytes.slice().reverse();
    case 'string':
      return ordering.interval ? textBytes(key.value).reverse() : textBytes(key.value);
    case 'prefix':
      return sortKey(key.base, ordering);
    case 'range':
      return sortKey(key.from, ordering);
    case 'concat':
      return concatBytes(key.parts, ordering.fields);
    default:
      return null;
  }
}

function textBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < Math.min(16, text.length); i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Each part in registers of 32 bits, as the kernel stores it. */
function concatBytes(parts: readonly Expression[], fields: readonly KeyField[]): Uint8Array {
  const bytes: number[] = [];
  parts.forEach((part, i) => {
    const field = fields[i] as KeyField | undefined;
    const own = partBytes(part, field);
    bytes.push(...own);
    while (bytes.length % 4 !== 0) bytes.push(0);
  });
  return Uint8Array.from(bytes);
}

function partBytes(part: Expression, field: KeyField | undefined): number[] {
  switch (part.kind) {
    case 'prefix':
      return partBytes(part.base, field);
    case 'range':
      return partBytes(part.from, field);
    case 'address': {
      const { version, a, b, c, d } = part.address;
      return (version === 4 ? [a] : [a, b, c, d]).flatMap((w) => [
        w >>> 24,
        (w >>> 16) & 255,
        (w >>> 8) & 255,
        w & 255,
      ]);
    }
    case 'bytes':
      return [...part.bytes];
    case 'string':
      return [...textBytes(part.value)];
    case 'integer': {
      const size = Math.max(1, Math.ceil((field?.bits ?? DATA_TYPES[part.type].bits) / 8));
      const little = Array.from({ length: size }, (_, i) => Math.floor(part.value / 256 ** i) % 256);
      return DATA_TYPES[part.type].order === 'host' ? little : little.reverse();
    }
    default:
      return [0, 0, 0, 0];
  }
}

function addressNumber({ version, a, b, c, d }: IpAddress): bigint | number {
  if (version === 4) return a >>> 0;
  return (BigInt(a >>> 0) << 96n) | (BigInt(b >>> 0) << 64n) | (BigInt(c >>> 0) << 32n) | BigInt(d >>> 0);
}

interface Span {
  readonly from: bigint;
  readonly to: bigint;
  readonly element: SetElement;
  /** More than one was merged into it. */
  readonly merged: boolean;
}

function edges(key: Expression): [from: bigint, to: bigint] | undefined {
  switch (key.kind) {
    case 'integer':
    case 'address': {
      const value = key.kind === 'integer' ? BigInt(key.value) : BigInt(addressNumber(key.address));
      return [value, value];
    }
    case 'prefix': {
      if (key.base.kind !== 'address') return undefined;
      const width = key.base.address.version === 4 ? 32 : 128;
      const from = BigInt(addressNumber(key.base.address));
      return [from, from + (1n << BigInt(width - key.length)) - 1n];
    }
    case 'range': {
      const from = edges(key.from);
      const to = edges(key.to);
      return from && to ? [from[0], to[1]] : undefined;
    }
    default:
      return undefined;
  }
}

/** Elements of an interval set by their start; undefined where they are not of a kind that has ends. */
function intervals(
  elements: readonly SetElement[],
  { merge, listed = false }: Ordering,
): readonly SetElement[] | undefined {
  const spans: Span[] = [];
  const rest: SetElement[] = [];
  for (const element of elements) {
    const ends = edges(element.key);
    if (ends) spans.push({ from: ends[0], to: ends[1], element, merged: false });
    else if (element.key.kind === 'wildcard') rest.push(element);
    else return undefined;
  }
  spans.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const kept: Span[] = [];
  for (const span of spans) {
    const last = kept.at(-1);
    if (merge && !listed && last && span.from <= last.to + 1n && !span.element.data && !last.element.data) {
      const to = span.to > last.to ? span.to : last.to;
      kept[kept.length - 1] = { from: last.from, to, element: last.element, merged: true };
    } else if (!merge && last && span.from <= last.to && !(span.from === last.from && span.to === last.to))
      throw new Refusal('conflicting intervals specified', null);
    else kept.push(span);
  }
  return [...kept.map(spanElement), ...rest];
}

function spanElement(span: Span): SetElement {
  const { element } = span;
  if (!span.merged && element.key.kind !== 'range') return element;
  const like = firstValue(element.key);
  if (like?.kind !== 'integer' && like?.kind !== 'address') return element;
  const value = (n: bigint): Constant =>
    like.kind === 'integer'
      ? { kind: 'integer', value: Number(n), type: like.type }
      : { kind: 'address', address: addressOf(n, like.address.version) };
  if (span.from === span.to) return { ...element, key: value(span.from) };
  if (like.kind === 'address') {
    const width = like.address.version === 4 ? 32 : 128;
    const size = span.to - span.from + 1n;
    if ((size & (size - 1n)) === 0n && span.from % size === 0n) {
      const length = width - (size.toString(2).length - 1);
      const base = { kind: 'address', address: addressOf(span.from, like.address.version) } as const;
      return { ...element, key: { kind: 'prefix', base, length } };
    }
  }
  return { ...element, key: { kind: 'range', from: value(span.from), to: value(span.to) } };
}

function firstValue(key: Expression): Expression | undefined {
  return key.kind === 'prefix' ? key.base : key.kind === 'range' ? key.from : key;
}

function addressOf(n: bigint, version: 4 | 6): IpAddress {
  const word = (shift: bigint): number => Number((n >> shift) & 0xffffffffn) | 0;
  return version === 4
    ? new IpAddress(4, word(0n))
    : new IpAddress(6, word(96n), word(64n), word(32n), word(0n));
}

/** `{ x }` is x, whatever else is said about x; concatenations are only looked up. */
export function collapsed(set: SetExpression): Expression {
  if (set.elements.length !== 1) return set;
  const { key } = set.elements[0];
  return key.kind === 'concat' || key.kind === 'wildcard' ? set : key;
}
