import type { IpAddress } from '../../../../address/ip.js';
import { Protocol } from '../../../../packet/numbers.js';
import { wholePayload } from '../../../../packet/payload.js';
import { CtState, CtStatus, opposite, Tuple } from '../../../../rules/connection.js';
import { Verdict } from '../../../../rules/verdict.js';
import type { Passage } from '../../../passage.js';
import type { ConnectionEntry } from '../../entry.js';
import { type ExpectPolicy, FROM_ADDRESS } from '../../expectations.js';
import { type Helper, type HelperHost, lastFor } from '../helper.js';
import {
  CONTACT,
  CONTENT_LENGTH,
  CSEQ,
  EXPIRES,
  findHeader,
  firstUri,
  numberOf,
  parameterAt,
  urisOf,
} from './headers.js';
import { connectionAddress, findField } from './sdp.js';
import { decimalAt, isLetter, sipText, type SipText } from './text.js';

/** Seconds that a connection lasts behind each message: the module's `sip_timeout`. */
const TIMEOUT = 3600;
const SHORTEST = 'SIP/2.0 200'.length;
const VERSION = 'sip/2.0 ';

/** Classes of connections to come: `sip_exp_policy`. */
const SIGNALLING: ExpectPolicy = { most: 1, seconds: 180 };
const MEDIA: readonly (readonly [name: string, policy: ExpectPolicy])[] = [
  ['audio ', { most: 4, seconds: 180 }],
  ['video ', { most: 4, seconds: 180 }],
  ['image ', { most: 2, seconds: 180 }],
];
const LEAST_PORT = 1024;

export interface SipState {
  readonly of: 'sip';
  /** The sequence numbers (CSeq) of the last requests that answers are to be of. */
  invite: number;
  register: number;
}

/** A message with where it was found. */
interface Message {
  readonly sip: SipText;
  readonly passage: Passage;
  readonly entry: ConnectionEntry;
  readonly state: SipState;
  readonly host: HelperHost;
}

function helper(protocol: number, help: Helper['help']): Helper {
  return { name: 'sip', protocol, most: 1, seconds: 180, help };
}

/** RFC 3261 over UDP: net/netfilter/nf_conntrack_sip.c. */
export const sipUdp = helper(Protocol.udp, (passage, entry, host) => {
  const payload = readable(passage, entry, host);
  if (!payload || payload.length < SHORTEST) return Verdict.accept;
  return read({ sip: sipText(payload), passage, entry, state: stateOf(entry), host });
});

/** Over TCP there may be several messages in a segment, which tell their lengths; what is cut is not read. */
export const sipTcp = helper(Protocol.tcp, (passage, entry, host) => {
  if (passage.state !== CtState.established) return Verdict.accept;
  const payload = readable(passage, entry, host);
  if (!payload || payload.length < SHORTEST) return Verdict.accept;
  const whole = sipText(payload);
  const state = stateOf(entry);
  for (let at = 0; at < payload.length;) {
    const end = messageEnd(whole, at);
    if (end < 0 || end > payload.length) return Verdict.accept;
    const verdict = read({ sip: sipText(payload.subarray(at, end)), passage, entry, state, host });
    if (verdict !== Verdict.accept) return verdict;
    at = end;
  }
  return Verdict.accept;
});

/** The payload, if there is any; the connection lasts longer for it. */
function readable({ packet }: Passage, entry: ConnectionEntry, host: HelperHost): Uint8Array | null {
  const payload = wholePayload(packet);
  if (!payload) host.mayCome('what it says to the sip helper was not captured whole');
  else if (payload.length === 0) return null;
  lastFor(entry, host.now, TIMEOUT);
  return payload;
}

function stateOf(entry: ConnectionEntry): SipState {
  const { helperState } = entry;
  if (helperState?.of === 'sip') return helperState;
  const state: SipState = { of: 'sip', invite: 0, register: 0 };
  entry.helperState = state;
  return state;
}

/** Where a message of a segment ends, as its Content-Length says; -1: it does not say. */
function messageEnd(whole: SipText, from: number): number {
  const { text } = whole;
  const found = findHeader(whole, from, CONTENT_LENGTH, 4);
  if (!found || found.length === 0) return -1;
  const { value, to } = decimalAt(text, found.at);
  if (to === found.at || value > text.length - from) return -1;
  const body = text.indexOf('\r\n\r\n', to);
  return body < 0 ? -1 : body + 4 + value;
}

/** `process_sip_msg()`. */
function read(message: Message): Verdict {
  const { entry, host, sip } = message;
  const isAnswer = sip.lower.startsWith(VERSION);
  if (entry.has(CtStatus.srcNat | CtStatus.dstNat)) {
    host.mayCome('the sip helper translates what it says');
    message.passage.doubt ??= 'the sip helper translates the addresses in it';
  }
  return isAnswer ? readAnswer(message) : readRequest(message);
}

