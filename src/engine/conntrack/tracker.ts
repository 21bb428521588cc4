import { i32, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import { headerSum, verifyTransport } from '../../packet/checksum.js';
import type { Device } from '../../packet/device.js';
import type { Packet } from '../../packet/packet.js';
import { Icmp, Tcp, TcpFlag } from '../../packet/transport.js';
import { CtState, CtStatus, Direction, opposite, Tuple } from '../../rules/connection.js';
import type { ExpectedPort, TimeoutPolicy } from '../../rules/context.js';
import { Hook } from '../../rules/hook.js';
import { Verdict } from '../../rules/verdict.js';
import type { Passage } from '../passage.js';
import { ConnectionEntry, CtEvent } from './entry.js';
import { icmpKind, isMalformedUdp, trackIfAccepted, trackProtocol } from './protocols.js';
import { type Expectation, Expectations, type Follow, FROM_ADDRESS } from './expectations.js';
import { GreKeys } from './greKeys.js';
import type { EntryHost, Helper } from './helpers/helper.js';
import { helperFor } from './helpers/index.js';
import { PacketHelperHost } from './helpers/packetHost.js';
import { adjustSequences, shiftSequences } from './sequenceOffsets.js';
import { type ConntrackSettings, withPolicy } from './settings.js';
import { quotedPacket } from './quoted.js';
import { ConnectionTable, DEFAULT_ZONE, type Found, type Zone, zoneIn } from './table.js';
import { isMalformedTcp } from './tcp.js';
import { TcpConnState } from './tcpState.js';
import { invertTuple, isEnhancedGre, readTuple } from './tuple.js';
import { ProtocolVerdict, type TrackedPacket } from './verdict.js';

/** What happened to the table, as `conntrack -E` tells it, and what the tracker asks for. */
export interface TrackerEvents {
  created(entry: ConnectionEntry, now: number): void;
  updated(entry: ConnectionEntry, events: number, now: number): void;
  destroyed(entry: ConnectionEntry, now: number): void;
  /** A new connection is to be translated as the one that expected it is, before any rule: `exp->expectfn`. */
  expected(passage: Passage, master: ConnectionEntry, follow: Follow): void;
  /** The packet as it was seen to leave, with whatever payload a helper has given it; null: its copy was not captured. */
  mangled(packet: Packet): Packet | null;
  /** A number in [0, 65535] where nothing tells. */
  draw(passage: Passage): number;
  /** A helper drops a packet, and says so in the kernel's log. */
  refused(passage: Passage, helper: string, reason: string): void;
  /** The network, as a mask, that a packet is broadcast to through a device; 0: none of its own. */
  broadcastMask(device: Device, packet: Packet): number;
}

/** Seconds that a helper that is not read here may wait for a connection. */
const UNKNOWN_SECONDS = 300;

/** Finds and makes the connections that packets belong to: net/netfilter/nf_conntrack_core.c. */
export class Tracker {
  readonly table = new ConnectionTable();
  readonly expectations = new Expectations();
  private readonly greKeys = new GreKeys();
  private readonly policies = new Map<TimeoutPolicy, ConntrackSettings>();
  private readonly scratch = new Tuple();
  private readonly inverse = new Tuple();
  /** The expectation that the connection which was made last has met. */
  private met: Expectation | null = null;
  private nextId = 1;
  private now = 0;

  constructor(
    readonly settings: ConntrackSettings,
    readonly events: TrackerEvents,
  ) {
    this.table.onDestroy = (entry) => {
      this.events.destroyed(entry, this.now);
      if (entry.helper !== null) this.forgetHelped(entry, entry.helper);
    };
  }

  /** Gives the packet its connection and state, at PREROUTING and OUTPUT: `nf_conntrack_in()`. */
  track(passage: Passage, hook: Hook): Verdict {
    const { packet } = passage;
    this.now = packet.time;
    // Seen before (loopback), or told not to be tracked.
    if (passage.connection || passage.state === CtState.untracked) return Verdict.accept;
    passage.state = CtState.invalid;
    if (packet.fragmentOffset !== 0) return Verdict.accept;
    const { protocol } = packet;
    // `ipv6_skip_exthdr()` finds nothing behind "no next header".
    if (packet.version === 6 && protocol === Protocol.none) return Verdict.accept;
    if (protocol === Protocol.icmp || protocol === Protocol.icmpv6) {
      if ((protocol === Protocol.icmp) !== (packet.version === 4)) return Verdict.accept;
      if (packet.length - packet.transport < Icmp.headerLength || this.badChecksum(packet, hook))
        return Verdict.accept;
      const kind = icmpKind(packet);
      if (kind === 'untracked') {
        passage.state = CtState.untracked;
        return Verdict.accept;
      }
      if (kind === 'invalid') return Verdict.accept;
      if (kind === 'error') {
        this.relate(passage);
        return Verdict.accept;
      }
    }
    if (this.malformed(packet, hook)) return Verdict.accept;
    if (packet.version === 6 && this.sums(packet, hook)) passage.summedHeader = headerSum(packet);
    return this.resolve(passage, hook);
  }

  private malformed(packet: Packet, hook: Hook): boolean {
    switch (packet.protocol) {
      case Protocol.tcp:
        return isMalformedTcp(packet) || this.badChecksum(packet, hook);
      case Protocol.udp:
      case Protocol.udplite:
        return isMalformedUdp(packet) || this.badChecksum(packet, hook);
      case Protocol.sctp:
        return this.badChecksum(packet, hook);
      default:
        return false;
    }
  }

  /** Only what arrives is checked; what the host sends may still have to be summed by its card. */
  private badChecksum(packet: Packet, hook: Hook): boolean {
    return this.sums(packet, hook) && verifyTransport(packet) === 'bad';
  }

  private sums(packet: Packet, hook: Hook): boolean {
    return this.settings.checksum && hook === Hook.prerouting && packet.in?.isLoopback !== true;
  }

  /** `resolve_normal_ct()` and `nf_conntrack_handle_packet()`, again where the old entry was over. */
  private resolve(passage: Passage, hook: Hook): Verdict {
    const { packet } = passage;
    for (let attempt = 0; attempt < 2; attempt++) {
      const { scratch } = this;
      if (!this.readTupleOf(packet, packet.length)) return Verdict.accept;
      const found = this.table.find(scratch, this.zoneOf(passage), packet.time);
      if (found) this.table.rows.forgetSteady(found.entry.row);
      const entry = found?.entry ?? this.make(passage, scratch, hook);
      if (!entry) return Verdict.accept;
      // Whether it is there at all hangs on a cookie.
      if (entry.proxied) passage.doubt ??= entry.proxied.doubt;
      const direction = found?.direction ?? Direction.original;
      const verdict = trackProtocol(entry, packet, direction, entry.timeouts ?? this.settings);
      if (verdict === ProtocolVerdict.repeat) {
        this.table.destroy(entry);
        continue;
      }
      if (verdict === ProtocolVerdict.invalid) return Verdict.accept;
      passage.connection = entry;
      passage.direction = direction;
      passage.state = stateOf(entry, direction);
      if (!found && this.met?.follow) this.events.expected(passage, this.met.master, this.met.follow);
      if (verdict === ProtocolVerdict.kill) this.table.destroy(entry);
      if (direction === Direction.reply) noteReply(entry, packet.frame);
      return Verdict.accept;
    }
    return Verdict.accept;
  }

  /** The tuple of a packet into `scratch`; with what PPTP's helper knows of the call that it belongs to. */
  private readTupleOf({ data, version, protocol, transport }: Packet, length: number): boolean {
    const { scratch, greKeys } = this;
    if (!readTuple(scratch, data, version, protocol, 0, transport, length)) return false;
    if (protocol === Protocol.gre && !greKeys.isEmpty && isEnhancedGre(data, transport, length))
      scratch.sourcePort = greKeys.sourceKey(scratch);
    return true;
  }

  /**
   * Takes in a packet of a confirmed connection that no rule will stop: an echo, a datagram, or a TCP segment with ACK and
   * neither FIN nor RST.
   * @returns false where its protocol does not accept it; nothing was changed
   */
  admit(entry: ConnectionEntry, packet: TrackedPacket, frame: number, direction: Direction): boolean {
    if (!trackIfAccepted(entry, packet, direction, this.settings)) return false;
    this.now = packet.time;
    if (direction === Direction.reply) noteReply(entry, frame);
    this.tell(entry, packet.time);
    return true;
  }

  /** A packet of this time was run past it. */
  reach(now: number): void {
    this.now = now;
  }

  newId(): number {
    return this.nextId++;
  }

  private zoneOf({ template, packet }: Passage): Zone {
    if (!template) return DEFAULT_ZONE;
    const { zoneOriginal, zoneReply } = template;
    const zone = template.zoneFromMark ? packet.mark & 0xffff : (zoneOriginal ?? zoneReply ?? 0);
    const zoneDirections = (zoneOriginal !== null ? 1 : 0) | (zoneReply !== null ? 2 : 0);
    return { zone, zoneDirections: zoneDirections || 3 };
  }

  private make(passage: Passage, tuple: Tuple, hook: Hook): ConnectionEntry | null {
    if (!invertTuple(this.inverse, tuple)) return null;
    const entry = new ConnectionEntry(this.newId(), tuple.copy(), this.inverse.copy());
    ({ zone: entry.zone, zoneDirections: entry.zoneDirections } = this.zoneOf(passage));
    entry.fromHost = hook === Hook.output && !passage.bySynproxy;
    if (passage.bySynproxy)
      entry.proxied = { isn: 0, clock: 0, clockOffset: 0, doubt: passage.doubt, guessed: null };
    entry.firstFrame = passage.packet.frame;
    if (this.settings.accounting) entry.count();
    const now = passage.packet.time;
    this.met = this.expectations.isEmpty ? null : this.expectations.take(entry.original, entry, now);
    if (this.met) {
      const { master, helper = null, onMet } = this.met;
      this.meet(entry, master);
      if (helper !== null) entry.helper = helper;
      onMet?.();
      if (master.expires <= now)
        passage.doubt ??= 'the connection that expected it was over, if not cleared away yet';
    } else {
      const helper = passage.template?.helper ?? null;
      if (helper === null) passage.doubt ??= this.expectations.doubtOf(entry.original, now);
      else {
        entry.helper = helper;
        entry.status |= CtStatus.helper;
      }
    }
    return entry;
  }

  /** What a connection that was expected gets of the one that it belongs to: `init_conntrack()`. */
  private meet(entry: ConnectionEntry, master: ConnectionEntry): void {
    entry.status |= CtStatus.expected;
    entry.master = master;
    entry.mark = master.mark;
  }

  /**
   * What is done with a packet on its way out of the hooks, where its connection has a helper or sequence numbers of its own:
   * `nf_confirm()` (net/netfilter/nf_conntrack_proto.c). Drop: the packet goes no further.
   */
  help(passage: Passage): Verdict {
    const { connection: entry, packet, state, direction } = passage;
    if (!entry || state === CtState.untracked) return Verdict.accept;
    // Helpers do not expect errors, of which those about what came back are kept from them.
    if (state === CtState.related && direction === Direction.reply) return Verdict.accept;
    const { helper: name } = entry;
    if (entry.fromSnapshot && name !== null) this.learnOffsets(passage, entry);
    const isAdjusted = entry.has(CtStatus.seqAdjust) && packet.in?.isLoopback !== true;
    if (name !== null && packet.protocol === entry.lookAt(direction, this.scratch).protocol) {
      const helper = helperFor(name, packet.protocol);
      if (!helper) {
        const reason = `the ${name} helper, which is not simulated, may expect it`;
        this.expectations.guess(entry, reason, packet.time + UNKNOWN_SECONDS * 1e9);
      } else if (this.helps(helper, passage, entry) === Verdict.drop) return Verdict.drop;
    }
    // What the helper has just noted is of the segments behind this one.
    const { sequenceOffsets } = entry;
    if (!isAdjusted || !sequenceOffsets) return Verdict.accept;
    return adjustSequences(packet, sequenceOffsets, direction) ? Verdict.accept : Verdict.drop;
  }

  /** What a helper did before the capture began shows where a packet leaves with other numbers than it came with. */
  private learnOffsets({ packet, direction }: Passage, entry: ConnectionEntry): void {
    if (entry.has(CtStatus.seqAdjust) || !entry.has(CtStatus.srcNat | CtStatus.dstNat)) return;
    if (packet.protocol !== Protocol.tcp || !packet.hasTransport) return;
    const seen = this.events.mangled(packet);
    if (!seen) return;
    const more = (field: number): number =>
      (i32(seen.data, seen.transport + field) - i32(packet.data, packet.transport + field)) | 0;
    shiftSequences(entry, direction, more(Tcp.sequence));
    if (u8(packet.data, packet.transport + Tcp.flags) & TcpFlag.ack)
      shiftSequences(entry, opposite(direction), -more(Tcp.acknowledgment));
  }

  private helps(helper: Helper, passage: Passage, entry: ConnectionEntry): Verdict {
    const host = this.hostOf(entry, passage.packet.time);
    return helper.help(passage, entry, new PacketHelperHost(helper, passage, entry, host, this.events));
  }

  private hostOf(entry: ConnectionEntry, now: number): EntryHost {
    const { expectations, greKeys, table } = this;
    const end = (tuple: Tuple): boolean => {
      const found = table.find(tuple, entry, now);
      if (found) table.destroy(found.entry);
      return found !== null;
    };
    return { now, expectations, greKeys, end };
  }

  /** `nf_ct_helper_destroy()`. */
  private forgetHelped(entry: ConnectionEntry, name: string): void {
    helperFor(name, entry.original.protocol)?.ended?.(entry, this.hostOf(entry, this.now));
  }

  /** A connection with the ends of this one, from its server to its client, is to come: `nft_ct_expect_obj_eval()`. */
  expect(
    { connection, direction }: Passage,
    { protocol, port, seconds, most }: ExpectedPort,
    now: number,
  ): boolean | null {
    if (!connection || connection.confirmed) return null;
    if (this.expectations.own(connection, now).length >= most) return null;
    const tuple = connection.tuple(opposite(direction)).copy();
    tuple.protocol = protocol;
    tuple.sourcePort = 0;
    tuple.destinationPort = port;
    const expires = now + seconds * 1e9;
    const made = { master: connection, tuple, from: FROM_ADDRESS, policy: null, expires };
    return this.expectations.add(made, now) === 'made';
  }

  /** `nft_ct_timeout_obj_eval()`: for a connection that is not confirmed yet. */
  setTimeouts({ connection, packet }: Passage, policy: TimeoutPolicy): void {
    if (!connection || connection.confirmed || packet.protocol !== policy.protocol) return;
    let settings = this.policies.get(policy);
    if (!settings) this.policies.set(policy, (settings = withPolicy(this.settings, policy)));
    connection.timeouts = settings;
    const first = policy.protocol === Protocol.tcp ? settings.tcp[TcpConnState.synSent] : settings.udp;
    connection.expires = packet.time + first;
  }

  /**
   * An ICMP error belongs to the connection of the packet that it quotes, and is RELATED:
   * `nf_conntrack_inet_error()` (net/netfilter/nf_conntrack_proto_icmp.c).
   */
  private relate(passage: Passage): void {
    const { packet } = passage;
    const found = this.findQuoted(packet, this.zoneOf(passage));
    if (!found) return;
    // The error must go to where the quoted packet came from, or it is somebody's invention.
    const there = found.entry.tuple(found.direction);
    const outer = this.scratch;
    if (
      !readTuple(outer, packet.data, packet.version, Protocol.none, 0, packet.transport, packet.length) ||
      outer.d0 !== there.d0 ||
      outer.d1 !== there.d1 ||
      outer.d2 !== there.d2 ||
      outer.d3 !== there.d3
    )
      return;
    this.table.rows.forgetSteady(found.entry.row);
    passage.connection = found.entry;
    passage.direction = found.direction;
    passage.state = CtState.related;
  }

  /** The connection of the packet inside an ICMP error, and the direction that the error travels. */
  findQuoted(packet: Packet, zone: Zone): Found | null {
    const inner = quotedPacket(packet);
    if (!inner || !this.readTupleOf(inner, Math.min(inner.length, inner.data.length))) return null;
    const { scratch, inverse } = this;
    if (!invertTuple(inverse, scratch)) return null;
    return this.table.find(inverse, zone, packet.time);
  }

  /**
   * The packet leaves the hooks alive: a new connection enters the table, and events go out: `nf_confirm()`.
   * Drop: another connection has taken one of its tuples meanwhile.
   */
  confirm(passage: Passage): Verdict {
    const { connection: entry, packet } = passage;
    if (!entry || passage.state === CtState.untracked) return Verdict.accept;
    this.now = packet.time;
    if (!entry.confirmed) {
      const verdict = this.enter(passage);
      if (verdict === Verdict.drop || !entry.confirmed) return verdict;
    }
    this.tell(entry, packet.time);
    return Verdict.accept;
  }

  /** A new connection enters the table, of which nobody is told yet: `__nf_conntrack_confirm()`. Drop: as above. */
  enter({ connection: entry, packet, state, direction }: Passage): Verdict {
    if (!entry || entry.confirmed || state === CtState.untracked) return Verdict.accept;
    // Only the packet that made it: an error or reset that is attached to it does not.
    if (direction !== Direction.original) return Verdict.accept;
    if (entry.dead || this.isTaken(entry, packet.time)) return Verdict.drop;
    this.table.insert(entry, packet.time);
    entry.events |= entry.master ? CtEvent.related : CtEvent.new;
    return Verdict.accept;
  }

  private tell(entry: ConnectionEntry, now: number): void {
    const { events } = entry;
    if (events === 0 || entry.dead) return;
    entry.events = 0;
    if (events & (CtEvent.new | CtEvent.related)) this.events.created(entry, now);
    else this.events.updated(entry, events, now);
  }

  private isTaken(entry: ConnectionEntry, now: number): boolean {
    return this.isTakenIn(entry, Direction.original, now) || this.isTakenIn(entry, Direction.reply, now);
  }

  /** A tuple is looked for only where those of its own zone are kept: `__nf_conntrack_confirm()`. */
  private isTakenIn(entry: ConnectionEntry, direction: Direction, now: number): boolean {
    const found = this.table.find(entry.tuple(direction), entry, now);
    return found !== null && zoneIn(found.entry, found.direction) === zoneIn(entry, direction);
  }

  /** What it returns is good until the next call. */
  find(tuple: Tuple, zone: Zone, now: number): Found | null {
    // What has run out is cleared away where it is met.
    this.now = now;
    return this.table.find(tuple, zone, now);
  }
}

/** The first reply makes a connection established. */
function noteReply(entry: ConnectionEntry, frame: number): void {
  if (entry.has(CtStatus.seenReply)) return;
  entry.status |= CtStatus.seenReply;
  entry.events |= CtEvent.reply;
  entry.replyFrame = frame;
}

/** `resolve_normal_ct()`: what the direction and the replies seen so far make of the packet. */
function stateOf(entry: ConnectionEntry, direction: Direction): CtState {
  if (direction === Direction.reply || entry.has(CtStatus.seenReply)) return CtState.established;
  return entry.has(CtStatus.expected) ? CtState.related : CtState.new;
}
