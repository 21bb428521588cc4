import type { IpAddress } from '../address/ip.js';
import { ETHERNET_HEADER } from '../packet/link.js';
import type { Device } from '../packet/device.js';
import type { Route } from '../host/routeModel.js';
import type { Packet } from '../packet/packet.js';
import { hasIpOptions } from '../packet/ipOptions.js';
import { setTtl, tosOf, ttlOf } from '../packet/rewrite.js';
import { addressOf } from '../packet/addresses.js';
import { PacketType } from '../packet/numbers.js';
import { CtState } from '../rules/connection.js';
import type { CtTemplate, FlowTable, Manip, NatRange, RejectKind } from '../rules/context.js';
import { Hook } from '../rules/hook.js';
import { Verdict } from '../rules/verdict.js';
import type { Rule } from '../rules/model.js';
import { aimThrough, mayLeaveAs } from './walk/aim.js';
import { Copies } from './copies.js';
import { conntrackSettings } from './conntrack/settings.js';
import { Tracker } from './conntrack/tracker.js';
import { Defragmenter } from './stack/defrag.js';
import { TAKEN, tellHeld, tellLost, WAITS_FOR_FRAGMENTS } from './endings.js';
import type { ExpectedFrames } from './evidence/expected.js';
import type { FlowPath } from './steady/flowPath.js';
import { Guard } from './steady/lasting.js';
import { FlowTables } from './conntrack/flowTables.js';
import { HookRunner } from './walk/hookRunner.js';
import { LocalStack } from './stack/localStack.js';
import { LogLines } from './logLines.js';
import { Nat } from './nat/nat.js';
import { Loopback } from './loopback.js';
import type { Observer } from './observer.js';
import { OptionRecords } from './stack/optionRecords.js';
import { again, type Passage } from './passage.js';
import type { Program } from './walk/program.js';
import { isRefusedOnReceipt } from './stack/receipt6.js';
import { isOfLinkItself } from './stack/senders.js';
import { randomFrom } from './random.js';
import { RuleContext } from './walk/ruleContext.js';
import { NamedTables } from './walk/shared.js';
import type { Glimpse } from './steady/glimpse.js';
import { ShortWays } from './steady/shortWays.js';
import { priorityOfTos } from './stack/tosPriority.js';
import { Synproxy } from './synproxy/synproxy.js';
import type { Evidence, KernelHost, KernelOptions, Sinks } from './world.js';

/** The simulated network stack of one host. `receive` and `send` are a packet's way through it, top to bottom. */
export class Kernel {
  readonly tracker: Tracker;
  readonly nat: Nat;
  private readonly flowTables: FlowTables;
  readonly host: KernelHost;
  readonly sinks: Sinks;
  readonly evidence: Evidence;
  private readonly context: RuleContext;
  readonly hooks: HookRunner;
  private readonly defragmenter = new Defragmenter();
  private readonly stack: LocalStack;
  private readonly records: OptionRecords;
  private readonly observer: Observer | null;
  private readonly shortWays: ShortWays;
  readonly log: LogLines;
  /** A number in [0, 1) where nothing tells. */
  readonly draw: () => number;
  readonly copies: Copies;
  readonly synproxy: Synproxy;
  private readonly loopback: Loopback;

