import type { IpAddress } from '../../../../address/ip.js';
import { Protocol } from '../../../../packet/numbers.js';
import { opposite, type Tuple } from '../../../../rules/connection.js';
import {
  addressParameter,
  CONTACT,
  CONTENT_LENGTH,
  findHeader,
  firstUri,
  FROM,
  nextUri,
  parameterAt,
  requestUri,
  TO,
  type Uri,
  VIA_TCP,
  VIA_UDP,
} from './headers.js';
import { type Message, put } from './message.js';
import { findField, type SdpField } from './sdp.js';
import { decimalAt, type Span } from './text.js';

/*
 * What a message says of the ends of its connection, as each side knows them: net/netfilter/nf_nat_sip.c. All of it is false where
 * the packet would become too long, or lacks what must be there.
 */

const LEAST_PORT = 1024;

/** The connection as the sender sees it, and as the receiver does. */
function ends({ passage, entry }: Message): { readonly own: Tuple; readonly other: Tuple } {
  return { own: entry.tuple(passage.direction), other: entry.tuple(opposite(passage.direction)) };
}

function hostText(address: IpAddress): string {
  return address.version === 4 ? address.toString() : `[${address.toString()}]`;
}

/** `sip_sprintf_addr_port()`. */
export function endText(address: IpAddress, port: number): string {
  return `${hostText(address)}:${port}`;
}

/** `map_addr()`. */
function mapEnd(message: Message, uri: Uri | null): boolean {
  if (!uri) return true;
  const { own, other } = ends(message);
  const { address, port } = uri;
  let to: { readonly address: IpAddress; readonly port: number };
  if (address.equals(own.source) && port === own.sourcePort)
    to = { address: other.destination, port: other.destinationPort };
  else if (address.equals(own.destination) && port === own.destinationPort)
    to = { address: other.source, port: message.state.answersTo || other.sourcePort };
  else return true;
  if (to.address.equals(address) && to.port === port) return true;
  return put(message, uri, endText(to.address, to.port));
}

/** All of a message but its body: `nf_nat_sip()`. */
export function translateMessage(message: Message, isAnswer: boolean): boolean {
  const { version, protocol } = message.entry.original;
  if (!isAnswer && !mapEnd(message, requestUri(message.sip, version))) return false;
  const via = firstUri(message.sip, protocol === Protocol.tcp ? VIA_TCP : VIA_UDP, version);
  if (via && !translateVia(message, via, isAnswer)) return false;
  const walk = { from: 0, within: false };
  for (;;) {
    const contact = nextUri(message.sip, walk, CONTACT, version);
    if (!contact) break;
    if (!mapEnd(message, contact)) return false;
  }
  return [FROM, TO].every((header) => mapEnd(message, firstUri(message.sip, header, version)));
}

/** The topmost Via, and what answers are told by its parameters (RFC 3261, section 18.2; RFC 3581). */
function translateVia(message: Message, via: Uri, isAnswer: boolean): boolean {
  const { own, other } = ends(message);
  const [address, port] = isAnswer ? [own.destination, own.destinationPort] : [own.source, own.sourcePort];
  if (!via.address.equals(address) || via.port !== port) return true;
  const { length } = message.sip.text;
  if (!mapEnd(message, via)) return false;
  const behind = via.at + via.length + message.sip.text.length - length;
  const { version } = message.entry.original;
  const maddr = addressParameter(message.sip, behind, 'maddr=', version, true);
  if (maddr?.address.equals(own.source) && !maddr.address.equals(other.destination)) {
    if (!put(message, maddr, hostText(other.destination))) return false;
  }
  const received = addressParameter(message.sip, behind, 'received=', version, false);
  if (received?.address.equals(own.destination) && !received.address.equals(other.source)) {
    if (!put(message, received, other.source.toString())) return false;
  }
  const at = parameterAt(message.sip, behind, 'rport=');
  if (at < 0) return true;
  const { value, to } = decimalAt(message.sip.text, at);
  if (value < LEAST_PORT || value !== own.destinationPort || value === other.sourcePort) return true;
  return put(message, { at, length: to - at }, String(other.sourcePort));
}

/** `mangle_content_len()`. */
function tellLength(message: Message): boolean {
  const { version } = message.entry.original;
  const begin = findField(message.sip, 0, 'version', null, version);
  if (!begin || begin.length === 0) return false;
  const length = message.sip.text.length - begin.at + 'v='.length;
  const header = findHeader(message.sip, 0, CONTENT_LENGTH, version);
  return header !== null && header.length > 0 && put(message, header, String(length));
}

/** @param field of what may be missing: true where it is not there */
function tellAddress(message: Message, from: number, field: SdpField, address: IpAddress): boolean | null {
  const found = findField(message.sip, from, field, 'media', message.entry.original.version);
  return found && found.length > 0 ? put(message, found, address.toString()) : null;
}

/** Where the media behind a place go: `nf_nat_sdp_addr()`. */
export function translateConnection(message: Message, from: number, address: IpAddress): boolean {
  return tellAddress(message, from, 'connection', address) === true && tellLength(message);
}

/** Whose session it is, and where all media go: `nf_nat_sdp_session()`. */
export function translateSession(message: Message, from: number, address: IpAddress): boolean {
  if (tellAddress(message, from, 'owner', address) !== true) return false;
  return tellAddress(message, from, 'connection', address) !== false && tellLength(message);
}

/** `nf_nat_sdp_port()`. */
export function translatePort(message: Message, span: Span, port: number): boolean {
  return put(message, span, String(port)) && tellLength(message);
}
