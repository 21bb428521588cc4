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
    readonly chunk: Chunk,
    readonly at: number,
  ) {}

  /** @param text well-formed; what is not Unicode becomes U+FFFD */
  static of(text: string): KeptText {
    const chunk = createChunk((HEADER << 2) + text.length * UNIT);
    writeText(chunk, 0, text);
    return new KeptText(chunk, 0);
  }

  /** Of the text without the space at its end, 30 bits. */
  get hash(): number {
    return hashAt(this.chunk, this.at);
  }

  /** Bytes, with the space at its end. */
  get size(): number {
    return this.chunk.words[this.at];
  }

  /** Copies it to a chunk that has room for it. @returns where it ends, words */
  copyTo({ words }: Chunk, at: number): number {
    const ours = this.chunk.words;
    const count = HEADER + wordsOf(ours[this.at]);
    for (let i = 0; i < count; i++) words[at + i] = ours[this.at + i];
    return at + count;
  }

  equals(other: KeptText): boolean {
    return areEqual(this.chunk, this.at, other.chunk, other.at);
  }

  toString(): string {
    if (this.told !== null) return this.told;
    const { chunk, at } = this;
    const from = (at + HEADER) << 2;
    const isAscii = (chunk.words[at + 1] & 1) === 1;
    return (this.told = chunk.bytes.toString(isAscii ? 'latin1' : 'utf8', from, from + chunk.words[at]));
  }
}

/** Where an item with a text is kept. */
export interface Place {
  readonly chunk: Chunk;
  /** Where the item begins, and its text's header; words. */
  readonly from: number;
  readonly at: number;
}

/** The text of an item that is kept with others of its kind. */
export abstract class KeptItem extends KeptText implements Place {
  constructor(
    chunk: Chunk,
    readonly from: number,
    at: number,
  ) {
    super(chunk, at);
  }

  /** The same for all items that are kept together. */
  abstract readonly kind: unknown;
  /** The one of its kind that is kept at that place. */
  abstract elsewhere(place: Place): this;
}

/** The hash of the text at a place: `KeptText.hash`. */
export function hashAt({ words }: Chunk, at: number): number {
  return words[at + 2];
}

/** Whether the texts at two places are equal. */
export function areEqual(a: Chunk, at: number, b: Chunk, other: number): boolean {
  if (hashAt(a, at) !== hashAt(b, other)) return false;
  const ours = a.words;
  const theirs = b.words;
  const size = ours[at + 1] >>> 1;
  if (size !== theirs[other + 1] >>> 1) return false;
  const from = at + HEADER;
  const end = from + (size >> 2);
  const further = other - at;
  for (let i = from; i < end; i++) if (ours[i] !== theirs[i + further]) return false;
  // What is behind the last byte may differ.
  const rest = (size & 3) << 3;
  return rest === 0 || (ours[end] ^ theirs[end + further]) << (32 - rest) === 0;
}

/** Bytes of a chunk that many texts share. */
const SHARED = 1 << 16;
let shared: Chunk | null = null;
let sharedAt = 0;

/** Keeps a text that is at hand as ASCII, of few bytes. @param from begins with it, and goes on to the end of its last word */
export function keepAscii(from: Chunk, size: number): KeptText {
  const count = wordsOf(size);
  const needed = HEADER + count;
  if (!shared || sharedAt + needed > shared.words.length) {
    shared = createChunk(Math.max(SHARED, needed << 2));
    sharedAt = 0;
  }
  const at = sharedAt;
  const { words, bytes } = shared;
  sharedAt += needed;
  for (let i = 0; i < count; i++) words[at + HEADER + i] = from.words[i];
  let trimmed = size;
  while (trimmed > 0 && isSpace(bytes[((at + HEADER) << 2) + trimmed - 1])) trimmed--;
  writeHeader(shared, at, size, trimmed, true);
  return new KeptText(shared, at);
}

/** Writes a text and its header; there must be room. @returns where it ends, words */
export function writeText(chunk: Chunk, at: number, text: string): number {
  const { bytes } = chunk;
  const from = at + HEADER;
  const size = bytes.write(text, from << 2, 'utf8');
  const trimmed = trimmedSize(text, bytes, from << 2, size);
  writeHeader(chunk, at, size, trimmed, size === text.length);
  return from + wordsOf(size);
}

function writeHeader(chunk: Chunk, at: number, size: number, trimmed: number, isAscii: boolean): void {
  const { words } = chunk;
  words[at] = size;
  words[at + 1] = (trimmed << 1) | (isAscii ? 1 : 0);
  words[at + 2] = hashOf(chunk, (at + HEADER) << 2, trimmed);
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
