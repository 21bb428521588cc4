import { interfaceTo } from './interfaceTo.js';
import { i32, u8 } from '../../packet/bytes.js';
import type { Device } from '../../packet/device.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { isIcmpError } from '../../packet/rewrite.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import type { Host } from '../../host/host.js';
import { CtStatus, Direction, Tuple } from '../../rules/connection.js';
import { ConnectionEntry, CtEvent } from '../conntrack/entry.js';
import { DEFAULT_ZONE } from '../conntrack/table.js';
import { TcpConnState, TcpFlagBit, TcpState } from '../conntrack/tcpState.js';
import type { Tracker } from '../conntrack/tracker.js';
import { quotedPacket } from '../conntrack/quoted.js';
import { invertTuple, readTuple } from '../conntrack/tuple.js';
import type { Share } from '../share/share.js';
import { answerLikelihood } from './answerLikelihood.js';
import type { Sight } from './sight.js';
import { isOwnAddress, keyOf } from './unseen.js';

const { syn: SYN, ack: ACK, rst: RST } = TcpFlag;

/** Connections remembered at most. */
const MOST = 65_536;

/** Why it is in doubt what becomes of the packets of a connection. */
const OPENED_UNSEEN = 'it looks like an answer to what the capture does not have';
const ANSWERED_UNSEEN = 'the capture does not have what may have answered before it';

/** What is read of a packet before its turn, its transport header being there. */
type Heard = Pick<Packet, 'data' | 'version' | 'protocol' | 'fragmentOffset' | 'transport' | 'length'>;

/**
 * Of a conversation the capture may have one side alone, and the state of its connection hangs on both. What the other
 * side must have said is put into the connection; where it only may have, what becomes of the packets is in doubt.
 */
export class UnseenTurns {
  private readonly tuple = new Tuple();
  /** Connections of which it is a guess that, or how, they were opened or answered. */
  private readonly guessed = new WeakMap<ConnectionEntry, string>();
  /** TCP connections that may have been opened unseen, and were not taken for opened. */
  private readonly suspected = new Set<string>();
  /** The first number that the sender of each acknowledged, while it was not known which directions are captured. */
  private readonly acknowledged = new Map<string, number>();
  /** Something acknowledges what the host sends. */
  private isHeard = false;

  constructor(
    private readonly host: Host,
    private readonly tracker: Tracker,
    private readonly sight: Sight,
    private readonly share: Share | null = null,
  ) {}

  /** A packet has come in for the host, whose turn is later: where its sender acknowledges more than before, the host sends. */
  hear({ data, version, protocol, fragmentOffset, transport, length }: Heard): void {
    if (protocol !== Protocol.tcp || fragmentOffset !== 0) return;
    if ((u8(data, transport + Tcp.flags) & (SYN | ACK | RST)) !== ACK) return;
    const { tuple, acknowledged } = this;
    if (!readTuple(tuple, data, version, protocol, 0, transport, length)) return;
    if (!isOwnAddress(this.host, tuple.destination)) return;
    const key = keyOf(tuple);
    const number = i32(data, transport + Tcp.acknowledgment);
    const before = acknowledged.get(key);
    if (before === undefined) acknowledged.set(key, number);
    else if (((number - before) | 0) > 0) this.isHeard = true;
  }

  /**
   * A packet is about to start its way.
   * @param leaves the device by which the host was seen to send it; null: it came in
   * @returns why what becomes of it is in doubt; null: it is not
   */
  before(packet: Packet, leaves: Device | null): string | null {
    if (packet.fragmentOffset !== 0 || !packet.hasTransport) return null;
    // Where nothing is to leave, nothing is missing in a capture of both directions.
    if (!leaves && !this.isHeard && this.sight.mayBeSilent) return null;
    const { tuple, tracker } = this;
    const { data, version, protocol, transport, length, time } = packet;
    if (isIcmpError(packet)) return this.beforeError(packet, leaves);
    if (!readTuple(tuple, data, version, protocol, 0, transport, length)) return null;
    const found = tracker.find(tuple, DEFAULT_ZONE, time);
    if (!found) return this.open(packet, leaves);
    const { entry, direction } = found;
    const mayBeUnanswered = direction === Direction.original && !entry.has(CtStatus.seenReply);
    if (mayBeUnanswered && !this.isOtherSideSeen(packet, leaves, entry.reply.source)) {
      if (protocol === Protocol.tcp) this.accepted(entry, packet);
      else this.answered(entry, packet);
    }
    return this.guessed.get(entry) ?? null;
  }

  /** What its first packet did, and so what follows, is in doubt. */
  doubt(entry: ConnectionEntry, reason: string): void {
    if (!this.guessed.has(entry)) this.guessed.set(entry, reason);
  }

  /** Nothing is known of its connection: as if the other side had opened it, where the packet answers. */
  private open(packet: Packet, leaves: Device | null): string | null {
    const { tuple, suspected } = this;
    if (suspected.size > 0 && suspected.has(keyOf(tuple))) return OPENED_UNSEEN;
    const way = leaves ? 'sent' : isOwnAddress(this.host, tuple.destination) ? 'received' : 'forwarded';
    const likelihood = answerLikelihood(packet, this.host, way);
    if (likelihood === 'opening') return null;
    if (this.isOtherSideSeen(packet, leaves, tuple.destination)) return null;
    if (likelihood === 'perhaps' || (!leaves && this.sight.mayBeSilent)) {
      if (packet.protocol === Protocol.tcp && suspected.size < MOST) suspected.add(keyOf(tuple));
      return OPENED_UNSEEN;
    }
    const original = new Tuple();
    if (!invertTuple(original, tuple)) return null;
    this.seed(original, tuple.copy(), packet, leaves);
    return OPENED_UNSEEN;
  }

