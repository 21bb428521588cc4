import { TcpFlag } from '../../packet/transport.js';

/** `enum tcp_conntrack` (linux/netfilter/nf_conntrack_tcp.h), named as conntrack(8) prints them. */
export const TcpConnState = {
  none: 0,
  synSent: 1,
  synRecv: 2,
  established: 3,
  finWait: 4,
  closeWait: 5,
  lastAck: 6,
  timeWait: 7,
  close: 8,
  synSent2: 9,
} as const;
export type TcpConnState = number;

export const TCP_STATE_NAMES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;

/** What a segment is to the state table: RST before SYN before FIN before ACK (`get_conntrack_index()`). */
export const Segment = { syn: 0, synAck: 1, fin: 2, ack: 3, rst: 4, none: 5 } as const;
export type Segment = (typeof Segment)[keyof typeof Segment];

export function segmentKind(flags: number): Segment {
  if (flags & TcpFlag.rst) return Segment.rst;
  if (flags & TcpFlag.syn) return flags & TcpFlag.ack ? Segment.synAck : Segment.syn;
  if (flags & TcpFlag.fin) return Segment.fin;
  if (flags & TcpFlag.ack) return Segment.ack;
  return Segment.none;
}

/** Not a state: the segment makes no sense here, and the packet is INVALID. */
export const IV = 10;
/** Not a state: the segment may belong to a connection that we are out of step with; let it pass, change nothing. */
export const IG = 11;

const { synSent: SS, synRecv: SR, established: ES, finWait: FW, closeWait: CW } = TcpConnState;
const { lastAck: LA, timeWait: TW, close: CL, synSent2: S2 } = TcpConnState;

/**
 * The next state by direction, segment and state: the table of net/netfilter/nf_conntrack_proto_tcp.c.
 * Columns: NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2.
 */
export const NEXT_STATE: readonly (readonly (readonly number[])[])[] = [
  [
    // SYN: opens; again while opening is a retransmission; in a live connection it may be a peer that restarted,
    // so it is watched and not believed; after TIME_WAIT or CLOSE it opens anew.
    [SS, SS, IG, IG, IG, IG, IG, SS, SS, S2],
    // SYN+ACK from the client answers nothing, but in a simultaneous open, where both sides sent a SYN.
    [IV, IV, SR, IV, IV, IV, IV, IV, IV, SR],
    // FIN closes this half; before the SYN was answered there is nothing to close; the second one waits for its ACK.
    [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
    // ACK without history is a pick-up; before the SYN+ACK it is wrong; it completes the handshake, and each FIN.
    [ES, IV, ES, ES, CW, CW, TW, TW, CL, IV],
    // RST closes whatever there is; for nothing it opens nothing.
    [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
    // Neither SYN, FIN, RST nor ACK: no segment of a connection has that.
    [IV, IV, IV, IV, IV, IV, IV, IV, IV, IV],
  ],
  [
    // SYN from the server: a simultaneous open, or after TIME_WAIT a connection reopened from the other side.
    [IV, S2, IV, IV, IV, IV, IV, SS, IV, S2],
    // SYN+ACK answers the SYN; later it is a retransmission or the answer to a SYN that was only watched.
    [IV, SR, IG, IG, IG, IG, IG, IG, IG, SR],
    [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
    // ACK instead of SYN+ACK may be a challenge ACK (RFC 5961): watched; the handshake is not done by the server's ACK.
    [IV, IG, SR, ES, CW, CW, TW, TW, CL, IG],
    [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
    [IV, IV, IV, IV, IV, IV, IV, IV, IV, IV],
  ],
];

/** IP_CT_TCP_FLAG_* of linux/netfilter/nf_conntrack_tcp.h. */
export const TcpFlagBit = {
  windowScale: 0x01,
  sackPermitted: 0x02,
  closeInit: 0x04,
  beLiberal: 0x08,
  dataUnacknowledged: 0x10,
  maxAckSet: 0x20,
  challengeAck: 0x40,
  simultaneousOpen: 0x80,
} as const;

/** What is known of one direction: `struct ip_ct_tcp_state`. Sequence numbers are signed 32-bit words, which V8 keeps without a box. */
export class TcpSide {
  /** One past the last octet sent. */
  end = 0;
  /** One past the last octet the other side allows. */
  maxEnd = 0;
  /** The largest window it offered, scaled; 0: nothing seen of this side. */
  maxWindow = 0;
  maxAck = 0;
  scale = 0;
  flags = 0;

  reset(): void {
    this.end = this.maxEnd = this.maxWindow = this.maxAck = this.scale = 0;
    this.flags &= TcpFlagBit.beLiberal;
  }
}

/** `struct ip_ct_tcp`. */
export class TcpState {
  state: TcpConnState = TcpConnState.none;
  readonly original = new TcpSide();
  readonly reply = new TcpSide();
  lastDirection = 0;
  lastSegment: Segment = Segment.none;
  lastSequence = 0;
  lastAck = 0;
  lastEnd = 0;
  lastWindow = 0;
  lastScale = 0;
  lastFlags = 0;
  retransmissions = 0;

  /** @param direction of Direction */
  side(direction: number): TcpSide {
    return direction === 0 ? this.original : this.reply;
  }
}
