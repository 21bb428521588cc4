import { type IpVersion, IpAddress, parseAddress } from '../../../address/ip.js';
import { Direction } from '../../../rules/connection.js';

/** What a line of an FTP control connection says of the data connection: RFC 959, RFC 2428. */
export interface DataPort {
  readonly kind: 'PORT' | 'EPRT' | '227' | '229';
  /** null: the sender's own (229). */
  readonly address: IpAddress | null;
  readonly port: number;
  /** Where in the payload the address and port stand, which a translation writes anew. */
  readonly from: number;
  readonly to: number;
}

/** It begins as one of them, of which this is the word, and does not end so. */
export interface Partial {
  readonly word: string;
}

type Numbers = Pick<DataPort, 'address' | 'port' | 'from' | 'to'>;

interface Pattern {
  readonly kind: DataPort['kind'];
  readonly word: string;
  /** The character before the numbers; 0: they follow at once. */
  readonly skip: number;
  readNumbers(bytes: Uint8Array, at: number, version: IpVersion): Numbers | null;
}

const SPACE = 0x20;
const PARENTHESIS = 0x28;
const COMMA = 0x2c;
const DOT = 0x2e;
const CR = 0x0d;

const PATTERNS: readonly [readonly Pattern[], readonly Pattern[]] = [
  [
    { kind: 'PORT', word: 'PORT', skip: SPACE, readNumbers: (bytes, at) => readSix(bytes, at, CR) },
    { kind: 'EPRT', word: 'EPRT', skip: SPACE, readNumbers: readExtended },
  ],
  [
    { kind: '227', word: '227 ', skip: 0, readNumbers: readAnywhere },
    { kind: '229', word: '229 ', skip: PARENTHESIS, readNumbers: readPortOnly },
  ],
];

/** The longest text of an IPv6 address, with what ends it. */
const ADDRESS_BYTES = 48;

/**
 * Reads the line that a segment begins with: `find_pattern()` (net/netfilter/nf_conntrack_ftp.c).
 * @param bytes the segment's payload, not empty
 * @returns null: it is about no data connection; a Partial: the kernel drops it
 */
export function readDataPort(
  bytes: Uint8Array,
  direction: Direction,
  version: IpVersion,
): DataPort | Partial | null {
  for (const pattern of PATTERNS[direction]) {
    const { kind, word, skip } = pattern;
    if (!beginsWith(bytes, word)) continue;
    if (bytes.length <= word.length) return { word };
    let at = word.length;
    if (skip !== 0) {
      at = bytes.indexOf(skip, at) + 1;
      if (at === 0) return { word };
    }
    const numbers = pattern.readNumbers(bytes, at, version);
    return numbers ? { kind, ...numbers } : { word };
  }
  return null;
}

