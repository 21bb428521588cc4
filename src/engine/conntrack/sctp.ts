import { u32, u8 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import { Sctp } from '../../packet/transport.js';
import { CtStatus, Direction } from '../../rules/connection.js';
import { CtEvent, type ConnectionEntry } from './entry.js';
import type { ConntrackSettings } from './settings.js';
import { ProtocolVerdict, refresh } from './verdict.js';

export const SCTP_STATE_NAMES = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
] as const;

/** `enum sctp_conntrack`. */
const S = {
  none: 0,
  closed: 1,
  cookieWait: 2,
  cookieEchoed: 3,
  established: 4,
  shutdownSent: 5,
  shutdownRecd: 6,
  shutdownAckSent: 7,
  heartbeatSent: 8,
} as const;
const IV = 9;

/** Chunk types of RFC 9260 section 3.2. */
const Chunk = {
  data: 0,
  init: 1,
  initAck: 2,
  heartbeat: 4,
  heartbeatAck: 5,
  abort: 6,
  shutdown: 7,
  shutdownAck: 8,
  error: 9,
  cookieEcho: 10,
  cookieAck: 11,
  shutdownComplete: 14,
} as const;

export class SctpState {
  state: number = S.none;
  /** The verification tag that packets of this direction must carry; 0: not known yet. */
  readonly tag: [number, number] = [0, 0];
}

const { closed: CL, cookieWait: CW, cookieEchoed: CE, established: ES } = S;
const { shutdownSent: SS, shutdownRecd: SR, shutdownAckSent: SA, heartbeatSent: HS } = S;

/**
 * The next state by direction, chunk and state: the table of net/netfilter/nf_conntrack_proto_sctp.c.
 * Columns: NONE CLOSED COOKIE_WAIT COOKIE_ECHOED ESTABLISHED SHUTDOWN_SENT SHUTDOWN_RECD SHUTDOWN_ACK_SENT HEARTBEAT_SENT.
 */
const NEXT: readonly ReadonlyMap<number, readonly number[]>[] = [
  new Map<number, readonly number[]>([
    // INIT opens, and opens again what was closed; in a live association the peer may have restarted.
    [Chunk.init, [CL, CL, CW, CE, ES, CL, CL, SA, CW]],
    [Chunk.initAck, [IV, IV, CW, CE, ES, SS, SR, SA, CL]],
    [Chunk.abort, [IV, CL, CL, CL, CL, CL, CL, CL, CL]],
    [Chunk.shutdown, [IV, CL, CW, CE, SS, SS, SR, SA, CL]],
    [Chunk.shutdownAck, [SA, CL, CW, CE, ES, SA, SA, SA, SA]],
    [Chunk.error, [IV, CL, CW, CE, ES, SS, SR, SA, CL]],
    [Chunk.cookieEcho, [IV, CL, CE, CE, ES, SS, SR, SA, CL]],
    [Chunk.cookieAck, [IV, CL, CW, CE, ES, SS, SR, SA, CL]],
    [Chunk.shutdownComplete, [IV, CL, CW, CE, ES, SS, SR, CL, CL]],
    [Chunk.heartbeat, [HS, CL, CW, CE, ES, SS, SR, SA, HS]],
    [Chunk.heartbeatAck, [IV, CL, CW, CE, ES, SS, SR, SA, HS]],
  ]),
  new Map<number, readonly number[]>([
    [Chunk.init, [IV, CL, CW, CE, ES, SS, SR, SA, HS]],
    [Chunk.initAck, [IV, CW, CW, CE, ES, SS, SR, SA, HS]],
    [Chunk.abort, [IV, CL, CL, CL, CL, CL, CL, CL, CL]],
    [Chunk.shutdown, [IV, CL, CW, CE, SR, SS, SR, SA, HS]],
    [Chunk.shutdownAck, [IV, CL, CW, CE, ES, SA, SA, SA, HS]],
    [Chunk.error, [IV, CL, CW, CL, ES, SS, SR, SA, HS]],
    [Chunk.cookieEcho, [IV, CL, CW, CE, ES, SS, SR, SA, HS]],
    [Chunk.cookieAck, [IV, CL, CW, ES, ES, SS, SR, SA, HS]],
    [Chunk.shutdownComplete, [IV, CL, CW, CE, ES, SS, SR, CL, HS]],
    [Chunk.heartbeat, [IV, CL, CW, CE, ES, SS, SR, SA, HS]],
    [Chunk.heartbeatAck, [IV, CL, CW, CE, ES, SS, SR, SA, ES]],
  ]),
];

