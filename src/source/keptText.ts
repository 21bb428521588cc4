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

/**
 * A line's text as UTF-8, read when somebody wants to see it: of millions of lines nearly all are only found to be equal to
 * another one. Equal means but for space at the end, which syslog daemons cut.
 */
export class KeptText {
  private told: string | null = null;

  /**
   * @param at where it begins, bytes; a multiple of 4
   * @param size bytes
   * @param trimmed bytes without the space at the end
   * @param hash of those
   */
  constructor(
    private readonly chunk: Chunk,
    private readonly at: number,
    private readonly size: number,
    private readonly trimmed: number,
    readonly hash: number,
    private readonly isAscii: boolean,
  ) {}

  /** @param text well-formed; what is not Unicode becomes U+FFFD */
  static of(text: string): KeptText {
    const chunk = createChunk(text.length * UNIT);
    const size = chunk.bytes.write(text, 0, 'utf8');
    const trimmed = trimmedSize(text, chunk.bytes, 0, size);
    return new KeptText(chunk, 0, size, trimmed, hashOf(chunk, 0, trimmed), size === text.length);
  }

  equals(other: KeptText): boolean {
    const { trimmed } = this;
    if (this.hash !== other.hash || trimmed !== other.trimmed) return false;
    const ours = this.chunk.words;
    const theirs = other.chunk.words;
    const end = trimmed >> 2;
    const a = this.at >> 2;
    const b = other.at >> 2;
    for (let i = 0; i < end; i++) if (ours[a + i] !== theirs[b + i]) return false;
    for (let i = end << 2; i < trimmed; i++)
      if (this.chunk.bytes[this.at + i] !== other.chunk.bytes[other.at + i]) return false;
    return true;
  }

  toString(): string {
    const { at, size, isAscii } = this;
    return (this.told ??= this.chunk.bytes.toString(isAscii ? 'latin1' : 'utf8', at, at + size));
  }
}

/** Bytes of a text that was written as UTF-8, without the space at its end. */
export function trimmedSize(text: string, bytes: Uint8Array, at: number, size: number): number {
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
export function hashOf({ bytes, words }: Chunk, at: number, length: number): number {
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
