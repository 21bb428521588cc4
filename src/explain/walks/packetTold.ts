import { ConnectionEntry } from '../../engine/conntrack/entry.js';
import { DEFAULT_ZONE } from '../../engine/conntrack/table.js';
import { TcpConnState, TcpFlagBit, TcpState } from '../../engine/conntrack/tcpState.js';
import type { Tracker } from '../../engine/conntrack/tracker.js';
import { invertTuple, readTuple } from '../../engine/conntrack/tuple.js';
import type { Passage } from '../../engine/passage.js';
import type { Preparation } from '../../engine/replayOptions.js';
import { Protocol } from '../../packet/numbers.js';
import { CtState, CtStatus, Tuple } from '../../rules/connection.js';
import type { WordedPacket } from './packetWords.js';

/** Seconds that a connection made up for a packet is alive. */
const TIMEOUT = 600;

/** Gives packets in words what their bytes do not hold: the mark, and the connection that makes their state true. */
export function preparationOf(packets: readonly WordedPacket[]): Preparation {
  return (passage, tracker) => {
    const told = packets[passage.packet.frame - 1] as WordedPacket | undefined;
    if (!told) return;
    passage.packet.mark = told.mark;
    if (told.state === 'UNTRACKED') passage.state = CtState.untracked;
    else if (told.state === 'ESTABLISHED' || told.state === 'RELATED')
      connect(passage, tracker, told.state === 'ESTABLISHED');
  };
}

/** The packet's connection as it must be for the state: the one that earlier packets have opened, or a new one without NAT. */
function connect({ packet }: Passage, tracker: Tracker, established: boolean): void {
  const original = new Tuple();
  const reply = new Tuple();
  const { data, version, protocol, transport, length } = packet;
  if (!readTuple(original, data, version, protocol, 0, transport, length) || !invertTuple(reply, original))
    return;
  const known = tracker.find(original, DEFAULT_ZONE, packet.time)?.entry;
  const entry = known ?? new ConnectionEntry(tracker.newId(), original, reply);
  entry.status |= established ? CtStatus.seenReply | CtStatus.assured : CtStatus.expected;
  if (established && protocol === Protocol.tcp) {
    const tcp = entry.tcpState() ?? new TcpState();
    tcp.state = TcpConnState.established;
    // Numbers of packets in words mean nothing, so no window is held against them.
    for (const side of [tcp.original, tcp.reply])
      side.flags = TcpFlagBit.beLiberal | TcpFlagBit.sackPermitted;
    entry.keepTcp(tcp);
  }
  if (known) return;
  entry.status |= CtStatus.srcNatDone | CtStatus.dstNatDone;
  entry.expires = packet.time + TIMEOUT * 1e9;
  tracker.table.insert(entry, packet.time);
}