/** One packet of an association, chunk by chunk: `nf_conntrack_sctp_packet()`. */
export function trackSctp(
  entry: ConnectionEntry,
  packet: Packet,
  direction: Direction,
  settings: ConntrackSettings,
): ProtocolVerdict {
  const { data, transport, length } = packet;
  const end = Math.min(length, data.length);
  if (length - transport < Sctp.headerLength) return ProtocolVerdict.invalid;
  const tag = u32(data, transport + Sctp.verificationTag);
  const chunks: number[] = [];
  for (let at = transport + Sctp.headerLength; at + 4 <= end;) {
    chunks.push(at);
    const size = (u8(data, at + 2) << 8) | u8(data, at + 3);
    if (size < 4) break;
    at += (size + 3) & ~3;
  }
  if (chunks.length === 0) return ProtocolVerdict.invalid;
  const kinds = chunks.map((at) => u8(data, at));
  // INIT, INIT ACK and SHUTDOWN COMPLETE travel alone; COOKIE ECHO and DATA may follow each other only in order.
  const alone = kinds.some((k) => k === Chunk.init || k === Chunk.initAck || k === Chunk.shutdownComplete);
  if (alone && kinds.length > 1) return ProtocolVerdict.invalid;

  let sctp = entry.sctp;
  if (!entry.confirmed) {
    sctp = entry.sctp = new SctpState();
    for (const [i, kind] of kinds.entries()) {
      const row = NEXT[Direction.original].get(kind);
      if (!row) continue;
      const next = row[S.none];
      if (next === IV) return ProtocolVerdict.invalid;
      if (kind === Chunk.init) {
        if (tag !== 0 || length - chunks[i] < 8) return ProtocolVerdict.invalid;
        sctp.tag[Direction.reply] = u32(data, chunks[i] + 4);
      } else if (kind === Chunk.heartbeat) sctp.tag[Direction.original] = tag;
      else sctp.tag[Direction.reply] = tag;
      sctp.state = S.none;
    }
  }
  if (!sctp) return ProtocolVerdict.invalid;

  const old = sctp.state;
  let state = old;
  for (const [i, kind] of kinds.entries()) {
    const row = NEXT[direction].get(kind);
    if (kind === Chunk.init) {
      if (tag !== 0) return ProtocolVerdict.invalid;
    } else if (kind === Chunk.abort || kind === Chunk.shutdownComplete) {
      const reflected = (u8(data, chunks[i] + 1) & 1) !== 0;
      if (tag !== sctp.tag[direction] && !(reflected && tag === sctp.tag[1 - direction]))
        return ProtocolVerdict.invalid;
    } else if (kind === Chunk.heartbeat || kind === Chunk.heartbeatAck) {
      if (sctp.tag[direction] === 0) sctp.tag[direction] = tag;
      else if (tag !== sctp.tag[direction]) return ProtocolVerdict.invalid;
    } else if (tag !== sctp.tag[direction] && entry.confirmed) return ProtocolVerdict.invalid;
    if (!row) continue;
    state = row[state];
    if (state === IV) return ProtocolVerdict.invalid;
    if (kind === Chunk.init || kind === Chunk.initAck) sctp.tag[1 - direction] = u32(data, chunks[i] + 4);
  }
  sctp.state = state;
  if (old !== state) entry.events |= CtEvent.protoinfo;
  refresh(entry, packet, direction, settings.sctp[state]);
  if (
    old === S.cookieEchoed &&
    state === S.established &&
    direction === Direction.reply &&
    !entry.has(CtStatus.assured)
  ) {
    entry.status |= CtStatus.assured;
    entry.events |= CtEvent.assured;
  }
  return ProtocolVerdict.accept;
}
