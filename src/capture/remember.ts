import { framesAtHand } from './atHand.js';
import type { Frame, FrameSource } from './frame.js';
import { Tap } from './tap.js';

/** Frames that are kept at most, and their bytes. */
export interface Room {
  readonly frames: number;
  readonly bytes: number;
}

const ROOM: Room = { frames: 500_000, bytes: 256 * 1024 * 1024 };

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
  private readonly kept: Frame[] = [];
  private readonly room: Room;
  private bytes = 0;
  isCut = false;

  constructor(source: FrameSource, room: Room) {
    super(source, (frame) => this.keep(frame));
    this.room = room;
  }

  again(until = Infinity, wants?: (frame: Frame) => boolean): FrameSource {
    const end = this.kept.findIndex((f) => f.time > until);
    const early = end < 0 ? this.kept : this.kept.slice(0, end);
    return framesAtHand(wants ? early.filter(wants) : early, this.epoch, this.interfaces);
  }

  private keep(frame: Frame): void {
    const { frames, bytes } = this.room;
    if (!this.isCut && this.kept.length < frames && this.bytes + frame.bytes.length <= bytes) {
      this.kept.push(copyOf(frame));
      this.bytes += frame.bytes.length;
    } else this.isCut = true;
  }
}

function copyOf(frame: Frame): Frame {
  const { number, time, linkType, originalLength, direction, comment, file } = frame;
  return {
    number,
    time,
    linkType,
    bytes: frame.bytes.slice(),
    originalLength,
    interface: frame.interface,
    direction,
    comment,
    file,
  };
}
