import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Chunk, createChunk, HEADER, KeptText, UNIT, wordsOf, writeText } from './keptText.js';

/** Items that were kept, to be gone through in their order any number of times. */
export interface Kept<T> extends Iterable<T> {
  readonly length: number;
}

/** How an item is written, and read again; both in the same order. */
export interface Codec<T> {
  write(item: T, to: TapeWriter): void;
  read(from: TapeReader): T;
}

/** Bytes that are written to the file at once. */
const CHUNK = 1 << 20;
/** Bytes of what is begun with. */
const FIRST = 1 << 14;
/** Chunks that are kept in memory; what comes behind them is written to the file. */
const MOST_AT_HAND = 4;

/** So many words of `chunk` are written. */
interface Written {
  readonly chunk: Chunk;
  readonly length: number;
}

/**
 * Keeps any number of items in little memory: the first few megabytes, the others on a file that has no name and is gone
 * when the program ends. An item that cannot be written (a full disk) makes `push` throw.
 */
export class Tape<T> implements Kept<T> {
  private readonly codec: Codec<T>;
  private readonly writer = new TapeWriter();
  private readonly atHand: Written[] = [];
  /** Those that are on the file, behind those at hand; bytes. */
  private readonly away: { readonly at: number; readonly length: number }[] = [];
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
    this.count++;
    this.codec.write(item, this.writer);
    if (this.writer.length << 2 >= CHUNK) this.flush();
  }

  /** What is pushed while this goes on may come or not. */
  [Symbol.iterator](): Iterator<T> {
    let next = 0;
    let reader: TapeReader | null = null;
    return {
      next: (): IteratorResult<T, undefined> => {
        while (!reader || reader.isAtEnd) {
          if (next > this.atHand.length + this.away.length) return { done: true, value: undefined };
          reader = this.read(next++);
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

  private read(number: number): TapeReader {
    if (number < this.atHand.length) return new TapeReader(this.atHand[number]);
    const place = number - this.atHand.length;
    if (place < this.away.length) return new TapeReader(this.back(this.away[place]));
    // What is still written to will hold other items later.
    const { chunk, length } = this.writer;
    const copy = createChunk(length << 2);
    copy.words.set(chunk.words.subarray(0, length));
    return new TapeReader({ chunk: copy, length });
  }

  private back({ at, length }: { readonly at: number; readonly length: number }): Written {
    const chunk = createChunk(length);
    for (let done = 0; done < length;) {
      const count = readSync(this.file!, chunk.bytes, done, length - done, at + done);
      if (count === 0) throw new Error('the file of kept lines was cut off');
      done += count;
    }
    return { chunk, length: length >> 2 };
  }

  private flush(): void {
    const { writer } = this;
    if (this.atHand.length < MOST_AT_HAND) {
      this.atHand.push({ chunk: writer.chunk, length: writer.length });
      writer.begin(createChunk(CHUNK + FIRST));
      return;
    }
    this.file ??= anonymousFile();
    const length = writer.length << 2;
    for (let done = 0; done < length;)
      done += writeSync(this.file, writer.chunk.bytes, done, length - done, this.written + done);
    this.away.push({ at: this.written, length });
    this.written += length;
    writer.begin(writer.chunk);
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

/** A number of 64 bits as two of 32, in the machine's order. */
const double = new Float64Array(1);
const big = new BigInt64Array(double.buffer);
const halves = new Int32Array(double.buffer);

export class TapeWriter {
  chunk = createChunk(FIRST);
  /** Words. */
  length = 0;

  begin(chunk: Chunk): void {
    this.chunk = chunk;
    this.length = 0;
  }

  /** A signed integer of 32 bits. */
  int(value: number): void {
    this.room(1);
    this.chunk.words[this.length++] = value;
  }

  number(value: number): void {
    double[0] = value;
    this.halves();
  }

  /** A signed integer of 64 bits. */
  big(value: bigint): void {
    big[0] = value;
    this.halves();
  }

  /** Well-formed text; what is not Unicode becomes U+FFFD. */
  string(value: string): void {
    this.room(1 + wordsOf(value.length * UNIT));
    const size = this.chunk.bytes.write(value, (this.length + 1) << 2, 'utf8');
    this.chunk.words[this.length] = size;
    this.length += 1 + wordsOf(size);
  }

  /** A text that is only compared before it is read, if ever. */
  text(value: string | KeptText): void {
    if (typeof value !== 'string') {
      this.room(HEADER + wordsOf(value.size));
      this.length = value.copyTo(this.chunk, this.length);
      return;
    }
    this.room(HEADER + wordsOf(value.length * UNIT));
    this.length = writeText(this.chunk, this.length, value);
  }

  private halves(): void {
    this.room(2);
    const { words } = this.chunk;
    words[this.length] = halves[0];
    words[this.length + 1] = halves[1];
    this.length += 2;
  }

  private room(words: number): void {
    const needed = this.length + words;
    if (needed <= this.chunk.words.length) return;
    const larger = createChunk(Math.max(needed << 2, Math.min(2 * this.chunk.bytes.length, CHUNK + FIRST)));
    larger.words.set(this.chunk.words.subarray(0, this.length));
    this.chunk = larger;
  }
}

/** The number that stands at that word. */
export function numberAt({ words }: Chunk, at: number): number {
  halves[0] = words[at];
  halves[1] = words[at + 1];
  return double[0];
}

/** Reads items, or notes where they are, to be read when they are asked for. */
export class TapeReader {
  readonly chunk: Chunk;
  private readonly length: number;
  /** The word that is read next. */
  at: number;

  constructor({ chunk, length }: Written, at = 0) {
    this.chunk = chunk;
    this.length = length;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at >= this.length;
  }

  int(): number {
    return this.chunk.words[this.at++];
  }

  number(): number {
    this.at += 2;
    return numberAt(this.chunk, this.at - 2);
  }

  big(): bigint {
    this.number();
    return big[0];
  }

  string(): string {
    const from = (this.at + 1) << 2;
    const size = this.chunk.words[this.at];
    this.skipString();
    return this.chunk.bytes.toString('utf8', from, from + size);
  }

  text(): KeptText {
    const { at } = this;
    this.skipText();
    return new KeptText(this.chunk, at);
  }

  skipString(): void {
    this.at += 1 + wordsOf(this.chunk.words[this.at]);
  }

  skipText(): void {
    this.at += HEADER + wordsOf(this.chunk.words[this.at]);
  }
}
