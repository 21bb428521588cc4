import { IpAddress } from '../../address/ip.js';
import type { Tuple } from '../../rules/connection.js';
import { Manip, type NatRange } from '../../rules/context.js';
import { jhash2, littleEndian, reciprocalScale } from '../../rules/jhash.js';

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
  const destination = words(tuple.destination).map(littleEndian);
  let hash = jhash2(words(tuple.source).map(littleEndian), range.persistent ? 0 : destination[last] ^ zone);
  const low = words(minAddress);
  const high = words(maxAddress);
  const out = [0, 0, 0, 0];
  let full = false;
  for (let i = 0; i <= last; i++) {
    const from = full ? 0 : low[i] >>> 0;
    const distance = full ? 0xffffffff : ((high[i] >>> 0) - (low[i] >>> 0) + 1) >>> 0;
    out[i] = (from + reciprocalScale(hash, distance)) | 0;
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
