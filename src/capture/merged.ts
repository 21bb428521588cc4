import { describeLinkType, isDecodedLinkType } from '../packet/linkType.js';
import { eachFrame } from './eachFrame.js';
import type { CaptureError, Frame, FrameSource } from './frame.js';
import type { CaptureFile } from './file.js';
import type { CurrentFrame, FrameReader } from './reader.js';

/** A file that still has frames: its reader stands at one. */
interface Lane {
  readonly file: CaptureFile;
  readonly index: number;
  readonly reader: FrameReader;
  readonly frame: CurrentFrame;
}

/** Several captures as one, by time; equal times in the order the files were given. */
export class MergedFrames implements FrameSource {
  epoch = 0n;
  private epochSeconds = 0;
  private epochNanoseconds = 0;
  private lanes: Lane[] = [];
  private opening: Promise<void> | null = null;
  private count = 0;
  /** The lane whose frame is with the consumer: it steps on when the next one is asked for. */
  private given: Lane | null = null;
  /** The lane that has nothing more in memory. */
  private dry: Lane | null = null;
  private lastLinkType = -1;
  private lastIsDecoded = true;
  private readonly undecoded = new Map<number, number>();

  constructor(private readonly files: readonly CaptureFile[]) {}

  get errors(): readonly CaptureError[] {
    return this.files.flatMap((file) => file.errors);
  }

  get warnings(): readonly string[] {
    const links = [...this.undecoded].map(
      ([type, count]) => `${count} frames of link type ${describeLinkType(type)} are not decoded`,
    );
    return [...this.files.flatMap((file) => file.warnings), ...links];
  }

  get interfaces(): readonly string[] {
    return this.files.flatMap(({ told, reader }) =>
      told?.interface === undefined ? (reader?.interfaces ?? []) : [told.interface],
    );
  }

  get share(): number | null {
    let size = 0;
    let taken = 0;
    for (const file of this.files) {
      if (file.size === null) return null;
      size += file.size;
      taken += file.taken;
    }
    return size === 0 ? null : Math.min(1, taken / size);
  }

  open(): Promise<void> {
    return (this.opening ??= this.openAll());
  }

  private async openAll(): Promise<void> {
    await Promise.all(
      this.files.map(async (file, index) => {
        await file.open();
        const { reader } = file;
        if (!reader || !(await file.advance(reader))) return;
        reader.frame.file = index;
        this.lanes.push({ file, index, reader, frame: reader.frame });
      }),
    );
    this.lanes.sort((a, b) => a.index - b.index);
    const first = this.earliest();
    if (!first) return;
    this.epochSeconds = first.frame.seconds;
    this.epochNanoseconds = first.frame.nanoseconds;
    this.epoch = BigInt(this.epochSeconds) * 1_000_000_000n + BigInt(this.epochNanoseconds);
  }

  async *frames(): AsyncGenerator<Frame> {
    for await (const batch of this.batches()) yield* batch;
  }

  async *batches(): AsyncGenerator<Iterable<Frame>> {
    try {
      await this.open();
      while (this.lanes.length > 0) {
        yield eachFrame(() => this.next());
        await this.refill();
      }
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.files.map((file) => file.close()));
  }

  /** The next frame; null: a lane has run dry. */
  private next(): Frame | null {
    const { given } = this;
    if (given) {
      this.given = null;
      if (!given.reader.next()) {
        this.dry = given;
        return null;
      }
    }
    if (this.dry) return null;
    const lane = this.lanes.length === 1 ? this.lanes[0] : this.earliest();
    if (!lane) return null;
    this.given = lane;
    return this.finish(lane);
  }

  private async refill(): Promise<void> {
    const { dry } = this;
    if (!dry) return;
    this.dry = null;
    if (!(await dry.file.advance(dry.reader))) this.lanes = this.lanes.filter((lane) => lane !== dry);
  }

  private earliest(): Lane | null {
    let best: Lane | null = null;
    for (const lane of this.lanes) {
      if (best === null || isBefore(lane.frame, best.frame)) best = lane;
    }
    return best;
  }

  /** Completes the reader's frame with what only the whole knows. */
  private finish(lane: Lane): Frame {
    const { frame } = lane;
    frame.number = ++this.count;
    frame.time = (frame.seconds - this.epochSeconds) * 1e9 + (frame.nanoseconds - this.epochNanoseconds);
    if (frame.linkType !== this.lastLinkType) {
      this.lastLinkType = frame.linkType;
      this.lastIsDecoded = isDecodedLinkType(frame.linkType);
    }
    if (!this.lastIsDecoded)
      this.undecoded.set(frame.linkType, (this.undecoded.get(frame.linkType) ?? 0) + 1);
    const { told } = lane.file;
    if (told) {
      frame.interface = told.interface ?? frame.interface;
      frame.direction = told.direction ?? frame.direction;
    }
    return frame;
  }
}

function isBefore(a: CurrentFrame, b: CurrentFrame): boolean {
  return a.seconds !== b.seconds ? a.seconds < b.seconds : a.nanoseconds < b.nanoseconds;
}