type Reader = (message: Message, sequence: number, code: number) => Verdict;

/** The methods that are read, in the order in which they are tried: `sip_handlers`. */
const METHODS: readonly (readonly [method: string, request: Reader | null, answer: Reader | null])[] = [
  ['invite', invite, answerToOffer],
  ['update', (message) => readSession(message), answerToOffer],
  ['ack', (message) => readSession(message), null],
  ['prack', (message) => readSession(message), answerToOffer],
  ['bye', (message) => forgetMedia(message), null],
  ['register', register, answerToRegister],
];

/** `process_sip_request()`. */
function readRequest(message: Message): Verdict {
  const { sip, host } = message;
  const { text, lower } = sip;
  for (const [method, request] of METHODS) {
    const { length } = method;
    if (!request || !lower.startsWith(method)) continue;
    if (text[length] !== ' ' || !isLetter(text[length + 1])) continue;
    const sequence = sequenceOf(sip);
    return typeof sequence === 'string' ? host.refuse(sequence) : request(message, sequence.value, 0);
  }
  return Verdict.accept;
}

/** `process_sip_response()`. */
function readAnswer(message: Message): Verdict {
  const { sip, host } = message;
  if (sip.text.length < SHORTEST) return Verdict.accept;
  const code = decimalAt(sip.text, VERSION.length).value;
  if (code === 0) return host.refuse('cannot get code');
  const sequence = sequenceOf(sip);
  if (typeof sequence === 'string') return host.refuse(sequence);
  for (const [method, , answer] of METHODS)
    if (answer && sip.lower.startsWith(method, sequence.to + 1)) return answer(message, sequence.value, code);
  return Verdict.accept;
}

/** The number of the request, and where it ends; else what the kernel says of it. */
function sequenceOf(sip: SipText): { readonly value: number; readonly to: number } | string {
  const found = findHeader(sip, 0, CSEQ, 4);
  if (!found || found.length === 0) return 'cannot parse cseq';
  const { value, to } = decimalAt(sip.text, found.at);
  return to === found.at ? 'cannot get cseq' : { value, to };
}

function invite(message: Message, sequence: number): Verdict {
  forgetMedia(message);
  const verdict = readSession(message);
  if (verdict === Verdict.accept) message.state.invite = sequence;
  return verdict;
}

/** An offer is answered, or refused: `process_invite_response()` and the like. */
function answerToOffer(message: Message, sequence: number, code: number): Verdict {
  if (code >= 100 && code <= 299) return readSession(message);
  return message.state.invite === sequence ? forgetMedia(message) : Verdict.accept;
}

/** `flush_expectations()` of media. */
function forgetMedia({ entry, host: { expectations, now } }: Message): Verdict {
  for (const one of expectations.own(entry, now)) if (one.policy !== SIGNALLING) expectations.remove(one);
  return Verdict.accept;
}

/** Where the sender listens for media, by a session description in the body: `process_sdp()`. */
function readSession(message: Message): Verdict {
  const { sip, entry, host } = message;
  const { version } = entry.original;
  const begin = findField(sip, 0, 'version', null, version);
  if (!begin || begin.length === 0) return Verdict.accept;
  const ofAll = connectionAddress(sip, begin.at, version);
  let at = begin.at;
  for (let streams = 0; streams < MEDIA.length;) {
    const media = findField(sip, at, 'media', null, version);
    if (!media || media.length === 0) break;
    const kind = MEDIA.find(([name]) => sip.text.slice(media.at, media.at + media.length).startsWith(name));
    at = media.at + (kind ? kind[0].length : media.length);
    if (!kind) continue;
    const port = decimalAt(sip.text, at).value;
    // The stream is not used (RFC 3264, section 6).
    if (port === 0) continue;
    if (port < LEAST_PORT || port > 0xffff) return host.refuse(`wrong port ${port}`);
    const connection = connectionAddress(sip, at, version) ?? ofAll;
    if (!connection) return host.refuse('cannot parse SDP message');
    if (!expectMedia(message, connection.address, port, kind[1]))
      return host.refuse('cannot add expectation for voice');
    streams++;
  }
  return Verdict.accept;
}

