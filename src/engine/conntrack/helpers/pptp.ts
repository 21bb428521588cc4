import { u16, u32, u8 } from '../../../packet/bytes.js';
import { Protocol } from '../../../packet/numbers.js';
import { payloadOffset } from '../../../packet/payload.js';
import { CtState, CtStatus, Direction, type Tuple } from '../../../rules/connection.js';
import { Verdict } from '../../../rules/verdict.js';
import type { Passage } from '../../passage.js';
import type { ConnectionEntry } from '../entry.js';
import { FROM_PORT } from '../expectations.js';
import type { EntryHost, Helper, HelperHost } from './helper.js';

/** RFC 2637, section 2: the types of control messages. */
const Message = {
  startRequest: 1,
  startReply: 2,
  stopRequest: 3,
  stopReply: 4,
  outgoingRequest: 7,
  outgoingReply: 8,
  incomingRequest: 9,
  incomingReply: 10,
  incomingConnected: 11,
  clearRequest: 12,
  disconnectNotify: 13,
  wanError: 14,
  linkInfo: 15,
} as const;

const MAGIC_COOKIE = 0x1a2b3c4d;
const CONTROL = 1;
/** What either side may say at any time: an echo, its answer, settings of the link. */
const ALWAYS: readonly number[] = [5, 6, 15];
/** Where in a message of the client it tells its call id, by the message type; and where the server does. */
const OWN_CALL = new Map<number, number>([
  [Message.outgoingRequest, 0],
  [Message.incomingReply, 0],
  [Message.clearRequest, 0],
]);
const CLIENT_CALL = new Map<number, number>([
  [Message.outgoingReply, 2],
  [Message.incomingConnected, 0],
  [Message.wanError, 0],
  [Message.disconnectNotify, 0],
  [Message.linkInfo, 0],
]);
/** Length, type and cookie; then message type and a reserved word. */
const BODY = 12;
/** Bytes of the body by the message type: `pptp_msg_size`. */
const BODY_LENGTHS = [0, 144, 144, 4, 4, 0, 0, 156, 20, 208, 12, 16, 4, 136, 28, 12];
/** The result code of every reply that grants what was asked. */
const GRANTED = 1;

/** `enum pptp_ctrlsess_state`; the order counts. */
const Session = { none: 0, error: 1, stopping: 2, requested: 3, confirmed: 4 } as const;
/** `enum pptp_ctrlcall_state`. */
const Call = {
  none: 0,
  outRequested: 2,
  outConfirmed: 3,
  inRequested: 4,
  inReplied: 5,
  inConfirmed: 6,
  clearing: 7,
} as const;

const BOTH = [Direction.original, Direction.reply] as const;

export interface PptpState {
  readonly of: 'pptp';
  session: number;
  call: number;
  /** The call id of the server (access concentrator) and of the client (network server), 0 before they are told. */
  serverCall: number;
  clientCall: number;
  /** The client's as the client itself has it, where the connection is translated (`nf_nat_pptp`). */
  ownCall: number;
}

/** The tunnel that a control connection talks about comes as GRE: net/netfilter/nf_conntrack_pptp.c. */
export const pptp: Helper = {
  name: 'pptp',
  protocol: Protocol.tcp,
  most: 2,
  seconds: 300,
  help(passage, entry, host) {
    const { state: seen, direction } = passage;
    if (seen !== CtState.established) return Verdict.accept;
    const payload = host.payload();
    if (!payload || payload.length < BODY) return Verdict.accept;
    if (u16(payload, 2) !== CONTROL || u32(payload, 4) !== MAGIC_COOKIE) return Verdict.accept;
    const type = u16(payload, 8);
    const body = payload.subarray(BODY);
    if (body.length < (BODY_LENGTHS[type] ?? 0)) return Verdict.accept;
    const state = stateOf(entry);
    const isTold =
      direction === Direction.original
        ? outbound(type, body, state)
        : inbound(type, body, state, entry, host);
    if (!isTold || !entry.has(CtStatus.srcNat | CtStatus.dstNat)) return Verdict.accept;
    translate(type, passage, entry, state, host);
    return Verdict.accept;
  },
  ended: forgetCall,
};

function stateOf(entry: ConnectionEntry): PptpState {
  const { helperState } = entry;
  if (helperState?.of === 'pptp') return helperState;
  // Of one that was there before the capture nothing is known; it is most likely past the first messages.
  const session = entry.fromSnapshot ? Session.confirmed : Session.none;
  const state: PptpState = { of: 'pptp', session, call: Call.none, serverCall: 0, clientCall: 0, ownCall: 0 };
  entry.helperState = state;
  return state;
}

/** From client to server, `pptp_outbound_pkt()`. False: it is out of place. */
function outbound(type: number, body: Uint8Array, state: PptpState): boolean {
  switch (type) {
    case Message.startRequest:
      if (state.session !== Session.none) return false;
      state.session = Session.requested;
      return true;
    case Message.stopRequest:
      state.session = Session.stopping;
      return true;
    case Message.outgoingRequest:
      if (state.session !== Session.confirmed) return false;
      state.call = Call.outRequested;
      state.clientCall = u16(body, 0);
      return true;
    case Message.incomingReply:
      if (state.call !== Call.inRequested && state.call !== Call.inReplied) return false;
      if (u16(body, 2) !== state.serverCall) return false;
      if (u8(body, 4) === GRANTED) {
        state.call = Call.inReplied;
        state.clientCall = u16(body, 0);
      } else state.call = Call.none;
      return true;
    case Message.clearRequest:
      if (state.session !== Session.confirmed) return false;
      state.call = Call.clearing;
      return true;
    default:
      return ALWAYS.includes(type);
  }
}

