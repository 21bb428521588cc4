import { addressOf } from '../packet/addresses.js';
import type { Device } from '../packet/device.js';
import { Protocol } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import type { Frame, FrameSource } from '../capture/frame.js';
import { Hook } from '../rules/hook.js';
import type { HostClock } from '../rules/jiffies.js';
import { Arrivals, type Arrival } from './evidence/arrival.js';
import { BridgeTables } from './evidence/bridgeTables.js';
import { seedConnections } from './conntrack/snapshot.js';
import { EgressWindow, portAsSeen } from './evidence/evidence.js';
import { ExpectedFrames } from './evidence/expected.js';
import { HostAnswers } from './evidence/hostAnswers.js';
import { ForeignFrames } from './share/foreign.js';
import { Kernel } from './kernel.js';
import { kernelHost } from './kernelHost.js';
import { LinkLevel } from './link/linkLevel.js';
import { LocalSockets } from './evidence/localSockets.js';
import { AHEAD, LookAhead } from './evidence/lookAhead.js';
import { Messages } from './evidence/messages.js';
import { Neighbourhood } from './evidence/neighbourhood.js';
import { OwnPackets } from './evidence/ownPackets.js';
import { Passage } from './passage.js';
import { Defragmenter } from './stack/defrag.js';
import type { LaterRuleset, ReplayCounts, ReplayOptions } from './replayOptions.js';
import { Sight } from './evidence/sight.js';
import type { Glimpse } from './steady/glimpse.js';
import { PlainFrames } from './steady/plainFrames.js';
import { UnseenTurns } from './evidence/unseenTurns.js';
import { isOwnAddress, UnseenArrivals } from './evidence/unseen.js';

/**
 * Runs a capture through the simulated host: ingress frames drive it, egress frames are what it predicted, and what
 * is left over was made by the host itself and starts at OUTPUT (design decision 8).
 */
export class Replay {
  readonly kernel: Kernel;
  readonly sight: Sight;
  readonly counts: ReplayCounts = {
    frames: 0,
    received: 0,
    sent: 0,
    accounted: 0,
    copies: 0,
    unexplained: 0,
    assumed: 0,
    undecided: 0,
    skipped: new Map(),
  };
  /** Time of the last frame, ns since capture start. */
  lastTime = 0;
  /** Number of the last frame that was run; 0: none was. */
  lastFrame = 0;
  /** The first frame of each reason in `counts.skipped`. */
  readonly firstSkipped = new Map<string, number>();
  readonly clock: HostClock;
  private later: LaterRuleset | null;
  /** null: every frame is read the long way. */
  private plain: PlainFrames | null = null;
  private readonly egress = new EgressWindow(
    (glimpse) => this.arrivalOf(glimpse),
    () => this.kernel.hooks.program.setsTtl,
    ({ version }, device) => this.options.host.hopLimit(version, device),
  );
  private readonly expected = new ExpectedFrames();
  private readonly arrivals: Arrivals;
  private readonly unseen: UnseenArrivals;
  private readonly turns: UnseenTurns;
  private readonly messages = new Messages();
  /** The host's own packet at hand, as it was seen to leave. */
  private leaving: Packet | null = null;
  /** The segment at hand was caused by one that nobody has seen, and left by this device. */
  private caused: { readonly packet: Packet; readonly device: Device } | null = null;
  private readonly answers: HostAnswers;
  private readonly bridges: BridgeTables;
  private readonly localSockets: LocalSockets;
  private readonly ownFragments = new Defragmenter();
  private readonly ownPackets: OwnPackets;
  /** Where others run the rest of the connections. */
  private readonly foreign: ForeignFrames | null;
  private readonly linkLevel: LinkLevel;
  private readonly bridgesWithPorts = new Set<Device>();
  private readonly callIptables: boolean;
  private readonly callIp6tables: boolean;

