import type { Packet } from '../../packet/packet.js';
import { packetNote } from '../describe.js';
import type { PacketNote } from '../result.js';

/** Examples kept of everything that is counted. */
export const MOST_EXAMPLES = 3;

/** A count with the first packets that were counted. */
export class Tally {
  count = 0;
  readonly examples: PacketNote[] = [];

  add(packet: Packet | PacketNote): void {
    this.count++;
    if (this.examples.length >= MOST_EXAMPLES) return;
    this.examples.push('data' in packet ? packetNote(packet) : packet);
  }
}

/** Counts by key, for so many keys; what comes when it is full is counted together. */
export class Histogram<T> {
  private readonly byKey = new Map<string, T>();
  /** How often a key was met that found no room. */
  others = 0;

  constructor(private readonly most: number) {}

  /** The entry of a key; null where there is no room for it. */
  at(key: string, make: () => T): T | null {
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    if (this.byKey.size >= this.most) {
      this.others++;
      return null;
    }
    const made = make();
    this.byKey.set(key, made);
    return made;
  }

  values(): T[] {
    return [...this.byKey.values()];
  }

  get size(): number {
    return this.byKey.size;
  }
}
