import { IpAddress } from '../../../address/ip.js';
import type { Constant, Expression, Match, Payload, Prefix } from '../../../rules/nft/model.js';
import { readConstant } from './constants.js';
import type { RuleContext } from '../context.js';
import { fieldAt, fieldFrom, rawPayload } from '../headers.js';
import { unnamedSelector } from '../selectors.js';
import type { TokenStream } from './stream.js';

const OPERATORS = new Map<string, '==' | '!='>([
  ['==', '=='],
  ['eq', '=='],
  ['!=', '!='],
  ['ne', '!='],
]);
/** What may follow the first word of a value that is more than that word. */
const GOES_ON = new Set(['-', '/', '.', ',', '&', '|', '^', '<<', '>>']);

/**
 * `@nh,8,8 0x10`, raw bytes compared with one number: nft lists it as the header's fields that lie there, as far as they
 * go, and a part of a field as its leading bits (`payload_match_expand()`, src/netlink_delinearize.c of nftables).
 * @returns undefined where something else begins; nothing is taken then
 */
export function readRawComparison(stream: TokenStream, context: RuleContext): Match | undefined {
  if (!stream.isSign('@') || !stream.isSign(',', 2)) return undefined;
  const place = stream.place;
  stream.next();
  const base = stream.next().text;
  stream.next();
  const offset = stream.expectNumber('an offset');
  stream.expectSign(',');
  const bits = stream.expectNumber('a length');
  const left = unnamedSelector(base, offset, bits);
  const operator = OPERATORS.get(stream.peek().text);
  if (operator) stream.next();
  const value = stream.peek();
  const after = stream.peek(1);
  const single = value.kind === 'number' || value.kind === 'address';
  if (!left || !single || (after.kind === 'sign' && GOES_ON.has(after.text))) {
    stream.returnTo(place);
    return undefined;
  }
  const right = readConstant(value.text, left);
  if (typeof right === 'string') return stream.refuse(right, value);
  stream.next();
  const match: Match = { kind: 'match', left, operator: operator ?? '==', right };
  const listedAs = inFields(match, left, numberOf(right), headerAt(left, context));
  if (listedAs.length === 1 && listedAs[0].right.kind !== 'prefix') return listedAs[0];
  if (offset % 8 === 0 && bits % 8 === 0) return { ...match, listedAs };
  return match;
}

/** Which header's fields nft looks for there. */
function headerAt({ base, offset, bits }: Payload, context: RuleContext): string | undefined {
  switch (base) {
    case 'link':
      return context.linkHeader();
    case 'network':
      return context.networkHeader();
    case 'transport':
      return context.transportHeader() ?? (fieldAt('th', offset, bits) ? 'th' : undefined);
    default:
      return undefined;
  }
}

function inFields(match: Match, whole: Payload, value: bigint, header: string | undefined): Match[] {
  const found: Match[] = [];
  let { offset } = whole;
  let left = whole.bits;
  const take = (field: Payload, bits: number): void => {
    left -= bits;
    const right = constantOf((value >> BigInt(left)) & mask(bits), bits, field);
    found.push({ ...match, left: field, right });
    offset += bits;
  };
  while (left > 0) {
    const field = header === undefined ? undefined : fieldFrom(header, offset);
    if (!field) take(rawPayload(whole.base, offset, left), left);
    else take(field, Math.min(left, field.bits));
  }
  return found;
}

function mask(bits: number): bigint {
  return (1n << BigInt(bits)) - 1n;
}

function numberOf(value: Constant): bigint {
  if (value.kind === 'integer') return BigInt(value.value);
  if (value.kind !== 'bytes') return 0n;
  return value.bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** The value of a field, or of its leading bits. */
function constantOf(value: bigint, bits: number, field: Payload): Expression {
  const base: Prefix['base'] = wholeConstant(value << BigInt(field.bits - bits), field);
  return bits === field.bits ? base : { kind: 'prefix', base, length: bits };
}

/** The value of a field, as its type is written. */
export function wholeConstant(value: bigint, { type, bits }: Payload): Prefix['base'] {
  const word = (from: number): number => Number((value >> BigInt(from)) & 0xffffffffn) | 0;
  switch (type) {
    case 'ipv4_addr':
      return { kind: 'address', address: new IpAddress(4, word(0)) };
    case 'ipv6_addr':
      return { kind: 'address', address: new IpAddress(6, word(96), word(64), word(32), word(0)) };
    default:
  }
  if (type !== 'ether_addr' && bits <= 48) return { kind: 'integer', value: Number(value), type };
  const size = Math.ceil(bits / 8);
  const bytes = Uint8Array.from({ length: size }, (_, i) =>
    Number((value >> BigInt(8 * (size - 1 - i))) & 0xffn),
  );
  return { kind: 'bytes', bytes, type };
}
