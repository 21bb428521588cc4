import { headEnd, parse } from '../klog/parse.js';
import type { LogRecord } from '../klog/record.js';
import type { Diagnostics } from '../source/diagnostic.js';
import { createAssembler, type Placed } from './assemble.js';
import type { Loss, ObservedEntry, ObservedTime } from './entry.js';
import type { Message } from './line.js';
import { lineBatches, LONGEST_LINE } from './lines.js';
import { mayMatter, readLoss } from './loss.js';
import { openLog } from './open.js';
import type { ClockOptions } from './stamps.js';
import type { TraceStep } from './trace.js';

/** A log: a file by its path (`-` is standard input), or text from elsewhere. */
export interface LogSource {
  /** The path, or what to call the text in messages. */
  readonly file: string;
  readonly text?: AsyncIterable<string | Uint8Array>;
}

/**
 * Reads a log of any form that dmesg, journalctl, syslog daemons, ulogd and tracing programs write, recognised line by line, and gives
 * the LOG lines in it, steps of traces and the lines that tell of losses; all others are skipped. One pass, memory bounded by the longest line.
 * What is wrong goes to `diagnostics`: a file that cannot be read is an error and ends the stream, a log without
 * LOG lines is a warning.
 */
export async function* readLog(
  source: LogSource,
  options: ClockOptions,
  diagnostics: Diagnostics,
): AsyncGenerator<ObservedEntry> {
  for await (const batch of readLogBatches(source, options, diagnostics)) yield* batch;
}

/** The same entries, as many at a time as were read. */
export async function* readLogBatches(
  source: LogSource,
  options: ClockOptions,
  diagnostics: Diagnostics,
): AsyncGenerator<readonly ObservedEntry[]> {
  const { file } = source;
  const assembler = createAssembler(options, diagnostics, file);
  const counted = { lines: 0, records: 0, losses: 0 };
  const boots = createBootCounter();
  let toldCut = false;
  try {
    for await (const lines of lineBatches(source.text ?? openLog(file))) {
      const found: ObservedEntry[] = [];
      for (const line of lines) {
        counted.lines++;
        boots.see(line.text);
        if (line.cut && !toldCut) {
          toldCut = true;
          diagnostics.warning(`a line is longer than ${LONGEST_LINE} characters and was cut`, {
            position: { file, line: line.number, column: 1 },
          });
        }
        for (const placed of assembler.take(line)) addEntries(placed, found);
      }
      if (found.length > 0) yield found;
    }
    const last: ObservedEntry[] = [];
    for (const placed of assembler.end()) addEntries(placed, last);
    if (last.length > 0) yield last;
  } catch (error) {
    diagnostics.error(`cannot read the log ${file}: ${reason(error)}`);
    return;
  }
  if (counted.lines === 0) diagnostics.warning(`the log ${file} is empty`);
  else if (counted.records === 0)
    diagnostics.warning(`no LOG line in ${file}: none of its ${counted.lines} lines has IN= and a packet`, {
      advice: 'Was it written by the host while the capture ran, and does it hold the kernel’s messages?',
    });

  function addEntries(placed: Placed, to: ObservedEntry[]): void {
    const boot = boots.at(placed.bootId);
    for (const entry of entries(placed, file, boot)) {
      if (entry.loss) counted.losses++;
      else counted.records++;
      to.push(entry);
    }
  }
}

/** Where several lines came to stand on one, how many of them are told apart. */
const MOST_ON_ONE_LINE = 50;

function entries({ message, line }: Placed, file: string, boot: number): ObservedEntry[] {
  const entry = (text: string, loss?: Loss): ObservedEntry =>
    new Entry(message, text, loss, file, line, boot);
  if (message.trace) return [entry(message.text)];
  const end = headEnd(message.text);
  if (end < 0) {
    const loss = mayMatter(message.text) ? readLoss(message.text) : undefined;
    return loss ? [entry(message.text, loss)] : [];
  }
  const found: ObservedEntry[] = [];
  let { text } = message;
  if (text.includes('IN=', end))
    for (let n = 1; n < MOST_ON_ONE_LINE; n++) {
      const rest = parse(text)?.rest;
      if (rest === undefined || headEnd(rest) < 0) break;
      found.push(entry(text.slice(0, text.length - rest.length)));
      text = rest;
    }
  found.push(entry(text));
  return found;
}

/** Its record is read when it is asked for: most lines are compared by their text alone, and there are many. */
class Entry implements ObservedEntry {
  readonly time: ObservedTime;
  readonly level: number | undefined;
  readonly host: string | undefined;
  readonly trace: TraceStep | undefined;
  readonly by: 'ulogd' | undefined;

  constructor(
    message: Message,
    readonly text: string,
    readonly loss: Loss | undefined,
    readonly file: string,
    readonly line: number,
    readonly boot: number,
  ) {
    this.time = message.time;
    this.level = message.level;
    this.host = message.host;
    this.trace = message.trace;
    this.by = message.by;
  }

  get record(): LogRecord | null {
    return this.loss || this.trace ? null : parse(this.text);
  }
}

/** Counts beginnings of boots: the kernel's first line, journalctl's separators, a new _BOOT_ID. */
function createBootCounter() {
  let boot = 0;
  let id: string | undefined;
  let linesSeen = 0;
  return {
    see(line: string): void {
      const separator = line.startsWith('-- Boot ') || line.startsWith('-- Reboot --');
      if (linesSeen++ > 0 && (separator || line.includes(' Linux version '))) boot++;
    },
    at(bootId: string | undefined): number {
      if (bootId !== undefined && id !== undefined && bootId !== id) boot++;
      id = bootId ?? id;
      return boot;
    },
  };
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = new Map([
    ['ENOENT', 'there is no such file'],
    ['EACCES', 'permission denied'],
    ['EISDIR', 'it is a directory'],
    ['EPIPE', 'the kernel overwrote lines before they were read'],
  ]);
  return known.get(code) ?? (error instanceof Error ? error.message : String(error));
}