  constructor(
    private readonly options: ReplayOptions,
    private readonly source: FrameSource,
  ) {
    const { host } = options;
    this.callIptables = host.sysctlNumber('net.bridge.bridge-nf-call-iptables', 0) !== 0;
    this.callIp6tables = host.sysctlNumber('net.bridge.bridge-nf-call-ip6tables', 0) !== 0;
    this.bridges = new BridgeTables(host);
    const share = options.share ?? null;
    this.localSockets = new LocalSockets(host, share, (packet) =>
      this.egress.isTaken(this.kernel.tracker, packet),
    );
    this.later = options.later ?? null;
    this.sight = options.sight ?? new Sight();
    this.answers = new HostAnswers(this.egress, this.sight);
    for (const name of source.interfaces ?? []) {
      const device = host.deviceByName(name);
      if (device) this.sight.add(device);
    }
    const fallback = options.device ? host.deviceFor(options.device) : null;
    this.arrivals = new Arrivals(host, fallback, this.sight, () => !this.kernel.hooks.links.isEmpty);
    this.foreign = share && new ForeignFrames(share, host, this.arrivals, AHEAD);
    const { sinks } = options;
    const neighbourhood = new Neighbourhood(host);
    this.clock = options.clock;
    this.kernel = new Kernel({
      ruleset: options.ruleset,
      host: kernelHost(host, this.localSockets, this.bridges, neighbourhood, share),
      sets: options.sets,
      epoch: source.epoch,
      clock: options.clock,
      observer: options.observer ?? null,
      seed: options.seed,
      share,
      sinks: {
        ...sinks,
        bridged: (passage) => this.expected.add(passage.packet.clone()),
        sent: (passage) => {
          this.expected.add(passage.packet);
          this.sight.foretell(passage.packet.out);
          sinks.sent?.(passage);
          this.linkLevel.sent(passage);
        },
      },
      evidence: {
        adopt: (passage) => this.answers.adopt(passage, this.kernel.tracker),
        answered: (answer) => this.egress.answerTo(this.kernel.tracker, answer) !== null,
        segment: (of, way, isSo) =>
          this.caused && isSo(this.caused.packet, this.caused.device)
            ? this.caused.packet
            : this.egress.segmentOf(of, way, isSo),
        shows: (device) => this.sight.showsLeaving(device),
        left: (packet) => this.leaving ?? this.egress.copyOf(packet),
        lacks: (hook) => this.sight.lacks(hook, host.links),
        port: (packet, tuple, manip) =>
          (this.leaving && portAsSeen(this.leaving, packet, tuple, manip)) ??
          this.egress.portOf(packet, tuple, manip),
        mangled: (packet) => this.egress.mangledCopyOf(packet),
      },
    });
    this.linkLevel = new LinkLevel(
      this.kernel,
      this.bridges,
      neighbourhood,
      (address) => isOwnAddress(host, address),
      (bridge) => host.devices.filter(({ master }) => master === bridge),
    );
    seedConnections(this.kernel.tracker, host.conntrack, share);
    this.ownPackets = new OwnPackets(host, this.kernel, this.localSockets);
    this.unseen = new UnseenArrivals(host, this.kernel, this.sight, share);
    this.turns = new UnseenTurns(host, this.kernel.tracker, this.sight, share);
  }

  /** Runs every frame, in order. */
  async run(): Promise<void> {
    const ahead = new LookAhead(
      this.kernel.tracker,
      (glimpse) => this.lookAt(glimpse),
      (glimpse) => this.stepGlimpse(glimpse),
      () => this.sight.isOneSided,
    );
    if (this.hasShortWay) this.plain = new PlainFrames(this.options.host.isNumbered, this.isTracked);
    const { plain } = this;
    for await (const batch of this.source.batches()) {
      for (const frame of batch) {
        this.counts.frames++;
        this.foreign?.read(frame);
        const foreign = this.foreign?.isForeign(frame) ?? false;
        if (foreign === true) continue;
        const { next } = ahead;
        if (foreign === false && plain?.read(frame, next)) {
          if (ahead.isHeld && !next.isOut) this.turns.hear(next);
          this.kernel.anticipate(next);
          ahead.push();
        } else {
          const arrival = foreign || this.arrivals.read(frame);
          if (typeof arrival === 'string') {
            this.skip(arrival, frame);
            continue;
          }
          if (foreign === false) plain?.learn(frame, arrival);
          const { packet, direction } = arrival;
          if (ahead.isHeld && direction === 'in' && packet.hasTransport) this.turns.hear(packet);
          ahead.pushArrival(arrival);
        }
        this.foreign?.own(next);
      }
      if (this.options.share?.refusal) return;
      // While a capture is being made, time goes on where no frame comes.
      ahead.reach(this.source.reached ?? -Infinity);
    }
    ahead.reach(Infinity);
    if (this.counts.frames > 0) this.unseen.tellOfCounting();
  }

