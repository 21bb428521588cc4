import { framesAtHand } from './atHand.js';
import type { Frame, FrameSource } from './frame.js';
import { Tap } from './tap.js';

/** Frames that are kept at most, and their bytes. */
export interface Room {
  readonly frames: number;
  readonly bytes: number;
}

const ROOM: Room = { frames: 500_000, bytes: 256 * 1024 * 1024 };

/** Nothing is kept: nobody will read it again. */
export const NO_ROOM: Room = { frames: 0, bytes: 0 };

/** A source whose frames are kept as they are read, so that they can be read again. */
export interface RememberedFrames extends FrameSource {
  /**
   * What was read so far, from its first frame; it can be read any number of times.
   * @param until ns since capture start: frames after that are left out
   * @param wants those that are not wanted are left out
   */
  again(until?: number, wants?: (frame: Frame) => boolean): FrameSource;
  /** Later frames found no room. */
  readonly isCut: boolean;
}

export function remember(source: FrameSource, room: Room = ROOM): RememberedFrames {
  return new KeepingTap(source, room);
}

class KeepingTap extends Tap implements RememberedFrames {
  private readonly kept = new KeptFrames();
  private readonly room: Room;
  isCut = false;

  constructor(source: FrameSource, room: Room) {
    super(source, (frame) => this.keep(frame));
    this.room = room;
  }

  again(until = Infinity, wants?: (frame: Frame) => boolean): FrameSource {
    const early = this.kept.until(until);
    return framesAtHand(wants ? early.filter(wants) : early, this.epoch, this.interfaces);
  }

  private keep(frame: Frame): void {
    const { frames, bytes } = this.room;
    const { kept } = this;
    if (!this.isCut && kept.count < frames && kept.bytes + frame.bytes.length <= bytes) kept.add(frame);
    else this.isCut = true;
  }
}

/** Bytes of frames that stand in one piece. */
const PIECE = 1 << 20;

/**
 * Frames whose bytes stand in a few large pieces, and what is said of them in columns: objects that live long are what a
 * collector of garbage works on most. They become objects when somebody asks for them.
 */
class KeptFrames {
  count = 0;
  bytes = 0;
  private readonly pieces: Uint8Array[] = [];
  private room = 0;
  private readonly pieceOf: number[] = [];
  private readonly fromOf: number[] = [];
  private readonly endOf: number[] = [];
  private readonly times: number[] = [];
  /** What is told of frames, each told once. */
  private readonly kinds: Omit<Frame, 'number' | 'time' | 'bytes' | 'originalLength'>[] = [];
  private readonly kindOf: number[] = [];
  private readonly numbers: number[] = [];
  private readonly lengths: number[] = [];
  private frames: Frame[] | null = null;

  add(frame: Frame): void {
    const { length } = frame.bytes;
    if (this.room < length) {
      this.pieces.push(new Uint8Array(Math.max(PIECE, length)));
      this.room = this.pieces[this.pieces.length - 1].length;
    }
    const piece = this.pieces.length - 1;
    const from = this.pieces[piece].length - this.room;
    this.pieces[piece].set(frame.bytes, from);
    this.room -= length;
    this.pieceOf.push(piece);
    this.fromOf.push(from);
    this.endOf.push(from + length);
    this.times.push(frame.time);
    this.numbers.push(frame.number);
    this.lengths.push(frame.originalLength);
    this.kindOf.push(this.kind(frame));
    this.count++;
    this.bytes += length;
    this.frames = null;
  }

  until(end: number): readonly Frame[] {
    const frames = (this.frames ??= Array.from({ length: this.count }, (_, i) => this.frame(i)));
    const late = this.times.findIndex((time) => time > end);
    return late < 0 ? frames : frames.slice(0, late);
  }

  private frame(i: number): Frame {
    return {
      number: this.numbers[i],
      time: this.times[i],
      bytes: this.pieces[this.pieceOf[i]].subarray(this.fromOf[i], this.endOf[i]),
      originalLength: this.lengths[i],
      ...this.kinds[this.kindOf[i]],
    };
  }

  private kind({ linkType, interface: name, direction, comment, file }: Frame): number {
    const { kinds } = this;
    for (let i = kinds.length - 1; i >= 0 && i >= kinds.length - RECENT; i--) {
      const kind = kinds[i];
      if (
        kind.linkType === linkType &&
        kind.interface === name &&
        kind.direction === direction &&
        kind.comment === comment &&
        kind.file === file
      )
        return i;
    }
    return kinds.push({ linkType, interface: name, direction, comment, file }) - 1;
  }
}

/** Kinds that a frame is held against: there is one for each interface and direction, and one for each comment. */
const RECENT = 16;
