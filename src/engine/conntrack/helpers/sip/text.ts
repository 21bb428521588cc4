import { IpAddress, type IpVersion, parseAddress } from '../../../../address/ip.js';

/** A SIP message as the helper reads it: a byte a letter. */
export interface SipText {
  readonly text: string;
  /** The same in small letters. */
  readonly lower: string;
  /** Where the next of a letter stands. */
  readonly next: { readonly at: NextOf; readonly cr: NextOf; readonly lf: NextOf };
}

/** Finds a letter again and again, from later places each time, in all in one walk through the text. */
export class NextOf {
  private asked = 0;
  private found = -1;

  constructor(
    private readonly text: string,
    private readonly letter: string,
  ) {}

  /** From a place on; the text's length where there is none. */
  from(at: number): number {
    if (at < this.asked || at > this.found) {
      const found = this.text.indexOf(this.letter, at);
      this.found = found < 0 ? this.text.length : found;
      this.asked = at;
    }
    return this.found;
  }
}

/** @param bytes from the start line on */
export function sipText(bytes: Uint8Array): SipText {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return readable(text, text.toLowerCase());
}

/** The same with other text in the place of some. */
export function edited({ text, lower }: SipText, { at, length }: Span, put: string): SipText {
  const to = at + length;
  return readable(
    text.slice(0, at) + put + text.slice(to),
    lower.slice(0, at) + put.toLowerCase() + lower.slice(to),
  );
}

function readable(text: string, lower: string): SipText {
  const of = (letter: string): NextOf => new NextOf(text, letter);
  return { text, lower, next: { at: of('@'), cr: of('\r'), lf: of('\n') } };
}

/** Where something stands, and how long it is. */
export interface Span {
  readonly at: number;
  readonly length: number;
}

export function isBreak(letter: string | undefined): boolean {
  return letter === '\r' || letter === '\n';
}

export function isBlank(letter: string | undefined): boolean {
  return letter === ' ' || letter === '\t';
}

/** Letters of Latin 1 (lib/ctype.c). */
export function isLetter(letter: string | undefined): boolean {
  return letter !== undefined && /^[a-zA-Z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff]/.test(letter);
}

export function isDigit(letter: string | undefined): boolean {
  return letter !== undefined && letter >= '0' && letter <= '9';
}

/** Of a number, zeros before it among them. */
const MOST_DIGITS = 11;

/** How many digits stand at a place. */
export function digitsAt(text: string, at: number): number {
  let to = at;
  while (isDigit(text[to])) to++;
  return to - at;
}

/** How many letters stand at a place. */
export function lettersAt(text: string, at: number): number {
  let to = at;
  while (isLetter(text[to])) to++;
  return to - at;
}

/** Where the line behind the next line end begins; -1: the text ends before. */
export function nextLine(text: string, from: number): number {
  let at = from;
  while (at < text.length && !isBreak(text[at])) at++;
  at++;
  if (at >= text.length) return -1;
  if (text[at - 1] === '\r' && text[at] === '\n') at++;
  return at < text.length ? at : -1;
}

/** A number and where it ends; the text may end behind it. */
export interface NumberAt {
  readonly value: number;
  readonly to: number;
}

/** The decimal number at a place; one of more than 32 bits is none, and ends where it begins (`sip_strtouint()`). */
export function decimalAt(text: string, at: number): NumberAt {
  const length = digitsAt(text, at);
  const value = length > MOST_DIGITS ? Infinity : Number(text.slice(at, at + length));
  return value > 0xffffffff ? { value: 0, to: at } : { value, to: at + length };
}

/** An address and where it ends. */
export interface AddressAt {
  readonly address: IpAddress;
  readonly to: number;
}

/**
 * An address that ends where a letter comes that no address has: `in4_pton()`, `in6_pton()` (net/core/utils.c).
 * @param limit where the text is taken to end
 */
export function addressAt(
  text: string,
  at: number,
  version: IpVersion,
  limit = text.length,
): AddressAt | null {
  return version === 4 ? ipv4At(text, at, limit) : ipv6At(text, at, limit);
}

function ipv4At(text: string, from: number, limit: number): AddressAt | null {
  let word = 0;
  let at = from;
  for (let octets = 0; octets < 4; octets++) {
    if (octets > 0 && (at >= limit || text[at++] !== '.')) return null;
    const begin = at;
    let octet = 0;
    for (; at < limit && isDigit(text[at]); at++) {
      octet = octet * 10 + Number(text[at]);
      if (octet > 255) return null;
    }
    if (at === begin) return null;
    word = (word << 8) | octet;
  }
  // A hexadecimal digit may be part of an address, and a dot would go on with it.
  if (at < limit && /[a-fA-F.]/.test(text[at])) return null;
  return { address: new IpAddress(4, word), to: at };
}

/** The longest text of an IPv6 address, the last 32 bits of which may be written as IPv4 (RFC 4291, section 2.2). */
const LONGEST_IPV6 = 45;

function ipv6At(text: string, from: number, limit: number): AddressAt | null {
  let at = from;
  while (at < limit && at - from <= LONGEST_IPV6 && /[0-9a-fA-F:.]/.test(text[at])) at++;
  const address = parseAddress(text.slice(from, at));
  return address?.version === 6 ? { address, to: at } : null;
}

/** The same where the brackets of IPv6 may be missing, which are then not asked for. */
export function bareHostAt(text: string, at: number, version: IpVersion): AddressAt | null {
  const isOpen = version === 6 && text[at] === '[';
  const found = addressAt(text, isOpen ? at + 1 : at, version);
  if (!found || version === 4 || text[found.to] !== ']') return found;
  return { address: found.address, to: found.to + 1 };
}

/** Of RFC 3261 (section 25.1, `host`): an IPv6 address stands in brackets; `sip_parse_addr()` of a header, with `delim`. */
export function hostAt(text: string, at: number, version: IpVersion): AddressAt | null {
  if (version === 4) return addressAt(text, at, 4);
  if (text[at] !== '[') return null;
  const found = addressAt(text, at + 1, 6);
  return found && text[found.to] === ']' ? { address: found.address, to: found.to + 1 } : null;
}