/** From server to client, `pptp_inbound_pkt()`. False: it is out of place. */
function inbound(
  type: number,
  body: Uint8Array,
  state: PptpState,
  entry: ConnectionEntry,
  host: HelperHost,
): boolean {
  const { session, call } = state;
  switch (type) {
    case Message.startReply:
      if (session < Session.requested) return false;
      state.session = u8(body, 2) === GRANTED ? Session.confirmed : Session.error;
      return true;
    case Message.stopReply:
      if (session > Session.stopping) return false;
      state.session = u8(body, 0) === GRANTED ? Session.none : Session.error;
      return true;
    case Message.outgoingReply:
      if (session !== Session.confirmed) return false;
      if (call !== Call.outRequested && call !== Call.outConfirmed) return false;
      if (u16(body, 2) !== state.clientCall) return false;
      if (u8(body, 4) === GRANTED) {
        state.call = Call.outConfirmed;
        state.serverCall = u16(body, 0);
        expectCall(entry, state, host);
      } else state.call = Call.none;
      return true;
    case Message.incomingRequest:
      if (session !== Session.confirmed) return false;
      state.call = Call.inRequested;
      state.serverCall = u16(body, 0);
      return true;
    case Message.incomingConnected:
      if (session !== Session.confirmed) return false;
      if (call !== Call.inReplied && call !== Call.inConfirmed) return false;
      if (u16(body, 0) !== state.clientCall) return false;
      state.call = Call.inConfirmed;
      expectCall(entry, state, host);
      return true;
    case Message.disconnectNotify:
      state.call = Call.none;
      forgetCall(entry, host);
      return true;
    default:
      return ALWAYS.includes(type) || type === Message.wanError;
  }
}

/**
 * The client's call id as the server is told it, and the other way: net/ipv4/netfilter/nf_nat_pptp.c. It becomes the port
 * that the client is seen by.
 */
function translate(
  type: number,
  { packet, direction }: Passage,
  entry: ConnectionEntry,
  state: PptpState,
  host: HelperHost,
): void {
  const byClient = direction === Direction.original;
  if (byClient && type === Message.outgoingRequest) {
    state.ownCall = state.clientCall;
    state.clientCall = entry.tuple(Direction.reply).destinationPort;
  }
  const at = (byClient ? OWN_CALL : CLIENT_CALL).get(type);
  if (at === undefined) return;
  const from = payloadOffset(packet) + BODY + at;
  const id = byClient ? state.clientCall : state.ownCall;
  host.mangle(from, from + 2, String.fromCharCode(id >> 8, id & 255));
}

/** The tunnel of a call as one of its ends sends it; a packet names the receiver's call id. */
function tunnel(entry: ConnectionEntry, direction: Direction, { clientCall, serverCall }: PptpState): Tuple {
  const tuple = entry.tuple(direction).copy();
  tuple.protocol = Protocol.gre;
  const byClient = direction === Direction.original;
  tuple.sourcePort = byClient ? clientCall : serverCall;
  tuple.destinationPort = byClient ? serverCall : clientCall;
  return tuple;
}

/** Whichever end speaks first: `exp_gre()`, `pptp_exp_gre()`. */
function expectCall(entry: ConnectionEntry, state: PptpState, host: HelperHost): void {
  const { expectations, greKeys, now } = host;
  const { ownCall, clientCall } = state;
  const isTranslated = entry.has(CtStatus.srcNat | CtStatus.dstNat);
  const sent = tunnel(entry, Direction.original, isTranslated ? { ...state, clientCall: ownCall } : state);
  const answered = tunnel(entry, Direction.reply, state);
  const forget = (tuple: Tuple): void => {
    const waiting = expectations.find(tuple, entry, now);
    if (waiting) expectations.remove(waiting);
  };
  const follow = {
    sent: { direction: Direction.original, port: null, sourcePort: clientCall },
    answered: { direction: Direction.reply, port: ownCall },
  };
  const isExpected = (tuple: Tuple, which: keyof typeof follow): boolean => {
    // Where they are translated, the first packet of the client alone forgets the other one (`pptp_nat_expected()`).
    const other = which === 'sent' ? answered : sent;
    const onMet = isTranslated && which === 'answered' ? undefined : (): void => forget(other);
    return host.expect({ tuple, from: FROM_PORT, follow: isTranslated ? follow[which] : null, onMet });
  };
  if (!isExpected(sent, 'sent')) return;
  if (!isExpected(answered, 'answered')) return forget(sent);
  if (greKeys.add(entry, Direction.original, sent)) {
    if (greKeys.add(entry, Direction.reply, answered)) return;
    greKeys.forget(entry);
  }
  forget(sent);
  forget(answered);
}

/** The tunnel ends with its call: `pptp_destroy_siblings()`. */
function forgetCall(entry: ConnectionEntry, host: EntryHost): void {
  const { expectations, now } = host;
  host.greKeys.forget(entry);
  const state = stateOf(entry);
  for (const direction of BOTH) {
    const tuple = tunnel(entry, direction, state);
    if (host.end(tuple)) continue;
    const waiting = expectations.find(tuple, entry, now);
    if (waiting) expectations.remove(waiting);
  }
}
