import type { Readable, Writable } from 'node:stream';

/** A stream that may be a terminal. */
export type Output = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** What a command reads and writes: the process's own, or a test's. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** 2: bad usage or input that cannot be used. The message is a sentence for the user; '' where it was said already. */
export class Unusable extends Error {
  constructor(
    message: string,
    readonly advice: string | readonly string[] = '',
  ) {
    super(message);
  }
}

/** The exit statuses of the command line (docs/cli.md). */
export const Status = { done: 0, different: 1, unusable: 2, defect: 3 } as const;

/** Writes, and waits where the reader is slower than we are. */
export function write(stream: Writable, text: string | Uint8Array): Promise<void> | undefined {
  return stream.write(text) ? undefined : drained(stream);
}

/** Until the stream has room again; at once where it has. A stream that breaks is told by its own error. */
export function drained(stream: Writable): Promise<void> | undefined {
  if (!stream.writableNeedDrain || stream.destroyed) return undefined;
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done).off('error', done);
      resolve();
    };
    stream.on('drain', done).on('close', done).on('error', done);
  });
}
