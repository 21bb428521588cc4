import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { escapeControls } from '../source/text.js';

export type Cell = string | number | null;

/** A column: its name in the header, and what it says of a row. */
export interface Column<Row> {
  readonly name: string;
  readonly of: (row: Row) => Cell;
}

/** Rows that come many at a time. */
interface Batches<Row> {
  batches(): AsyncIterable<readonly Row[]>;
}

type Rows<Row> = Iterable<Row> | AsyncIterable<Row> | Batches<Row>;

/**
 * Rows as CSV: RFC 4180 (CRLF, quotes only where needed), UTF-8, one header. Text cells that a spreadsheet would run as a formula
 * get a `'` before them, and control characters are shown as escapes, so that a row is always one line.
 */
export async function writeCsv<Row>(
  to: Writable,
  columns: readonly Column<Row>[],
  rows: Rows<Row>,
  options: { readonly end?: boolean } = {},
): Promise<void> {
  const { stringify } = await import('csv-stringify/sync');
  const text = (records: Cell[][]): string =>
    stringify(records, { record_delimiter: 'windows', quote_record_delimiter: true, escape_formulas: true });
  async function* pieces(): AsyncGenerator<string> {
    yield text([columns.map((c) => c.name)]);
    for await (const batch of batchesOf(rows)) yield text(batch.map((row) => cells(columns, row)));
  }
  await pipeline(Readable.from(pieces()), to, { end: options.end ?? true });
}

/** The same into a file, which is there only when it is whole: written beside, then renamed. */
export async function writeCsvFile<Row>(
  path: string,
  columns: readonly Column<Row>[],
  rows: Rows<Row>,
): Promise<void> {
  const beside = `${path}.part`;
  try {
    await writeCsv(createWriteStream(beside), columns, rows);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

function cells<Row>(columns: readonly Column<Row>[], row: Row): Cell[] {
  return columns.map((column) => {
    const value = column.of(row);
    return typeof value === 'string' ? escapeControls(value) : value;
  });
}

/** Rows that are made into text at once; each alone would take several times as long. */
const BATCH = 500;

/** What is there comes many at a time, what is waited for as it comes. */
async function* batchesOf<Row>(rows: Rows<Row>): AsyncGenerator<readonly Row[]> {
  if ('batches' in rows) {
    yield* rows.batches();
    return;
  }
  if (Symbol.asyncIterator in rows) {
    for await (const row of rows) yield [row];
    return;
  }
  let batch: Row[] = [];
  for (const row of rows) {
    batch.push(row);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
