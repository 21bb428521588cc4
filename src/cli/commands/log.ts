import { readLog } from '../../observed/readLog.js';
import type { ObservedEntry } from '../../observed/entry.js';
import type { TraceStep } from '../../observed/trace.js';
import type { LogRecord, PacketLog } from '../../klog/record.js';
import type { Column } from '../../report/csv.js';
import { isoTime } from '../../report/time.js';
import { Diagnostics } from '../../source/diagnostic.js';
import { escapeControls } from '../../source/text.js';
import { logSource } from '../inputs.js';
import { Status } from '../io.js';
import type { LogCommandOptions } from '../options.js';
import { printRows } from '../output.js';
import type { Terminal } from '../terminal.js';

/** A LOG line of the host, field by field. The words of the line have its own names, in lower case. */
interface LogEntryRow {
  readonly file: string;
  readonly line: number;
  /** Boots of the host that were seen to begin before it. */
  readonly boot: number;
  /** Seconds since the host's boot; null where the log does not tell. */
  readonly kernel: number | null;
  /** ISO 8601, UTC. */
  readonly time: string | null;
  readonly level: number | null;
  readonly host: string | null;
  readonly prefix: string | null;
  readonly in: string | null;
  readonly out: string | null;
  readonly physin: string | null;
  readonly physout: string | null;
  readonly mac: string | null;
  readonly packet: PacketWords | null;
  readonly mark: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
  /** Lines that this one says were lost; 0 where it does not tell how many. */
  readonly lost: number | null;
  /** A step that a tracing program reports; null for all other lines. */
  readonly trace: TraceStep | null;
  readonly text: string;
}

/**
 * The packet's own words, in order: SRC, DST, LEN…; a flag has the value true, and a word that comes again (the ID of an
 * echo, after that of IP) has `_2` behind it. `inner` is the packet inside an ICMP error.
 */
interface PacketWords {
  readonly [word: string]: string | true | PacketWords;
}

/** Words of the packet that get a column. */
const WORDS = ['SRC', 'DST', 'LEN', 'TTL', 'HOPLIMIT', 'ID', 'PROTO', 'SPT', 'DPT', 'TYPE', 'CODE'] as const;

/** `nfreplay log`: reads the kernel's LOG lines, and steps of packet traces, out of any log of the host. */
export async function log(
  files: readonly string[],
  options: LogCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const diagnostics = new Diagnostics();
  async function* rows(): AsyncGenerator<LogEntryRow> {
    for (const file of files)
      for await (const entry of readLog(logSource(file, terminal), {}, diagnostics)) yield rowOf(entry);
  }
  const text = { head: '', line: textOf };
  await printRows(rows(), columns(), text, options, terminal);
  terminal.tell(diagnostics);
  return diagnostics.hasErrors ? Status.unusable : Status.done;
}

function rowOf(entry: ObservedEntry): LogEntryRow {
  const { record, loss, time } = entry;
  return {
    file: entry.file,
    line: entry.line,
    boot: entry.boot,
    kernel: time.kernel ? time.kernel.ns / 1e9 : null,
    time: time.wall ? isoTime(time.wall.ns, 0) : null,
    level: entry.level ?? null,
    host: entry.host ?? null,
    prefix: record?.prefix ?? null,
    in: record?.in ?? null,
    out: record?.out ?? null,
    physin: record?.physIn ?? null,
    physout: record?.physOut ?? null,
    mac: record?.mac ? macText(record.mac) : null,
    packet: record?.packet ? packetWords(record.packet) : null,
    mark: record?.mark ?? null,
    uid: record?.uid ?? null,
    gid: record?.gid ?? null,
    lost: loss ? (loss.count ?? 0) : null,
    trace: entry.trace ?? null,
    text: entry.text,
  };
}

function packetWords({ tokens, inner }: PacketLog): PacketWords {
  const words = new Map<string, string | true | PacketWords>();
  for (const [name, value] of tokens) {
    if (name === '[') continue;
    words.set(words.has(name) ? `${name}_2` : name, value ?? true);
  }
  if (inner) words.set('inner', packetWords(inner));
  return Object.fromEntries(words);
}

function macText(mac: NonNullable<LogRecord['mac']>): string {
  return mac.kind === 'raw' ? mac.text : `${mac.destination}:${mac.source}`;
}

function columns(): Column<LogEntryRow>[] {
  const own = [
    'file',
    'line',
    'boot',
    'kernel',
    'time',
    'level',
    'host',
    'prefix',
    'in',
    'out',
    'physin',
    'physout',
    'mac',
  ] as const;
  const last = ['mark', 'uid', 'gid', 'lost'] as const;
  const steps = ['id', 'family', 'table', 'chain', 'kind', 'verdict', 'rule'] as const;
  return [
    ...own.map((name) => ({ name, of: (row: LogEntryRow) => row[name] })),
    ...WORDS.map((word) => ({
      name: word.toLowerCase(),
      of: ({ packet }: LogEntryRow) => cellOf(packet, word),
    })),
    ...last.map((name) => ({ name, of: (row: LogEntryRow) => row[name] })),
    ...steps.map((name) => ({
      name: `trace_${name}`,
      of: ({ trace }: LogEntryRow) => trace && trace[name],
    })),
    { name: 'text', of: ({ text }: LogEntryRow) => text },
  ];
}

function cellOf(packet: PacketWords | null, word: string): string | null {
  const value = packet && Object.hasOwn(packet, word) ? packet[word] : null;
  return typeof value === 'string' ? value : null;
}

/** As dmesg prints it, or with the wall-clock time where only that is known. */
function textOf({ kernel, time, text }: LogEntryRow): string {
  const stamp = kernel !== null ? `[${kernel.toFixed(6).padStart(12)}] ` : time !== null ? `${time} ` : '';
  return `${stamp}${escapeControls(text)}\n`;
}
