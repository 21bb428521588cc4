import { parse } from '../klog/parse.js';
import type { LogRecord } from '../klog/record.js';
import { type Chunk, KeptItem, type Place } from '../source/keptText.js';
import { type Kept, numberAt, Tape, TapeReader, type TapeWriter } from '../source/tape.js';
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

/** Words of an entry before its times, host, level and text. */
const At = { flags: 0, line: 1, boot: 3, end: 4 } as const;

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
  const { chunk, at } = from;
  skipToText(from);
  const text = from.at;
  from.skipText();
  return new HeldEntry(chunk, at, text, file);
}

const STAMP = 4;

function skipToHost(from: TapeReader): number {
  const flags = from.int();
  from.at += At.end - 1 + (flags & KERNEL ? STAMP : 0) + (flags & WALL ? STAMP : 0);
  return flags;
}

function skipToText(from: TapeReader): void {
  const flags = skipToHost(from);
  if (flags & HOST) from.skipString();
  if (flags & LEVEL) from.at++;
}

/** A place on the tape. */
class HeldEntry extends KeptItem implements ObservedEntry {
  constructor(
    chunk: Chunk,
    from: number,
    text: number,
    readonly file: string,
  ) {
    super(chunk, from, text);
  }

  get kind(): unknown {
    return this.file;
  }

  elsewhere({ chunk, from, at }: Place): this {
    return new HeldEntry(chunk, from, at, this.file) as this;
  }

  get time(): ObservedTime {
    const { flags } = this;
    const from = this.reader(At.end);
    const kernel = flags & KERNEL ? { ns: from.number(), resolution: from.number() } : undefined;
    if (!(flags & WALL)) return kernel ? { kernel } : {};
    const wall: WallTime = {
      ns: from.big(),
      resolution: from.number(),
      ...(flags & ZONE && { zoneAssumed: true as const }),
      ...(flags & YEAR && { yearAssumed: true as const }),
    };
    return kernel ? { kernel, wall } : { wall };
  }

  get line(): number {
    return numberAt(this.chunk, this.from + At.line);
  }

  get boot(): number {
    return this.chunk.words[this.from + At.boot];
  }

  get by(): 'ulogd' | undefined {
    return this.flags & EMULATED ? 'ulogd' : undefined;
  }

  get host(): string | undefined {
    const from = this.reader();
    return skipToHost(from) & HOST ? from.string() : undefined;
  }

  get level(): number | undefined {
    const from = this.reader();
    const flags = skipToHost(from);
    if (flags & HOST) from.skipString();
    return flags & LEVEL ? from.int() : undefined;
  }

  get text(): string {
    return this.toString();
  }

  get kept(): this {
    return this;
  }

  get record(): LogRecord | null {
    return parse(this.text);
  }

  private get flags(): number {
    return this.chunk.words[this.from + At.flags];
  }

  private reader(behind = 0): TapeReader {
    return new TapeReader({ chunk: this.chunk, length: Infinity }, this.from + behind);
  }
}
