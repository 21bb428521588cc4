import { i32, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import type { Host } from '../../host/host.js';
import { CtStatus, Direction, Tuple } from '../../rules/connection.js';
import { type ConnectionEntry, CtEvent } from '../conntrack/entry.js';
import { DEFAULT_ZONE } from '../conntrack/table.js';
import { TcpConnState, TcpFlagBit } from '../conntrack/tcpState.js';
import type { Tracker } from '../conntrack/tracker.js';
import { readTuple } from '../conntrack/tuple.js';
import type { Share } from '../share/share.js';
import type { Sight } from './sight.js';

const { syn: SYN, ack: ACK, rst: RST } = TcpFlag;

/**
 * Where the capture has only what came in, nothing shows that the host accepted a connection, and what follows would be
 * invalid. That a client acknowledges what a socket of the host has sent does tell it.
 */
export class UnseenAcceptance {
  private readonly listens: boolean;
  private readonly tuple = new Tuple();

  constructor(
    private readonly host: Host,
    private readonly tracker: Tracker,
    private readonly sight: Sight,
    private readonly share: Share | null = null,
  ) {
    this.listens = host.sockets.some(({ protocol }) => protocol === Protocol.tcp);
  }

  /** A packet is about to come in. */
  before(packet: Packet): void {
    if (!this.listens || packet.protocol !== Protocol.tcp || !packet.in || !packet.hasTransport) return;
    const { data, transport, version, protocol, length, time, frame } = packet;
    if (data.length < transport + Tcp.minimumLength) return;
    if ((u8(data, transport + Tcp.flags) & (SYN | ACK | RST)) !== ACK) return;
    if (this.sight.showsLeaving(packet.in)) return;
    const { tuple, tracker } = this;
    if (!readTuple(tuple, data, version, protocol, 0, transport, length)) return;
    const found = tracker.find(tuple, DEFAULT_ZONE, time);
    if (found?.direction !== Direction.original || !this.mayAccept(found.entry)) return;
    this.share?.refuse('nothing tells what the host has sent');
    accept(found.entry, packet);
    found.entry.replyFrame = frame;
    this.host.assumptions.record(
      'unseen answers',
      'The capture does not have what the host sent: that it accepted a connection was taken from what its client acknowledged.',
      true,
    );
  }

  /** A SYN has come for a socket that listens, and nothing else since. */
  private mayAccept(entry: ConnectionEntry): boolean {
    if (entry.has(CtStatus.seenReply) || entry.tcpState()?.state !== TcpConnState.synSent) return false;
    const { source, sourcePort } = entry.reply;
    return this.host.sockets.some(
      ({ protocol, port, versions, address }) =>
        protocol === Protocol.tcp &&
        port === sourcePort &&
        versions.includes(source.version) &&
        (address === null || address.equals(source)),
    );
  }
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
