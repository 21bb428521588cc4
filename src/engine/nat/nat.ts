import type { IpAddress } from '../../address/ip.js';
import { Protocol } from '../../packet/numbers.js';
import { verifyTransport } from '../../packet/checksum.js';
import type { Packet } from '../../packet/packet.js';
import { u8 } from '../../packet/bytes.js';
import { type AddressWords, type Changes, innerSite, rewrite, rewriteInner } from '../../packet/rewrite.js';
import { IcmpType, Icmpv6Type } from '../../packet/transport.js';
import { CtState, CtStatus, Direction, opposite, Tuple } from '../../rules/connection.js';
import { Manip, type NatRange } from '../../rules/context.js';
import { Hook } from '../../rules/hook.js';
import type { ConnectionEntry } from '../conntrack/entry.js';
import type { Follow } from '../conntrack/expectations.js';
import { zoneIn } from '../conntrack/table.js';
import type { Tracker } from '../conntrack/tracker.js';
import { invertTuple, isTrackedByPorts } from '../conntrack/tuple.js';
import type { Passage } from '../passage.js';
import type { Share } from '../share/share.js';
import { spreadAddress } from './natRange.js';
import { SourceMappings } from './sourceMappings.js';

/** Source addresses change as late as they can, destinations as early (`HOOK2MANIP`, nf_nat.h). */
export function manipOf(hook: Hook): Manip {
  return hook === Hook.postrouting || hook === Hook.input ? Manip.source : Manip.destination;
}

const DONE = { [Manip.source]: CtStatus.srcNatDone, [Manip.destination]: CtStatus.dstNatDone };
const CHANGED = { [Manip.source]: CtStatus.srcNat, [Manip.destination]: CtStatus.dstNat };

export function isInitialised(entry: ConnectionEntry, manip: Manip): boolean {
  return entry.has(DONE[manip]);
}

/** What stands in for the kernel's random number where it chooses a port. */
export interface PortChoice {
  /** The port that the packet was seen to leave with; undefined: its copy was not captured. */
  seen(passage: Passage, tuple: Tuple, manip: Manip): number | undefined;
  /** A number in [0, 65535] where nothing tells. */
  draw(passage: Passage): number;
}

/** What came of translating a packet as its connection says. */
export const Translation = { none: 0, changed: 1, impossible: 2 } as const;
export type Translation = (typeof Translation)[keyof typeof Translation];

/** Chooses and applies translations: net/netfilter/nf_nat_core.c. */
export class Nat {
  private readonly mappings = new SourceMappings();
  /** Filled for each new connection: the tuple that it has, the one that it gets, and what answers that. */
  private readonly current = new Tuple();
  private readonly unique = new Tuple();
  private readonly answer = new Tuple();
  private readonly target = new Tuple();
  private readonly changes = new TupleChanges();
  private now = 0;

  constructor(
    private readonly tracker: Tracker,
    private readonly choice: PortChoice,
    private readonly share: Share | null = null,
  ) {}

  /** A connection ended: its mapping no longer holds. */
  forget(entry: ConnectionEntry): void {
    if (isInitialised(entry, Manip.source)) this.mappings.remove(entry);
  }

  /** The connection between two ends, as they are themselves, of which the second sees another address than the first has. */
  translatedFrom(ends: Tuple): ConnectionEntry | null {
    return this.mappings.translatedFrom(ends);
  }

  /** Gives the connection its tuple for one side, once: `nf_nat_setup_info()`. */
  setup(passage: Passage, manip: Manip, range: NatRange): void {
    const entry = passage.connection;
    if (!entry || entry.confirmed || isInitialised(entry, manip)) return;
    this.now = passage.packet.time;
    const { current } = this;
    // Not in the table yet: what it has is its own, and is written where it stands.
    const { reply } = entry;
    invertTuple(current, reply);
    const chosen = this.uniqueTuple(passage, entry, current, manip, range);
    if (!chosen.equals(current)) {
      invertTuple(reply, chosen);
      entry.status |= CHANGED[manip];
      if (this.share && this.share.keyOfTuple(reply) !== this.share.keyOfTuple(entry.original))
        this.share.refuse(`packet ${passage.packet.frame} gets addresses that do not tell its connection`);
    }
    this.done(entry, manip);
  }

  /** Translates a connection as the one that expected it is: `nf_nat_follow_master()` (net/netfilter/nf_nat_helper.c). */
  follow(passage: Passage, master: ConnectionEntry, follow: Follow): void {
    if (follow.call) return this.followCall(passage, master, follow);
    const { direction, port, sourcePort = null } = follow;
    const { source, destination } = master.tuple(opposite(direction));
    this.setup(passage, Manip.source, oneEnd(destination, sourcePort));
    this.setup(passage, Manip.destination, oneEnd(source, port));
  }

