import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Items that were kept, to be gone through in their order any number of times. */
export interface Kept<T> extends Iterable<T> {
  readonly length: number;
}

/** How an item is written, and read again; both in the same order. */
export interface Codec<T> {
  write(item: T, to: TapeWriter): void;
  read(from: TapeReader): T;
}

/** Items that are kept as they are; what comes after them is written down. */
const MOST_AT_HAND = 8192;
/** Bytes that are written to the file at once. */
const CHUNK = 1 << 20;

/**
 * Keeps any number of items in little memory: the first few as they are, the others on a file that has no name and is gone
 * when the program ends. An item that cannot be written (a full disk) makes `push` throw.
 */
export class Tape<T> implements Kept<T> {
  private readonly codec: Codec<T>;
  private readonly atHand: T[] = [];
  private readonly writer = new TapeWriter();
  private readonly chunks: { readonly at: number; readonly length: number }[] = [];
  private file: number | null = null;
  private written = 0;
  private count = 0;

  constructor(codec: Codec<T>) {
    this.codec = codec;
  }

  get length(): number {
    return this.count;
  }

  push(item: T): void {
    if (this.count++ < MOST_AT_HAND) {
      this.atHand.push(item);
      return;
    }
    this.codec.write(item, this.writer);
    if (this.writer.length >= CHUNK) this.flush();
  }

  /** What is pushed while this goes on may come or not. */
  [Symbol.iterator](): Iterator<T> {
    let next = 0;
    let chunk = 0;
    let reader: TapeReader | null = null;
    return {
      next: (): IteratorResult<T, undefined> => {
        if (next < this.atHand.length) return { done: false, value: this.atHand[next++] };
        while (!reader || reader.at >= reader.length) {
          if (chunk > this.chunks.length) return { done: true, value: undefined };
          reader = this.chunk(chunk++);
        }
        return { done: false, value: this.codec.read(reader) };
      },
    };
  }

  /** Gives the file back early. */
  close(): void {
    if (this.file !== null) closeSync(this.file);
    this.file = null;
  }

  /** One that was written to the file; behind them, what still waits for it. */
  private chunk(number: number): TapeReader {
    if (number === this.chunks.length) return new TapeReader(this.writer.bytes, this.writer.length);
    const { at, length } = this.chunks[number];
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; done < length;) {
      const count = readSync(this.file!, bytes, done, length - done, at + done);
      if (count === 0) throw new Error('the file of kept lines was cut off');
      done += count;
    }
    return new TapeReader(bytes, length);
  }

  private flush(): void {
    this.file ??= anonymousFile();
    const { bytes, length } = this.writer;
    for (let done = 0; done < length;)
      done += writeSync(this.file, bytes, done, length - done, this.written + done);
    this.chunks.push({ at: this.written, length });
    this.written += length;
    this.writer.length = 0;
  }
}

/** A file without a name: its bytes are given back with its descriptor. */
function anonymousFile(): number {
  const directory = mkdtempSync(join(tmpdir(), 'nfreplay-'));
  try {
    return openSync(join(directory, 'lines'), 'wx+', 0o600);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Bytes of a number, and most of a UTF-16 unit in UTF-8. */
const NUMBER = 8;
const UNIT = 3;

export class TapeWriter {
  bytes = Buffer.allocUnsafe(CHUNK + (CHUNK >> 2));
  length = 0;

  byte(value: number): void {
    this.room(1);
    this.bytes[this.length++] = value;
  }

  number(value: number): void {
    this.room(NUMBER);
    this.length = this.bytes.writeDoubleLE(value, this.length);
  }

  /** A signed integer of 64 bits. */
  big(value: bigint): void {
    this.room(NUMBER);
    this.length = this.bytes.writeBigInt64LE(value, this.length);
  }

  /** Well-formed text; what is not Unicode becomes U+FFFD. */
  text(value: string): void {
    this.room(NUMBER + value.length * UNIT);
    const at = this.length + 5;
    const count = this.bytes.write(value, at, 'utf8');
    this.bytes.writeUInt32LE(count, this.length);
    // As many bytes as units: all of it is ASCII.
    this.bytes[at - 1] = count === value.length ? 1 : 0;
    this.length = at + count;
  }

  private room(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.length + size, 2 * this.bytes.length));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

export class TapeReader {
  at = 0;

  constructor(
    private readonly bytes: Buffer,
    readonly length: number,
  ) {}

  byte(): number {
    return this.bytes[this.at++];
  }

  number(): number {
    this.at += NUMBER;
    return this.bytes.readDoubleLE(this.at - NUMBER);
  }

  big(): bigint {
    this.at += NUMBER;
    return this.bytes.readBigInt64LE(this.at - NUMBER);
  }

  text(): string {
    const count = this.bytes.readUInt32LE(this.at);
    const from = this.at + 5;
    this.at = from + count;
    return this.bytes.toString(this.bytes[from - 1] === 1 ? 'latin1' : 'utf8', from, this.at);
  }
}
