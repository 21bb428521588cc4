import type { IpAddress } from '../../address/ip.js';
import { allOptions, tracePrefix } from '../../klog/options.js';
import { addressOf } from '../../packet/addresses.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { type Connection, type CtState, type Direction, Tuple } from '../../rules/connection.js';
import type {
  Context,
  CtTemplate,
  ExpectedPort,
  FlowTable,
  LocalSocket,
  LogOptions,
  Manip,
  NatRange,
  RejectKind,
  RouteView,
  SetView,
  SharedTables,
  SynproxyOffer,
  TimeoutPolicy,
} from '../../rules/context.js';
import { Hook, HOOK_NAMES } from '../../rules/hook.js';
import type { HostClock } from '../../rules/jiffies.js';
import type { Chain, Family, Rule } from '../../rules/model.js';
import { agrees, type Effect, effectsFrom, effectsOfRule, type Place } from './choice.js';
import type { ConnectionEntry } from '../conntrack/entry.js';
import { helperFor } from '../conntrack/helpers/index.js';
import { TcpConnState } from '../conntrack/tcpState.js';
import { readTuple } from '../conntrack/tuple.js';
import type { Kernel } from '../kernel.js';
import type { Passage } from '../passage.js';
import type { BaseChainProgram, CompiledRule } from './program.js';

const TRACE_LEVEL = {
  level: 4,
  macDecode: false,
  tcpSequence: true,
  tcpOptions: true,
  ipOptions: true,
  uid: true,
};

/** What the rules see of the packet at hand and of the world: the engine's side of `Context`. */
export class RuleContext implements Context {
  hook: Hook = Hook.prerouting;
  family: Family = 'ip';
  table = '';
  rule!: Rule;
  passage!: Passage;
  /** The rule that is about to draw a random number, and where the walk goes on behind it. */
  asking: { readonly rule: CompiledRule; readonly after: Place } | null = null;

  constructor(
    private readonly kernel: Kernel,
    readonly routes: RouteView,
    readonly sets: SetView,
    readonly shared: SharedTables,
    readonly epoch: bigint,
    readonly clock: HostClock,
  ) {}

  get now(): number {
    return this.passage.packet.time;
  }

  get tick(): number {
    return this.clock.tickAt(this.now);
  }

  /** Another packet goes its way while a rule is run; the rule's own goes on behind it. */
  aside(run: () => void): void {
    const { hook, table, family, rule, passage } = this;
    run();
    this.hook = hook;
    this.table = table;
    this.family = family;
    this.rule = rule;
    this.passage = passage;
  }

  get connection(): Connection | null {
    return this.passage.connection;
  }

  get ctState(): CtState {
    return this.passage.state;
  }

  get ctDirection(): Direction {
    return this.passage.direction;
  }

  tupleOf(packet: Packet): Tuple | null {
    const tuple = new Tuple();
    const { data, version, protocol, transport, length } = packet;
    if (packet.fragmentOffset !== 0 || (version === 6 && protocol === Protocol.none)) return null;
    return readTuple(tuple, data, version, protocol, 0, transport, length) ? tuple : null;
  }

  isClosed(connection: Connection): boolean {
    const tcp = (connection as ConnectionEntry).tcpState();
    return tcp !== null && (tcp.state === TcpConnState.timeWait || tcp.state === TcpConnState.close);
  }

  findConnection(tuple: Tuple, zone: number): Connection | null {
    return this.kernel.tracker.find(tuple, { zone, zoneDirections: 3 }, this.now)?.entry ?? null;
  }

  couldBe(packet: Packet, manip: Manip, range: NatRange): boolean | null {
    const seen = this.kernel.evidence.left(this.passage.packet);
    return seen ? agrees({ kind: 'translated', manip, range }, packet, seen) : null;
  }

  random(): number {
    const seen = this.asking && this.kernel.evidence.left(this.passage.packet);
    if (seen) {
      const hit = this.chosen(this.asking as NonNullable<typeof this.asking>, seen);
      if (hit !== null) return hit ? 0 : 1 - Number.EPSILON;
    }
    this.passage.doubt ??= `${this.rule.text}: a random choice without evidence`;
    return this.kernel.draw();
  }

  /** Which way a random choice went, by what left; null where both ways, or neither, lead to it. */
  private chosen(asking: NonNullable<typeof this.asking>, seen: Packet): boolean | null {
    const { packet } = this.passage;
    const leads = (effects: Effect[] | null): boolean | null =>
      effects && effects.some((effect) => agrees(effect, packet, seen));
    const hit = leads(effectsOfRule(asking.rule, asking.after, packet, this));
    const miss = leads(effectsFrom(asking.after, packet, this));
    if (hit === null || miss === null || hit === miss) return null;
    return hit;
  }

  log(packet: Packet, options: LogOptions): void {
    const framed = this.family === 'netdev' && this.hook === Hook.postrouting;
    this.kernel.log.line(this.passage, packet, options, this.rule, this.hook, framed);
  }

