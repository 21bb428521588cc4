import type { Packet } from '../packet/packet.js';
import type { Context, Manip } from './context.js';
import type { Hook } from './hook.js';
import type { OptionList, OptionSpec } from './options.js';
import type { Outcome, Verdict } from './verdict.js';
import type { Wanted } from './wanted.js';

/**
 * A field that a test reads, in the words of the headers and of conntrack: what an index can be built
 * over, and what an explanation follows back to the rule that changed it.
 */
export type Field =
  | 'ip.source'
  | 'ip.destination'
  | 'ip.protocol'
  | 'ip.tos'
  | 'ip.ttl'
  | 'ip.length'
  | 'ip.fragment'
  | 'ip.options'
  | 'in'
  | 'out'
  | 'physIn'
  | 'physOut'
  | 'sourcePort'
  | 'destinationPort'
  | 'tcp.flags'
  | 'tcp.options'
  | 'icmp.type'
  | 'transport'
  | 'payload'
  | 'mark'
  | 'priority'
  | 'link'
  | 'packetType'
  | 'ct.state'
  | 'ct.status'
  | 'ct.mark'
  | 'ct.label'
  | 'ct.tuple'
  | 'ct.counters'
  | 'ct.helper'
  | 'ct.expires'
  | 'ct.direction'
  | 'routing'
  | 'socket'
  | 'set'
  | 'time'
  | 'random'
  | 'count';

/** One condition of a test on one packet: what the rule wanted, what the packet had. */
export interface Condition {
  /** As the rule's option calls it, without dashes: `dport`, `ctstate`, `in-interface`. */
  readonly name: string;
  /** Where the value comes from, so that its history can be told. */
  readonly field: Field;
  readonly wanted: string;
  readonly saw: string;
  readonly outcome: Outcome;
}

/**
 * A match, whole: syntax, meaning and explanation in one place, so that a half-added one does not compile.
 * @typeParam D what the options say, immutable
 * @typeParam S what one rule's use of it remembers between packets; undefined for a pure test
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a registry holds definitions of all data types; each is used only with its own
export interface MatchDefinition<D = any, S = any> {
  /** After -m; `ip` for what needs no -m (-s -d -i -o -p -f). */
  readonly name: string;
  /** Other names iptables takes for the same kernel module: `state` prints as itself and is not one. */
  readonly aliases?: readonly string[];
  /** The -p protocols that load it without -m, when one of its options is met. */
  readonly protocols?: readonly number[];
  /** The kernel takes it under other protocols, too: it looks for its header itself. */
  readonly anyProtocol?: true;
  /** IP versions for which it exists. */
  readonly versions: readonly (4 | 6)[];
  readonly options: readonly OptionSpec[];
  /** Never throws: what is wrong is reported through `options.error`. */
  parse(options: OptionList): D;
  /** The options as iptables-save 1.8.9 prints them, one space between words, none around. */
  print(data: D, version: 4 | 6): string;
  /** The columns' rest as `iptables -L` shows it (`tcp dpt:80`); `numeric` is -n. */
  list(data: D, numeric: boolean, version: 4 | 6): string;
  /** `-L` puts it right behind the destination's column, without a blank before it. */
  readonly listedTight?: true;
  readonly reads: (data: D) => readonly Field[];
  /**
   * What a packet must have for a hit, for an index: the test misses, and is neither unknown nor a hotdrop, where the
   * packet has it not and its transport header is there. Without it, or null: nothing that can be told before.
   */
  readonly wants?: (data: D) => readonly Wanted[] | null;
  /** The same packet, connection and host always give the same answer, and nothing is changed by asking. */
  readonly pure: boolean;
  /** Its answer hangs on packets of other connections, too: connections cannot be run apart from each other. */
  readonly common: boolean;
  /** A rule that uses it switches connection tracking on for its family (`nf_ct_netns_get()`). */
  readonly tracks?: true;
  /** A rule that uses it has fragments of its family put together before the rules (`nf_defrag_ipv4_enable()`). */
  readonly gathers?: true;
  /** What this use of it remembers, as it is when the rule is loaded. */
  start(data: D, context: Pick<Context, 'shared' | 'now' | 'tick'>): S;
  test(data: D, packet: Packet, context: Context, state: S): Outcome;
  /**
   * Each condition with wanted and saw, in the order tested. Called right after `test` with its outcome;
   * must not change `state`.
   */
  explain(data: D, packet: Packet, context: Context, state: S, outcome: Outcome): readonly Condition[];
}

/** A target, whole. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
export interface TargetDefinition<D = any, S = any> {
  /** After -j. */
  readonly name: string;
  readonly versions: readonly (4 | 6)[];
  /** The name in the target column of `iptables -L`, where it is another one (NOTRACK is shown as CT). */
  readonly listedAs?: string;
  /** The tables it may stand in; undefined: all. The kernel refuses others. */
  readonly tables?: readonly string[];
  /** The hooks from which it may be reached; undefined: all. The kernel refuses others. */
  readonly hooks?: readonly Hook[];
  readonly options: readonly OptionSpec[];
  parse(options: OptionList): D;
  print(data: D, version: 4 | 6): string;
  list(data: D, numeric: boolean, version: 4 | 6): string;
  /** The fields it may change, for provenance and for what an index may skip over. */
  readonly writes: readonly Field[];
  /** All that comes of it is what it tells: neither this packet nor a later one fares otherwise. */
  readonly onlyTells?: true;
  /** What it does to the packet is not modelled: whatever becomes of the packet from here on is in doubt. */
  readonly unforeseen?: true;
  /** Always ends the walk of the chain, whatever the packet (ACCEPT, DROP, REJECT…). */
  readonly terminal: boolean;
  /** What it does reaches packets of other connections: connections cannot be run apart from each other. */
  readonly common: boolean;
  /** Whether a rule that uses it so switches connection tracking on for its family (`nf_ct_netns_get()`). */
  readonly tracks?: (data: D) => boolean;
  /** As a match's. */
  readonly gathers?: true;
  /** The ends of a packet that it may have NAT give other addresses or ports; undefined: it has nothing to do with NAT. */
  readonly translates?: readonly Manip[];
  start(data: D, context: Pick<Context, 'shared' | 'now' | 'tick'>): S;
  run(data: D, packet: Packet, context: Context, state: S): Verdict;
}
