import type { IpAddress, IpVersion } from '../../../../address/ip.js';
import { addressAt, digitsAt, isBreak, lettersAt, nextLine, type SipText, type Span } from './text.js';

/** Fields of a session description (RFC 4566, section 5). */
export type SdpField = 'version' | 'owner' | 'connection' | 'media';

const LETTERS: Record<SdpField, string> = { version: 'v=', owner: 'o=', connection: 'c=', media: 'm=' };

/** Behind what letters the address of a field stands in its line, well before its end: `ct_sdp_header_search()`. */
function behind(text: string, from: number, needle: string): number {
  const last = text.length - needle.length;
  for (let at = from; at < last && !isBreak(text[at]); at++)
    if (text.startsWith(needle, at)) return at + needle.length;
  return -1;
}

/**
 * The first field of a kind: of `version` its digits, of `media` its type and port, of others the address
 * (`ct_sip_get_sdp_header()`). null: there is none before the first one of kind `end`.
 * @returns of length 0 where it makes no sense; `at` is where to look on then
 */
export function findField(
  { text, lower }: SipText,
  from: number,
  field: SdpField,
  end: SdpField | null,
  version: IpVersion,
): Span | null {
  for (let line = nextLine(text, from); line >= 0; line = nextLine(text, line + 1)) {
    if (end !== null && lower.startsWith(LETTERS[end], line)) return null;
    if (!lower.startsWith(LETTERS[field], line)) continue;
    const value = line + 2;
    if (field === 'version') return { at: value, length: digitsAt(text, value) };
    if (field === 'media') return { at: value, length: mediaLength(text, value) };
    const at = behind(text, value, version === 4 ? 'IN IP4 ' : 'IN IP6 ');
    const address = at < 0 ? null : addressAt(text, at, version);
    return address ? { at, length: address.to - at } : { at: value, length: 0 };
  }
  return null;
}

/** `audio 49170`: `media_len()`. */
function mediaLength(text: string, at: number): number {
  const letters = lettersAt(text, at);
  return text[at + letters] === ' ' ? letters + 1 + digitsAt(text, at + letters + 1) : 0;
}

/** The address of the connection that media go by, `ct_sip_parse_sdp_addr()`; null: none before the next media. */
export function connectionAddress(
  sip: SipText,
  from: number,
  version: IpVersion,
): (Span & { readonly address: IpAddress }) | null {
  const found = findField(sip, from, 'connection', 'media', version);
  if (!found || found.length === 0) return null;
  const read = addressAt(sip.text, found.at, version, found.at + found.length);
  return read && { ...found, address: read.address };
}
