import { u16, u32, u8 } from '../../packet/bytes.js';
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
  /** An INIT of this direction has not been answered by a COOKIE ACK yet. */
  readonly initiated: [boolean, boolean] = [false, false];
  /** A heartbeat with a wrong tag was let through, and of which direction: its answer may prove it right. */
  doubted: Direction | null = null;
}

const { closed: CL, cookieWait: CW, cookieEchoed: CE, established: ES } = S;
const { shutdownSent: SS, shutdownRecd: SR, shutdownAckSent: SA, heartbeatSent: HS } = S;

/**
 * The next state by direction, chunk and state: the table of net/netfilter/nf_conntrack_proto_sctp.c.
 * Columns: NONE CLOSED COOKIE_WAIT COOKIE_ECHOED ESTABLISHED SHUTDOWN_SENT SHUTDOWN_RECD SHUTDOWN_ACK_SENT HEARTBEAT_SENT.
 */
const NEXT: readonly ReadonlyMap<number, readonly number[]>[] = [
  new Map<number, readonly number[]>([
    // INIT opens, and opens again what was closing; in a live association the peer may have restarted.
    [Chunk.init, [CL, CL, CW, CE, ES, CL, CL, SA, CW]],
    [Chunk.initAck, [CL, CL, CW, CE, ES, SS, SR, SA, CL]],
    [Chunk.abort, [CL, CL, CL, CL, CL, CL, CL, CL, CL]],
    [Chunk.shutdown, [CL, CL, CW, CE, SS, SS, SR, SA, CL]],
    [Chunk.shutdownAck, [SA, CL, CW, CE, ES, SA, SA, SA, SA]],
    [Chunk.error, [CL, CL, CW, CE, ES, SS, SR, SA, CL]],
    [Chunk.cookieEcho, [CL, CL, CE, CE, ES, SS, SR, SA, CL]],
    [Chunk.cookieAck, [CL, CL, CW, ES, ES, SS, SR, SA, CL]],
    [Chunk.shutdownComplete, [CL, CL, CW, CE, ES, SS, SR, CL, CL]],
    [Chunk.heartbeat, [HS, CL, CW, CE, ES, SS, SR, SA, HS]],
    [Chunk.heartbeatAck, [CL, CL, CW, CE, ES, SS, SR, SA, HS]],
  ]),
  // What a heartbeat opened, only a heartbeat's answer goes on with.
  new Map<number, readonly number[]>([
    [Chunk.init, [IV, CL, CW, CE, ES, SS, SR, SA, IV]],
    [Chunk.initAck, [IV, CW, CW, CE, ES, SS, SR, SA, IV]],
    [Chunk.abort, [IV, CL, CL, CL, CL, CL, CL, CL, IV]],
    [Chunk.shutdown, [IV, CL, CW, CE, SR, SS, SR, SA, IV]],
    [Chunk.shutdownAck, [IV, CL, CW, CE, ES, SA, SA, SA, IV]],
    // The only error before the end of the handshake is a stale cookie.
    [Chunk.error, [IV, CL, CW, CL, ES, SS, SR, SA, IV]],
    [Chunk.cookieEcho, [IV, CL, CE, CE, ES, SS, SR, SA, IV]],
    [Chunk.cookieAck, [IV, CL, CW, ES, ES, SS, SR, SA, IV]],
    [Chunk.shutdownComplete, [IV, CL, CW, CE, ES, SS, SR, CL, IV]],
    [Chunk.heartbeat, [IV, CL, CW, CE, ES, SS, SR, SA, HS]],
    [Chunk.heartbeatAck, [IV, CL, CW, CE, ES, SS, SR, SA, ES]],
  ]),
];

/** Chunks that travel alone in their packet (RFC 9260 section 6.10). */
const ALONE: readonly number[] = [Chunk.init, Chunk.initAck, Chunk.shutdownComplete];
/** Chunks that must come first. */
const FIRST: readonly number[] = [...ALONE, Chunk.cookieAck, Chunk.cookieEcho];
/** Chunks that cannot open an association (section 8.4). */
const NEVER_FIRST: readonly number[] = [Chunk.abort, Chunk.shutdownComplete, Chunk.cookieAck];
/** Chunks with tag rules of their own (section 8.5.1); a packet with none of them has to carry the right tag. */
const OWN_TAG_RULE: readonly number[] = [
  Chunk.init,
  Chunk.shutdownComplete,
  Chunk.cookieEcho,
  Chunk.abort,
  Chunk.shutdownAck,
  Chunk.heartbeat,
  Chunk.heartbeatAck,
];

/** A packet, its chunks by offset and type. */
interface Chunks {
  readonly data: Uint8Array;
  readonly end: number;
  readonly tag: number;
  readonly at: readonly number[];
  readonly kinds: readonly number[];
}

/** null: the chunks make no packet (`do_basic_checks()`). */
function readChunks({ data, transport, length }: Packet): Chunks | null {
  const end = Math.min(length, data.length);
  if (end - transport < Sctp.headerLength) return null;
  const at: number[] = [];
  const kinds: number[] = [];
  let alone = false;
  for (let here = transport + Sctp.headerLength; here + 4 <= end;) {
    const kind = u8(data, here);
    const size = u16(data, here + 2);
    if (at.length > 0 && (alone || FIRST.includes(kind))) return null;
    if (size === 0) return null;
    alone ||= ALONE.includes(kind);
    at.push(here);
    kinds.push(kind);
    here += (size + 3) & ~3;
  }
  return at.length === 0 ? null : { data, end, tag: u32(data, transport + Sctp.verificationTag), at, kinds };
}

