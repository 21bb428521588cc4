/** Bob Jenkins' hash as the kernel has it (include/linux/jhash.h): 32-bit words in, 32 bits out. */

const INITIAL = 0xdeadbeef | 0;

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/** `jhash2()`: hashes an array of words; one word gives what `jhash_1word()` gives. */
export function jhash2(words: readonly number[], seed: number): number {
  let a = (INITIAL + (words.length << 2) + seed) | 0;
  let b = a;
  let c = a;
  let at = 0;
  let left = words.length;
  while (left > 3) {
    a = (a + words[at]) | 0;
    b = (b + words[at + 1]) | 0;
    c = (c + words[at + 2]) | 0;
    a = ((a - c) ^ rotate(c, 4)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 6)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 8)) | 0;
    b = (b + a) | 0;
    a = ((a - c) ^ rotate(c, 16)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 19)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 4)) | 0;
    b = (b + a) | 0;
    at += 3;
    left -= 3;
  }
  if (left === 0) return c >>> 0;
  if (left > 2) c = (c + words[at + 2]) | 0;
  if (left > 1) b = (b + words[at + 1]) | 0;
  a = (a + words[at]) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c >>> 0;
}

/** `reciprocal_scale()` (include/linux/math.h): a 32-bit value scaled to [0, end). */
export function reciprocalScale(value: number, end: number): number {
  return Number((BigInt(value >>> 0) * BigInt(end)) >> 32n);
}

/** A word as a little-endian machine holds four bytes of the network: what the kernel hashes on most hosts. */
export function littleEndian(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
