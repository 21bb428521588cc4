/** Bytes and the same as words; the words begin where the bytes do. */
export interface Chunk {
  readonly bytes: Buffer;
  readonly words: Int32Array;
}

export function createChunk(size: number): Chunk {
  const bytes = Buffer.allocUnsafeSlow((size + 3) & ~3);
  return { bytes, words: new Int32Array(bytes.buffer, 0, bytes.length >> 2) };
}

/** UTF-8 has three bytes for a UTF-16 unit, or fewer. */
export const UNIT = 3;

const SPACE = 0x20;
const TAB = 0x09;
const RETURN = 0x0d;

/** Words before a text: its size in bytes, that without the space at its end with a bit for ASCII, the hash of the latter. */
export const HEADER = 3;

/**
 * A line's text as UTF-8, read when somebody wants to see it: of millions of lines nearly all are only found to be equal to
 * another one. Equal means but for space at the end, which syslog daemons cut.
 */
export class KeptText {
  private told: string | null = null;

  /** @param at where its header begins, words */
  constructor(
    protected readonly chunk: Chunk,
    private readonly at: number,
  ) {}

  /** @param text well-formed; what is not Unicode becomes U+FFFD */
  static of(text: string): KeptText {
    const chunk = createChunk((HEADER << 2) + text.length * UNIT);
    writeText(chunk, 0, text);
    return new KeptText(chunk, 0);
  }

  /** Of the text without the space at its end, 30 bits. */
  get hash(): number {
    return this.chunk.words[this.at + 2];
  }

  equals(other: KeptText): boolean {
    const ours = this.chunk.words;
    const theirs = other.chunk.words;
    if (ours[this.at + 2] !== theirs[other.at + 2]) return false;
    const size = ours[this.at + 1] >>> 1;
    if (size !== theirs[other.at + 1] >>> 1) return false;
    const from = this.at + HEADER;
    const end = from + (size >> 2);
    const further = other.at - this.at;
    for (let i = from; i < end; i++) if (ours[i] !== theirs[i + further]) return false;
    // What is behind the last byte may differ.
    const rest = (size & 3) << 3;
    return rest === 0 || (ours[end] ^ theirs[end + further]) << (32 - rest) === 0;
  }

  toString(): string {
    if (this.told !== null) return this.told;
    const { chunk, at } = this;
    const from = (at + HEADER) << 2;
    const isAscii = (chunk.words[at + 1] & 1) === 1;
    return (this.told = chunk.bytes.toString(isAscii ? 'latin1' : 'utf8', from, from + chunk.words[at]));
  }
}

/** Writes a text and its header; there must be room. @returns where it ends, words */
export function writeText(chunk: Chunk, at: number, text: string): number {
  const { bytes, words } = chunk;
  const from = at + HEADER;
  const size = bytes.write(text, from << 2, 'utf8');
  const trimmed = trimmedSize(text, bytes, from << 2, size);
  words[at] = size;
  words[at + 1] = (trimmed << 1) | (size === text.length ? 1 : 0);
  words[at + 2] = hashOf(chunk, from << 2, trimmed);
  return from + wordsOf(size);
}

export function wordsOf(bytes: number): number {
  return (bytes + 3) >> 2;
}

/** Bytes of a text that was written as UTF-8, without the space at its end. */
function trimmedSize(text: string, bytes: Uint8Array, at: number, size: number): number {
  if (size !== text.length) return Buffer.byteLength(text.trimEnd());
  let end = at + size;
  while (end > at && isSpace(bytes[end - 1])) end--;
  return end - at;
}

/** What `trimEnd()` takes away, of ASCII. */
function isSpace(code: number): boolean {
  return code === SPACE || (code >= TAB && code <= RETURN);
}

/**
 * FNV-1a over four bytes at a time, 30 bits (a small integer for V8).
 * @param at a multiple of 4
 */
function hashOf({ bytes, words }: Chunk, at: number, length: number): number {
  let h = 0x811c9dc5;
  const from = at >> 2;
  const end = from + (length >> 2);
  for (let i = from; i < end; i++) {
    h = Math.imul(h ^ words[i], 0x01000193);
    // What stands high is mixed in below, or the multiplication would lose it.
    h ^= h >>> 15;
  }
  for (let i = end << 2; i < at + length; i++) h = Math.imul(h ^ bytes[i], 0x01000193);
  h ^= h >>> 16;
  return Math.imul(h, 0x85ebca6b) >>> 2;
}