  /** Packets that crossed some hook may be missing in the capture. */
  private get lacksPackets(): boolean {
    return this.sight.lacks(Hook.postrouting, this.options.host.links);
  }

  /** What hangs on more than the capture tells: for rules to be in doubt that ask for it. */
  get gaps(): { readonly packets: boolean; readonly owners: boolean } {
    return { packets: this.lacksPackets, owners: this.ownPackets.assumesOwners };
  }

  /** Nobody wants to see each packet, or has a say in it. */
  private get hasShortWay(): boolean {
    const { admits, prepares, sinks } = this.options;
    return this.kernel.canPass && !admits && !prepares && !sinks.sent && !sinks.seen;
  }

  /** Connections of IPv4 are tracked, or may be once another ruleset is loaded. */
  private get isTracked(): boolean {
    return this.later !== null || !this.kernel.hooks.tracksNothing;
  }

  private stepGlimpse(glimpse: Glimpse): void {
    this.foreign?.step(glimpse, this.counts.frames);
    if (glimpse.isOut) this.egress.shift(glimpse);
    if (glimpse.arrival === null && this.pass(glimpse)) return;
    const arrival = this.arrivalOf(glimpse);
    if (arrival) this.step(arrival);
  }

  /** What a plain frame would have been read as; null: it takes no part after all. */
  private arrivalOf(glimpse: Glimpse): Arrival | null {
    if (glimpse.arrival) return glimpse.arrival;
    this.plain?.again();
    const frame = glimpse.frame();
    const read = this.arrivals.read(frame);
    if (typeof read !== 'string') return (glimpse.arrival = read);
    this.skip(read, frame);
    return null;
  }

  /** `step` for a packet that goes the short way, or has gone it; false: it does not, and nothing was done. */
  private pass(glimpse: Glimpse): boolean {
    const { device, time, number, isOut } = glimpse;
    if (this.later) return false;
    if (isOut) {
      if (!this.expected.account(glimpse, glimpse.captured)) return false;
      this.counts.accounted++;
    } else {
      // As a packet that came in through a bridge, it would have no way that is kept.
      if (!this.unseen.isEmpty || (this.callIptables && device?.isBridge)) return false;
      if (!this.kernel.pass(glimpse, this.expected)) return false;
      this.counts.received++;
    }
    this.lastTime = time;
    this.lastFrame = number;
    this.clock.now = time;
    return true;
  }

  private skip(reason: string, { number }: Frame): void {
    const before = this.counts.skipped.get(reason) ?? 0;
    if (before === 0) this.firstSkipped.set(reason, number);
    this.counts.skipped.set(reason, before + 1);
  }

  private lookAt(glimpse: Glimpse): void {
    const { arrival } = glimpse;
    if (!glimpse.isOut) return;
    if (arrival && (arrival.packet.etherType !== 0 || this.isPort(arrival.device))) return;
    this.egress.push(glimpse);
    if (arrival) this.answers.learn(arrival.packet);
  }

  /** What a frame tells of a bridge, whoever's it is. */
  private learnPort(port: Device, packet: Packet): void {
    if (!port.master) return;
    this.bridgesWithPorts.add(port.master);
    if (packet.version === 4 ? this.callIptables : this.callIp6tables) this.bridges.learn(port, packet);
  }

  private isPort(device: Device): boolean {
    return device.master?.isBridge === true;
  }