  constructor(options: KernelOptions) {
    const { host, sinks, ruleset } = options;
    this.host = host;
    this.sinks = sinks;
    this.evidence = options.evidence;
    this.observer = options.observer ?? null;
    this.draw = randomFrom(options.seed ?? 1);
    this.log = new LogLines(sinks);
    this.tracker = new Tracker(
      conntrackSettings((name, fallback) => host.sysctl(name, fallback)),
      {
        created: (entry, now) => sinks.created?.(entry, now),
        updated: (entry, events, now) => sinks.updated?.(entry, events, now),
        destroyed: (entry, now) => {
          this.nat.forget(entry);
          sinks.destroyed?.(entry, now);
        },
        expected: (passage, master, follow) => this.nat.follow(passage, master, follow),
        mangled: (packet) => this.evidence.mangled(packet),
        draw: (passage) => this.drawPort(passage),
        refused: (passage, helper, reason) => this.log.refused(passage, helper, reason),
        broadcastMask: (device, packet) =>
          host.routing.world.sources.broadcastMask(device, addressOf(packet, 'destination')),
      },
    );
    this.shortWays = new ShortWays(this.tracker, host.routing, options.sets, this.observer);
    this.nat = new Nat(
      this.tracker,
      {
        seen: (passage, tuple, manip) => this.evidence.port(passage.packet, tuple, manip),
        draw: (passage) => this.drawPort(passage),
      },
      options.share,
    );
    this.flowTables = new FlowTables(this.tracker);
    const shared = new NamedTables();
    this.context = new RuleContext(this, host.routes, options.sets, shared, options.epoch, options.clock);
    this.loopback = new Loopback(this, (run) => this.context.aside(run));
    this.synproxy = new Synproxy({
      ...{ host, evidence: this.evidence, tracker: this.tracker },
      send: (passage, cause) => this.loopback.send(passage, cause),
      tell: (passage, what) => this.observer?.tells?.(what, passage),
    });
    this.hooks = new HookRunner(ruleset, {
      context: this.context,
      shared,
      tracker: this.tracker,
      nat: this.nat,
      synproxy: this.synproxy,
      defragmenter: this.defragmenter,
      observer: this.observer,
      paths: this.shortWays.paths,
      rerouted: (packet) => host.routing.output(packet),
      follow: (path, passage) => this.follow(path, passage),
    });
    this.copies = new Copies(host, this.context, {
      output: (passage) => this.hooks.run(Hook.output, passage),
      leave: (passage) => {
        this.leave(passage);
      },
      egress: (passage, device, framed) => this.egress(passage, device, framed),
      sent: (passage) => sinks.sent?.(passage),
    });
    this.records = new OptionRecords(host, options.epoch, this.evidence);
    this.stack = new LocalStack(
      host,
      (passage, cause) => this.answer(passage, cause),
      (answer) => this.evidence.answered(answer),
      this.records,
    );
  }

  /** A number in [0, 65535] where the kernel draws one for a port, and nothing tells which. */
  private drawPort(passage: Passage): number {
    passage.doubt ??= 'the kernel chose a port at random';
    return Math.floor(this.draw() * 65536);
  }

  /** Datagrams that waited for fragments at once. */
  get mostFragments(): number {
    return this.defragmenter.most;
  }

  /** What runs at its hooks, with what it has counted. */
  get program(): Program {
    this.shortWays.settle();
    return this.hooks.program;
  }

  /** Some packets may go a short way. */
  get canPass(): boolean {
    return this.shortWays.areFor(this.hooks);
  }

  /** This packet is soon to be run. */
  anticipate(packet: Glimpse): void {
    if (this.hooks.tracksNothing) this.shortWays.anticipate(packet);
  }

  /**
   * The whole way of a packet of a flow where nothing is to be done but what all of its packets have in common
   * (steady/shortWays.ts). False: nothing was done.
   */
  pass(packet: Glimpse, expected: ExpectedFrames): boolean {
    if (!this.canPass || !this.hooks.links.isEmpty || !this.flowTables.isEmpty) return false;
    return this.shortWays.take(packet, this.hooks, expected);
  }

  /** A packet came in through `packet.in`: `ip_rcv()`, `ipv6_rcv()`. */
  receive(passage: Passage): void {
    const { packet } = passage;
    this.observer?.packet(passage, 'received');
    if (packet.packetType === PacketType.otherHost) return this.lost(passage, 'addressed to another host');
    const past = this.flowTables.take(passage);
    if (past) return this.followFlow(passage, past);
    const destination = packet.physIn ? addressOf(packet, 'destination') : null;
    if (!packet.physIn && isRefusedOnReceipt(packet)) return this.lost(passage, REFUSED);
    if (this.hooks.tracksNothing && packet.version === 4)
      this.shortWays.paths?.noteUntracked(passage, this.hooks.program);
    if (!this.hooks.run(Hook.prerouting, passage)) return;
    if (destination && !destination.equals(addressOf(passage.packet, 'destination'))) {
      if (this.bridged(passage)) return;
      // The bridge has looked up the route, whose device `ip6_rcv_core()` takes for the one that it came in by.
      if (packet.version === 6) passage.errorDevice = this.host.routing.input(packet).route?.device ?? null;
    } else if (passage.bridgedTo) return this.bridge(passage, passage.bridgedTo);
    // What a bridge takes for others as well is tracked before the host knows whether it wants it (`br_nf_local_in()`).
    else if (packet.physIn && packet.packetType !== PacketType.host) {
      if (this.tracker.enter(passage) === Verdict.drop) return this.lost(passage, TAKEN);
    }
    // What br_netfilter has shown to PREROUTING comes to the host itself only now.
    if (packet.physIn && isRefusedOnReceipt(passage.packet)) return this.lost(passage, REFUSED);
    this.routeInput(passage);
  }

