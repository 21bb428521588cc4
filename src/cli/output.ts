import { type Column, writeCsv, writeCsvFile } from '../report/csv.js';
import { jsonPieces, printJson } from '../report/json.js';
import { Unusable } from './io.js';
import type { HostOptions, ReportOptions } from './options.js';
import type { Terminal } from './terminal.js';

/** One result in each of the forms that it can be asked for in. */
export interface Report<Row> {
  readonly columns: readonly Column<Row>[];
  rows(): Iterable<Row>;
  /** As `jsonPieces` takes it. */
  json(): object;
  ndjson(): Iterable<string>;
  text(): string;
}

/** Prints a report in the form asked for; --csv FILE is written beside it, and --csv - takes its place. */
export async function printReport<Row>(
  report: Report<Row>,
  options: ReportOptions,
  terminal: Terminal,
): Promise<void> {
  const { csv, format } = options;
  if (csv !== undefined && csv !== '-')
    await writeCsvFile(csv, report.columns, report.rows()).catch((error: Error) => {
      throw new Unusable(`cannot write ${csv}: ${error.message}`);
    });
  switch (csv === '-' ? 'csv' : format) {
    case 'csv':
      return writeCsv(terminal.io.stdout, report.columns, report.rows(), { end: false });
    case 'json':
      for (const piece of jsonPieces(report.json())) await terminal.print(piece);
      return;
    case 'ndjson':
      for (const line of report.ndjson()) await terminal.print(line);
      return;
    case 'text':
      return terminal.print(report.text());
  }
}

/** Prints rows as they come, for what has no end: a table of text, CSV, JSON or a JSON object a line. */
export async function printRows<Row extends object>(
  rows: AsyncIterable<Row>,
  columns: readonly Column<Row>[],
  textOf: { readonly head: string; readonly line: (row: Row) => string },
  options: ReportOptions,
  terminal: Terminal,
): Promise<void> {
  const { csv, format } = options;
  if (csv !== undefined && csv !== '-')
    return writeCsvFile(csv, columns, rows).catch((error: Error) => {
      throw new Unusable(`cannot write ${csv}: ${error.message}`);
    });
  switch (csv === '-' ? 'csv' : format) {
    case 'csv':
      return writeCsv(terminal.io.stdout, columns, rows, { end: false });
    case 'ndjson':
      for await (const row of rows) await terminal.print(`${printJson(row)}\n`);
      return;
    case 'json': {
      let before = '[\n';
      for await (const row of rows) {
        await terminal.print(before + printJson(row));
        before = ',\n';
      }
      return terminal.print(before === '[\n' ? '[]\n' : '\n]\n');
    }
    case 'text':
      await terminal.print(textOf.head);
      for await (const row of rows) await terminal.print(textOf.line(row));
  }
}

/** What the report rests on, in the words of the command line. */
export function aboutInputs(
  paths: readonly string[],
  { host, rules = [], log = [] }: HostOptions & { readonly log?: readonly string[] },
): string[] {
  return [
    `capture: ${paths.join(', ')}`,
    ...(host === undefined ? [] : [`host: ${host}`]),
    ...(rules.length === 0 ? [] : [`rules: ${rules.join(', ')}`]),
    ...(log.length === 0 ? [] : [`log: ${log.join(', ')}`]),
  ];
}
