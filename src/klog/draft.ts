import type { Packet } from '../packet/packet.js';
import { createChunk, keepAscii, KeptText } from '../source/keptText.js';
import { Word, type WordBytes } from './words.js';

/** What the describing functions read of a packet: the bytes kept, and how many there were. */
export type Bytes = Pick<Packet, 'data' | 'length'>;

/** S_SIZE of net/netfilter/nf_log.c less the closing 0 and the two bytes of the level: a longer line is cut. */
export const LONGEST_LINE = 1016;

/** Bytes that no piece but a text is longer than. */
const PIECE = 256;

const SPACE = 0x20;
const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;
const SMALL = Buffer.from('0123456789abcdef');
const CAPITALS = Buffer.from('0123456789ABCDEF');

/**
 * A line while it is being written, as bytes: of a million lines most are only compared. What is behind the kernel's buffer is
 * not kept. Each word is written with the space behind it.
 */
export class Draft {
  /** The kernel left off in the middle: no UID, GID and MARK follow. */
  ended = false;
  /** The last word was written without a space; always `ended`. */
  bare = false;
  /** The capture lacks bytes that the kernel printed; what they would say is left out. */
  cutShort = false;
  /** With room for a piece that begins before the kernel's buffer ends. */
  private readonly chunk = createChunk(LONGEST_LINE + 4 * PIECE);
  private readonly bytes = this.chunk.bytes;
  private at = 0;
  private isAscii = true;

  /** Begins a line; the one before is gone. */
  begin(): void {
    this.at = 0;
    this.ended = this.bare = this.cutShort = false;
    this.isAscii = true;
  }

  /** The line, at most as long as the kernel has room for. */
  toString(): string {
    return this.bytes.toString(this.isAscii ? 'latin1' : 'utf8', 0, this.end);
  }

  /** The same, for a line that may never be read. */
  keep(): KeptText {
    return this.isAscii ? keepAscii(this.chunk, this.end) : KeptText.of(this.toString());
  }

  private get end(): number {
    return Math.min(this.bare ? this.at - 1 : this.at, LONGEST_LINE);
  }

