import type { Frame, FrameSource } from './frame.js';

/**
 * A source of frames that are in memory; it can be read any number of times.
 * @param epoch ns since 1970 of capture time 0
 * @param interfaces those that are known to be captured, frames or not
 */
export function framesAtHand(
  frames: readonly Frame[],
  epoch: bigint,
  interfaces?: readonly string[],
): FrameSource {
  return {
    epoch,
    interfaces,
    errors: [],
    warnings: [],
    open: () => Promise.resolve(),
    close: () => Promise.resolve(),
    async *batches() {
      yield await Promise.resolve(frames);
    },
    async *frames() {
      yield* await Promise.resolve(frames);
    },
  };
}
