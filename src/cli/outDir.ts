import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Column } from '../report/csv.js';
import { writeCsvFile } from '../report/csv.js';
import { drained, Unusable } from './io.js';
import { createQueue } from './queue.js';

/** A directory that gets a report. A file is there only when it is whole: written beside, then renamed. */
export interface OutDir {
  readonly path: string;
  /** A file that grows by text or by bytes; its end comes with `finish`. */
  stream<Piece extends string | Uint8Array>(name: string): (piece: Piece) => void;
  /** A CSV file that grows by `push`. */
  table<Row>(name: string, columns: readonly Column<Row>[]): (row: Row) => void;
  text(name: string, text: string): Promise<void>;
  /** Until the disk has kept up. */
  drained(): Promise<void>;
  /** Ends and names the files. */
  finish(): Promise<void>;
}

/** Where what was written is, and how to look at it. */
export function whereReport(what: string, { path }: OutDir): string {
  return `${what} is in ${path}; a browser shows ${join(path, 'report.html')}`;
}

export async function openOutDir(path: string): Promise<OutDir> {
  const refuse = (error: unknown): never => {
    throw new Unusable(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
  };
  await mkdir(path, { recursive: true }).catch(refuse);
  const streams: {
    readonly name: string;
    readonly stream: WriteStream;
    readonly flush: () => void;
    failed: unknown;
  }[] = [];
  const queues: { end(): void; drained(): Promise<void> | undefined }[] = [];
  const tables: Promise<void>[] = [];
  let failed: unknown;
  const check = (): void => {
    const error = failed ?? streams.find((s) => s.failed)?.failed;
    if (error) refuse(error);
  };
  return {
    path,
    stream<Piece extends string | Uint8Array>(name: string) {
      const stream = createWriteStream(join(path, `${name}.part`));
      const { add, flush } = gather<Piece>((whole) => void stream.write(whole));
      const entry = { name, stream, flush, failed: undefined as unknown };
      stream.on('error', (error) => (entry.failed = error));
      streams.push(entry);
      return add;
    },
    table<Row>(name: string, columns: readonly Column<Row>[]) {
      const queue = createQueue<Row>();
      queues.push(queue);
      const writing = writeCsvFile(join(path, name), columns, queue);
      tables.push(writing.catch((error: unknown) => void (failed ??= error)));
      return (row: Row) => queue.push(row);
    },
    async text(name, text) {
      const beside = join(path, `${name}.part`);
      await writeFile(beside, text)
        .then(() => rename(beside, join(path, name)))
        .catch(refuse);
    },
    async drained() {
      for (const { stream } of streams) await drained(stream);
      for (const queue of queues) await queue.drained();
      check();
    },
    async finish() {
      for (const queue of queues) queue.end();
      await Promise.all(tables);
      for (const { flush } of streams) flush();
      await Promise.all(
        streams.map(({ stream }) => new Promise<void>((resolve) => stream.close(() => resolve()))),
      );
      if (failed ?? streams.some((s) => s.failed))
        await Promise.all(streams.map(({ name }) => rm(join(path, `${name}.part`), { force: true })));
      check();
      for (const { name } of streams)
        await rename(join(path, `${name}.part`), join(path, name)).catch(refuse);
    },
  };
}

/** Bytes or characters that are handed to a stream together: for a few it takes as long as for many. */
const TOGETHER = 1 << 16;

function gather<Piece extends string | Uint8Array>(
  write: (whole: string | Uint8Array) => void,
): { readonly add: (piece: Piece) => void; readonly flush: () => void } {
  let pieces: Piece[] = [];
  let length = 0;
  const flush = (): void => {
    if (length === 0) return;
    const isText = typeof pieces[0] === 'string';
    write(isText ? pieces.join('') : Buffer.concat(pieces as Uint8Array[], length));
    pieces = [];
    length = 0;
  };
  return {
    flush,
    add(piece) {
      pieces.push(piece);
      length += piece.length;
      if (length >= TOGETHER) flush();
    },
  };
}