  /**
   * br_netfilter: what DNAT sends to a host on the bridge that it came from stays on the bridge, without routing and
   * TTL (`br_nf_pre_routing_finish()`, net/bridge/br_netfilter_hooks.c). A bridge does not send a frame back out of
   * the port that it came in by.
   */
  private bridged(passage: Passage): boolean {
    const { packet } = passage;
    const decision = this.host.routing.input(packet);
    if (decision.action !== 'forward' || decision.route?.device !== packet.in) return false;
    this.sinks.bridged?.(passage);
    packet.physOut = this.host.bridgePort(packet.in, addressOf(packet, 'destination'));
    if (!packet.physOut || packet.physOut === packet.physIn) {
      this.lost(passage, 'DNAT sends it back out of the bridge port that it came in by');
      return true;
    }
    passage.route = decision.route;
    this.bridge(passage, packet.physOut);
    return true;
  }

  /** From port to port: `br_nf_forward()`, `br_nf_post_routing()`. */
  private bridge(passage: Passage, port: Device): void {
    if (passage.bridgeDrops) return;
    const { packet } = passage;
    packet.physOut = port;
    packet.out = packet.in;
    if (this.hooks.run(Hook.forward, passage)) this.leave(passage);
  }

  private routeInput(passage: Passage): void {
    const { routing } = this.host;
    let decision = routing.input(passage.packet);
    passage.route = decision.route;
    passage.doubt ??= decision.doubt;
    if (routing.readsTos(passage.packet.version)) this.shortWays.paths?.ran(Guard.tos);
    this.observer?.route(
      decision.action === 'drop' ? `dropped: ${decision.reason}` : decision.action,
      passage,
    );
    if (decision.action !== 'drop' && hasIpOptions(passage.packet)) {
      const beyond = this.records.receive(passage, decision);
      if ('refusal' in beyond) {
        if (beyond.problem !== 0) this.stack.parameterProblem(passage, beyond.problem);
        return this.lost(passage, beyond.refusal);
      }
      decision = beyond;
    }
    switch (decision.action) {
      case 'local':
        return this.deliver(passage);
      case 'forward':
        return this.forward(passage);
      case 'drop':
        if (decision.unreachableCode !== null) this.stack.unreachable(passage, decision.unreachableCode);
        return this.lost(passage, decision.reason ?? 'no route');
    }
  }

  /** `ip_local_deliver()`, `ip6_input()`. */
  private deliver(passage: Passage): void {
    // IPv6 puts fragments together behind INPUT: the fragment header is an extension like others (`ipv6_frag_rcv()`).
    const isFour = passage.packet.version === 4;
    if (isFour && !this.gather(passage)) return;
    if (!this.hooks.run(Hook.input, passage)) return;
    if (!isFour && !this.gather(passage)) return;
    this.observer?.end(passage, { kind: 'delivered' });
    this.host.delivered?.(passage.packet);
    const answer = this.synproxy.serve(passage);
    if (answer) this.answer(answer, passage);
    else this.stack.deliver(passage);
  }

  /** False: the packet is a fragment, and waits for the others. */
  private gather(passage: Passage): boolean {
    const whole = this.defragmenter.add(passage.packet);
    if (whole) passage.packet = whole;
    else tellHeld(this.observer, passage, null, WAITS_FOR_FRAGMENTS);
    return whole !== null;
  }

