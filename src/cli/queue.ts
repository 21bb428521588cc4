/** Hands what is pushed on to a reader that pulls, such as the writer of a file. */
export interface Queue<T> {
  /** What was pushed, as much at a time as waits. */
  batches(): AsyncIterable<readonly T[]>;
  push(value: T): void;
  end(): void;
  /** Until the reader has taken what was pushed; at once where little waits. */
  drained(): Promise<void> | undefined;
}

/** What may wait in a queue before whoever fills it should. */
const ENOUGH = 4096;

export function createQueue<T>(): Queue<T> {
  let waiting: T[] = [];
  let ended = false;
  let wakeReader: (() => void) | null = null;
  let wakeWriters: (() => void)[] = [];
  const wake = (): void => {
    wakeReader?.();
    wakeReader = null;
  };
  const release = (): void => {
    for (const resume of wakeWriters) resume();
    wakeWriters = [];
  };
  return {
    push(value) {
      waiting.push(value);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    drained() {
      if (waiting.length < ENOUGH || ended) return undefined;
      return new Promise((resolve) => wakeWriters.push(resolve));
    },
    async *batches() {
      try {
        for (;;) {
          const batch = waiting;
          waiting = [];
          release();
          if (batch.length > 0) yield batch;
          if (waiting.length > 0) continue;
          if (ended) return;
          await new Promise<void>((resolve) => (wakeReader = resolve));
        }
      } finally {
        // A reader that gave up must not leave the writer waiting.
        ended = true;
        release();
      }
    },
  };
}
