import { i32, u16 } from '../../packet/bytes.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Icmp } from '../../packet/transport.js';
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

/** Where in a row each word stands: bytes that were captured, at most KEPT, and from where on, …, and the row that waits behind it. */
const Word = { kept: 0, length: 1, transport: 2, kind: 3, behind: 4, hash: 5, from: 6 } as const;
/** Words of a row; the last two are its time, as one number of 64 bits. */
const WORDS = 10;
const TIMES = WORDS / 2;
const TIME = 4;

/** A packet that was seen to leave. */
export type Seen = Pick<
  Packet,
  | 'data'
  | 'version'
  | 'protocol'
  | 'sourceOffset'
  | 'moreFragments'
  | 'fragmentOffset'
  | 'length'
  | 'transport'
  | 'time'
>;

/** A packet that is to be sent, its bytes as it came in. */
export interface Waiting {
  readonly bytes: DataView;
  /** Where its network header begins. */
  readonly at: number;
  /** Bytes of it that were captured. */
  readonly captured: number;
  readonly length: number;
  readonly transport: number;
  readonly protocol: number;
  /** ns since capture start. */
  readonly time: number;
}

/**
 * The sent packets whose frames are still to come, found by what a frame shares with its packet. What is kept of them
 * stands in rows, since packets that outlived their turn are what costs a collector of garbage most; and a row in one
 * place, since each place is a line of the CPU's cache.
 */
export class ExpectedFrames {
  /** A ring: rows go round as well, so bytes that are written over are of a row that was taken again. */
  private readonly bytes = new Uint8Array((MOST + 1) * KEPT);
  private readonly view = new DataView(this.bytes.buffer);
  private end = 0;
  private readonly words = new Int32Array(MOST * WORDS);
  private readonly times = new Float64Array(this.words.buffer);
  /** The first and the last row of each hash, in the order of sending. */
  private readonly chains = new Int32Array(2 * MOST).fill(NOBODY);
  private row = 0;

  constructor() {
    // The hash under which a row is waited for; NOBODY: its frame has come.
    for (let row = 0; row < MOST; row++) this.words[row * WORDS + Word.hash] = NOBODY;
  }

  add(packet: Packet): void {
    const { data } = packet;
    const kept = Math.min(data.length, KEPT);
    const row = this.take(kept, packet.length, packet.transport, kindOf(packet), packet.time);
    const from = this.words[row * WORDS + Word.from];
    const { bytes } = this;
    for (let i = 0; i < kept; i++) bytes[from + i] = data[i];
    this.wait(row, hashOf(packet));
  }

  /**
   * The same for an IPv4 packet of which the connection tells to what it is translated.
   * @param bytes hold it from `at` on as it came in, and may be read up to the next multiple of four
   * @param ports source and destination, of ICMP its id in the place of the source
   */
  addTranslated(
    { bytes, at, captured, length, transport, protocol, time }: Waiting,
    source: number,
    destination: number,
    ports: number,
  ): void {
    const kept = captured < KEPT ? captured : KEPT;
    const row = this.take(kept, length, transport, (4 << 8) | protocol, time);
    const from = this.words[row * WORDS + Word.from];
    const { view } = this;
    for (let i = 0; i < kept; i += 4) view.setInt32(from + i, bytes.getInt32(at + i));
    view.setInt32(from + Ipv4.source, source);
    view.setInt32(from + Ipv4.destination, destination);
    if (protocol === Protocol.icmp) view.setUint16(from + transport + Icmp.id, ports >>> 16);
    else view.setInt32(from + transport, ports);
    this.wait(row, hashOfIpv4(source, destination, bytes.getUint16(at + Ipv4.id)));
  }

  /** A row, and room for the bytes that it is to keep. */
  private take(kept: number, length: number, transport: number, kind: number, time: number): number {
    const { row, words } = this;
    this.row = (row + 1) & (MOST - 1);
    const word = row * WORDS;
    if (words[word + Word.hash] !== NOBODY) this.remove(row, NOBODY);
    if (this.end + KEPT > this.bytes.length) this.end = 0;
    words[word + Word.from] = this.end;
    // What is copied by words may reach beyond what is kept.
    this.end += (kept + 3) & ~3;
    words[word + Word.kept] = kept;
    words[word + Word.length] = length;
    words[word + Word.transport] = transport;
    words[word + Word.kind] = kind;
    this.times[row * TIMES + TIME] = time;
    return row;
  }

