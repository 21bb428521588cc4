import { type Connection, CtStatus, type Direction, type Tuple } from '../../rules/connection.js';
import type { Rule } from '../../rules/model.js';
import type { FlowPath } from '../flowPath.js';
import type { SctpState } from './sctp.js';
import type { ConntrackSettings } from './settings.js';
import type { TcpState } from './tcpState.js';

/** Of all entries that are not counted: nobody adds to it. */
const UNCOUNTED: [number, number] = [0, 0];

/** A conntrack entry: `struct nf_conn`. */
export class ConnectionEntry implements Connection {
  original: Tuple;
  reply: Tuple;
  status = 0;
  mark = 0;
  labels: [number, number, number, number] | null = null;
  zone = 0;
  /** Bits by Direction: where the zone counts (`--zone-orig`, `--zone-reply`). */
  zoneDirections = 3;
  helper: string | null = null;
  /** What a timeout policy gave it instead of the host's own; null: nothing. */
  timeouts: ConntrackSettings | null = null;
  packets: [number, number] = UNCOUNTED;
  bytes: [number, number] = UNCOUNTED;
  /** ns since capture start. */
  expires = 0;
  master: ConnectionEntry | null = null;
  sourceRule: Rule | null = null;
  destinationRule: Rule | null = null;
  markRule: Rule | null = null;

  tcp: TcpState | null = null;
  sctp: SctpState | null = null;
  /** When the first packet came, ns; UDP counts as a stream two seconds later. */
  born = 0;
  /** The interface whose address MASQUERADE took; 0: none. */
  masqueradeIndex = 0;
  /** The frame of its first packet, for explanations. */
  firstFrame = 0;
  /** The frame that carried the first reply; 0: none yet. */
  replyFrame = 0;
  /** What happened since the last event went out: bits of CtEvent. */
  events = 0;
  /** This host opened it: a socket of its own waits for the answers. */
  fromHost = false;
  /** Was there when the capture began. */
  fromSnapshot = false;
  /** False where counting was off when it was made (net.netfilter.nf_conntrack_acct); `count` is then not called. */
  counted = false;
  dead = false;
  /** The way that its packets go, by direction, once one has gone it. */
  originalPath: FlowPath | null = null;
  replyPath: FlowPath | null = null;
  /** Another one whose source has the same hash, for NAT. */
  nextOfSource: ConnectionEntry | null = null;
  /** It is in the table, between these two. */
  listed = false;
  older: ConnectionEntry | null = null;
  newer: ConnectionEntry | null = null;

  constructor(
    readonly id: number,
    original: Tuple,
    reply: Tuple,
  ) {
    this.original = original;
    this.reply = reply;
  }

  /** Counting is on. */
  count(): void {
    this.counted = true;
    this.packets = [0, 0];
    this.bytes = [0, 0];
  }

  has(bit: number): boolean {
    return (this.status & bit) !== 0;
  }

  get confirmed(): boolean {
    return (this.status & CtStatus.confirmed) !== 0;
  }

  tuple(direction: Direction): Tuple {
    return direction === 0 ? this.original : this.reply;
  }
}

/** IPCT_* of linux/netfilter/nf_conntrack_common.h: what `conntrack -E` is told. */
export const CtEvent = {
  new: 1 << 0,
  related: 1 << 1,
  destroy: 1 << 2,
  reply: 1 << 3,
  assured: 1 << 4,
  protoinfo: 1 << 5,
  helper: 1 << 6,
  mark: 1 << 7,
  label: 1 << 10,
} as const;
