import { u16, u32, u8 } from '../../../packet/bytes.js';
import { Protocol } from '../../../packet/numbers.js';
import { wholePayload } from '../../../packet/payload.js';
import { CtState, CtStatus, Direction, Tuple } from '../../../rules/connection.js';
import { Verdict } from '../../../rules/verdict.js';
import type { ConnectionEntry } from '../entry.js';
import { FROM_PORT } from '../expectations.js';
import { invertTuple } from '../tuple.js';
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
} as const;

const MAGIC_COOKIE = 0x1a2b3c4d;
const CONTROL = 1;
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
}

/** The tunnel that a control connection talks about comes as GRE: net/netfilter/nf_conntrack_pptp.c. */
export const pptp: Helper = {
  name: 'pptp',
  protocol: Protocol.tcp,
  most: 2,
  seconds: 300,
  help({ packet, state: seen, direction }, entry, host) {
    if (seen !== CtState.established) return Verdict.accept;
    const payload = wholePayload(packet);
    if (!payload) {
      host.mayCome('what it says to the pptp helper was not captured whole');
      return Verdict.accept;
    }
    if (payload.length < BODY || u16(payload, 2) !== CONTROL || u32(payload, 4) !== MAGIC_COOKIE)
      return Verdict.accept;
    const type = u16(payload, 8);
    const body = payload.subarray(BODY);
    if (body.length < (BODY_LENGTHS[type] ?? 0)) return Verdict.accept;
    // The call ids are translated, and what carries them.
    if (entry.has(CtStatus.srcNat | CtStatus.dstNat)) host.mayCome('the pptp helper chose its call id');
    const state = stateOf(entry);
    if (direction === Direction.original) outbound(type, body, state);
    else inbound(type, body, state, entry, host);
    return Verdict.accept;
  },
  ended: forgetCall,
};

function stateOf(entry: ConnectionEntry): PptpState {
  const { helperState } = entry;
  if (helperState?.of === 'pptp') return helperState;
  // Of one that was there before the capture nothing is known; it is most likely past the first messages.
  const session = entry.fromSnapshot ? Session.confirmed : Session.none;
  const state: PptpState = { of: 'pptp', session, call: Call.none, serverCall: 0, clientCall: 0 };
  entry.helperState = state;
  return state;
}

/** From client to server: `pptp_outbound_pkt()`. */
function outbound(type: number, body: Uint8Array, state: PptpState): void {
  switch (type) {
    case Message.startRequest:
      if (state.session === Session.none) state.session = Session.requested;
      break;
    case Message.stopRequest:
      state.session = Session.stopping;
      break;
    case Message.outgoingRequest:
      if (state.session !== Session.confirmed) break;
      state.call = Call.outRequested;
      state.clientCall = u16(body, 0);
      break;
    case Message.incomingReply:
      if (state.call !== Call.inRequested && state.call !== Call.inReplied) break;
      if (u16(body, 2) !== state.serverCall) break;
      if (u8(body, 4) === GRANTED) {
        state.call = Call.inReplied;
        state.clientCall = u16(body, 0);
      } else state.call = Call.none;
      break;
    case Message.clearRequest:
      if (state.session === Session.confirmed) state.call = Call.clearing;
      break;
  }
}

/** From server to client: `pptp_inbound_pkt()`. */
function inbound(
  type: number,
  body: Uint8Array,
  state: PptpState,
  entry: ConnectionEntry,
  host: HelperHost,
): void {
  const { session, call } = state;
  switch (type) {
    case Message.startReply:
      if (session >= Session.requested)
        state.session = u8(body, 2) === GRANTED ? Session.confirmed : Session.error;
      break;
    case Message.stopReply:
      if (session <= Session.stopping) state.session = u8(body, 0) === GRANTED ? Session.none : Session.error;
      break;
    case Message.outgoingReply:
      if (session !== Session.confirmed) break;
      if (call !== Call.outRequested && call !== Call.outConfirmed) break;
      if (u16(body, 2) !== state.clientCall) break;
      if (u8(body, 4) === GRANTED) {
        state.call = Call.outConfirmed;
        state.serverCall = u16(body, 0);
        expectCall(entry, state, host);
      } else state.call = Call.none;
      break;
    case Message.incomingRequest:
      if (session !== Session.confirmed) break;
      state.call = Call.inRequested;
      state.serverCall = u16(body, 0);
      break;
    case Message.incomingConnected:
      if (session !== Session.confirmed) break;
      if (call !== Call.inReplied && call !== Call.inConfirmed) break;
      if (u16(body, 0) !== state.clientCall) break;
      state.call = Call.inConfirmed;
      expectCall(entry, state, host);
      break;
    case Message.disconnectNotify:
      state.call = Call.none;
      forgetCall(entry, host);
      break;
  }
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

/** Whichever end speaks first: `exp_gre()`. */
function expectCall(entry: ConnectionEntry, state: PptpState, host: HelperHost): void {
  const { expectations, greKeys, now } = host;
  const tunnels = BOTH.map((direction) => tunnel(entry, direction, state));
  const forget = (tuple: Tuple): void => {
    const waiting = expectations.find(tuple, entry, now);
    if (waiting) expectations.remove(waiting);
  };
  const [sent, answered] = tunnels;
  const isExpected = (tuple: Tuple): boolean => {
    const answer = new Tuple();
    invertTuple(answer, tuple);
    return host.expect({ tuple, from: FROM_PORT, onMet: () => forget(answer) });
  };
  if (!isExpected(sent)) return;
  if (!isExpected(answered)) return forget(sent);
  if (greKeys.add(entry, Direction.original, sent)) {
    if (greKeys.add(entry, Direction.reply, answered)) return;
    greKeys.forget(entry);
  }
  tunnels.forEach(forget);
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
