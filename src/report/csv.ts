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

type Rows<Row> = Iterable<Row> | AsyncIterable<Row>;

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
  const { stringify } = await import('csv-stringify');
  const text = stringify({
    header: true,
    columns: columns.map((c) => c.name),
    record_delimiter: 'windows',
    quote_record_delimiter: true,
    escape_formulas: true,
  });
  await pipeline(Readable.from(cells(columns, rows)), text, to, { end: options.end ?? true });
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

async function* cells<Row>(columns: readonly Column<Row>[], rows: Rows<Row>): AsyncGenerator<Cell[]> {
  for await (const row of rows) {
    yield columns.map((column) => {
      const value = column.of(row);
      return typeof value === 'string' ? escapeControls(value) : value;
    });
  }
}