  /** The same for a SIP call: `nf_nat_sip_expected()` (net/netfilter/nf_nat_sip.c). */
  private followCall(passage: Passage, master: ConnectionEntry, { direction, port, call }: Follow): void {
    const { source, sourcePort, protocol } = (passage.connection ?? master).original;
    if (call) this.setup(passage, Manip.destination, oneEnd(call.address, port));
    // Who listens somewhere sends from there, and is seen by the other as the one who was told.
    const pair = call?.isMedia
      ? this.tracker.expectations
          .own(master, passage.packet.time)
          .findLast(
            ({ tuple, follow }) =>
              tuple.protocol === protocol &&
              follow?.port === sourcePort &&
              follow.call?.address.equals(source) === true,
          )
      : undefined;
    if (pair) this.setup(passage, Manip.source, oneEnd(pair.tuple.destination, pair.tuple.destinationPort));
    else if (source.equals(master.tuple(direction).source))
      this.setup(passage, Manip.source, oneEnd(master.tuple(opposite(direction)).destination, null));
  }

  private done(entry: ConnectionEntry, manip: Manip): void {
    entry.status |= DONE[manip];
    if (manip === Manip.source) this.mappings.add(entry);
  }

  /** No rule wanted a translation: only a clash can still change a port: `nf_nat_alloc_null_binding()`. */
  setupNull(passage: Passage, manip: Manip): void {
    const entry = passage.connection;
    if (!entry || entry.confirmed || isInitialised(entry, manip)) return;
    this.now = passage.packet.time;
    // A range of the one address that it has already is met by the tuple as it is, if nobody has it.
    if (!this.isAnswerTaken(entry.reply, entry)) return this.done(entry, manip);
    const address = manip === Manip.source ? entry.reply.destination : entry.reply.source;
    this.setup(passage, manip, {
      minAddress: address,
      maxAddress: address,
      minPort: null,
      maxPort: null,
    });
  }

  /** `get_unique_tuple()`. */
  private uniqueTuple(
    passage: Passage,
    entry: ConnectionEntry,
    original: Tuple,
    manip: Manip,
    range: NatRange,
  ): Tuple {
    const random = range.random === true || range.fullyRandom === true;
    if (this.share && manip === Manip.source && hasChoice(range))
      this.share.refuse(
        'SNAT has several addresses to choose from, and a client keeps the one that it got first',
      );
    if (manip === Manip.source && !random) {
      if (inRange(original, range)) {
        if (!this.taken(original, entry)) return original;
      } else {
        const found = this.mappedBefore(original, entry, range);
        if (found) return found;
      }
    }
    const tuple = this.unique;
    tuple.take(original);
    const address = spreadAddress(range, original, manip, entry.zone);
    if (address) {
      if (manip === Manip.source) tuple.source = address;
      else tuple.destination = address;
    }
    if (!random) {
      if (range.minPort !== null && range.maxPort !== null) {
        const fits = (range.basePort ?? null) === null && portInRange(tuple, manip, range);
        if (fits && (range.minPort === range.maxPort || !this.taken(tuple, entry))) return tuple;
      } else if (!this.taken(tuple, entry)) return tuple;
    }
    this.choosePort(passage, entry, tuple, manip, range);
    return tuple;
  }

  /** A client that is mapped already keeps its mapping: `find_appropriate_src()`. */
  private mappedBefore(original: Tuple, entry: ConnectionEntry, range: NatRange): Tuple | null {
    const { mappings, unique: result } = this;
    for (let other = mappings.latest(original); other; other = mappings.before(other, original)) {
      if (zoneIn(other, Direction.original) !== zoneIn(entry, Direction.original)) continue;
      invertTuple(result, other.lookAt(Direction.reply, result));
      result.d0 = original.d0;
      result.d1 = original.d1;
      result.d2 = original.d2;
      result.d3 = original.d3;
      result.destinationPort = original.destinationPort;
      if (inRange(result, range)) return this.taken(result, entry) ? null : result;
    }
    return null;
  }

  /** The answers to this tuple would be taken for another connection's: `nf_nat_used_tuple()`. */
  private taken(tuple: Tuple, entry: ConnectionEntry): boolean {
    const { answer } = this;
    return invertTuple(answer, tuple) && this.isAnswerTaken(answer, entry);
  }

