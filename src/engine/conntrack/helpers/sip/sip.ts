import type { IpAddress } from '../../../../address/ip.js';
import { Protocol } from '../../../../packet/numbers.js';
import { payloadOffset, replaceText } from '../../../../packet/payload.js';
import { rewrite } from '../../../../packet/rewrite.js';
import { CtState, CtStatus, Direction, opposite, Tuple } from '../../../../rules/connection.js';
import { Verdict } from '../../../../rules/verdict.js';
import type { Passage } from '../../../passage.js';
import type { ConnectionEntry } from '../../entry.js';
import type { ExpectPolicy } from '../../expectations.js';
import { type Helper, type HelperHost, lastFor } from '../helper.js';
import {
  CONTACT,
  CONTENT_LENGTH,
  CSEQ,
  EXPIRES,
  findHeader,
  firstUri,
  numberOf,
  nextUri,
  parameterAt,
  type Uri,
  VIA_UDP,
} from './headers.js';
import { readSession } from './media.js';
import { type Message, put, type SipState } from './message.js';
import { decimalAt, isLetter, sipText, type SipText } from './text.js';
import { endText, translateMessage } from './translate.js';

/** Seconds that a connection lasts behind each message: the module's `sip_timeout`. */
const TIMEOUT = 3600;
/** Bytes. */
const LONGEST_PACKET = 0xffff;
const SHORTEST = 'SIP/2.0 200'.length;
const VERSION = 'sip/2.0 ';

/** The class of calls to come; media have others. */
const SIGNALLING: ExpectPolicy = { most: 1, seconds: 180 };

function helper(protocol: number, help: Helper['help']): Helper {
  return { name: 'sip', protocol, most: 1, seconds: 180, help };
}

/** RFC 3261 over UDP: net/netfilter/nf_conntrack_sip.c. */
export const sipUdp = helper(Protocol.udp, (passage, entry, host) => {
  const payload = readable(entry, host);
  if (!payload || payload.length < SHORTEST) return Verdict.accept;
  const message = messageOf(payload, passage, entry, host);
  const { text } = message.sip;
  const verdict = read(message);
  if (verdict !== Verdict.accept) return verdict;
  const { packet, direction } = passage;
  if (message.sip.text !== text) host.mangle(payloadOffset(packet), packet.length, message.sip.text);
  // Phones that send by one port, and listen for answers at another one.
  if (message.isTranslated && direction === Direction.reply && message.state.answersTo !== 0)
    rewrite(packet, { destinationPort: message.state.answersTo });
  return Verdict.accept;
});

/** Over TCP there may be several messages in a segment, which tell their lengths; what is cut is not read. */
export const sipTcp = helper(Protocol.tcp, (passage, entry, host) => {
  if (passage.state !== CtState.established) return Verdict.accept;
  const payload = readable(entry, host);
  if (!payload || payload.length < SHORTEST) return Verdict.accept;
  const { packet } = passage;
  const whole = sipText(payload);
  let done = '';
  let at = 0;
  let isCut = false;
  while (at < payload.length) {
    const end = messageEnd(whole, at);
    isCut = end > payload.length;
    if (end < 0 || isCut) break;
    const message = messageOf(payload.subarray(at, end), passage, entry, host);
    message.room -= done.length - at;
    const verdict = read(message);
    if (verdict !== Verdict.accept) return verdict;
    done += message.sip.text;
    at = end;
  }
  const text = done + whole.text.slice(at);
  if (text === whole.text) return Verdict.accept;
  // A message that is cut has the kernel forget to note by how much those before it have grown.
  if (isCut) replaceText(packet, payloadOffset(packet), packet.length, text);
  else host.mangle(payloadOffset(packet), packet.length, text);
  return Verdict.accept;
});

function messageOf(bytes: Uint8Array, passage: Passage, entry: ConnectionEntry, host: HelperHost): Message {
  return {
    sip: sipText(bytes),
    passage,
    entry,
    state: stateOf(entry),
    host,
    isTranslated: entry.has(CtStatus.srcNat | CtStatus.dstNat),
    room: LONGEST_PACKET - passage.packet.length,
  };
}

/** The payload, if there is any; the connection lasts longer for it. */
function readable(entry: ConnectionEntry, host: HelperHost): Uint8Array | null {
  const payload = host.payload();
  if (payload?.length === 0) return null;
  lastFor(entry, host.now, TIMEOUT);
  return payload;
}

function stateOf(entry: ConnectionEntry): SipState {
  const { helperState } = entry;
  if (helperState?.of === 'sip') return helperState;
  const state: SipState = { of: 'sip', invite: 0, register: 0, answersTo: 0 };
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
  const isAnswer = message.sip.lower.startsWith(VERSION);
  const verdict = isAnswer ? readAnswer(message) : readRequest(message);
  if (verdict !== Verdict.accept || !message.isTranslated) return verdict;
  // `nf_nat_sip()` looks at less of the first line.
  return translateMessage(message, message.sip.lower.startsWith(VERSION.trimEnd()))
    ? verdict
    : message.host.refuse('cannot NAT SIP message');
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
  const { sip, host, passage, entry, state } = message;
  const { text, lower } = sip;
  const own = entry.tuple(passage.direction);
  const via = firstUri(sip, VIA_UDP, own.version);
  if (via && via.port !== own.sourcePort && via.address.equals(own.source)) state.answersTo = via.port;
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
    const refused = expectCalls(message, contact, own);
    if (refused !== null) return host.refuse(refused);
  }
  state.register = sequence;
  return Verdict.accept;
}

/** Calls from whom it registers with. @returns why not; null: they may come */
function expectCalls(message: Message, contact: Uri, own: Tuple): string | null {
  const { passage, entry, state, host } = message;
  const other = entry.tuple(opposite(passage.direction));
  const tuple = new Tuple();
  tuple.version = own.version;
  tuple.protocol = own.protocol;
  tuple.source = other.source;
  tuple.destination = contact.address;
  tuple.destinationPort = contact.port;
  const wanted = { tuple, policy: SIGNALLING, permanent: true, inactive: true, helper: entry.helper };
  if (!message.isTranslated) return host.expect(wanted) ? null : 'cannot add expectation';
  // `nf_nat_sip_expect()`
  if (!own.source.equals(other.destination)) tuple.destination = other.destination;
  if (contact.port === (state.answersTo || own.sourcePort)) tuple.destinationPort = other.destinationPort;
  const follow = {
    direction: opposite(passage.direction),
    port: contact.port,
    call: { address: contact.address, isMedia: false },
  };
  const port = host.expectAtFreePort(
    { ...wanted, follow },
    (bytes) => firstUri(sipText(bytes), CONTACT, own.version)?.port ?? null,
  );
  if (port === 0) return 'all ports in use for SIP';
  const { destination } = tuple;
  if (destination.equals(contact.address) && port === contact.port) return null;
  return put(message, contact, endText(destination, port)) ? null : 'cannot mangle packet';
}

/** `process_register_response()`. */
function answerToRegister(message: Message, sequence: number, code: number): Verdict {
  const { sip, passage, entry, state, host } = message;
  if (state.register !== sequence || (code >= 100 && code <= 199)) return Verdict.accept;
  if (code >= 200 && code <= 299) {
    const expires = numberOf(sip, EXPIRES) ?? 0;
    const client = entry.tuple(passage.direction).destination;
    const { protocol, version } = entry.original;
    const walk = { from: 0, within: false };
    for (;;) {
      const contact = nextUri(sip, walk, CONTACT, version);
      if (!contact) break;
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
