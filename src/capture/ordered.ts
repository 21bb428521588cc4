import { type Complaints, CurrentFrame, type FrameReader } from './reader.js';

/** How much later than its turn a packet may stand, s: dumpcap takes what an interface has every 0.25 s. */
const SPAN = 1;
/** Packets, and their bytes, that wait for earlier ones. */
const MOST_WAITING = { frames: 1 << 18, bytes: 64 << 20 } as const;

/** A reader that knows whether packets of several interfaces may be in its file. */
export interface SeveralReader extends FrameReader {
  readonly hasSeveral: boolean;
}

/**
 * The packets of a file by time, those of one time as they stand. Who captures several interfaces at once (dumpcap, a
 * thread for each) writes what each has in turn, so that only those of one interface are in order. Where there is one
 * interface they go through as they stand.
 */
export class OrderedReader implements FrameReader {
  readonly frame = new CurrentFrame();
  private readonly shelf = new Shelf();
  /** Those that stand in order, from `head` on, and a heap of those that stand behind a later one. */
  private readonly inTurn: Waiting[] = [];
  private head = 0;
  private readonly late: Waiting[] = [];
  private newest = -Infinity;
  private isAtEnd = false;
  private place = 0;
  /** The furthest place that was given, and how many from before it were given later. */
  private furthest = 0;
  private moved = 0;

  constructor(
    private readonly reader: SeveralReader,
    private readonly complaints: Complaints,
  ) {}

  get interfaces(): readonly string[] {
    return this.reader.interfaces ?? [];
  }

  next(): boolean {
    const { reader } = this;
    for (;;) {
      const first = this.first();
      if (first && (this.isAtEnd || this.isDue(first))) {
        this.give(first);
        return true;
      }
      if (this.isAtEnd || !reader.next()) return false;
      if (!first && !reader.hasSeveral) {
        describe(reader.frame, this.frame);
        this.frame.bytes = reader.frame.bytes;
        return true;
      }
      this.keep(reader.frame);
    }
  }

  async fill(): Promise<boolean> {
    if (!this.isAtEnd && (await this.reader.fill())) return true;
    this.isAtEnd = true;
    if (this.first()) return true;
    if (this.moved > 0)
      this.complaints.warning(
        `${this.moved} packets stand before earlier ones: all are numbered by time, as reordercap puts them`,
      );
    return false;
  }

  close(): Promise<void> {
    return this.reader.close();
  }

  private first(): Waiting | null {
    const { late, inTurn, head } = this;
    if (head === inTurn.length) return late.length > 0 ? late[0] : null;
    return late.length > 0 && isBefore(late[0], inTurn[head]) ? late[0] : inTurn[head];
  }

  /** Whether what is still to come is taken for later than this. */
  private isDue(first: Waiting): boolean {
    const count = this.late.length + this.inTurn.length - this.head;
    if (count >= MOST_WAITING.frames || this.shelf.bytes >= MOST_WAITING.bytes) return true;
    return first.seconds + first.nanoseconds / 1e9 < this.newest - SPAN;
  }

  private keep(frame: CurrentFrame): void {
    const waiting = this.shelf.keep(frame);
    waiting.number = ++this.place;
    const { inTurn, late } = this;
    this.newest = Math.max(this.newest, waiting.seconds + waiting.nanoseconds / 1e9);
    if (this.head === inTurn.length || !isBefore(waiting, inTurn[inTurn.length - 1])) inTurn.push(waiting);
    else {
      let at = late.length;
      for (let above; at > 0 && isBefore(waiting, late[(above = (at - 1) >> 1)]); at = above)
        late[at] = late[above];
      late[at] = waiting;
    }
  }

  private give(first: Waiting): void {
    const { inTurn } = this;
    if (first === this.late[0]) this.dropLate();
    else if (++this.head >= SLACK && this.head * 2 >= inTurn.length) {
      inTurn.copyWithin(0, this.head);
      inTurn.length -= this.head;
      this.head = 0;
    }
    if (first.number < this.furthest) this.moved++;
    else this.furthest = first.number;
    this.shelf.give(first, this.frame);
  }

  private dropLate(): void {
    const { late } = this;
    const last = late.pop()!;
    const { length } = late;
    if (length === 0) return;
    let at = 0;
    for (let below; (below = 2 * at + 1) < length; at = below) {
      if (below + 1 < length && isBefore(late[below + 1], late[below])) below++;
      if (!isBefore(late[below], last)) break;
      late[at] = late[below];
    }
    late[at] = last;
  }
}

/** Places of packets that were given, which stay in the row at least. */
const SLACK = 1024;
/** Bytes of packets that stand in one piece. */
const PIECE = 1 << 20;

/** A packet that waits, its bytes in a piece that others stand in too. */
class Waiting extends CurrentFrame {
  from = 0;
  length = 0;
}

/** Where packets wait: what is told of them in objects that are used again, since many of them live long. */
class Shelf {
  bytes = 0;
  private piece = new Uint8Array(0);
  private end = 0;
  private readonly free: Waiting[] = [];

  keep(frame: CurrentFrame): Waiting {
    const waiting = this.free.pop() ?? new Waiting();
    describe(frame, waiting);
    const { length } = frame.bytes;
    if (this.end + length > this.piece.length) {
      this.piece = new Uint8Array(Math.max(PIECE, length));
      this.end = 0;
    }
    this.piece.set(frame.bytes, this.end);
    waiting.bytes = this.piece;
    waiting.from = this.end;
    waiting.length = length;
    this.end += length;
    this.bytes += length;
    return waiting;
  }

  /** Lets `frame` be what waited. */
  give(waiting: Waiting, frame: CurrentFrame): void {
    describe(waiting, frame);
    frame.bytes = waiting.bytes.subarray(waiting.from, waiting.from + waiting.length);
    this.bytes -= waiting.length;
    waiting.bytes = NOTHING;
    this.free.push(waiting);
  }
}

const NOTHING = new Uint8Array(0);

function isBefore(a: CurrentFrame, b: CurrentFrame): boolean {
  if (a.seconds !== b.seconds) return a.seconds < b.seconds;
  return a.nanoseconds !== b.nanoseconds ? a.nanoseconds < b.nanoseconds : a.number < b.number;
}

/** What a reader says of a frame, but for its bytes. */
function describe(from: CurrentFrame, to: CurrentFrame): void {
  to.linkType = from.linkType;
  to.originalLength = from.originalLength;
  to.interface = from.interface;
  to.direction = from.direction;
  to.comment = from.comment;
  to.seconds = from.seconds;
  to.nanoseconds = from.nanoseconds;
}