  logToGroup(packet: Packet, group: number, prefix: string, size: number | null): void {
    const message = { group, prefix, size };
    this.kernel.log.toGroup(this.passage, packet, message, this.rule, this.hook);
  }

  /** A TRACE line for a rule that matched (`trace_packet()`, net/ipv4/netfilter/ip_tables.c). */
  trace(passage: Passage, base: BaseChainProgram, rule: Rule): void {
    const { chain } = rule;
    // An unconditional verdict is what the end of a chain looks like in the kernel's table, and is called so.
    const unconditional = rule.steps.every((s) => s.kind === 'counter' || s.kind === 'target');
    const last = rule.steps[rule.steps.length - 1];
    const standard =
      last.kind === 'target' && ['ACCEPT', 'DROP', 'RETURN', 'QUEUE'].includes(last.definition.name);
    const kind = !(unconditional && standard) ? 'rule' : chain === base.chain ? 'policy' : 'return';
    this.traceLine(passage, base, chain.name, kind, chain.rules.indexOf(rule) + 1, rule);
  }

  traceReturn(passage: Passage, base: BaseChainProgram, chain: Chain): void {
    this.traceLine(passage, base, chain.name, 'return', chain.rules.length + 1, null);
  }

  tracePolicy(passage: Passage, base: BaseChainProgram): void {
    this.traceLine(passage, base, base.chain.name, 'policy', base.chain.rules.length + 1, null);
  }

  /** `__nft_trace_packet()` (net/netfilter/nf_tables_core.c). @param rule null: the policy */
  traceNft(chain: Chain, rule: Rule | null, verdict: string, isFirst: boolean): void {
    const { passage, hook } = this;
    this.kernel.sinks.traced?.({ packet: passage.packet, hook, chain, rule, verdict, isFirst });
  }

  private traceLine(
    passage: Passage,
    base: BaseChainProgram,
    chain: string,
    kind: 'rule' | 'return' | 'policy',
    number: number,
    rule: Rule | null,
  ): void {
    const name = chain || HOOK_NAMES[base.base.hook];
    const options = {
      ...TRACE_LEVEL,
      ...allOptions(tracePrefix(base.chain.table.name, name, kind, number)),
    };
    this.kernel.log.line(passage, passage.packet, options, rule, this.hook);
  }

  reject(packet: Packet, kind: RejectKind): void {
    this.kernel.reject(this.passage, packet, kind, this.hook);
  }

  setupNat(_packet: Packet, manip: Manip, range: NatRange): boolean {
    this.kernel.setupNat(this.passage, manip, range, this.rule);
    return true;
  }

  interfaceAddress(packet: Packet, target: 'MASQUERADE' | 'REDIRECT'): IpAddress | null {
    const { routing } = this.kernel.host;
    const destination = addressOf(packet, 'destination');
    if (target === 'REDIRECT') return routing.redirectAddress(destination, packet.in);
    if (!packet.out) return null;
    return routing.masqueradeAddress(packet.out, destination, this.passage.route?.gateway ?? null);
  }

  track(_packet: Packet, template: CtTemplate): void {
    if (template.helper !== null) this.helperAssigned(template.helper);
    this.kernel.assign(this.passage, template);
  }

  helperAssigned(name: string): void {
    if (!helperFor(name, this.passage.packet.protocol)) this.note(`the ${name} helper`);
  }

  setTimeouts(policy: TimeoutPolicy): void {
    this.kernel.tracker.setTimeouts(this.passage, policy);
  }

  expect(wanted: ExpectedPort): boolean | null {
    return this.kernel.tracker.expect(this.passage, wanted, this.now);
  }

  copyThrough(device: string, neighbour: IpAddress | null): void {
    this.kernel.copies.through(this.passage, device, neighbour);
  }

  offload(table: FlowTable): boolean {
    return this.kernel.offload(this.passage, table);
  }

  answerSyn(_packet: Packet, offer: SynproxyOffer): void {
    this.kernel.synproxy.answerSyn(this.passage, offer);
  }

  openToServer(): boolean {
    return this.kernel.synproxy.openToServer(this.passage);
  }

  divert(packet: Packet, address: IpAddress | null, port: number | null): boolean {
    return this.kernel.host.divert?.(packet, address, port) ?? true;
  }

  duplicate(packet: Packet, gateway: IpAddress, device: string): void {
    this.kernel.copies.duplicate(this.passage, packet, gateway, device, this.hook);
  }

  /** The rule has counted the packet, or looked at what it had counted. */
  counted(what: string): void {
    if (this.passage.doubt !== null || !this.kernel.evidence.lacks(this.hook)) return;
    this.doubt(`${what} counts packets, and the capture does not have all of them`);
  }

  doubt(reason: string): void {
    this.passage.doubt ??= `${this.rule.text}: ${reason}`;
  }

  note(text: string): void {
    this.kernel.sinks.note?.(this.passage, this.rule, text);
  }

  socket(packet: Packet): LocalSocket | null | undefined {
    return this.kernel.host.socketFor(packet);
  }
}