  /** Any text, as it is. */
  text(text: string): void {
    const { bytes, at: from } = this;
    if (from > LONGEST_LINE) return;
    let at = from;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80 || at === bytes.length) {
        this.isAscii = false;
        this.at = from + bytes.write(text, from, 'utf8');
        return;
      }
      bytes[at++] = code;
    }
    this.at = at;
  }

  /** A flag: `DF `. */
  flag(name: WordBytes): void {
    if (this.word(name)) this.bytes[this.at++] = SPACE;
  }

  /** `IN=eth0 `. */
  named(name: WordBytes, value: string): void {
    if (!this.word(name)) return;
    this.text(value);
    if (this.at < this.bytes.length) this.bytes[this.at++] = SPACE;
  }

  /** A number of up to 32 bits without sign: `LEN=40 `. @param name with what stands before the number */
  number(name: WordBytes, value: number): void {
    if (!this.word(name)) return;
    this.decimal(value);
    this.bytes[this.at++] = SPACE;
  }

  /** `TOS=0x10 `, with as many digits as are asked for or needed. */
  hex(name: WordBytes, value: number, digits = 1): void {
    if (!this.word(name)) return;
    let shift = (digits - 1) * 4;
    while (shift < 28 && value >>> (shift + 4) !== 0) shift += 4;
    for (; shift >= 0; shift -= 4) this.bytes[this.at++] = SMALL[(value >>> shift) & 15];
    this.bytes[this.at++] = SPACE;
  }

  /** The same of one byte, in two digits with capital letters. */
  hexByte(name: WordBytes, value: number): void {
    if (!this.word(name)) return;
    this.capitals(value);
    this.bytes[this.at++] = SPACE;
  }

  /** Dotted: `SRC=192.0.2.1 `. @param address a signed word */
  ipv4(name: WordBytes, address: number): void {
    if (!this.word(name)) return;
    this.decimal(address >>> 24);
    this.bytes[this.at++] = DOT;
    this.decimal((address >>> 16) & 0xff);
    this.bytes[this.at++] = DOT;
    this.decimal((address >>> 8) & 0xff);
    this.bytes[this.at++] = DOT;
    this.decimal(address & 0xff);
    this.bytes[this.at++] = SPACE;
  }

  /** All eight groups of four digits, as the kernel's `%pI6` prints them: `SRC=2001:0db8:… `. */
  ipv6(name: WordBytes, a: number, b: number, c: number, d: number): void {
    if (!this.word(name)) return;
    this.groups(a, COLON);
    this.groups(b, COLON);
    this.groups(c, COLON);
    this.groups(d, SPACE);
  }

  /** `MAC=02:00:00:00:00:01 `. */
  mac(name: WordBytes, mac: Uint8Array, from: number, to: number): void {
    if (!this.word(name)) return;
    const { bytes } = this;
    let { at } = this;
    for (let i = from; i < to; i++) {
      const byte = mac[i];
      bytes[at] = SMALL[byte >>> 4];
      bytes[at + 1] = SMALL[byte & 15];
      bytes[at + 2] = COLON;
      at += 3;
    }
    if (from === to) at++;
    bytes[at - 1] = SPACE;
    this.at = at;
  }

  /** Options in one run of digits: `OPT (0204…) `; the caller has made sure that the bytes are there. */
  options(bytes: Uint8Array, from: number, to: number): void {
    if (!this.word(Word.opt)) return;
    for (let i = from; i < to; i++) this.capitals(bytes[i]);
    this.flag(Word.close);
  }

  /** Ends the text as the kernel does where it prints a last word without a space and returns. */
  endBare(word: WordBytes): void {
    this.flag(word);
    this.ended = this.bare = true;
  }

  /** Begins the packet of an ICMP error. */
  open(): void {
    this.text('[');
  }

  /** Ends it: that it was not whole says nothing of the packet around it. */
  close(): void {
    if (this.bare) this.at--;
    this.ended = this.bare = false;
    this.text('] ');
  }

  /** @returns false where the line is so long that what follows does not matter */
  private word(name: WordBytes): boolean {
    const { bytes, at } = this;
    if (at > bytes.length - PIECE) return false;
    for (let i = 0; i < name.length; i++) bytes[at + i] = name[i];
    this.at = at + name.length;
    return true;
  }

  private decimal(value: number): void {
    const { bytes } = this;
    if (value < 10) {
      bytes[this.at++] = ZERO + value;
      return;
    }
    let end = this.at + 2;
    for (let bound = 100; value >= bound; bound *= 10) end++;
    this.at = end;
    let rest = value;
    while (rest >= 10) {
      const tenth = Math.floor(rest / 10);
      bytes[--end] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    bytes[--end] = ZERO + rest;
  }

  private groups(word: number, behind: number): void {
    for (let shift = 28; shift >= 0; shift -= 4) {
      this.bytes[this.at++] = SMALL[(word >>> shift) & 15];
      if (shift === 16) this.bytes[this.at++] = COLON;
    }
    this.bytes[this.at++] = behind;
  }

  private capitals(value: number): void {
    this.bytes[this.at++] = CAPITALS[value >>> 4];
    this.bytes[this.at++] = CAPITALS[value & 15];
  }
}

/** Where `skb_header_pointer()` finds `size` bytes at `at`: `short` is its null, `cut` is the snaplen's doing. */
export function presence(packet: Bytes, at: number, size: number): 'whole' | 'short' | 'cut' {
  if (at + size > packet.length) return 'short';
  return at + size > packet.data.length ? 'cut' : 'whole';
}

/** Whether a header is there to be read; if the packet is too short for it, `INCOMPLETE [n bytes]` was written. */
export function reach(packet: Bytes, at: number, size: number, draft: Draft): boolean {
  const found = presence(packet, at, size);
  if (found === 'short') incomplete(packet, at, draft);
  if (found === 'cut') draft.cutShort = true;
  return found === 'whole';
}

/** `%u` of a difference: wraps where a hostile header length points behind the end. */
export function incomplete({ length }: Bytes, at: number, draft: Draft): void {
  draft.text(`INCOMPLETE [${(length - at) >>> 0} bytes] `);
}
