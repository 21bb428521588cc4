import { eachFrame } from './eachFrame.js';
import type { Frame, FrameSource } from './frame.js';

/** The frames of another source, each looked at before it is used. */
export class Tap implements FrameSource {
  private readonly source: FrameSource;
  private readonly look: (frame: Frame) => void;
  private readonly between: (() => Promise<void>) | null;

  /** @param between is awaited where the source pauses */
  constructor(source: FrameSource, look: (frame: Frame) => void, between?: () => Promise<void>) {
    this.source = source;
    this.look = look;
    this.between = between ?? null;
  }

  get epoch(): bigint {
    return this.source.epoch;
  }

  get errors(): FrameSource['errors'] {
    return this.source.errors;
  }

  get warnings(): FrameSource['warnings'] {
    return this.source.warnings;
  }

  get interfaces(): FrameSource['interfaces'] {
    return this.source.interfaces;
  }

  get reached(): FrameSource['reached'] {
    return this.source.reached;
  }

  get share(): FrameSource['share'] {
    return this.source.share;
  }

  open(): Promise<void> {
    return this.source.open();
  }

  close(): Promise<void> {
    return this.source.close();
  }

  async *batches(): AsyncGenerator<Iterable<Frame>> {
    for await (const batch of this.source.batches()) {
      yield this.looked(batch);
      await this.between?.();
    }
  }

  async *frames(): AsyncGenerator<Frame> {
    for await (const batch of this.batches()) yield* batch;
  }

  private looked(batch: Iterable<Frame>): Iterable<Frame> {
    const frames = batch[Symbol.iterator]();
    return eachFrame(
      () => {
        const step = frames.next();
        if (step.done) return null;
        this.look(step.value);
        return step.value;
      },
      () => void frames.return?.(),
    );
  }
}
