import type { IpAddress, IpVersion } from '../../../../address/ip.js';
import {
  bareHostAt,
  decimalAt,
  digitsAt,
  hostAt,
  isBlank,
  isBreak,
  isLetter,
  lettersAt,
  nextLine,
  type SipText,
  type Span,
} from './text.js';

/** The port of RFC 3261, section 19.1.2. */
const SIP_PORT = 5060;
/** Below it nobody is believed. */
const LEAST_PORT = 1024;
const MOST_PORT_DIGITS = 5;

/** How to find a header and what of its value matters: `struct sip_header`. */
interface Header {
  /** In small letters. */
  readonly name: string;
  /** The short form of RFC 3261, section 7.3.3. */
  readonly short?: string;
  /** What stands before that in the value, in small letters. */
  readonly before?: string;
  readonly kind: 'number' | 'uri' | 'host';
}

export const CSEQ: Header = { name: 'cseq', kind: 'number' };
export const EXPIRES: Header = { name: 'expires', kind: 'number' };
export const CONTENT_LENGTH: Header = { name: 'content-length', short: 'l', kind: 'number' };
export const CONTACT: Header = { name: 'contact', short: 'm', before: 'sip:', kind: 'uri' };
export const FROM: Header = { name: 'from', short: 'f', before: 'sip:', kind: 'uri' };
export const TO: Header = { name: 'to', short: 't', before: 'sip:', kind: 'uri' };
export const VIA_UDP: Header = { name: 'via', short: 'v', before: 'udp ', kind: 'host' };
export const VIA_TCP: Header = { name: 'via', short: 'v', before: 'tcp ', kind: 'host' };

/** An address with the port that is there or meant, and where it stands. */
export interface Uri extends Span {
  readonly address: IpAddress;
  readonly port: number;
}

/** Found, or not to be made sense of (`length` 0): then `at` is where to look on. */
type Found = Span;

/** A line end inside of a value, before a continuation line; where that goes on, -1 if there is none (`sip_follow_continuation()`). */
function followed(text: string, at: number, limit: number): number {
  let to = at + 1;
  if (to >= limit) return -1;
  if (text[to - 1] === '\r' && text[to] === '\n' && ++to >= limit) return -1;
  if (!isBlank(text[to])) return -1;
  while (to < limit && isBlank(text[to])) to++;
  return to;
}

/** `sip_skip_whitespace()`. */
function skipBlanks(text: string, from: number): number {
  let at = from;
  while (isBlank(text[at])) at++;
  return isBreak(text[at]) ? followed(text, at, text.length) : at;
}

/**
 * Where some letters stand in a value and its continuation lines, well before a limit; -1: nowhere
 * (`ct_sip_header_search()`).
 * @param needle in small letters
 */
export function searchValue({ text, lower }: SipText, from: number, limit: number, needle: string): number {
  const last = limit - needle.length;
  for (let at = from; at < last; at++) {
    if (isBreak(text[at])) {
      at = followed(text, at, last);
      if (at < 0) return -1;
    } else if (lower.startsWith(needle, at)) return at;
  }
  return -1;
}

/** An address with the port that is there or meant; null: none, or at the text's very end (`epaddr_len()`, `sip_parse_port()`). */
function endAt(text: string, at: number, version: IpVersion): Uri | null {
  const host = hostAt(text, at, version);
  if (!host || host.to >= text.length) return null;
  const { address, to } = host;
  if (text[to] !== ':') return { at, length: to - at, address, port: SIP_PORT };
  const digits = digitsAt(text, to + 1);
  const end = to + 1 + digits;
  if (digits === 0 || digits > MOST_PORT_DIGITS || end >= text.length) return null;
  const port = Number(text.slice(to + 1, end));
  return port < LEAST_PORT || port > 0xffff ? null : { at, length: end - at, address, port };
}

/** Behind the user of a URI, where it has one: `skp_epaddr_len()`. */
export function endOfUri({ text, next }: SipText, at: number, version: IpVersion): Uri | null {
  const user = next.at.from(at);
  const begin = user < Math.min(next.cr.from(at), next.lf.from(at)) ? user + 1 : at;
  return endAt(text, begin, version);
}

function valueAt(sip: SipText, at: number, { kind }: Header, version: IpVersion): Span | null {
  if (kind === 'uri') return endOfUri(sip, at, version);
  if (kind === 'host') return endAt(sip.text, at, version);
  const length = digitsAt(sip.text, at);
  return length === 0 ? null : { at, length };
}