  /** `ip_forward()`, `ip6_forward()`. */
  private forward(passage: Passage): void {
    const { packet, route } = passage;
    if (packet.packetType !== PacketType.host)
      return this.lost(passage, 'not addressed to this host at the link');
    if (ttlOf(packet) <= 1) {
      this.stack.timeExceeded(passage);
      return this.lost(passage, 'its time to live ran out');
    }
    packet.out = route?.device ?? null;
    if (this.stack.tooBig(passage)) return this.lost(passage, 'larger than the MTU and not to be fragmented');
    const ttl = ttlOf(packet);
    setTtl(packet, ttl - 1);
    if (packet.version === 4) packet.priority = priorityOfTos(tosOf(packet));
    this.observer?.change?.('ip.ttl', String(ttl), String(ttl - 1), null, passage);
    if (!this.hooks.run(Hook.forward, passage)) return;
    if (passage.options) this.records.forward(passage, passage.options);
    this.leave(passage);
  }

  /** A packet that this host made: `__ip_local_out()`, `__ip6_local_out()`. */
  send(passage: Passage): void {
    const { packet } = passage;
    passage.isOwn = true;
    this.observer?.packet(passage, 'sent');
    const route = passage.route ?? this.host.routing.output(packet);
    if (!route) return this.lost(passage, 'no route');
    passage.route = route;
    packet.out = route.device;
    if (!this.hooks.run(Hook.output, passage)) return;
    // What the kernel made for a link has its device from the first (`ndisc_alloc_skb()`, `igmpv3_newpack()`).
    if (isOfLinkItself(packet)) packet.in = packet.out;
    this.leave(passage);
  }

  /** Where a new connection was aimed at: by OUTPUT for the host's own packets, by PREROUTING for those that came in. */
  aimOf(
    left: Packet,
    hook: typeof Hook.output | typeof Hook.prerouting = Hook.output,
    addresses: readonly IpAddress[] = [],
  ): Packet | null {
    return aimThrough(
      this.hooks.at(left.version, hook),
      hook,
      left,
      addresses,
      this.context,
      this.host.routing,
    );
  }

  /** Whether a packet of the host's own may have been made with another source than it left with. */
  mayLeaveAs(left: Packet, before: Packet): boolean {
    const entries = this.hooks.at(left.version, Hook.postrouting);
    return mayLeaveAs(left, before, entries, this.context, this.host.routing);
  }

  /** `ip_output()` and what is behind it. */
  private leave(passage: Passage): void {
    const { packet } = passage;
    packet.out = passage.route?.device ?? packet.out;
    const toAll = passage.isOwn && passage.route?.type === 'broadcast' && packet.out?.isLoopback === false;
    if (!toAll) return this.leaveOnce(passage);
    // The host hears what it broadcasts, once it is sent: `ip_mc_output()`, `dev_loopback_xmit()`.
    const own = again(passage);
    const isHeard = this.hooks.run(Hook.postrouting, own);
    this.leaveOnce(passage);
    if (isHeard) this.hear(own);
  }

  private leaveOnce(passage: Passage): void {
    const { packet } = passage;
    if (!this.hooks.run(Hook.postrouting, passage)) return;
    if (packet.out && !packet.physOut && !this.egress(passage, packet.out)) return;
    const path = this.hooks.links.isEmpty
      ? this.shortWays.paths?.keep(passage, this.observer, this.stack.mtuOf(passage))
      : null;
    if (path) this.shortWays.went(passage, path);
    this.sinks.sent?.(passage);
    this.observer?.end(passage, { kind: 'sent', packet });
    if (packet.out?.isLoopback) this.loopback.loop(passage);
  }

  /**
   * The rest of a forwarded packet's way, from conntrack in PREROUTING to the wire, where others of its flow went it
   * before: routes and rules would say the same again.
   */
  private follow(path: FlowPath, passage: Passage): void {
    const { packet } = passage;
    this.nat.apply(passage, Hook.prerouting);
    passage.route = path.route;
    packet.out = path.output;
    setTtl(packet, ttlOf(packet) - 1);
    if (packet.version === 4) packet.priority = priorityOfTos(tosOf(packet));
    this.nat.apply(passage, Hook.postrouting);
    path.count(packet, this.context);
    this.tracker.confirm(passage);
    this.shortWays.went(passage, path);
    this.sinks.sent?.(passage);
    this.observer?.again?.(passage, path.told);
  }

