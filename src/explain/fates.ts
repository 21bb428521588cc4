import type { Observer, PacketEnd } from '../engine/observer.js';
import type { Passage } from '../engine/passage.js';
import type { Packet } from '../packet/packet.js';
import type { FateChange } from './result.js';

/** What can become of a packet, in the order of the numbers that are kept. */
const ENDS = ['not run', 'delivered', 'sent', 'dropped', 'held'] as const;
const END_BITS = 3;
const END_MASK = (1 << END_BITS) - 1;
/** Frames beyond this are not compared: four bytes are kept for each. */
const MOST_FRAMES = 1 << 24;
const MOST_EXAMPLES = 12;

/**
 * What became of every packet of a replay, four bytes a frame: how it ended, and a hash of what left and of the
 * answers to it.
 */
export class Fates implements Pick<Observer, 'packet' | 'end'> {
  private codes = new Uint32Array(4096);
  private readonly answers = new WeakSet<Passage>();
  /** One more than the last frame seen. */
  private length = 0;

  packet(passage: Passage, how: 'received' | 'sent'): void {
    const { frame } = passage.packet;
    if (how === 'sent' && frame < this.length && this.codes[frame] !== 0) this.answers.add(passage);
  }

  end(passage: Passage, how: PacketEnd): void {
    const { packet } = passage;
    const { frame } = packet;
    if (frame <= 0 || frame >= MOST_FRAMES) return;
    this.make(frame);
    const before = this.codes[frame];
    const end = ENDS.indexOf(how.kind);
    const own = this.answers.has(passage) ? before & END_MASK : end;
    this.codes[frame] = ((mix(mix(before >>> END_BITS, end), contents(packet, how)) << END_BITS) | own) >>> 0;
  }

  private make(frame: number): void {
    if (frame >= this.codes.length) {
      const grown = new Uint32Array(Math.min(MOST_FRAMES, Math.max(frame + 1, this.codes.length * 2)));
      grown.set(this.codes);
      this.codes = grown;
    }
    this.length = Math.max(this.length, frame + 1);
  }

  /** What is different in another replay of the same capture, most frequent first. */
  differences(after: Fates): { fates: FateChange[]; altered: number } {
    const changes = new Map<number, { before: string; after: string; count: number; frames: number[] }>();
    let altered = 0;
    const length = Math.max(this.length, after.length);
    for (let frame = 0; frame < length; frame++) {
      const a = frame < this.length ? this.codes[frame] : 0;
      const b = frame < after.length ? after.codes[frame] : 0;
      if (a === b) continue;
      const [from, to] = [a & END_MASK, b & END_MASK];
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
    return { fates: [...changes.values()].sort((a, b) => b.count - a.count), altered };
  }
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