  private wait(row: number, hash: number): void {
    const { words, chains } = this;
    const word = row * WORDS;
    words[word + Word.behind] = NOBODY;
    words[word + Word.hash] = hash;
    const last = chains[2 * hash + 1];
    if (last === NOBODY) chains[2 * hash] = row;
    else words[last * WORDS + Word.behind] = row;
    chains[2 * hash + 1] = row;
  }

  /**
   * Whether this egress frame was predicted; its prediction is then done with, unless more fragments come.
   * @param captured how many bytes of it there are
   */
  account(seen: Seen, captured = seen.data.length): boolean {
    let before = NOBODY;
    let row = this.chains[2 * hashOf(seen)];
    for (let count = 0; row !== NOBODY && count < MOST_ALIKE; count++) {
      if (this.isCopy(row, seen, captured)) {
        if (!seen.moreFragments) this.remove(row, before);
        return true;
      }
      before = row;
      row = this.words[row * WORDS + Word.behind];
    }
    return false;
  }

  private remove(row: number, before: number): void {
    const { words, chains } = this;
    const word = row * WORDS;
    const hash = words[word + Word.hash];
    const next = words[word + Word.behind];
    if (before === NOBODY) chains[2 * hash] = next;
    else words[before * WORDS + Word.behind] = next;
    if (next === NOBODY) chains[2 * hash + 1] = before;
    words[word + Word.hash] = NOBODY;
  }

  /** Whether a frame carries the packet, or a fragment of it. */
  private isCopy(row: number, seen: Seen, captured: number): boolean {
    const { bytes, words } = this;
    const word = row * WORDS;
    if (words[word + Word.kind] !== kindOf(seen)) return false;
    if (this.times[row * TIMES + TIME] < seen.time - LIFETIME) return false;
    const { data } = seen;
    const at = words[word + Word.from];
    const addresses = seen.sourceOffset;
    const end = addresses + (seen.version === 4 ? 8 : 32);
    for (let i = addresses; i < end; i++) if (bytes[at + i] !== data[i]) return false;
    if (seen.version === 4 && u16(bytes, at + Ipv4.id) !== u16(data, Ipv4.id)) return false;
    const length = words[word + Word.length];
    if (seen.moreFragments || seen.fragmentOffset !== 0) return length >= seen.length;
    return length === seen.length && this.hasPayloadOf(row, seen, captured);
  }

  /** Checksums may be left to the device, so they are not compared. */
  private hasPayloadOf(row: number, { data, transport, protocol }: Seen, captured: number): boolean {
    const { bytes } = this;
    const own = this.words[row * WORDS + Word.transport];
    const at = this.words[row * WORDS + Word.from] + own;
    const length = Math.min(this.words[row * WORDS + Word.kept] - own, captured - transport);
    const skip = CHECKSUM_AT.get(protocol) ?? length;
    const behind = skip + (protocol === Protocol.sctp ? 4 : 2);
    for (let i = 0; i < length; i++)
      if (bytes[at + i] !== data[transport + i] && (i < skip || i >= behind)) return false;
    return true;
  }
}

function kindOf({ version, protocol }: Seen): number {
  return (version << 8) | protocol;
}

/** By addresses and identification, which a frame and all fragments of it have of the packet. */
function hashOf({ data, version }: Seen): number {
  const h =
    version === 4
      ? mixIpv4(i32(data, Ipv4.source), i32(data, Ipv4.destination), u16(data, Ipv4.id))
      : Math.imul(i32(data, 16) ^ i32(data, 20), 0x9e3779b1) ^
        Math.imul(i32(data, 32) ^ i32(data, 36), 0x85ebca6b);
  return placeOf(h);
}

function hashOfIpv4(source: number, destination: number, id: number): number {
  return placeOf(mixIpv4(source, destination, id));
}

function mixIpv4(source: number, destination: number, id: number): number {
  return Math.imul(source, 0x9e3779b1) ^ Math.imul(destination ^ id, 0x85ebca6b);
}

function placeOf(hash: number): number {
  return ((hash ^ (hash >>> 15)) >>> 3) & (MOST - 1);
}