/** The tag that an INIT or INIT ACK at this offset asks for; null: it is cut short. */
function initiateTag({ data, end }: Chunks, at: number): number | null {
  return at + 4 + INIT_HEADER > end ? null : u32(data, at + 4);
}

const INIT_HEADER = 16;

/** Starts the state of a first packet; null where it can start none: `sctp_new()`. */
function begin(chunks: Chunks): SctpState | null {
  if (chunks.kinds.some((kind) => NEVER_FIRST.includes(kind))) return null;
  const sctp = new SctpState();
  for (const [i, kind] of chunks.kinds.entries()) {
    // DATA and what else moves no state opens none.
    if (!NEXT[Direction.original].has(kind)) return null;
    if (kind === Chunk.init) {
      const tag = initiateTag(chunks, chunks.at[i]);
      if (chunks.tag !== 0 || tag === null) return null;
      sctp.tag[Direction.reply] = tag;
    } else if (kind === Chunk.heartbeat) sctp.tag[Direction.original] = chunks.tag;
    // It came too late for its association, and a SHUTDOWN COMPLETE with its tag is the answer (RFC 9260 section 8.4).
    else if (kind === Chunk.shutdownAck) sctp.tag[Direction.reply] = chunks.tag;
  }
  return sctp;
}

/** What the tag says of a chunk; `pass`: it goes by and changes nothing. */
function judgeTag(
  sctp: SctpState,
  chunks: Chunks,
  index: number,
  direction: Direction,
  passing: boolean,
): 'good' | 'bad' | 'pass' {
  const { data, tag, at, kinds } = chunks;
  const other = 1 - direction;
  switch (kinds[index]) {
    case Chunk.init:
      return tag === 0 ? 'good' : 'bad';
    case Chunk.abort:
    case Chunk.shutdownComplete: {
      // The T bit: the sender knows no tag and sends back the one it got.
      const reflected = (u8(data, at[index] + 1) & 1) !== 0;
      return tag === sctp.tag[reflected ? other : direction] ? 'good' : 'bad';
    }
    case Chunk.cookieEcho:
      return tag === sctp.tag[direction] ? 'good' : 'bad';
    case Chunk.cookieAck:
      sctp.initiated[0] = sctp.initiated[1] = false;
      return 'good';
    case Chunk.heartbeat:
    case Chunk.heartbeatAck: {
      if (sctp.tag[direction] === 0) {
        sctp.tag[direction] = tag;
        return 'good';
      }
      if (tag === sctp.tag[direction]) {
        sctp.doubted = null;
        return 'good';
      }
      if (kinds.includes(Chunk.data) || passing) return 'bad';
      if (kinds[index] === Chunk.heartbeat) {
        sctp.doubted = direction;
        return 'pass';
      }
      if (sctp.doubted !== other) return 'bad';
      sctp.doubted = null;
      sctp.tag[direction] = tag;
      sctp.tag[other] = 0;
      return 'good';
    }
    default:
      return 'good';
  }
}

/** Notes the tag that an INIT ACK asks for; false where it contradicts what is known. */
function acceptInitAck(sctp: SctpState, wanted: number, direction: Direction): boolean {
  const other = 1 - direction;
  const known = sctp.tag[other];
  if (!sctp.initiated[other] && known !== 0 && known !== wanted) return false;
  if (sctp.initiated[direction] && sctp.initiated[other] && known !== wanted) return false;
  sctp.tag[other] = wanted;
  return true;
}

/** One packet of an association, chunk by chunk: `nf_conntrack_sctp_packet()`. */
export function trackSctp(
  entry: ConnectionEntry,
  packet: Packet,
  direction: Direction,
  settings: ConntrackSettings,
): ProtocolVerdict {
  const chunks = readChunks(packet);
  if (!chunks) return ProtocolVerdict.invalid;
  if (!entry.confirmed) entry.sctp = begin(chunks);
  const { sctp } = entry;
  if (!sctp) return ProtocolVerdict.invalid;
  const { kinds, at, tag } = chunks;
  if (!kinds.some((kind) => OWN_TAG_RULE.includes(kind)) && tag !== sctp.tag[direction])
    return ProtocolVerdict.invalid;

  const other = 1 - direction;
  let next: number = S.none;
  let passing = false;
  for (const [i, kind] of kinds.entries()) {
    const judgement = judgeTag(sctp, chunks, i, direction, passing);
    if (judgement === 'bad') return ProtocolVerdict.invalid;
    if (judgement === 'pass') {
      passing = true;
      continue;
    }
    const old = sctp.state;
    next = NEXT[direction].get(kind)?.[old] ?? old;
    if (next === IV) return ProtocolVerdict.invalid;
    if (kind === Chunk.init || kind === Chunk.initAck) {
      const wanted = initiateTag(chunks, at[i]);
      if (wanted === null) return ProtocolVerdict.invalid;
      if (kind === Chunk.initAck) {
        if (!acceptInitAck(sctp, wanted, direction)) return ProtocolVerdict.invalid;
      } else {
        if (sctp.initiated[direction] && sctp.initiated[other]) sctp.initiated[other] = false;
        sctp.initiated[direction] = true;
        sctp.tag[other] = wanted;
        // An INIT sent again does not keep the entry alive.
        if (next === S.closed && old === S.closed && entry.confirmed) passing = true;
      }
    }
    sctp.state = next;
    if (old === next) continue;
    entry.events |= CtEvent.protoinfo;
    if (next === S.established && !entry.has(CtStatus.assured)) {
      entry.status |= CtStatus.assured;
      entry.events |= CtEvent.assured;
    }
  }
  if (!passing) refresh(entry, packet, direction, settings.sctp[next]);
  return ProtocolVerdict.accept;
}