  private step(arrival: Arrival): void {
    const { packet, device, direction, message } = arrival;
    if (arrival.isForeign) return this.learnPort(device, packet);
    this.lastTime = packet.time;
    this.lastFrame = packet.frame;
    this.clock.now = packet.time;
    if (this.later && packet.time >= this.later.at) {
      this.kernel.hooks.load(this.later.ruleset, packet.time);
      this.later = null;
    }
    if (packet.etherType !== 0) return this.otherFrame(arrival);
    const isKnown = message !== null && this.messages.isKnown(packet, message);
    if (direction === 'out') return isKnown ? this.copy() : this.left(arrival);
    if (isKnown) return this.copy();
    const passage = new Passage(packet);
    if (!this.kernel.hooks.links.isEmpty && !message && !this.enters(passage, arrival)) return;
    const filtersBridge = packet.version === 4 ? this.callIptables : this.callIp6tables;
    if (this.isPort(device) && device.master) {
      // br_netfilter runs the IP hooks where the frame enters the bridge, before the bridge itself gets it.
      this.bridgesWithPorts.add(device.master);
      if (!filtersBridge) return this.copy();
      packet.in = device.master;
      packet.physIn = device;
      this.bridges.learn(device, packet);
    } else if (filtersBridge && this.bridgesWithPorts.has(device)) return this.copy();
    else packet.in = device;
    if (message) this.unseen.beforeHook(packet, message.hook);
    passage.bridgedTo = packet.physIn && this.bridges.elsewhere(packet.physIn, packet);
    const onBridge = filtersBridge && device.isBridge && !message;
    const doubt = onBridge ? this.unseen.beforeBridge(packet) : null;
    if (packet.version === 6 && !this.options.host.acceptsIpv6(packet.in)) return this.copy();
    if (this.options.admits?.(packet, 'received') === false) return;
    if (this.unseen.isAnswerToUnknown(packet, onBridge)) return this.undecided(packet, ANSWER_TO_UNKNOWN);
    this.counts.received++;
    passage.doubt ??= doubt;
    this.takeTurn(passage, null);
    if (onBridge) this.throughPort(passage, device);
    this.options.prepares?.(passage, this.kernel.tracker);
    this.kernel.receive(passage);
    this.noteDoubt(passage);
  }

  /** What was said before it, and is not in the capture. @param leaves the device by which the host sends it */
  private takeTurn(passage: Passage, leaves: Device | null): void {
    if (this.sight.isComplete || this.kernel.hooks.tracksNothing) return;
    const doubt = this.turns.before(passage.packet, leaves);
    passage.doubt ??= doubt;
  }

  /** Nothing can be said of the host's lines about a packet that may have gone another way, as little as of its own. */
  private noteDoubt({ packet, doubt, connection }: Passage): void {
    if (doubt === null) return;
    this.sight.leaveOut(packet, doubt);
    if (connection?.firstFrame === packet.frame) this.turns.doubt(connection, doubt);
  }

  /** What netfilter does with a frame below IP. False: it is gone. */
  private enters(passage: Passage, { below, device, wireLength, addressed, packet }: Arrival): boolean {
    if (below !== device) {
      packet.in = below;
      if (!this.kernel.ingress(passage, below)) return false;
    }
    return this.linkLevel.received(passage, device, wireLength, addressed);
  }

  /** A frame that holds no IP packet: ARP, mostly. */
  private otherFrame(arrival: Arrival): void {
    const { packet, device, direction, wireLength } = arrival;
    const passage = new Passage(packet);
    if (direction === 'in') this.enters(passage, arrival);
    else if (!this.isPort(device)) this.linkLevel.left(passage, device, wireLength);
  }

