import type { Frame } from './frame.js';

/**
 * Frames one by one, as a generator would give them; that makes an object for each, and is stepped into and out of, which
 * a frame feels.
 * @param next null: there are no more
 * @param stop is told where nobody wants the rest
 */
export function eachFrame(next: () => Frame | null, stop?: () => void): Iterable<Frame> {
  const step: { done: boolean; value: Frame | undefined } = { done: false, value: undefined };
  const iterator = {
    next(): IteratorResult<Frame> {
      const frame = next();
      step.done = frame === null;
      step.value = frame ?? undefined;
      return step as IteratorResult<Frame>;
    },
    return(): IteratorResult<Frame> {
      stop?.();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.iterator]: () => iterator };
}
