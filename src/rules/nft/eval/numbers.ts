import type { Context } from '../../context.js';
import { jhash2, littleEndian, reciprocalScale } from '../../jhash.js';
import type { Expression, Hash, NumberGenerator } from '../model.js';
import { DATA_TYPES } from '../types.js';
import { isHostOrder, padded, type Read, registerBytes, type Scalar } from './value.js';

/** `nft_ng_inc_gen()` (net/netfilter/nft_numgen.c): the first packet gets 0, and every evaluation counts. */
export function incrementing({ modulus, offset }: NumberGenerator): () => number {
  let last = modulus - 1;
  return () => {
    last = last + 1 < modulus ? last + 1 : 0;
    return last + offset;
  };
}

/** `nft_ng_random_gen()`: a choice that only evidence could tell. */
export function random({ modulus, offset }: NumberGenerator, context: Context): number {
  return Math.floor(context.random() * modulus) + offset;
}

/** Width and byte order in which the register holds what an expression reads. */
export function layoutOf(expression: Expression): { bits: number; hostOrder: boolean } {
  switch (expression.kind) {
    case 'payload':
    case 'inner':
    case 'exthdr':
    case 'tcpOption':
    case 'ipOption':
    case 'sctpChunk':
      return { bits: expression.bits, hostOrder: false };
    case 'meta':
    case 'ct':
    case 'fib':
    case 'rt':
    case 'socket':
    case 'osf':
    case 'ipsec':
      return { bits: expression.bits, hostOrder: isHostOrder(expression.type) };
    case 'binary':
      return layoutOf(expression.left);
    case 'integer':
      return { bits: DATA_TYPES[expression.type].bits || 32, hostOrder: isHostOrder(expression.type) };
    case 'address':
      return { bits: expression.address.version === 4 ? 32 : 128, hostOrder: false };
    default:
      return { bits: 32, hostOrder: true };
  }
}

/** `nft_jhash_eval()` (net/netfilter/nft_hash.c) over what the registers hold. */
export function jhash(
  { modulus, offset, seed }: Hash,
  parts: readonly Scalar[],
  layouts: readonly { bits: number; hostOrder: boolean }[],
): Read {
  if (seed === null) return null;
  const fields = parts.map((part, i) => registerBytes(part, layouts[i].bits, layouts[i].hostOrder));
  const bytes = fields.length === 1 ? fields[0] : fields.flatMap(padded);
  const whole = padded(bytes);
  const words: number[] = [];
  for (let at = 0; at < whole.length; at += 4)
    words.push(
      littleEndian((whole[at] << 24) | (whole[at + 1] << 16) | (whole[at + 2] << 8) | whole[at + 3]),
    );
  // jhash() starts from the length in bytes, jhash2() from that of its words.
  return reciprocalScale(jhash2(words, (seed + bytes.length - whole.length) | 0), modulus) + offset;
}
