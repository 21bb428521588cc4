import { IpAddress } from '../../../address/ip.js';
import type { Constant, Expression, KeyField } from '../model.js';
import { DATA_TYPES, type DataType } from '../types.js';

/**
 * What a register holds, as a number in reading order: up to 48 bits a number, wider (IPv6 addresses, labels) a
 * bigint; interface and helper names are strings. A concatenation holds one scalar a field.
 */
export type Scalar = number | bigint | string;
export type Value = Scalar | readonly Scalar[];

/**
 * What reading an expression gives. `undefined`: the packet has no such thing, which ends the rule (NFT_BREAK);
 * `null`: it has, and nobody can tell what it is (design: unknown is a value).
 */
export type Read = Value | undefined | null;

/** The widest value that is kept in a number. */
export const NUMBER_BITS = 48;

/** Inclusive; both ends of one kind. */
export interface Interval {
  readonly from: Scalar;
  readonly to: Scalar;
}

/** A constant of one field, for comparing: a value, an interval, the beginning of a name, or anything. */
export type Pattern =
  | { readonly kind: 'value'; readonly value: Scalar }
  | ({ readonly kind: 'interval' } & Interval)
  | { readonly kind: 'beginning'; readonly value: string }
  | { readonly kind: 'any' };

export function addressValue(address: IpAddress): Scalar {
  return address.version === 4 ? address.a >>> 0 : wideAddress(address.a, address.b, address.c, address.d);
}

export function wideAddress(a: number, b: number, c: number, d: number): bigint {
  return (BigInt(a >>> 0) << 96n) | (BigInt(b >>> 0) << 64n) | (BigInt(c >>> 0) << 32n) | BigInt(d >>> 0);
}

/** The address that a value stands for. */
export function toAddress(value: Scalar): IpAddress | null {
  if (typeof value === 'number') return new IpAddress(4, value | 0);
  if (typeof value !== 'bigint') return null;
  const word = (shift: bigint): number => Number((value >> shift) & 0xffffffffn) | 0;
  return new IpAddress(6, word(96n), word(64n), word(32n), word(0n));
}

export function bytesValue(bytes: Uint8Array): Scalar {
  if (bytes.length * 8 <= NUMBER_BITS) return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** The pattern of a constant that is no concatenation; null where it is no such constant. */
export function patternOf(constant: Expression): Pattern | null {
  switch (constant.kind) {
    case 'integer':
      // Interfaces are compared by name; an index that nft could not name belongs to none of the host's, 0 is none.
      if (constant.type === 'iface_index')
        return { kind: 'value', value: constant.value === 0 ? '' : `#${constant.value}` };
      return { kind: 'value', value: constant.value };
    case 'address':
      return { kind: 'value', value: addressValue(constant.address) };
    case 'bytes':
      return { kind: 'value', value: bytesValue(constant.bytes) };
    case 'string':
      return { kind: constant.wildcard ? 'beginning' : 'value', value: constant.value };
    case 'boolean':
      return { kind: 'value', value: constant.value ? 1 : 0 };
    case 'prefix':
      return prefixInterval(constant);
    case 'range': {
      const from = patternOf(constant.from);
      const to = patternOf(constant.to);
      if (from?.kind !== 'value' || to?.kind !== 'value') return null;
      return { kind: 'interval', from: from.value, to: to.value };
    }
    case 'wildcard':
      return { kind: 'any' };
    default:
      return null;
  }
}

/** Bits of a constant's value. */
function widthOf(constant: Constant): number {
  switch (constant.kind) {
    case 'address':
      return constant.address.version === 4 ? 32 : 128;
    case 'bytes':
      return constant.bytes.length * 8;
    case 'integer':
      return DATA_TYPES[constant.type].bits || 32;
    default:
      return 32;
  }
}

function prefixInterval({ base, length }: Extract<Constant, { kind: 'prefix' }>): Pattern | null {
  const pattern = patternOf(base);
  if (pattern?.kind !== 'value' || typeof pattern.value === 'string') return null;
  const host = BigInt(Math.max(0, widthOf(base) - length));
  const from = (BigInt(pattern.value) >> host) << host;
  const to = from | ((1n << host) - 1n);
  const narrow = typeof pattern.value === 'number';
  return { kind: 'interval', from: narrow ? Number(from) : from, to: narrow ? Number(to) : to };
}

/** The patterns of a constant key, one a field; null where a part is none. */
export function patternsOf(key: Expression): readonly Pattern[] | null {
  const parts = key.kind === 'concat' ? key.parts : [key];
  const patterns: Pattern[] = [];
  for (const part of parts) {
    const pattern = patternOf(part);
    if (!pattern) return null;
    patterns.push(pattern);
  }
  return patterns;
}

/** A value as the constant of a key field: what a rule adds to a set. */
export function constantOf(value: Scalar, { type, bits }: KeyField): Constant {
  if (typeof value === 'string') return { kind: 'string', value, wildcard: false, type };
  const address = type === 'ipv4_addr' || type === 'ipv6_addr' ? toAddress(value) : null;
  if (address) return { kind: 'address', address };
  if (type === 'ether_addr' || typeof value === 'bigint')
    return { kind: 'bytes', bytes: Uint8Array.from(registerBytes(value, bits || 128, false)), type };
  return { kind: 'integer', value, type };
}

export function same(a: Scalar, b: Scalar): boolean {
  if (typeof a === typeof b) return a === b;
  return typeof a !== 'string' && typeof b !== 'string' && BigInt(a) === BigInt(b);
}

export function matches(pattern: Pattern, value: Scalar): boolean {
  switch (pattern.kind) {
    case 'value':
      return same(pattern.value, value);
    case 'interval':
      return value >= pattern.from && value <= pattern.to;
    case 'beginning':
      return typeof value === 'string' && value.startsWith(pattern.value);
    case 'any':
      return true;
  }
}

export function isHostOrder(type: DataType): boolean {
  return DATA_TYPES[type].order === 'host';
}

/** A scalar as the bytes of a register hold it: host order is little endian, names are padded with zeros. */
export function registerBytes(value: Scalar, bits: number, hostOrder: boolean): number[] {
  const length = Math.max(1, Math.ceil(bits / 8));
  if (typeof value === 'string') {
    const text = [...Buffer.from(value)];
    return Array.from({ length: Math.max(length, 16) }, (_, i) => text[i] ?? 0);
  }
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (let i = 0; i < length; i++, rest >>= 8n) bytes.push(Number(rest & 0xffn));
  return hostOrder ? bytes : bytes.reverse();
}

/** Fields of a concatenation begin at whole registers of four bytes (NFT_REG32_SIZE). */
export function padded(bytes: readonly number[]): number[] {
  return [...bytes, ...new Array<number>((4 - (bytes.length % 4)) % 4).fill(0)];
}
