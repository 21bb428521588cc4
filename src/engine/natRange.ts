import { IpAddress } from '../address/ip.js';
import type { Tuple } from '../rules/connection.js';
import { Manip, type NatRange } from '../rules/context.js';

/** Bytes of a word in memory order read as a little-endian number: how the kernel's hash sees an address on x86 and ARM. */
function swap(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | ((word >>> 24) & 0xff);
}

function rotate(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

/** Bob Jenkins' lookup3 over exactly four words (`jhash2()` of linux/jhash.h). */
function hashFourWords(words: readonly number[], initial: number): number {
  const start = (0xdeadbeef + (4 << 2) + initial) | 0;
  let a = (start + words[0]) | 0;
  let b = (start + words[1]) | 0;
  let c = (start + words[2]) | 0;
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
  a = (a + words[3]) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  return ((c ^ b) - rotate(b, 24)) >>> 0;
}

function words(address: IpAddress): [number, number, number, number] {
  return [address.a, address.b, address.c, address.d];
}

/**
 * The address that a range gives this client and server; null where the range names none: `find_best_ips_proto()`
 * (net/netfilter/nf_nat_core.c). NETMAP keeps the host bits instead (`netmap_tg()`).
 */
export function spreadAddress(range: NatRange, tuple: Tuple, manip: Manip, zone: number): IpAddress | null {
  const { minAddress, maxAddress } = range;
  if (!minAddress || !maxAddress) return null;
  if (range.netmap)
    return mapNetwork(minAddress, maxAddress, manip === Manip.source ? tuple.source : tuple.destination);
  if (minAddress.equals(maxAddress)) return minAddress;
  const last = minAddress.version === 4 ? 0 : 3;
  const destination = words(tuple.destination).map(swap);
  let hash = hashFourWords(words(tuple.source).map(swap), range.persistent ? 0 : destination[last] ^ zone);
  const low = words(minAddress);
  const high = words(maxAddress);
  const out = [0, 0, 0, 0];
  let full = false;
  for (let i = 0; i <= last; i++) {
    const from = full ? 0 : low[i] >>> 0;
    const distance = full ? 0xffffffff : ((high[i] >>> 0) - (low[i] >>> 0) + 1) >>> 0;
    out[i] = (from + Number((BigInt(hash) * BigInt(distance)) >> 32n)) | 0;
    if (out[i] !== high[i]) full = true;
    if (!range.persistent) hash = (hash ^ destination[i]) >>> 0;
  }
  return new IpAddress(minAddress.version, out[0], out[1], out[2], out[3]);
}

/** The network bits of the range, the host bits of the packet; the mask is where both ends of the range agree. */
function mapNetwork(min: IpAddress, max: IpAddress, from: IpAddress): IpAddress {
  const [a, b, c, d] = words(min).map((low, i) => {
    const mask = ~(low ^ words(max)[i]);
    return (words(from)[i] & ~mask) | (low & mask);
  });
  return new IpAddress(min.version, a, b, c, d);
}
