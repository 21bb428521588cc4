import { Protocol } from '../../packet/numbers.js';
import { CtStatus, Tuple } from '../../rules/connection.js';
import type { ConntrackEntry, ConntrackTuple } from '../../host/conntrackText.js';
import { ConnectionEntry } from './entry.js';
import { SCTP_STATE_NAMES, SctpState } from './sctp.js';
import { TCP_STATE_NAMES, TcpFlagBit, TcpState } from './tcpState.js';
import type { Share } from '../share/share.js';
import type { Tracker } from './tracker.js';

/** Fills the table with what the host had when the capture began. */
export function seedConnections(
  tracker: Tracker,
  entries: readonly ConntrackEntry[],
  share: Share | null = null,
): void {
  for (const listed of entries) {
    const entry = new ConnectionEntry(
      tracker.newId(),
      tupleOf(listed, listed.original),
      tupleOf(listed, listed.reply),
    );
    if (share && share.keyOfTuple(entry.original) !== share.keyOfTuple(entry.reply))
      share.refuse('conntrack.txt has connections whose addresses do not tell them');
    if (share && !share.ownsTuple(entry.original)) continue;
    entry.fromSnapshot = true;
    entry.zone = listed.zone ?? listed.original.zone ?? listed.reply.zone ?? 0;
    if (listed.original.zone !== undefined) entry.zoneDirections = 1;
    else if (listed.reply.zone !== undefined) entry.zoneDirections = 2;
    entry.mark = (listed.mark ?? 0) | 0;
    entry.events = 0;
    entry.helper = listed.helper ?? null;
    entry.expires = (listed.timeout ?? 0) * 1e9;
    entry.status = CtStatus.srcNatDone | CtStatus.dstNatDone;
    if (!listed.unreplied) entry.status |= CtStatus.seenReply;
    if (listed.assured) entry.status |= CtStatus.assured;
    if (listed.expected) entry.status |= CtStatus.expected;
    const { original, reply } = listed;
    if (!original.source.equals(reply.destination) || original.sourcePort !== reply.destinationPort)
      entry.status |= CtStatus.srcNat;
    if (!original.destination.equals(reply.source) || original.destinationPort !== reply.sourcePort)
      entry.status |= CtStatus.dstNat;
    if (original.packets !== undefined) {
      entry.count();
      entry.packets[0] = original.packets;
      entry.bytes[0] = original.bytes ?? 0;
      entry.packets[1] = reply.packets ?? 0;
      entry.bytes[1] = reply.bytes ?? 0;
    }
    if (listed.protocol === Protocol.tcp) {
      const tcp = new TcpState();
      entry.keepTcp(tcp);
      tcp.state = Math.max(0, (TCP_STATE_NAMES as readonly string[]).indexOf(listed.state ?? ''));
      // Windows are not in the listing, so they cannot be held against anybody.
      for (const side of [tcp.original, tcp.reply])
        side.flags = TcpFlagBit.beLiberal | TcpFlagBit.sackPermitted;
    } else if (listed.protocol === Protocol.sctp) {
      entry.sctp = new SctpState();
      entry.sctp.state = Math.max(0, (SCTP_STATE_NAMES as readonly string[]).indexOf(listed.state ?? ''));
    }
    tracker.table.insert(entry, 0);
  }
}

function tupleOf(entry: ConntrackEntry, listed: ConntrackTuple): Tuple {
  const tuple = new Tuple();
  tuple.version = entry.version ?? listed.source.version;
  tuple.protocol = entry.protocol;
  tuple.source = listed.source;
  tuple.destination = listed.destination;
  if (listed.icmp) {
    tuple.sourcePort = listed.icmp.id;
    tuple.destinationPort = (listed.icmp.type << 8) | listed.icmp.code;
  } else if (listed.keys) {
    tuple.sourcePort = listed.keys.source;
    tuple.destinationPort = listed.keys.destination;
  } else {
    tuple.sourcePort = listed.sourcePort ?? 0;
    tuple.destinationPort = listed.destinationPort ?? 0;
  }
  return tuple;
}

/** A connection as conntrack(8) lists it at a time. */
export function listConnection(entry: ConnectionEntry, now: number): ConntrackEntry {
  const { original, reply } = entry;
  const tcp = entry.tcpState();
  const { version, protocol } = original;
  const icmp = protocol === Protocol.icmp || protocol === Protocol.icmpv6;
  const gre = protocol === Protocol.gre;
  const ports = PORTS.has(protocol);
  const side = (tuple: Tuple, direction: 0 | 1): ConntrackTuple => ({
    source: tuple.source,
    destination: tuple.destination,
    ...(ports && { sourcePort: tuple.sourcePort, destinationPort: tuple.destinationPort }),
    ...(icmp && {
      icmp: { type: tuple.destinationPort >> 8, code: tuple.destinationPort & 255, id: tuple.sourcePort },
    }),
    ...(gre && { keys: { source: tuple.sourcePort, destination: tuple.destinationPort } }),
    ...(entry.zoneDirections === 1 << direction && { zone: entry.zone }),
    ...(entry.counted && { packets: entry.packets[direction], bytes: entry.bytes[direction] }),
  });
  return {
    version,
    protocol,
    timeout: Math.max(0, Math.floor((entry.expires - now) / 1e9)),
    state: tcp ? TCP_STATE_NAMES[tcp.state] : entry.sctp ? SCTP_STATE_NAMES[entry.sctp.state] : undefined,
    original: side(original, 0),
    reply: side(reply, 1),
    unreplied: !entry.has(CtStatus.seenReply),
    assured: entry.has(CtStatus.assured),
    mark: entry.mark >>> 0,
    zone: entry.zoneDirections === 3 ? entry.zone || undefined : undefined,
    helper: entry.helper ?? undefined,
    use: 1,
  };
}

const PORTS = new Set<number>([Protocol.tcp, Protocol.udp, Protocol.udplite, Protocol.sctp, Protocol.dccp]);
