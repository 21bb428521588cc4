import { parse } from '../klog/parse.js';
import type { Diagnostics } from '../source/diagnostic.js';
import { createAssembler, type Placed } from './assemble.js';
import type { ObservedEntry } from './entry.js';
import { LONGEST_LINE, splitLines } from './lines.js';
import { mayMatter, readLoss } from './loss.js';
import { openLog } from './open.js';
import type { ClockOptions } from './stamps.js';

/** A log: a file by its path (`-` is standard input), or text from elsewhere. */
export interface LogSource {
  /** The path, or what to call the text in messages. */
  readonly file: string;
  readonly text?: AsyncIterable<string | Uint8Array>;
}

/**
 * Reads a log of any form that dmesg, journalctl and syslog daemons write, recognised line by line, and gives the LOG lines in
 * it and the lines that tell of losses; all others are skipped. One pass, memory bounded by the longest line.
 * What is wrong goes to `diagnostics`: a file that cannot be read is an error and ends the stream, a log without
 * LOG lines is a warning.
 */
export async function* readLog(
  source: LogSource,
  options: ClockOptions,
  diagnostics: Diagnostics,
): AsyncGenerator<ObservedEntry> {
  const { file } = source;
  const assembler = createAssembler(options, diagnostics, file);
  const counted = { lines: 0, records: 0, losses: 0 };
  const boots = createBootCounter();
  let toldCut = false;
  try {
    for await (const line of splitLines(source.text ?? openLog(file))) {
      counted.lines++;
      boots.see(line.text);
      if (line.cut && !toldCut) {
        toldCut = true;
        diagnostics.warning(`a line is longer than ${LONGEST_LINE} characters and was cut`, {
          position: { file, line: line.number, column: 1 },
        });
      }
      for (const placed of assembler.take(line)) yield* entriesOf(placed);
    }
    for (const placed of assembler.end()) yield* entriesOf(placed);
  } catch (error) {
    diagnostics.error(`cannot read the log ${file}: ${reason(error)}`);
    return;
  }
  if (counted.lines === 0) diagnostics.warning(`the log ${file} is empty`);
  else if (counted.records === 0)
    diagnostics.warning(`no LOG line in ${file}: none of its ${counted.lines} lines has IN= and a packet`, {
      advice: 'Was it written by the host while the capture ran, and does it hold the kernel’s messages?',
    });

  function* entriesOf(placed: Placed): Generator<ObservedEntry> {
    const boot = boots.at(placed.bootId);
    for (const entry of entries(placed, file, boot)) {
      if (entry.record) counted.records++;
      else counted.losses++;
      yield entry;
    }
  }
}

/** Where several lines came to stand on one, how many of them are told apart. */
const MOST_ON_ONE_LINE = 50;

function entries({ message, line }: Placed, file: string, boot: number): ObservedEntry[] {
  const record = parse(message.text);
  if (!record) {
    const loss = mayMatter(message.text) ? readLoss(message.text) : undefined;
    return loss ? [{ ...message, record: null, loss, file, line, boot }] : [];
  }
  const first = { ...message, record, file, line, boot };
  if (!record.rest?.includes('IN=')) return [first];
  const found: ObservedEntry[] = [];
  let entry = first;
  for (let n = 1; n < MOST_ON_ONE_LINE; n++) {
    const { rest } = entry.record;
    const next = rest === undefined ? null : parse(rest);
    if (rest === undefined || !next) break;
    const text = entry.text.slice(0, entry.text.length - rest.length);
    found.push({ ...entry, text, record: parse(text) });
    entry = { ...entry, text: rest, record: next };
  }
  return [...found, entry];
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