  /** Past the hooks of IP, translated as the connection is: `nf_flow_offload_ip_hook()`. */
  private followFlow(passage: Passage, route: Route): void {
    const { packet } = passage;
    this.nat.apply(passage, Hook.prerouting);
    passage.route = route;
    packet.out = route.device;
    setTtl(packet, ttlOf(packet) - 1);
    this.nat.apply(passage, Hook.postrouting);
    if (packet.out && !this.egress(passage, packet.out)) return;
    this.sinks.sent?.(passage);
    this.observer?.end(passage, { kind: 'sent', packet });
  }

  /** The connection of the packet goes into a flow table; the way back is where it came from. */
  offload(passage: Passage, table: FlowTable): boolean {
    const { packet } = passage;
    if (!packet.in) return false;
    const source = passage.connection?.tuple(passage.direction).source;
    const back = source && this.host.routing.lookup({ destination: source, out: packet.in });
    return back ? this.flowTables.add(passage, table, back) : false;
  }

  /** A frame comes in by a device, before anything else looks at it: `nf_ingress()`. False: it is gone. */
  ingress(passage: Passage, device: Device): boolean {
    const chains = this.hooks.links.on(device, 'ingress', passage.packet.etherType === 0);
    return chains.length === 0 || this.hooks.runLink(chains, Hook.prerouting, passage);
  }

  /**
   * A frame is handed to a device; the link header counts as its own by now: `nf_hook_egress()`. False: it is gone.
   * @param framed the link header that it has already
   */
  egress(passage: Passage, device: Device, framed?: Uint8Array): boolean {
    const chains = this.hooks.links.on(device, 'egress', false);
    if (chains.length === 0) return true;
    const { packet } = passage;
    const { in: input, link } = packet;
    packet.in = null;
    packet.link = framed ?? this.headerOf(passage, device);
    packet.length += ETHERNET_HEADER;
    const passed = this.hooks.runLink(chains, Hook.postrouting, passage);
    packet.length -= ETHERNET_HEADER;
    packet.in = input;
    packet.link = link;
    return passed;
  }

  /** The link header with which the packet leaves. */
  headerOf({ packet, route }: Passage, device: Device): Uint8Array {
    return this.host.linkHeader?.(packet, device, route?.gateway ?? null) ?? packet.link;
  }

  /** A copy of what the host broadcast, by the device that it left by; it has its route already. */
  private hear(passage: Passage): void {
    const { packet } = passage;
    const device = packet.out;
    packet.in = device;
    packet.out = null;
    packet.link = NO_LINK;
    packet.packetType = PacketType.loopback;
    this.observer?.packet(passage, 'received');
    if (device && !this.ingress(passage, device)) return;
    if (this.hooks.run(Hook.prerouting, passage)) this.deliver(passage);
  }

  /** An answer of the host's own stack, made while `cause` was handled. */
  private answer(passage: Passage, cause: Passage): void {
    passage.uncaptured = !this.evidence.adopt(passage);
    // What is a stand-in in a packet is one in what quotes it.
    if (passage.uncaptured && passage.byIcmp) passage.guessed ??= cause.guessed;
    this.loopback.send(passage, cause);
  }

  reject(passage: Passage, packet: Packet, kind: RejectKind, hook: Hook): void {
    this.stack.reject(passage, packet, kind, hook);
  }

  setupNat(passage: Passage, manip: Manip, range: NatRange, rule: Rule): void {
    this.hooks.nat.setup(passage, manip, range, rule);
  }

  /** -j CT: `xt_ct_target()` (net/netfilter/xt_CT.c); a packet that has a connection already keeps it. */
  assign(passage: Passage, template: CtTemplate): void {
    if (passage.connection || passage.state === CtState.untracked || passage.isAboutUntracked) return;
    if (template.notrack) passage.state = CtState.untracked;
    else passage.template = template;
  }

  private lost(passage: Passage, reason: string): void {
    tellLost(this.observer, passage, reason);
  }
}

const REFUSED = 'IPv6 takes no packet with such addresses from outside';

const NO_LINK = new Uint8Array(0);
