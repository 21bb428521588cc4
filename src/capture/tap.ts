import type { Frame, FrameSource } from './frame.js';

/** The same frames, each looked at before it is used; `between` is awaited where the source pauses. */
export function tap(
  source: FrameSource,
  look: (frame: Frame) => void,
  between: () => Promise<void>,
): FrameSource {
  function* looked(batch: Iterable<Frame>): Generator<Frame> {
    for (const frame of batch) {
      look(frame);
      yield frame;
    }
  }
  async function* batches(): AsyncGenerator<Iterable<Frame>> {
    for await (const batch of source.batches()) {
      yield looked(batch);
      await between();
    }
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
    open: () => source.open(),
    close: () => source.close(),
    batches,
    async *frames() {
      for await (const batch of batches()) yield* batch;
    },
  };
}