  /** Runs a packet that was seen only as it left, as it must have come in. */
  private assume(cause: Packet, seen: Packet, device: Device): void {
    const { in: from } = cause;
    if (!from || this.options.admits?.(cause, 'received') === false) return;
    this.counts.assumed++;
    if (this.counts.assumed === 1)
      this.options.host.assumptions.record(
        'captured interfaces',
        this.sight.has(from)
          ? `Nothing that came in was captured; packets that were seen only as they left were taken to have come in by ${from.name} and others.`
          : `${from.name} was not captured; packets that were seen only as they left were taken to have come in by it.`,
        true,
      );
    const passage = new Passage(cause);
    this.options.prepares?.(passage, this.kernel.tracker);
    passage.doubt = `it was seen only as it left; that it came in by ${from.name}, which was not captured, is assumed`;
    this.takeTurn(passage, null);
    this.noteDoubt(passage);
    const filtersBridge = cause.version === 4 ? this.callIptables : this.callIp6tables;
    if (filtersBridge && from.isBridge) this.throughPort(passage, from);
    this.leaving = seen;
    this.caused = seen.protocol === Protocol.tcp ? { packet: seen, device } : null;
    if (this.kernel.ingress(passage, from)) this.kernel.receive(passage);
    this.leaving = this.caused = null;
    if (this.expected.account(seen)) this.counts.accounted++;
    else this.counts.unexplained++;
  }

  private undecided(packet: Packet, reason: string): void {
    this.counts.undecided++;
    if (this.counts.undecided === 1)
      this.options.host.assumptions.record(
        'hidden senders',
        'Packets left with an address of the host that others had sent, by interfaces which were not captured; nothing tells who, so they and what answers them were left out.',
        true,
      );
    this.sight.leaveOut(packet, reason);
  }

  /** The bridge's ports were not captured: which one it came in by is clear where the bridge has but one. */
  private throughPort(passage: Passage, bridge: Device): void {
    const { packet } = passage;
    packet.physIn = this.bridges.port(bridge, addressOf(packet, 'source'));
    if (!packet.physIn) passage.doubt ??= `not known through which port of ${bridge.name} it came`;
  }

  private copy(): void {
    this.counts.copies++;
  }

  /** An egress frame: predicted, a port's copy, or the host's own. */
  private left(arrival: Arrival): void {
    const { packet, device } = arrival;
    if (this.isPort(device)) return this.copy();
    if (this.expected.account(packet) || arrival.claimed) {
      this.counts.accounted++;
      this.options.sinks.seen?.(packet, device, true);
      return;
    }
    const origin = this.unseen.originOf(packet, device);
    if (origin.kind === 'forwarded') return this.assume(origin.packet, packet, device);
    if (origin.kind === 'unknown') return this.undecided(packet, origin.reason);
    // OUTPUT and POSTROUTING had the whole datagram: it was cut up behind them (`ip_finish_output()`).
    const whole = packet.data.length < packet.length ? packet : this.ownFragments.add(packet);
    if (!whole) {
      this.options.sinks.seen?.(packet, device, true);
      this.counts.sent++;
      return;
    }
    const own =
      this.options.admits?.(whole, 'sent') === false ? null : this.ownPackets.beforeTranslation(whole);
    this.options.sinks.seen?.(packet, device, own !== null);
    if (!own) {
      this.counts.unexplained++;
      return;
    }
    const refused = device.isLoopback ? this.ownPackets.refusedBy(own) : null;
    if (refused && this.refuse(refused, packet, device)) return;
    this.counts.sent++;
    const passage = this.ownPackets.start(own, device);
    passage.doubt ??= origin.doubt;
    this.takeTurn(passage, device);
    this.leaving = whole;
    this.options.prepares?.(passage, this.kernel.tracker);
    this.kernel.send(passage);
    this.noteDoubt(passage);
    this.leaving = null;
    // Its frame has come: the next one like it, such as another reset of the same number, is another packet.
    this.expected.account(whole);
  }

  /** Runs a packet that the host could not send. False: the rules do not say why it was told `error`. */
  private refuse(refused: Packet, error: Packet, loopback: Device): boolean {
    this.counts.sent++;
    const passage = this.ownPackets.start(refused, loopback);
    this.answers.told = error;
    this.options.prepares?.(passage, this.kernel.tracker);
    this.kernel.send(passage);
    this.answers.told = null;
    if (!this.expected.account(error)) return false;
    this.counts.accounted++;
    return true;
  }
}

const ANSWER_TO_UNKNOWN = 'it answers a connection that came in by an interface which was not captured';
