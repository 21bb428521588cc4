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
  /** Those that stand in order, and a heap of those that stand behind a later one. */
  private readonly inTurn = new Queue();
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
        const { frame } = reader;
        describe(frame, this.frame);
        if (frame.memory) this.frame.place(frame.memory, frame.at, frame.captured);
        else this.frame.bytes = frame.bytes;
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
    const { late } = this;
    const inTurn = this.inTurn.first;
    if (late.length === 0) return inTurn;
    return inTurn && !isBefore(late[0], inTurn) ? inTurn : late[0];
  }

  /** Whether what is still to come is taken for later than this. */
  private isDue(first: Waiting): boolean {
    const count = this.late.length + this.inTurn.length;
    if (count >= MOST_WAITING.frames || this.shelf.bytes >= MOST_WAITING.bytes) return true;
    return timeOf(first) < this.newest - SPAN;
  }

  private keep(frame: CurrentFrame): void {
    const waiting = this.shelf.keep(frame);
    waiting.number = ++this.place;
    const { inTurn, late } = this;
    this.newest = Math.max(this.newest, timeOf(waiting));
    const { last } = inTurn;
    if (!last || !isBefore(waiting, last)) inTurn.push(waiting);
    else {
      let at = late.length;
      for (let above; at > 0 && isBefore(waiting, late[(above = (at - 1) >> 1)]); at = above)
        late[at] = late[above];
      late[at] = waiting;
    }
  }

  private give(first: Waiting): void {
    if (first === this.late[0]) this.dropLate();
    else this.inTurn.drop();
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

/** Bytes of packets that stand in one piece. */
const PIECE = 1 << 20;

/** Up to this length bytes are copied one by one; more are copied faster as a whole. */
const SHORT = 128;

/** A packet that waits, its bytes in a piece that others stand in too. */
type Waiting = CurrentFrame;

/** First in, first out: a ring, as long as a power of two. */
class Queue {
  length = 0;
  private ring: (Waiting | null)[] = new Array<Waiting | null>(1024).fill(null);
  private head = 0;

  get first(): Waiting | null {
    return this.length === 0 ? null : this.ring[this.head];
  }

  get last(): Waiting | null {
    return this.length === 0 ? null : this.ring[(this.head + this.length - 1) & (this.ring.length - 1)];
  }

  push(waiting: Waiting): void {
    const { ring, head, length } = this;
    if (length === ring.length) {
      const rest = new Array<Waiting | null>(length).fill(null);
      this.ring = [...ring.slice(head), ...ring.slice(0, head), ...rest];
      this.head = 0;
    }
    this.ring[(this.head + length) & (this.ring.length - 1)] = waiting;
    this.length++;
  }

  drop(): void {
    this.ring[this.head] = null;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.length--;
  }
}

/** Where packets wait: what is told of them in objects that are used again, since many of them live long. */
class Shelf {
  bytes = 0;
  private piece = new Uint8Array(0);
  private view = new DataView(this.piece.buffer);
  private end = 0;
  private readonly free: Waiting[] = [];
  /** The memory that packets are read from, and its bytes. */
  private source: DataView | null = null;
  private sourceBytes: Uint8Array = NOTHING;

  keep(frame: CurrentFrame): Waiting {
    const waiting = this.free.pop() ?? new CurrentFrame();
    describe(frame, waiting);
    const length = frame.captured;
    if (this.end + length > this.piece.length) {
      this.piece = new Uint8Array(Math.max(PIECE, length));
      this.view = new DataView(this.piece.buffer);
      this.end = 0;
    }
    if (frame.memory && length <= SHORT) this.copy(frame.memory, frame.at, length);
    else this.piece.set(frame.bytes, this.end);
    waiting.place(this.view, this.end, length);
    this.end += length;
    this.bytes += length;
    return waiting;
  }

  private copy(memory: DataView, at: number, length: number): void {
    if (memory !== this.source) {
      this.source = memory;
      this.sourceBytes = new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength);
    }
    const { piece, sourceBytes, end } = this;
    for (let i = 0; i < length; i++) piece[end + i] = sourceBytes[at + i];
  }

  /** Lets `frame` be what waited. */
  give(waiting: Waiting, frame: CurrentFrame): void {
    const { memory, at, captured } = waiting;
    describe(waiting, frame);
    if (memory) frame.place(memory, at, captured);
    this.bytes -= captured;
    waiting.bytes = NOTHING;
    this.free.push(waiting);
  }
}

const NOTHING = new Uint8Array(0);

/** s since the epoch, exact enough to wait by. */
function timeOf({ seconds, nanoseconds }: CurrentFrame): number {
  return seconds + nanoseconds / 1e9;
}

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
