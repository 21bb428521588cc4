import type { Observer, PacketEnd } from '../../engine/observer.js';
import type { Passage } from '../../engine/passage.js';
import type { Packet } from '../../packet/packet.js';
import { Direction } from '../../rules/connection.js';
import type { FateChange } from '../result.js';

/** What can become of a packet, in the order of the numbers that are kept. */
const ENDS = ['not run', 'delivered', 'sent', 'dropped', 'held'] as const;
const END_BITS = 3;
const END_MASK = (1 << END_BITS) - 1;
/** Frames beyond this are not compared: eight bytes are kept for each. */
const MOST_FRAMES = 1 << 23;
const MOST_EXAMPLES = 12;

/**
 * What became of every packet of a replay, eight bytes a frame: how it ended with a hash of what left and of the
 * answers to it, and its connection.
 */
export class Fates implements Pick<Observer, 'packet' | 'end'> {
  private codes = new Uint32Array(4096);
  /** The connection's id and the direction in it; 0 for none. */
  private connections = new Uint32Array(4096);
  private readonly answers = new WeakSet<Passage>();
  /** One more than the last frame seen. */
  private length = 0;

  packet(passage: Passage, how: 'received' | 'sent'): void {
    if (how === 'sent' && this.code(passage.packet.frame) !== 0) this.answers.add(passage);
  }

  end(passage: Passage, how: PacketEnd): void {
    const { packet, connection, direction } = passage;
    const { frame } = packet;
    if (frame <= 0 || frame >= MOST_FRAMES) return;
    this.makeRoom(frame);
    const before = this.codes[frame];
    const answer = this.isAnswer(passage);
    const end = ENDS.indexOf(how.kind);
    const hash = mix(mix(before >>> END_BITS, end), contents(packet, how));
    this.codes[frame] = ((hash << END_BITS) | (answer ? before & END_MASK : end)) >>> 0;
    if (connection && !answer) this.connections[frame] = connection.id * 2 + direction;
  }

  private makeRoom(frame: number): void {
    if (frame >= this.codes.length) {
      const size = Math.min(MOST_FRAMES, Math.max(frame + 1, this.codes.length * 2));
      this.codes = grown(this.codes, size);
      this.connections = grown(this.connections, size);
    }
    this.length = Math.max(this.length, frame + 1);
  }

  private code(frame: number): number {
    return frame < this.length ? this.codes[frame] : 0;
  }

  /** A packet that the host made while, or after, it handled the frame's own. */
  isAnswer(passage: Passage): boolean {
    return this.answers.has(passage);
  }

  /** Whether the frame started anything in this replay. */
  ran(frame: number): boolean {
    return frame >= MOST_FRAMES || this.code(frame) !== 0;
  }

  /** Whether the frame's packet left the host or arrived at it. */
  passed(frame: number): boolean {
    const end = ENDS[this.code(frame) & END_MASK];
    return end === 'sent' || end === 'delivered';
  }

  /** The id of the frame's connection; 0 for none. */
  connection(frame: number): number {
    return frame < this.length ? this.connections[frame] >>> 1 : 0;
  }

  direction(frame: number): Direction {
    return frame < this.length && this.connections[frame] & 1 ? Direction.reply : Direction.original;
  }

  /** What is different in another replay of the same capture, most frequent first. */
  differences(after: Fates): { fates: FateChange[]; altered: number; consequent: number } {
    const changes = new Map<number, { before: string; after: string; count: number; frames: number[] }>();
    let altered = 0;
    let consequent = 0;
    const length = Math.max(this.length, after.length);
    for (let frame = 0; frame < length; frame++) {
      const a = this.code(frame);
      const b = after.code(frame);
      if (a === b) continue;
      const [from, to] = [a & END_MASK, b & END_MASK];
      if (to === 0) {
        consequent++;
        continue;
      }
      if (from === to) {
        altered++;
        continue;
      }
      const key = from * ENDS.length + to;
      let change = changes.get(key);
      if (!change) changes.set(key, (change = { before: ENDS[from], after: ENDS[to], count: 0, frames: [] }));
      change.count++;
      if (change.frames.length < MOST_EXAMPLES) change.frames.push(frame);
    }
    return { fates: [...changes.values()].sort((a, b) => b.count - a.count), altered, consequent };
  }
}

function grown(from: Uint32Array, size: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(size);
  to.set(from);
  return to;
}

/** What is to be seen of a packet that is not dropped: its headers, mark and interface. */
function contents(packet: Packet, how: PacketEnd): number {
  if (how.kind === 'dropped') return 0;
  let hash = mix(packet.out?.index ?? 0, packet.mark);
  const end = Math.min(packet.data.length, HASHED);
  for (let i = 0; i < end; i++) hash = (Math.imul(hash, 31) + packet.data[i]) | 0;
  return hash;
}

/** Bytes of a packet that count: the headers, with room for IPv6 and TCP options. */
const HASHED = 100;

function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x9e3779b1) ^ (value >>> 7);
}
