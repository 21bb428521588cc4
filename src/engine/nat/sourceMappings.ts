import { Protocol } from '../../packet/numbers.js';
import { CtStatus, Direction, Tuple } from '../../rules/connection.js';
import type { ConnectionEntry } from '../conntrack/entry.js';

/** Chains to begin with; a power of two. */
const CHAINS = 1024;

/** Which source mappings exist, so that one client keeps its mapping (`nf_nat_bysource`). */
export class SourceMappings {
  private chains = new Array<ConnectionEntry | null>(CHAINS).fill(null);
  private count = 0;
  private readonly scratch = new Tuple();

  add(entry: ConnectionEntry): void {
    if (this.count >= this.chains.length) this.grow();
    entry.sourceHash = hashOf(entry.lookAt(Direction.original, this.scratch));
    const at = entry.sourceHash & (this.chains.length - 1);
    entry.nextOfSource = this.chains[at];
    this.chains[at] = entry;
    this.count++;
  }

  remove(entry: ConnectionEntry): void {
    const at = entry.sourceHash & (this.chains.length - 1);
    let before: ConnectionEntry | null = null;
    for (let here = this.chains[at]; here; before = here, here = here.nextOfSource) {
      if (here !== entry) continue;
      if (before) before.nextOfSource = entry.nextOfSource;
      else this.chains[at] = entry.nextOfSource;
      entry.nextOfSource = null;
      this.count--;
      return;
    }
  }

  /** The latest connection that began with the tuple's source. */
  latest(tuple: Tuple): ConnectionEntry | null {
    return this.firstFrom(this.chainOf(tuple), tuple);
  }

  /** The one that did so before another. */
  before(entry: ConnectionEntry, tuple: Tuple): ConnectionEntry | null {
    return this.firstFrom(entry.nextOfSource, tuple);
  }

  private firstFrom(from: ConnectionEntry | null, tuple: Tuple): ConnectionEntry | null {
    const hash = hashOf(tuple);
    for (let entry = from; entry; entry = entry.nextOfSource)
      if (entry.sourceHash === hash && hasSource(entry.lookAt(Direction.original, this.scratch), tuple))
        return entry;
    return null;
  }

  /** The latest confirmed connection whose source was translated, by its two ends as they are themselves. */
  translatedFrom(ends: Tuple): ConnectionEntry | null {
    for (let entry = this.chainOf(ends); entry; entry = entry.nextOfSource)
      if (
        entry.has(CtStatus.srcNat) &&
        entry.confirmed &&
        hasSource(entry.lookAt(Direction.original, this.scratch), ends) &&
        hasAsSource(entry.lookAt(Direction.reply, this.scratch), ends)
      )
        return entry;
    return null;
  }

  private chainOf(tuple: Tuple): ConnectionEntry | null {
    return this.chains[hashOf(tuple) & (this.chains.length - 1)];
  }

  /** One more bit of the hash tells which of two chains an entry is in; those of a chain stay in their order. */
  private grow(): void {
    const { chains } = this;
    const bit = chains.length;
    const grown = new Array<ConnectionEntry | null>(2 * bit).fill(null);
    for (let at = 0; at < bit; at++) {
      let low: ConnectionEntry | null = null;
      let high: ConnectionEntry | null = null;
      let next: ConnectionEntry | null;
      for (let entry = chains[at]; entry; entry = next) {
        next = entry.nextOfSource;
        entry.nextOfSource = null;
        if (entry.sourceHash & bit) {
          if (high) high.nextOfSource = entry;
          else grown[at + bit] = entry;
          high = entry;
        } else {
          if (low) low.nextOfSource = entry;
          else grown[at] = entry;
          low = entry;
        }
      }
    }
    this.chains = grown;
  }
}

function hashOf(t: Tuple): number {
  const h = Math.imul(t.s0 ^ t.s1 ^ Math.imul(t.s2 ^ t.s3, 0x85ebca6b) ^ (t.protocol << 24), 0x9e3779b1);
  return Math.imul(h ^ (h >>> 15) ^ t.sourcePort, 0xc2b2ae35) >>> 7;
}

/** `same_src()` (net/netfilter/nf_nat_core.c). */
function hasSource(a: Tuple, b: Tuple): boolean {
  return (
    a.s0 === b.s0 &&
    a.sourcePort === b.sourcePort &&
    a.protocol === b.protocol &&
    a.s1 === b.s1 &&
    a.s2 === b.s2 &&
    a.s3 === b.s3
  );
}

/** Whether the source of one is the destination of the other. */
function hasAsSource(a: Tuple, b: Tuple): boolean {
  return (
    a.s0 === b.d0 &&
    a.sourcePort === (isIcmp(a.protocol) ? b.sourcePort : b.destinationPort) &&
    a.s1 === b.d1 &&
    a.s2 === b.d2 &&
    a.s3 === b.d3
  );
}

/** Its tuples have the id on the source's side in both directions. */
function isIcmp(protocol: number): boolean {
  return protocol === Protocol.icmp || protocol === Protocol.icmpv6;
}
