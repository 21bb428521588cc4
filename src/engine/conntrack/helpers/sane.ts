import { u16, u32 } from '../../../packet/bytes.js';
import { Protocol } from '../../../packet/numbers.js';
import { CtState, Direction } from '../../../rules/connection.js';
import { Verdict } from '../../../rules/verdict.js';
import type { ConnectionEntry } from '../entry.js';
import type { Helper } from './helper.js';

/** SANE network protocol, section 5.2 of the SANE standard: the code of the call that starts a scan. */
const NET_START = 7;
const REQUEST_LENGTH = 8;
const REPLY_LENGTH = 8;

export interface SaneState {
  readonly of: 'sane';
  /** The next thing that the server says answers SANE_NET_START. */
  starting: boolean;
}

function stateOf(entry: ConnectionEntry): SaneState {
  const { helperState } = entry;
  if (helperState?.of === 'sane') return helperState;
  const state: SaneState = { of: 'sane', starting: false };
  entry.helperState = state;
  return state;
}

/** The image comes by another connection, to a port of the server: net/netfilter/nf_conntrack_sane.c. */
export const sane: Helper = {
  name: 'sane',
  protocol: Protocol.tcp,
  most: 1,
  seconds: 300,
  help({ state: seen, direction }, entry, host) {
    if (seen !== CtState.established) return Verdict.accept;
    const payload = host.payload();
    if (!payload || payload.length === 0) return Verdict.accept;
    const { length } = payload;
    const state = stateOf(entry);
    if (direction === Direction.original) {
      if (length === REQUEST_LENGTH) state.starting = u32(payload, 0) === NET_START;
      return Verdict.accept;
    }
    if (!state.starting) return Verdict.accept;
    state.starting = false;
    if (length < REPLY_LENGTH || u32(payload, 0) !== 0 || u16(payload, 4) !== 0) return Verdict.accept;
    const wanted = entry.tuple(Direction.original).copy();
    wanted.sourcePort = 0;
    wanted.destinationPort = u16(payload, 6);
    return host.expect({ tuple: wanted }) ? Verdict.accept : host.refuse('cannot add expectation');
  },
};
