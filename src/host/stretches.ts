import type { RouteEntry } from './routeModel.js';

/** Where routing treats addresses by themselves: 0.0.0.0, and 127.0.0.0/8. */
const SPECIAL = [1, 0x7f000000, 0x80000000] as const;

/**
 * The IPv4 addresses cut where a prefix of any route begins or ends: within a stretch all are found by the same routes.
 * There are few, so that what was answered for one stays in the CPU's cache, whoever is talked to.
 */
export class Stretches {
  /** Where each but the first begins, ascending. */
  private readonly starts: Uint32Array;

  constructor(entries: readonly RouteEntry[]) {
    const cuts = new Set<number>(SPECIAL);
    for (const { destination, prefixLength } of entries) {
      const first = destination.address.a >>> 0;
      cuts.add(first);
      // Behind the last address there is nothing to be cut off.
      cuts.add((first + 2 ** (32 - prefixLength)) % 2 ** 32);
    }
    cuts.delete(0);
    this.starts = Uint32Array.from(cuts).sort();
  }

  /** The number of the stretch that an address is in, from 0 on. @param address signed, as IpAddress has it */
  of(address: number): number {
    const { starts } = this;
    const wanted = address >>> 0;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle] <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
