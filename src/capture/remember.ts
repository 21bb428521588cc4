import type { Frame, FrameSource } from './frame.js';

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
  const kept: Frame[] = [];
  let bytes = 0;
  let isCut = false;
  function* keeping(batch: Iterable<Frame>): Generator<Frame> {
    for (const frame of batch) {
      if (!isCut && kept.length < room.frames && bytes + frame.bytes.length <= room.bytes) {
        kept.push(copyOf(frame));
        bytes += frame.bytes.length;
      } else isCut = true;
      yield frame;
    }
  }
  async function* batches(): AsyncGenerator<Iterable<Frame>> {
    for await (const batch of source.batches()) yield keeping(batch);
  }
  return {
    get epoch() {
      return source.epoch;
    },
    get errors() {
      return source.errors;
    },
    get warnings() {
      return source.warnings;
    },
    get interfaces() {
      return source.interfaces;
    },
    get reached() {
      return source.reached;
    },
    get share() {
      return source.share;
    },
    get isCut() {
      return isCut;
    },
    open: () => source.open(),
    close: () => source.close(),
    batches,
    async *frames() {
      for await (const batch of batches()) yield* batch;
    },
    again: (until = Infinity, wants) => replayed(source, kept, until, wants),
  };
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

function replayed(
  { epoch, interfaces }: FrameSource,
  kept: readonly Frame[],
  until: number,
  wants?: (frame: Frame) => boolean,
): FrameSource {
  const end = kept.findIndex((f) => f.time > until);
  const early = end < 0 ? kept : kept.slice(0, end);
  const frames = wants ? early.filter(wants) : early;
  return {
    epoch,
    interfaces,
    errors: [],
    warnings: [],
    open: () => Promise.resolve(),
    close: () => Promise.resolve(),
    // eslint-disable-next-line @typescript-eslint/require-await -- the interface is that of a file
    async *batches() {
      yield frames;
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- as above
    async *frames() {
      yield* frames;
    },
  };
}