  private isAnswerTaken(reply: Tuple, entry: ConnectionEntry): boolean {
    const found = this.tracker.table.find(reply, entry, this.now);
    if (found === null || found.entry === entry) return false;
    // The kernel looks only where answers of this zone are kept (`nf_conntrack_tuple_taken()`).
    return zoneIn(found.entry, found.direction) === zoneIn(entry, Direction.reply);
  }

  /** `nf_nat_l4proto_unique_tuple()`. */
  private choosePort(
    passage: Passage,
    entry: ConnectionEntry,
    tuple: Tuple,
    manip: Manip,
    range: NatRange,
  ): void {
    const icmp = tuple.protocol === Protocol.icmp || tuple.protocol === Protocol.icmpv6;
    // Of GRE only the calls of PPTP have ids that are theirs alone.
    const call = tuple.protocol === Protocol.gre && entry.master !== null;
    if (!icmp && !call && !isTrackedByPorts(tuple.protocol)) return;
    const side = icmp || manip === Manip.source ? 'sourcePort' : 'destinationPort';
    const there = tuple[side];
    let min: number;
    let size: number;
    if (range.minPort !== null && range.maxPort !== null) {
      min = Math.min(range.minPort, range.maxPort);
      size = Math.abs(range.maxPort - range.minPort) + 1;
    } else if (icmp) {
      min = 0;
      size = 65536;
    } else if (call) {
      min = 1;
      size = 65535;
    } else if (manip === Manip.destination) return;
    else if (there < 512) {
      min = 1;
      size = 511;
    } else if (there < 1024) {
      min = 600;
      size = 424;
    } else {
      min = 1024;
      size = 64512;
    }
    const base = range.basePort ?? null;
    // A destination's port is drawn only where that was asked for; else the first one that is free is taken.
    const drawn = manip === Manip.source || range.random === true || range.fullyRandom === true;
    if (drawn)
      this.share?.refuse(
        `packet ${passage.packet.frame} gets another port, and which ones are free is not known`,
      );
    const seen = base === null && drawn ? this.choice.seen(passage, tuple, manip) : undefined;
    if (seen !== undefined && seen >= min && seen < min + size) {
      tuple[side] = seen;
      if (!this.taken(tuple, entry)) return;
    }
    let offset = base !== null ? (there - base) & 0xffff : drawn ? this.choice.draw(passage) : 0;
    for (let attempts = Math.min(size, 128); ; attempts = attempts >> 1) {
      for (let i = 0; i < attempts; i++, offset = (offset + 1) & 0xffff) {
        tuple[side] = min + (offset % size);
        if (!this.taken(tuple, entry)) return;
      }
      if (attempts >= size || attempts < 16) return;
      offset = this.choice.draw(passage);
    }
  }

  /** Rewrites the packet as its connection says, at this hook: `nf_nat_packet()`. Impossible: the packet is dropped. */
  apply(passage: Passage, hook: Hook): Translation {
    const entry = passage.connection;
    if (!entry) return Translation.none;
    const manip = manipOf(hook);
    const reply = passage.direction === Direction.reply;
    const bit = CHANGED[reply ? otherManip(manip) : manip];
    if (!entry.has(bit)) return Translation.none;
    const { packet } = passage;
    if (isTooShort(packet, packet.protocol, packet.transport)) return Translation.impossible;
    const { target, changes } = this;
    if (!invertTuple(target, entry.lookAt(reply ? Direction.original : Direction.reply, target)))
      return Translation.none;
    changes.take(target, manip, packet.protocol);
    return rewrite(packet, changes) ? Translation.changed : Translation.none;
  }

  /**
   * An ICMP error of a translated connection: what it quotes is translated back, and its own address with it:
   * `nf_nat_icmp_reply_translation()`. Impossible: the packet is dropped.
   */
  applyToError(passage: Passage, hook: Hook): Translation {
    const entry = passage.connection;
    if (!entry) return Translation.none;
    const { packet } = passage;
    if (verifyTransport(packet) === 'bad') return Translation.impossible;
    const manip = manipOf(hook);
    const type = u8(packet.data, packet.transport);
    if (type === (packet.version === 4 ? IcmpType.redirect : Icmpv6Type.redirect)) {
      const both = CtStatus.srcNatDone | CtStatus.dstNatDone;
      if ((entry.status & both) !== both) return Translation.impossible;
      if (entry.status & (CtStatus.srcNat | CtStatus.dstNat)) return Translation.impossible;
    }
    const reply = passage.direction === Direction.reply;
    if (!entry.has(CHANGED[reply ? otherManip(manip) : manip])) return Translation.none;
    const other = entry.tuple(reply ? Direction.original : Direction.reply);
    const inner = innerSite(packet);
    if (!inner || isTooShort(packet, inner.protocol, inner.transport)) return Translation.impossible;
    const { target, changes } = this;
    changes.take(other, otherManip(manip), inner.protocol);
    rewriteInner(packet, inner, changes);
    if (!invertTuple(target, other)) return Translation.none;
    const { source, destination } = target;
    return rewrite(packet, manip === Manip.source ? { source } : { destination })
      ? Translation.changed
      : Translation.none;
  }
}