  /** An error is about a packet, which nobody has seen either. */
  private beforeError(packet: Packet, leaves: Device | null): string | null {
    const found = this.tracker.findQuoted(packet, DEFAULT_ZONE);
    if (found) return this.guessed.get(found.entry) ?? null;
    const inner = quotedPacket(packet);
    const quoted = new Tuple();
    const reply = new Tuple();
    if (!inner) return null;
    const { data, version, protocol, transport, length } = inner;
    if (!readTuple(quoted, data, version, protocol, 0, transport, Math.min(length, data.length))) return null;
    if (!invertTuple(reply, quoted)) return null;
    if (this.isOtherSideSeen(packet, leaves, quoted.source)) return null;
    this.seed(quoted, reply, packet, leaves);
    return OPENED_UNSEEN;
  }

  private seed(original: Tuple, reply: Tuple, packet: Packet, leaves: Device | null): void {
    this.share?.refuse(ALONE);
    const { tracker } = this;
    const entry = new ConnectionEntry(tracker.newId(), original, reply);
    entry.fromHost = leaves === null && isOwnAddress(this.host, original.source);
    entry.firstFrame = packet.frame;
    entry.status = CtStatus.srcNatDone | CtStatus.dstNatDone;
    entry.expires = packet.time + tracker.settings.udp;
    if (original.protocol === Protocol.tcp) entry.keepTcp(opening(packet));
    tracker.table.insert(entry, packet.time);
    this.guessed.set(entry, OPENED_UNSEEN);
    this.host.assumptions.record(
      'unseen openings',
      'The capture has one side of some conversations: packets that look like answers were taken to be some, and what becomes of them is in doubt.',
      true,
    );
  }

  /** A SYN has come, and nothing else since: that its sender acknowledges more tells that it was accepted. */
  private accepted(entry: ConnectionEntry, packet: Packet): void {
    const { data, transport, frame } = packet;
    if ((u8(data, transport + Tcp.flags) & (SYN | ACK | RST)) !== ACK) return;
    if (entry.tcpState()?.state !== TcpConnState.synSent || this.isRefused(entry, packet)) return;
    this.share?.refuse(ALONE);
    accept(entry, packet);
    entry.replyFrame = frame;
    this.host.assumptions.record(
      'unseen answers',
      'The capture does not have what answered: that a connection was accepted was taken from what its client acknowledged.',
      true,
    );
  }

  /** Its sender goes on: that it was answered is likely, but where the host's own stack had to, which is simulated. */
  private answered(entry: ConnectionEntry, packet: Packet): void {
    const isUdp = packet.protocol === Protocol.udp || packet.protocol === Protocol.udplite;
    if (isOwnAddress(this.host, entry.reply.source) && (!isUdp || this.isRefused(entry, packet))) return;
    this.share?.refuse(ALONE);
    entry.status |= CtStatus.seenReply;
    entry.replyFrame = packet.frame;
    this.doubt(entry, ANSWERED_UNSEEN);
    this.host.assumptions.record(
      'unseen conversations',
      'The capture has one side of some conversations: whether their packets were answered is in doubt.',
      true,
    );
  }

  /** It is for the host, where nobody listens. */
  private isRefused({ reply }: ConnectionEntry, { protocol, in: from }: Packet): boolean {
    const { host } = this;
    const { source, sourcePort } = reply;
    if (!from || host.parts.sockets === undefined || !isOwnAddress(host, source)) return false;
    return !host.sockets.some(
      ({ protocol: own, port, versions, address }) =>
        own === protocol &&
        port === sourcePort &&
        versions.includes(source.version) &&
        (address === null || address.equals(source)),
    );
  }

  /** Whether the capture would have what goes the other way, from that address: where it comes from, or leaves. */
  private isOtherSideSeen(packet: Packet, leaves: Device | null, other: Tuple['source']): boolean {
    const { sight, host } = this;
    if (leaves) return sight.showsArriving(leaves);
    if (packet.in && sight.showsLeaving(packet.in)) return true;
    const there = isOwnAddress(host, other) ? null : interfaceTo(host, other);
    return there !== null && sight.showsArriving(there);
  }
}

const ALONE = 'nothing tells what the other side has sent';

/** A connection whose SYN was not seen, as its answer finds it; no window is held against either side. */
function opening({ data, transport }: Packet): TcpState {
  const tcp = new TcpState();
  tcp.state = TcpConnState.synSent;
  tcp.original.end = tcp.original.maxEnd = i32(data, transport + Tcp.acknowledgment);
  tcp.original.maxWindow = 1;
  for (const side of [tcp.original, tcp.reply]) side.flags |= TcpFlagBit.beLiberal;
  return tcp;
}

/** As if the SYN+ACK had been seen; its window is not known, so that none is held against either side. */
function accept(entry: ConnectionEntry, { data, transport }: Packet): void {
  const tcp = entry.tcpState();
  if (!tcp) return;
  const { original, reply } = tcp;
  tcp.state = TcpConnState.synRecv;
  original.end = original.maxEnd = i32(data, transport + Tcp.sequence);
  reply.end = reply.maxEnd = i32(data, transport + Tcp.acknowledgment);
  reply.maxWindow = 1;
  for (const side of [original, reply]) side.flags |= TcpFlagBit.beLiberal;
  entry.keepTcp(tcp);
  entry.status |= CtStatus.seenReply;
  entry.events |= CtEvent.reply | CtEvent.protoinfo;
}
