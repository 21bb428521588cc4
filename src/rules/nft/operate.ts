import type { BinaryOperator } from './expressions.js';

/** An operation on unsigned 32-bit numbers: `nft_bitwise_eval()` (net/netfilter/nft_bitwise.c), a word at a time. */
export function operate(operator: BinaryOperator, a: number, b: number): number {
  switch (operator) {
    case '&':
      return (a & b) >>> 0;
    case '|':
      return (a | b) >>> 0;
    case '^':
      return (a ^ b) >>> 0;
    case '<<':
      return b > 31 ? 0 : (a << b) >>> 0;
    case '>>':
      return b > 31 ? 0 : a >>> b;
  }
}

/** A register's worth: 16 bytes. */
const WIDEST = (1n << 128n) - 1n;

/** The same for what is wider than a word. */
export function operateWide(operator: BinaryOperator, a: bigint, b: bigint): bigint {
  switch (operator) {
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    case '<<':
      return b > 128n ? 0n : (a << b) & WIDEST;
    case '>>':
      return a >> b;
  }
}
