import { hasIpOptions } from '../../packet/ipOptions.js';
import type { Route } from '../../host/routeModel.js';
import type { Device } from '../../packet/device.js';
import { PacketType, Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { tosOf, ttlOf } from '../../packet/rewrite.js';
import { u8 } from '../../packet/bytes.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { Tcp, transportHeaderLength, Udp } from '../../packet/transport.js';
import { CtState, CtStatus, Direction } from '../../rules/connection.js';
import type { Context, SetView } from '../../rules/context.js';
import type { RunningStatement } from '../../rules/nft/eval/result.js';
import type { ConnectionEntry } from '../conntrack/entry.js';
import type { CommonWays } from './commonWays.js';
import { Guard, isCommon, VARIES } from './lasting.js';
import type { Observer } from '../observer.js';
import type { Passage } from '../passage.js';
import type { BaseChainProgram, CompiledChain, CompiledRule, Program } from '../walk/program.js';
import type { Glimpse } from './glimpse.js';

/*
 * An established connection's packets all go the same way, unless a rule reads what differs between them. So the way of
 * one is noted, and the next ones are counted along it without asking the rules and routes again; the kernel's flow
 * tables (net/netfilter/nf_flow_table_core.c) do so without counting, Open vSwitch's megaflows with it. A way is kept
 * only where every step that was run hangs on nothing but what is the same for the flow (lasting.ts), or is compared.
 */

/** The forwarding way of an established connection's packets in one direction, from conntrack to the wire. */
export class FlowPath {
  /** Packets that went it, and their bytes, that are not counted yet. */
  private packets = 0;
  private bytes = 0;

  constructor(
    private readonly program: Program,
    readonly route: Route,
    private readonly input: Device,
    readonly output: Device,
    private readonly mtu: number,
    private readonly guards: number,
    private readonly tos: number,
    private readonly tcpFlags: number,
    private readonly status: number,
    private readonly sets: SetView,
    /** Changes of sets by then. */
    private readonly setChanges: number,
    /** Whose counters a packet adds to. */
    private readonly counted: readonly CompiledRule[],
    private readonly policies: readonly BaseChainProgram[],
    private readonly counters: readonly RunningStatement[],
    /** The rules that decided; whoever watches tells by them. */
    private readonly decided: readonly CompiledRule[],
    /** What the observer keeps of it. */
    readonly told: unknown,
  ) {}

  /** Whether the packet goes this way. */
  fits(passage: Passage, program: Program): boolean {
    const { packet } = passage;
    if (program !== this.program || packet.in !== this.input) return false;
    if (packet.length > this.mtu || ttlOf(packet) <= 1) return false;
    return this.guards === 0 || this.holdsGuards(passage);
  }

  /** The same of a packet that there is no passage of; its connection's status is what it was when the last one went. */
  takes({ data, length, device, protocol, transport }: Glimpse, program: Program): boolean {
    if (program !== this.program || device !== this.input) return false;
    if (length > this.mtu || data[Ipv4.ttl] <= 1) return false;
    const { guards } = this;
    if (guards & Guard.tos && data[Ipv4.tos] !== this.tos) return false;
    if (guards & Guard.sets && this.sets.changes !== this.setChanges) return false;
    if (!(guards & Guard.tcpFlags)) return true;
    return (protocol === Protocol.tcp ? data[transport + Tcp.flags] : 0) === this.tcpFlags;
  }

  private holdsGuards({ packet, connection }: Passage): boolean {
    const { guards } = this;
    if (guards & Guard.tos && tosOf(packet) !== this.tos) return false;
    if (guards & Guard.tcpFlags && tcpFlagsOf(packet) !== this.tcpFlags) return false;
    if (guards & Guard.sets && this.sets.changes !== this.setChanges) return false;
    return !(guards & Guard.status) || connection?.status === this.status;
  }

  /** Counts what the rules on the way count. */
  count(packet: Packet, context: Context): void {
    const { counted, policies, counters } = this;
    const { length } = packet;
    for (let i = 0; i < counted.length; i++) {
      const rule = counted[i];
      rule.packets++;
      rule.bytes += length;
    }
    for (let i = 0; i < policies.length; i++) {
      const base = policies[i];
      base.policyPackets++;
      base.policyBytes += length;
    }
    for (let i = 0; i < counters.length; i++) counters[i].run(packet, context);
  }

  /** A packet that changes the bits of its connection may go it all the same. */
  get lastsThroughChanges(): boolean {
    return !(this.guards & Guard.status);
  }

  /** Whether it is a way of connections with these bits. */
  isOfStatus(status: number): boolean {
    return !(this.guards & Guard.status) || status === this.status;
  }

  /** A packet went it. @returns whether it is the first one since `settle` */
  add(length: number): boolean {
    this.bytes += length;
    return this.packets++ === 0;
  }

  /** The rules count what has gone since. */
  settle(): void {
    const { packets, bytes } = this;
    for (const rule of this.counted) {
      rule.packets += packets;
      rule.bytes += bytes;
    }
    for (const base of this.policies) {
      base.policyPackets += packets;
      base.policyBytes += bytes;
    }
    this.packets = this.bytes = 0;
  }

  /** Its rules count nothing but packets and bytes, each its own. */
  get countsPlainly(): boolean {
    return this.counters.length === 0;
  }

  equals(other: FlowPath): boolean {
    return (
      this.route === other.route &&
      this.input === other.input &&
      this.mtu === other.mtu &&
      this.guards === other.guards &&
      this.tos === other.tos &&
      this.tcpFlags === other.tcpFlags &&
      this.status === other.status &&
      this.setChanges === other.setChanges &&
      sameList(this.counted, other.counted) &&
      sameList(this.policies, other.policies) &&
      sameList(this.counters, other.counters) &&
      sameList(this.decided, other.decided)
    );
  }
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function tcpFlagsOf({ protocol, data, transport }: Packet): number {
  return protocol === Protocol.tcp ? u8(data, transport + Tcp.flags) : 0;
}

/** Ways kept at most; those that are in use stay so. */
const MOST = 16_384;
/** Bits of an entry's status that are a translation's: with the rules they tell what an observer was told. */
export const TRANSLATED = CtStatus.srcNat | CtStatus.dstNat;

/** Notes the way of one packet at a time, and knows the ways of flows. */
export class FlowPaths {
  /** Whose way is being noted. */
  private passage: Passage | null = null;
  private program: Program | null = null;
  private guards = 0;
  /** Nothing on it asks more than of what kind its connection is. */
  private isCommon = false;
  private hash = 0;
  private counted: CompiledRule[] = [];
  private policies: BaseChainProgram[] = [];
  private counters: RunningStatement[] = [];
  private decided: CompiledRule[] = [];
  private readonly kept = new Map<number, FlowPath[]>();
  private count = 0;
  /** Who keeps them by number has to let go of all. */
  onClear: () => void = () => undefined;

  constructor(
    private readonly sets: SetView,
    private readonly common: CommonWays,
  ) {}

  /** The way that this packet goes, as others of its flow did; null: nobody knows, and if it lasts, it is noted from here on. */
  of(passage: Passage, program: Program): FlowPath | null {
    const { connection } = passage;
    if (connection === null || passage.state !== CtState.established) return null;
    if (!isKept(connection) || !isPlain(passage)) return null;
    const path = passage.direction === Direction.original ? connection.originalPath : connection.replyPath;
    if (path?.fits(passage, program)) return path;
    this.begin(passage, program);
    return null;
  }

  /** The way of a packet that nothing tracks is noted, if it lasts. */
  noteUntracked(passage: Passage, program: Program): void {
    if (passage.packet.fragmentOffset === 0 && isPlain(passage)) this.begin(passage, program);
  }

  private begin(passage: Passage, program: Program): void {
    this.passage = passage;
    this.program = program;
    this.guards = 0;
    this.isCommon = true;
    this.hash = 0;
    this.counted = [];
    this.policies = [];
    this.counters = [];
    this.decided = [];
  }

  isNoting(passage: Passage): boolean {
    return this.passage === passage;
  }

  /** Its rules are walked, or some of them passed over. */
  enters(chain: CompiledChain): void {
    if (this.isCommon) this.isCommon = isCommon(chain);
  }

  /** A step was run under these guards. */
  ran(guards: number): void {
    if (guards === VARIES) this.stop();
    else this.guards |= guards;
  }

  counts(rule: CompiledRule): void {
    this.counted.push(rule);
    this.mix(rule.number);
  }

  countsIn(counter: RunningStatement): void {
    this.counters.push(counter);
    this.mix(this.counters.length);
  }

  decides(rule: CompiledRule): void {
    this.decided.push(rule);
    this.mix(~rule.number);
  }

  policy(base: BaseChainProgram): void {
    this.policies.push(base);
  }

  /** Its way is no example for others. */
  stop(): void {
    this.passage = null;
  }

  /**
   * The packet leaves: its flow's next ones go the same way.
   * @param mtu of the way out; 0: none is known
   * @returns the way, if it is one
   */
  keep(passage: Passage, observer: Observer | null, mtu: number): FlowPath | null {
    if (this.passage !== passage) return null;
    this.passage = null;
    const { packet, connection, route, direction, doubt } = passage;
    const { in: input, out: output } = packet;
    if (connection?.dead || !route || !input || !output || output.isLoopback) return null;
    if (doubt !== null || !this.program) return null;
    const status = connection?.status ?? 0;
    const translated = status & TRANSLATED;
    this.mix(translated);
    const path = new FlowPath(
      this.program,
      route,
      input,
      output,
      mtu === 0 ? Infinity : mtu,
      this.guards,
      this.guards & Guard.tos ? tosOf(packet) : 0,
      this.guards & Guard.tcpFlags ? tcpFlagsOf(packet) : 0,
      this.guards & Guard.status ? status : translated,
      this.sets,
      this.guards & Guard.sets ? this.sets.changes : 0,
      this.counted,
      this.policies,
      this.counters,
      this.decided,
      observer?.keep?.(passage),
    );
    const shared = this.share(path);
    if (connection) {
      if (direction === Direction.original) connection.originalPath = shared;
      else connection.replyPath = shared;
    }
    if (this.isCommon) this.common.keep(shared, { direction, protocol: packet.protocol, translated });
    return shared;
  }

  /** Few ways serve all flows: most go the same one. */
  private share(path: FlowPath): FlowPath {
    let alike = this.kept.get(this.hash);
    if (!alike) {
      if (this.count >= MOST) {
        this.kept.clear();
        this.count = 0;
        this.onClear();
      }
      this.kept.set(this.hash, (alike = []));
    }
    for (const known of alike) if (known.equals(path)) return known;
    alike.push(path);
    this.count++;
    return path;
  }

  private mix(value: number): void {
    this.hash = Math.imul(this.hash ^ value, 0x9e3779b1) | 0;
    this.hash ^= this.hash >>> 15;
  }
}

/** Nothing is special about it that its flow would not share. */
function isPlain({ packet, doubt }: Passage): boolean {
  return (
    packet.mark === 0 &&
    packet.priority === 0 &&
    packet.packetType === PacketType.host &&
    packet.physIn === null &&
    !packet.traced &&
    !packet.moreFragments &&
    packet.largestFragment === 0 &&
    doubt === null &&
    !hasIpOptions(packet) &&
    hasWholeHeader(packet)
  );
}

function isKept(connection: ConnectionEntry): boolean {
  if (!connection.confirmed || connection.dead || connection.has(CtStatus.seqAdjust)) return false;
  // A helper reads every packet, and synproxy may change each.
  return connection.helper === null && connection.proxied === null;
}

/** What rules read of ports and flags is there, in the packet and in the capture. */
function hasWholeHeader({ protocol, transport, data, length }: Packet): boolean {
  const end = transport + Math.max(Udp.headerLength, transportHeaderLength(protocol));
  return end <= length && end <= data.length;
}