/** Protocols whose header must be there up to its eighth byte to be translated: `l4proto_manip_pkt()`. */
const MANIPULATED = new Set<number>([
  Protocol.tcp,
  Protocol.udp,
  Protocol.udplite,
  Protocol.sctp,
  Protocol.gre,
  Protocol.icmp,
  Protocol.icmpv6,
]);

function isTooShort(packet: Packet, protocol: number, transport: number): boolean {
  return MANIPULATED.has(protocol) && packet.length < transport + 8;
}

function otherManip(manip: Manip): Manip {
  return manip === Manip.source ? Manip.destination : Manip.source;
}

/** One address, and one port if it is to be another one. */
function oneEnd(address: IpAddress, port: number | null): NatRange {
  return { minAddress: address, maxAddress: address, minPort: port, maxPort: port };
}

/** The half of a tuple that a manipulation gives to a packet; made once, and filled for each packet. */
class TupleChanges implements Changes {
  source: AddressWords | null = null;
  destination: AddressWords | null = null;
  sourcePort: number | null = null;
  destinationPort: number | null = null;
  icmpId: number | null = null;
  callId: number | null = null;
  private readonly address = { a: 0, b: 0, c: 0, d: 0 };

  take(target: Tuple, manip: Manip, protocol: number): void {
    const { address } = this;
    const icmp = protocol === Protocol.icmp || protocol === Protocol.icmpv6;
    const ports = isTrackedByPorts(protocol);
    this.icmpId = icmp ? target.sourcePort : null;
    this.callId = protocol === Protocol.gre && manip === Manip.destination ? target.destinationPort : null;
    if (manip === Manip.source) {
      address.a = target.s0;
      address.b = target.s1;
      address.c = target.s2;
      address.d = target.s3;
      this.source = address;
      this.destination = null;
      this.sourcePort = ports ? target.sourcePort : null;
      this.destinationPort = null;
    } else {
      address.a = target.d0;
      address.b = target.d1;
      address.c = target.d2;
      address.d = target.d3;
      this.source = null;
      this.destination = address;
      this.sourcePort = null;
      this.destinationPort = ports ? target.destinationPort : null;
    }
  }
}

function hasChoice({ minAddress, maxAddress, netmap }: NatRange): boolean {
  return minAddress !== null && maxAddress !== null && !netmap && !minAddress.equals(maxAddress);
}

/** Whether the source that the tuple has already is one that the range allows: `in_range()`. */
function inRange(tuple: Tuple, range: NatRange): boolean {
  const { minAddress, maxAddress } = range;
  if (minAddress && maxAddress) {
    if (minAddress === maxAddress) {
      const { s0, s1, s2, s3 } = tuple;
      if (s0 !== minAddress.a || s1 !== minAddress.b || s2 !== minAddress.c || s3 !== minAddress.d)
        return false;
    } else if (!tuple.source.isBetween(minAddress, maxAddress)) return false;
  }
  return range.minPort === null || portInRange(tuple, Manip.source, range);
}

function portInRange(tuple: Tuple, manip: Manip, range: NatRange): boolean {
  if (range.minPort === null || range.maxPort === null) return true;
  const icmp = tuple.protocol === Protocol.icmp || tuple.protocol === Protocol.icmpv6;
  if (!icmp && !isTrackedByPorts(tuple.protocol) && tuple.protocol !== Protocol.gre) return true;
  const port = icmp || manip === Manip.source ? tuple.sourcePort : tuple.destinationPort;
  return port >= range.minPort && port <= range.maxPort;
}

/** NAT rules see only packets that open a connection, and ICMP errors never do. */
export function asksRules(passage: Passage): boolean {
  return passage.state === CtState.new || passage.state === CtState.related;
}

/** An ICMP error of a known connection. */
export function isRelatedError(passage: Passage, packet: Packet): boolean {
  return (
    passage.state === CtState.related &&
    (packet.protocol === Protocol.icmp || packet.protocol === Protocol.icmpv6)
  );
}
