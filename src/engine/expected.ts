import { i32, u16 } from '../packet/bytes.js';
import { Ipv4 } from '../packet/ipv4.js';
import type { Packet } from '../packet/packet.js';
import { isCopy } from './evidence.js';

interface Expected {
  readonly packet: Packet;
  readonly slot: number;
  /** Neighbours in the order of sending. */
  older: Expected | null;
  newer: Expected | null;
  /** The next one, sent later, of the same hash. */
  alike: Expected | null;
}

/** ns after which a sent packet without its frame is given up. */
const LIFETIME = 2e9;
/** Packets waited for at most; beyond them the oldest is given up. */
const MOST = 65_536;
/** Of one hash at most: packets without an identification between two hosts all look alike. */
const MOST_ALIKE = 1024;
/** A power of two. */
const SLOTS = 16_384;

/** The sent packets whose frames are still to come, found by what a frame shares with its packet. */
export class ExpectedFrames {
  private readonly slots = new Array<Expected | null>(SLOTS).fill(null);
  private oldest: Expected | null = null;
  private newest: Expected | null = null;
  private size = 0;

  add(packet: Packet): void {
    const since = packet.time - LIFETIME;
    while (this.oldest && (this.size >= MOST || this.oldest.packet.time < since)) this.giveUp(this.oldest);
    const slot = slotOf(packet);
    const entry: Expected = { packet, slot, older: this.newest, newer: null, alike: null };
    if (this.newest) this.newest.newer = entry;
    else this.oldest = entry;
    this.newest = entry;
    this.size++;
    let last = this.slots[slot];
    if (!last) {
      this.slots[slot] = entry;
      return;
    }
    let count = 1;
    for (; last.alike; last = last.alike) count++;
    last.alike = entry;
    if (count >= MOST_ALIKE) this.giveUp(this.slots[slot] as Expected);
  }

  /** Whether this egress frame was predicted; its prediction is then done with, unless more fragments come. */
  account(seen: Packet): boolean {
    let before: Expected | null = null;
    for (let entry = this.slots[slotOf(seen)]; entry; before = entry, entry = entry.alike) {
      if (!isCopy(entry.packet, seen)) continue;
      if (!seen.moreFragments) this.remove(entry, before);
      return true;
    }
    return false;
  }

  /** The oldest of all, or of its slot, is the first of its slot. */
  private giveUp(entry: Expected): void {
    this.remove(entry, null);
  }

  private remove(entry: Expected, before: Expected | null): void {
    if (before) before.alike = entry.alike;
    else this.slots[entry.slot] = entry.alike;
    if (entry.older) entry.older.newer = entry.newer;
    else this.oldest = entry.newer;
    if (entry.newer) entry.newer.older = entry.older;
    else this.newest = entry.older;
    this.size--;
  }
}

/** By addresses and identification, which a frame and all fragments of it have of the packet. */
function slotOf({ data, version }: Packet): number {
  const h =
    version === 4
      ? Math.imul(i32(data, 12), 0x9e3779b1) ^ Math.imul(i32(data, 16) ^ u16(data, Ipv4.id), 0x85ebca6b)
      : Math.imul(i32(data, 16) ^ i32(data, 20), 0x9e3779b1) ^
        Math.imul(i32(data, 32) ^ i32(data, 36), 0x85ebca6b);
  return ((h ^ (h >>> 15)) >>> 3) & (SLOTS - 1);
}