/** As far as both go, in whatever case. */
function beginsWith(bytes: Uint8Array, word: string): boolean {
  const length = Math.min(bytes.length, word.length);
  for (let i = 0; i < length; i++) {
    const letter = bytes[i];
    const upper = letter >= 0x61 && letter <= 0x7a ? letter - 0x20 : letter;
    if (upper !== word.charCodeAt(i)) return false;
  }
  return true;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/**
 * `try_number()`: so many numbers, as wide as 32 bits, into `numbers`.
 * @param end what ends them; 0: anything but a digit or separator
 * @returns where they end, -1 where they are not there
 */
function readNumbers(
  bytes: Uint8Array,
  from: number,
  numbers: Uint32Array,
  separator: number,
  end: number,
): number {
  let i = 0;
  for (let at = from; at < bytes.length && i < numbers.length; at++) {
    const byte = bytes[at];
    if (isDigit(byte)) numbers[i] = Math.imul(numbers[i], 10) + byte - 0x30;
    else if (byte === separator) i++;
    // Nothing at all before the end is nothing (`length == 0`).
    else return (byte === end || end === 0) && i === numbers.length - 1 && at > from ? at : -1;
  }
  return -1;
}

function addressOf(n: Uint32Array): IpAddress {
  return new IpAddress(4, (n[0] << 24) | (n[1] << 16) | (n[2] << 8) | n[3]);
}

/** `try_rfc959()`. */
function readSix(bytes: Uint8Array, from: number, end: number): Numbers | null {
  const n = new Uint32Array(6);
  const to = readNumbers(bytes, from, n, COMMA, end);
  return to < 0 ? null : { address: addressOf(n), port: ((n[4] << 8) | n[5]) & 0xffff, from, to };
}

/** `try_rfc1123()`: from the first digit on, with parentheses or without. */
function readAnywhere(bytes: Uint8Array, from: number): Numbers | null {
  let at = from;
  while (at < bytes.length && !isDigit(bytes[at])) at++;
  return at === bytes.length ? null : readSix(bytes, at, 0);
}

function isDelimiter(byte: number): boolean {
  return byte >= 33 && byte <= 126 && !isDigit(byte);
}

/** `get_port()`: 16 bits, which wrap; 0 is none. `to` is behind the delimiter. */
function readPort(bytes: Uint8Array, from: number, delimiter: number): { port: number; to: number } | null {
  let port = 0;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === delimiter) return port === 0 ? null : { port, to: at + 1 };
    if (!isDigit(byte)) return null;
    port = (port * 10 + byte - 0x30) & 0xffff;
  }
  return null;
}

/** `try_eprt()`: |1|192.0.2.1|6275| or |2|2001:db8::1|6275|, with the delimiter of one's choice. */
function readExtended(bytes: Uint8Array, from: number, version: IpVersion): Numbers | null {
  if (bytes.length - from <= 3) return null;
  const delimiter = bytes[from];
  if (!isDelimiter(delimiter) || bytes[from + 2] !== delimiter) return null;
  if (bytes[from + 1] !== (version === 4 ? 0x31 : 0x32)) return null;
  const begin = from + 3;
  let address: IpAddress;
  let end: number;
  if (version === 4) {
    const n = new Uint32Array(4);
    end = readNumbers(bytes, begin, n, DOT, delimiter);
    if (end < 0) return null;
    address = addressOf(n);
  } else {
    end = bytes.subarray(begin, begin + ADDRESS_BYTES).indexOf(delimiter) + begin;
    if (end < begin) return null;
    const parsed = parseAddress(String.fromCharCode(...bytes.subarray(begin, end)));
    if (parsed?.version !== 6) return null;
    address = parsed;
  }
  const rest = readPort(bytes, end + 1, delimiter);
  return rest && { address, from, ...rest };
}

/** `try_epsv_response()`: |||6446|. */
function readPortOnly(bytes: Uint8Array, from: number): Numbers | null {
  if (bytes.length - from <= 3) return null;
  const delimiter = bytes[from];
  if (!isDelimiter(delimiter) || bytes[from + 1] !== delimiter || bytes[from + 2] !== delimiter) return null;
  const rest = readPort(bytes, from + 3, delimiter);
  return rest && { address: null, from, ...rest };
}

/** The address and port as the kernel writes them for the other side of a translation: `nf_nat_ftp_fmt_cmd()`. */
export function writeDataPort(kind: DataPort['kind'], address: IpAddress, port: number): string {
  switch (kind) {
    case 'PORT':
    case '227':
      return `${address.toString().replaceAll('.', ',')},${port >> 8},${port & 255}`;
    case 'EPRT':
      return address.version === 4 ? `|1|${address.toString()}|${port}|` : `|2|${inFull(address)}|${port}|`;
    case '229':
      return `|||${port}|`;
  }
}

function inFull({ a, b, c, d }: IpAddress): string {
  const words = [a, b, c, d].map((word) => (word >>> 0).toString(16).padStart(8, '0'));
  return words.map((word) => `${word.slice(0, 4)}:${word.slice(4)}`).join(':');
}
