import { IpAddress } from '../../../address/ip.js';

/** What a client offers to another one: DCC, inside of a PRIVMSG (RFC 2812 section 3.3.1) as CTCP has it. */
export interface DccOffer {
  readonly port: number;
  /** Where in the payload the address and port stand, which a translation writes anew. */
  readonly from: number;
  readonly to: number;
}

const MESSAGE = bytesOf('PRIVMSG ');
const TEXT = bytesOf(' :');
const DCC = bytesOf('\x01DCC ');
const KINDS = ['SEND ', 'CHAT ', 'MOVE ', 'TSEND ', 'SCHAT '].map(bytesOf);

const SPACE = 0x20;
const CR = 0x0d;
const NEWLINE = 0x0a;

/** `MAX_SEARCH_SIZE`: bytes of a segment that are read. */
const READ = 4095;
/** `PRIVMSG x `. */
const SHORTEST_MESSAGE = 10;
/** ` :`, DCC, the shortest kind, and what is asked for behind it. */
const SHORTEST_TEXT = 26;
/** `AAAAAAAA P\1\n`: an address, a port and the end. */
const SHORTEST_ADDRESS = 12;

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/**
 * Reads the message that a segment begins with: `help()` and `parse_dcc()` (net/netfilter/nf_conntrack_irc.c).
 * @param isOwn whether the client may offer this address
 * @returns null: it offers nothing that could be expected
 */
export function readDcc(segment: Uint8Array, isOwn: (address: IpAddress) => boolean): DccOffer | null {
  const bytes = segment.subarray(0, READ);
  const end = bytes.length;
  let at = 0;
  while (at < end - SHORTEST_MESSAGE && [SPACE, CR, NEWLINE].includes(bytes[at])) at++;
  if (at < end - SHORTEST_MESSAGE) {
    if (!isThere(bytes, at, MESSAGE, true)) return null;
    at += MESSAGE.length;
  }
  while (at < end - SHORTEST_TEXT) {
    if (!isThere(bytes, at, TEXT)) {
      at++;
      continue;
    }
    at += TEXT.length;
    // Only at the beginning of the text, not anywhere in it.
    if (!isThere(bytes, at, DCC)) return null;
    at += DCC.length;
    for (const kind of KINDS) {
      if (!isThere(bytes, at, kind)) continue;
      at += kind.length;
      const read = readAddress(bytes, at);
      if (!read) continue;
      if (read.offer.port !== 0 && isOwn(read.address)) return read.offer;
    }
  }
  return null;
}

/** @param isFree capital letters or small ones */
function isThere(bytes: Uint8Array, at: number, wanted: Uint8Array, isFree = false): boolean {
  for (let i = 0; i < wanted.length; i++) {
    const byte = bytes[at + i];
    const isSmall = isFree && byte >= 0x61 && byte <= 0x7a;
    if ((isSmall ? byte - 0x20 : byte) !== wanted[i]) return false;
  }
  return true;
}

/** Behind one word: an address as a number, and a port. */
function readAddress(bytes: Uint8Array, start: number): { address: IpAddress; offer: DccOffer } | null {
  const end = bytes.length;
  let from = start;
  while (bytes[from++] !== SPACE) if (from > end - SHORTEST_ADDRESS) return null;
  if (!bytes.includes(NEWLINE, from)) return null;
  const address = readNumber(bytes, from);
  let at = address.to;
  while (bytes[at] === SPACE) at++;
  const port = readNumber(bytes, at);
  const offer = { port: port.value & 0xffff, from, to: port.to };
  return { address: new IpAddress(4, address.value | 0), offer };
}

/** `simple_strtoul()`, of which 32 bits are kept. */
function readNumber(bytes: Uint8Array, from: number): { value: number; to: number } {
  let value = 0;
  let to = from;
  for (; bytes[to] >= 0x30 && bytes[to] <= 0x39; to++) value = (Math.imul(value, 10) + bytes[to] - 0x30) | 0;
  return { value, to };
}