/** The first header of a kind, `ct_sip_get_header()`; it is looked for in the body, too. null: there is none. */
export function findHeader(sip: SipText, from: number, header: Header, version: IpVersion): Found | null {
  const { text, lower } = sip;
  const { name, short, before } = header;
  for (let line = nextLine(text, from); line >= 0; line = nextLine(text, line + 1)) {
    if (isBlank(text[line])) continue;
    let at: number;
    if (lower.startsWith(name, line)) at = line + name.length;
    else if (
      short !== undefined &&
      lower.startsWith(short, line) &&
      line + 1 < text.length &&
      !isLetter(text[line + 1])
    )
      at = line + 1;
    else continue;
    at = skipBlanks(text, at);
    if (at < 0 || text[at] !== ':' || at + 1 >= text.length) return null;
    const value = skipBlanks(text, at + 1);
    if (value < 0) return null;
    at = value;
    if (before !== undefined) {
      at = searchValue(sip, value, text.length, before);
      if (at < 0) return { at: value, length: 0 };
      at += before.length;
    }
    return valueAt(sip, at, header, version) ?? { at: value, length: 0 };
  }
  return null;
}

/** The next of the values of one header, which commas part: `ct_sip_next_header()`. */
function nextValue(sip: SipText, from: number, header: Header, version: IpVersion): Found | null {
  const { text } = sip;
  const comma = searchValue(sip, from, text.length, ',');
  if (comma < 0) return null;
  const { before = '' } = header;
  const at = searchValue(sip, comma, text.length, before);
  if (at < 0) return null;
  const value = at + before.length;
  return valueAt(sip, value, header, version) ?? { at: value, length: 0 };
}

/** How far the headers of a kind have been gone through: where to look on, and whether that is within one of them. */
export interface Walk {
  from: number;
  within: boolean;
}

/** The next address in headers of a kind, null where there is none: `ct_sip_parse_header_uri()`, `ct_sip_walk_headers()`. */
export function nextUri(sip: SipText, walk: Walk, header: Header, version: IpVersion): Uri | null {
  for (;;) {
    const { from, within } = walk;
    const found = within ? nextValue(sip, from, header, version) : findHeader(sip, from, header, version);
    if (found) {
      walk.from = found.at + found.length;
      const uri = found.length > 0 ? endAt(sip.text, found.at, version) : null;
      if (!uri) continue;
      walk.within = true;
      return uri;
    }
    if (!within) return null;
    walk.within = false;
  }
}

/** The first of them; null: there is none. */
export function firstUri(sip: SipText, header: Header, version: IpVersion): Uri | null {
  return nextUri(sip, { from: 0, within: false }, header, version);
}

/** Of a request whom it is for, where that is an address: `ct_sip_parse_request()`. */
export function requestUri(sip: SipText, version: IpVersion): Uri | null {
  const { text, lower, next } = sip;
  const from = lettersAt(text, 0) + 1;
  const at = lower.indexOf('sip:', from);
  if (from === 1 || at < 0 || at + 4 >= text.length || Math.min(next.cr.from(from), next.lf.from(from)) < at)
    return null;
  return endOfUri(sip, at + 4, version);
}

/** The value of a number in a header; null: there is none. */
export function numberOf(sip: SipText, header: Header): number | null {
  const found = findHeader(sip, 0, header, 4);
  return found && found.length > 0 ? decimalAt(sip.text, found.at).value : null;
}

/** Where the values of the header that a place is in end: `ct_sip_parse_param()`. */
function valueEnd(sip: SipText, from: number): number {
  const comma = searchValue(sip, from, sip.text.length, ',');
  return comma < 0 ? sip.text.length : comma;
}

/** Where the value of a parameter (`expires=`) begins; -1: it is not there. */
export function parameterAt(sip: SipText, from: number, name: string): number {
  const at = searchValue(sip, from, valueEnd(sip, from), name);
  return at < 0 ? -1 : at + name.length;
}

/** An address that is the value of a parameter, `ct_sip_parse_address_param()`. */
export function addressParameter(
  sip: SipText,
  from: number,
  name: string,
  version: IpVersion,
  isBracketed: boolean,
): (Span & { readonly address: IpAddress }) | null {
  const at = parameterAt(sip, from, name);
  const found = at < 0 ? null : (isBracketed ? hostAt : bareHostAt)(sip.text, at, version);
  return found && { at, length: found.to - at, address: found.address };
}