/** RTP and RTCP are to come to a pair of ports (RFC 3550, section 11): `set_expected_rtp_rtcp()`. */
function expectMedia(
  { passage, entry, host }: Message,
  address: IpAddress,
  port: number,
  policy: ExpectPolicy,
): boolean {
  const { direction } = passage;
  // Between the two that talk here only (the module's `sip_direct_media` is on).
  if (!address.equals(entry.tuple(direction).source)) return true;
  const tuple = new Tuple();
  tuple.version = address.version;
  tuple.protocol = Protocol.udp;
  tuple.source = entry.tuple(opposite(direction)).source;
  tuple.destination = address;
  tuple.destinationPort = port;
  // The same call may go by another connection.
  const there = host.expectations.find(tuple, entry, host.now);
  if (there && there.master !== entry && there.policy === policy) return true;
  const expect = (at: number): string => {
    tuple.destinationPort = at;
    return host.tryTo({ tuple, policy, shared: true });
  };
  const rtp = expect(port & ~1);
  if (rtp !== 'made' && rtp !== 'already') return false;
  const rtcp = expect(port | 1);
  if (rtcp === 'made' || rtcp === 'already') return true;
  tuple.destinationPort = port & ~1;
  const first = rtp === 'made' ? host.expectations.find(tuple, entry, host.now) : null;
  if (first) host.expectations.remove(first);
  return false;
}

/** The sender wants to be called; from whom it registers with, once that has agreed: `process_register_request()`. */
function register(message: Message, sequence: number): Verdict {
  const { sip, passage, entry, state, host } = message;
  const { version } = entry.original;
  if (entry.has(CtStatus.expected)) return Verdict.accept;
  const contact = firstUri(sip, CONTACT, version);
  const own = entry.tuple(passage.direction);
  if (!contact?.address.equals(own.source)) return Verdict.accept;
  const behind = contact.at + contact.length;
  if (!isOwnTransport(sip, behind, own.protocol)) return Verdict.accept;
  const expires = expiresOf(sip, behind, numberOf(sip, EXPIRES) ?? 0);
  if (expires === null) return host.refuse('cannot parse expires');
  if (expires !== 0) {
    const tuple = new Tuple();
    tuple.version = version;
    tuple.protocol = own.protocol;
    tuple.source = entry.tuple(opposite(passage.direction)).source;
    tuple.destination = contact.address;
    tuple.destinationPort = contact.port;
    const made = host.expect({
      tuple,
      from: FROM_ADDRESS,
      policy: SIGNALLING,
      permanent: true,
      inactive: true,
      helper: entry.helper,
    });
    if (!made) return host.refuse('cannot add expectation');
  }
  state.register = sequence;
  return Verdict.accept;
}

/** `process_register_response()`. */
function answerToRegister(message: Message, sequence: number, code: number): Verdict {
  const { sip, passage, entry, state, host } = message;
  if (state.register !== sequence || (code >= 100 && code <= 199)) return Verdict.accept;
  if (code >= 200 && code <= 299) {
    const expires = numberOf(sip, EXPIRES) ?? 0;
    const client = entry.tuple(passage.direction).destination;
    const { protocol, version } = entry.original;
    for (const contact of urisOf(sip, CONTACT, version)) {
      const behind = contact.at + contact.length;
      if (!contact.address.equals(client) || !isOwnTransport(sip, behind, protocol)) continue;
      const seconds = expiresOf(sip, behind, expires);
      if (seconds === null) return host.refuse('cannot parse expires');
      if (seconds === 0) break;
      if (letCome(message, contact.address, contact.port, seconds)) return Verdict.accept;
    }
  }
  const { expectations, now } = host;
  const last = expectations.own(entry, now).findLast(({ policy }) => policy === SIGNALLING);
  if (last) expectations.remove(last);
  return Verdict.accept;
}

/** `refresh_signalling_expectation()`. */
function letCome({ entry, host }: Message, address: IpAddress, port: number, seconds: number): boolean {
  const { expectations, now } = host;
  const { protocol } = entry.original;
  const waiting = expectations
    .own(entry, now)
    .find(
      ({ policy, tuple }) =>
        policy === SIGNALLING &&
        tuple.protocol === protocol &&
        tuple.destinationPort === port &&
        tuple.destination.equals(address),
    );
  if (!waiting) return false;
  waiting.expires = now + seconds * 1e9;
  waiting.inactive = false;
  return true;
}

/** RFC 3261, section 10.2.1.1: what a contact says itself comes before what all do. null: no number. */
function expiresOf(sip: SipText, from: number, otherwise: number): number | null {
  const at = parameterAt(sip, from, 'expires=');
  if (at < 0) return otherwise;
  const { value, to } = decimalAt(sip.text, at);
  return to === at ? null : value;
}

/** The contact wants to be called by the protocol that this connection is of: `ct_sip_parse_transport()`. */
function isOwnTransport(sip: SipText, from: number, protocol: number): boolean {
  const at = parameterAt(sip, from, 'transport=');
  return at < 0 || sip.lower.startsWith(protocol === Protocol.tcp ? 'tcp' : 'udp', at);
}
