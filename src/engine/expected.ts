import { i32, u16 } from '../packet/bytes.js';
import { Ipv4 } from '../packet/ipv4.js';
import { Protocol } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import { CHECKSUM_AT } from './evidence.js';

/** ns after which a sent packet without its frame is given up. */
const LIFETIME = 2e9;
/** Packets waited for at most; the next one takes the place of the oldest. A power of two. */
const MOST = 16_384;
/** Bytes of a packet that are held against a frame. */
const KEPT = 256;
/** Packets without an identification between two hosts all look alike: so many are held against a frame. */
const MOST_ALIKE = 1024;
const NOBODY = -1;

/**
 * The sent packets whose frames are still to come, found by what a frame shares with its packet. What is kept of them
 * stands in rows, since packets that outlived their turn are what costs a collector of garbage most.
 */
export class ExpectedFrames {
  private readonly bytes = new Uint8Array(MOST * KEPT);
  private readonly times = new Float64Array(MOST);
  /** Bytes that were captured, at most KEPT. */
  private readonly kept = new Int32Array(MOST);
  private readonly lengths = new Int32Array(MOST);
  private readonly transports = new Int32Array(MOST);
  private readonly kinds = new Int32Array(MOST);
  /** The first and last row of each hash, and the row behind a row, in the order of sending. */
  private readonly firsts = new Int32Array(MOST).fill(NOBODY);
  private readonly lasts = new Int32Array(MOST).fill(NOBODY);
  private readonly behind = new Int32Array(MOST).fill(NOBODY);
  /** The hash under which a row is waited for; NOBODY: its frame has come. */
  private readonly hashes = new Int32Array(MOST).fill(NOBODY);
  private row = 0;

  add(packet: Packet): void {
    const { row } = this;
    this.row = (row + 1) & (MOST - 1);
    if (this.hashes[row] !== NOBODY) this.remove(row, NOBODY);
    const { data } = packet;
    const kept = Math.min(data.length, KEPT);
    const at = row * KEPT;
    for (let i = 0; i < kept; i++) this.bytes[at + i] = data[i];
    this.times[row] = packet.time;
    this.kept[row] = kept;
    this.lengths[row] = packet.length;
    this.transports[row] = packet.transport;
    this.kinds[row] = kindOf(packet);
    const hash = hashOf(packet);
    this.hashes[row] = hash;
    this.behind[row] = NOBODY;
    const last = this.lasts[hash];
    if (last === NOBODY) this.firsts[hash] = row;
    else this.behind[last] = row;
    this.lasts[hash] = row;
  }

  /** Whether this egress frame was predicted; its prediction is then done with, unless more fragments come. */
  account(seen: Packet): boolean {
    let before = NOBODY;
    let row = this.firsts[hashOf(seen)];
    for (let count = 0; row !== NOBODY && count < MOST_ALIKE; before = row, row = this.behind[row], count++) {
      if (!this.isCopy(row, seen)) continue;
      if (!seen.moreFragments) this.remove(row, before);
      return true;
    }
    return false;
  }

  private remove(row: number, before: number): void {
    const hash = this.hashes[row];
    const next = this.behind[row];
    if (before === NOBODY) this.firsts[hash] = next;
    else this.behind[before] = next;
    if (next === NOBODY) this.lasts[hash] = before;
    this.hashes[row] = NOBODY;
  }

  /** Whether a frame carries the packet, or a fragment of it. */
  private isCopy(row: number, seen: Packet): boolean {
    if (this.kinds[row] !== kindOf(seen) || this.times[row] < seen.time - LIFETIME) return false;
    const { bytes } = this;
    const { data } = seen;
    const at = row * KEPT;
    const addresses = seen.sourceOffset;
    const end = addresses + (seen.version === 4 ? 8 : 32);
    for (let i = addresses; i < end; i++) if (bytes[at + i] !== data[i]) return false;
    if (seen.version === 4 && u16(bytes, at + Ipv4.id) !== u16(data, Ipv4.id)) return false;
    if (seen.moreFragments || seen.fragmentOffset !== 0) return this.lengths[row] >= seen.length;
    return this.lengths[row] === seen.length && this.hasPayloadOf(row, seen);
  }

  /** Checksums may be left to the device, so they are not compared. */
  private hasPayloadOf(row: number, { data, transport, protocol }: Packet): boolean {
    const { bytes } = this;
    const own = this.transports[row];
    const at = row * KEPT + own;
    const length = Math.min(this.kept[row] - own, data.length - transport);
    const skip = CHECKSUM_AT.get(protocol) ?? length;
    const behind = skip + (protocol === Protocol.sctp ? 4 : 2);
    for (let i = 0; i < length; i++)
      if (bytes[at + i] !== data[transport + i] && (i < skip || i >= behind)) return false;
    return true;
  }
}

function kindOf({ version, protocol }: Packet): number {
  return (version << 8) | protocol;
}

/** By addresses and identification, which a frame and all fragments of it have of the packet. */
function hashOf({ data, version }: Packet): number {
  const h =
    version === 4
      ? Math.imul(i32(data, 12), 0x9e3779b1) ^ Math.imul(i32(data, 16) ^ u16(data, Ipv4.id), 0x85ebca6b)
      : Math.imul(i32(data, 16) ^ i32(data, 20), 0x9e3779b1) ^
        Math.imul(i32(data, 32) ^ i32(data, 36), 0x85ebca6b);
  return ((h ^ (h >>> 15)) >>> 3) & (MOST - 1);
}
