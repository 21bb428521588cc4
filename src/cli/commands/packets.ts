import { PACKET_COLUMNS, packetRow, type PacketRow } from '../../capture/list.js';
import { readHost } from '../../host/snapshot.js';
import type { Column } from '../../report/csv.js';
import { padEnd, padStart } from '../../source/columns.js';
import { Diagnostics } from '../../source/diagnostic.js';
import { escapeControls } from '../../source/text.js';
import { readCaptures } from '../inputs.js';
import { Status, Unusable } from '../io.js';
import type { PacketsOptions } from '../options.js';
import { printRows } from '../output.js';
import type { Terminal } from '../terminal.js';

/** Widths of the text columns; what is wider pushes the rest along. */
const WIDTHS: Record<keyof PacketRow, number> = {
  frame: 6,
  time: 30,
  interface: 9,
  direction: 9,
  family: 6,
  src: 15,
  dst: 15,
  protocol: 8,
  sport: 5,
  dport: 5,
  length: 6,
  captured: 8,
  problem: 0,
};
const RIGHT: ReadonlySet<string> = new Set(['frame', 'protocol', 'sport', 'dport', 'length', 'captured']);

/** `nfreplay packets`: lists what was decoded, frame by frame. */
export async function packets(
  paths: readonly string[],
  options: PacketsOptions,
  terminal: Terminal,
): Promise<number> {
  const nameOf = interfaceNames(options.host, terminal);
  const { source, tell } = await readCaptures(paths, options, terminal);
  async function* rows(): AsyncGenerator<PacketRow> {
    for await (const batch of source.batches())
      for (const frame of batch) yield packetRow(frame, source.epoch, nameOf);
  }
  const columns: Column<PacketRow>[] = PACKET_COLUMNS.map((name) => ({ name, of: (row) => row[name] }));
  const line = (cell: (name: keyof PacketRow) => string): string =>
    `${PACKET_COLUMNS.map((name) => {
      const text = cell(name);
      return RIGHT.has(name) ? padStart(text, WIDTHS[name]) : padEnd(text, WIDTHS[name]);
    })
      .join(' ')
      .trimEnd()}\n`;
  const text = {
    head: line((name) => name),
    line: (row: PacketRow) => line((name) => escapeControls(String(row[name] ?? ''))),
  };
  await printRows(rows(), columns, text, options, terminal);
  return tell() ? Status.unusable : Status.done;
}

/** What an interface index stands for, where a snapshot tells. */
function interfaceNames(dir: string | undefined, terminal: Terminal): (index: number) => string | undefined {
  if (dir === undefined) return () => undefined;
  const diagnostics = new Diagnostics();
  const host = readHost(dir, diagnostics);
  terminal.tell(diagnostics);
  if (diagnostics.hasErrors) throw new Unusable('');
  return (index) => host.deviceByIndex(index)?.name;
}
