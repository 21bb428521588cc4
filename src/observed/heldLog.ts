import { parse } from '../klog/parse.js';
import type { LogRecord } from '../klog/record.js';
import type { KeptText } from '../source/keptText.js';
import { type Kept, Tape, type TapeReader, type TapeWriter } from '../source/tape.js';
import type { ObservedEntry, ObservedTime, WallTime } from './entry.js';

/** The lines of one file. */
export interface HeldFile {
  readonly file: string;
  readonly lines: Kept<ObservedEntry>;
  /** Those that ulogd put in words. */
  readonly emulated: number;
  /** Of a capture of NFLOG messages: the groups that they were sent to; null for text. */
  readonly groups: ReadonlySet<number> | null;
}

/** What was read of a host's logs, to be gone through any number of times. */
export interface HeldLog {
  /** In the order in which they were given. */
  readonly files: readonly HeldFile[];
  /** What says that lines were lost, in the order of the files. */
  readonly losses: readonly ObservedEntry[];
  /** Steps of packet traces, which are only counted. */
  readonly steps: number;
  /** Some line has a wall-clock time. */
  readonly hasWall: boolean;
}

/** Lines about losses that are kept at most. */
const MOST_LOSSES = 100_000;

/** Gathers the entries of logs as they are read. */
export class LogHolder implements HeldLog {
  readonly files: (HeldFile & { readonly lines: Tape<ObservedEntry> })[] = [];
  readonly losses: ObservedEntry[] = [];
  steps = 0;
  hasWall = false;

  /**
   * @param isCaptured the file is a capture of NFLOG messages
   * @returns takes the entries of the file
   */
  begin(file: string, isCaptured = false): (entry: ObservedEntry) => void {
    const lines = new Tape<ObservedEntry>({ write: writeEntry, read: (from) => readEntry(from, file) });
    const groups = isCaptured ? new Set<number>() : null;
    const held = { file, lines, emulated: 0, groups };
    this.files.push(held);
    return (entry) => {
      if (entry.time.wall) this.hasWall = true;
      if (entry.trace) this.steps++;
      else if (entry.loss) {
        if (this.losses.length < MOST_LOSSES) this.losses.push(entry);
      } else {
        if (entry.by) held.emulated++;
        if (entry.group !== undefined) groups?.add(entry.group);
        lines.push(entry);
      }
    };
  }
}

const KERNEL = 1;
const WALL = 2;
const ZONE = 4;
const YEAR = 8;
const EMULATED = 16;
const HOST = 32;
const LEVEL = 64;

function writeEntry({ time, text, line, boot, by, host, level }: ObservedEntry, to: TapeWriter): void {
  const { kernel, wall } = time;
  to.int(
    (kernel ? KERNEL : 0) |
      (wall ? WALL : 0) |
      (wall?.zoneAssumed ? ZONE : 0) |
      (wall?.yearAssumed ? YEAR : 0) |
      (by ? EMULATED : 0) |
      (host !== undefined ? HOST : 0) |
      (level !== undefined ? LEVEL : 0),
  );
  to.number(line);
  to.int(boot);
  if (kernel) {
    to.number(kernel.ns);
    to.number(kernel.resolution);
  }
  if (wall) {
    to.big(wall.ns);
    to.number(wall.resolution);
  }
  if (host !== undefined) to.string(host);
  if (level !== undefined) to.int(level);
  to.text(text);
}

function readEntry(from: TapeReader, file: string): ObservedEntry {
  const flags = from.int();
  const line = from.number();
  const boot = from.int();
  const kernel = flags & KERNEL ? { ns: from.number(), resolution: from.number() } : undefined;
  const wall = flags & WALL ? readWall(from, flags) : undefined;
  const host = flags & HOST ? from.string() : undefined;
  const level = flags & LEVEL ? from.int() : undefined;
  return new HeldEntry(
    kernel && !wall ? { kernel } : { ...(kernel && { kernel }), ...(wall && { wall }) },
    from.text(),
    file,
    line,
    boot,
    flags & EMULATED ? 'ulogd' : undefined,
    host,
    level,
  );
}

function readWall(from: TapeReader, flags: number): WallTime {
  return {
    ns: from.big(),
    resolution: from.number(),
    ...(flags & ZONE && { zoneAssumed: true as const }),
    ...(flags & YEAR && { yearAssumed: true as const }),
  };
}

class HeldEntry implements ObservedEntry {
  constructor(
    readonly time: ObservedTime,
    readonly kept: KeptText,
    readonly file: string,
    readonly line: number,
    readonly boot: number,
    readonly by: 'ulogd' | undefined,
    readonly host: string | undefined,
    readonly level: number | undefined,
  ) {}

  get text(): string {
    return this.kept.toString();
  }

  get record(): LogRecord | null {
    return parse(this.text);
  }
}
