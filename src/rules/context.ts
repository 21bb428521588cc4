import type { IpAddress } from '../address/ip.js';
import type { Side } from '../packet/addresses.js';
import type { Packet } from '../packet/packet.js';
import type { Device } from '../packet/device.js';
import type { Connection, CtState, Direction, Tuple } from './connection.js';
import type { Family, Rule } from './model.js';
import type { Field } from './definition.js';
import type { Hook } from './hook.js';
import type { Outcome } from './verdict.js';

/** RTN_* of linux/rtnetlink.h, as the bits that -m addrtype takes (linux/netfilter/xt_addrtype.h). */
export const AddressType = {
  unspec: 1 << 0,
  unicast: 1 << 1,
  local: 1 << 2,
  broadcast: 1 << 3,
  anycast: 1 << 4,
  multicast: 1 << 5,
  blackhole: 1 << 6,
  unreachable: 1 << 7,
  prohibit: 1 << 8,
  throw: 1 << 9,
  nat: 1 << 10,
  xresolve: 1 << 11,
} as const;

/** What routing answers to -m rpfilter and -m addrtype. */
export interface RouteView {
  /** The type bit of a destination address, seen through `device` where one is given (`--limit-iface-*`). */
  addressType(address: IpAddress, device: Device | null): number;
  /** xt_rpfilter: whether the answer to this packet would leave through the interface it came in by. */
  reversePath(packet: Packet, options: { loose: boolean; validMark: boolean; acceptLocal: boolean }): boolean;
  /**
   * For -j TCPMSS --clamp-mss-to-pmtu: the lesser of the MTU of the route that the packet takes and of the one back
   * to its source, in bytes (`tcpmss_mangle_packet()`); undefined where the host snapshot does not tell.
   */
  pathMtu(packet: Packet): number | undefined;
  /**
   * For nft's rt: the neighbour that a routed packet goes to next (`rt_nexthop()`, include/net/route.h); undefined where
   * the host snapshot does not tell.
   */
  nextHop(packet: Packet): IpAddress | undefined;
  /**
   * For nft's fib: the device that an address of the packet is reached through; null where it is not, is the host's
   * own, or is reached through another one than `device` (`nft_fib4_eval()`, `nft_fib6_eval()`).
   * @param how.input the interface that the packet asked about comes in by; null: made by the host
   */
  egress(
    packet: Packet,
    side: Side,
    how: { device: Device | null; mark: number; input: Device | null },
  ): Device | null;
}

/** Which manipulation a NAT target asks for (`enum nf_nat_manip_type`). */
export const Manip = { source: 0, destination: 1 } as const;
export type Manip = (typeof Manip)[keyof typeof Manip];

/** `struct nf_nat_range2`: what the new tuple may hold. */
export interface NatRange {
  readonly minAddress: IpAddress | null;
  readonly maxAddress: IpAddress | null;
  /** Inclusive; null: keep the port where the tuple is free. */
  readonly minPort: number | null;
  readonly maxPort: number | null;
  /** `--to-destination 1.2.3.4:1000-2000/500`: the first port is shifted by the distance from this one. */
  readonly basePort?: number | null;
  readonly random?: boolean;
  readonly fullyRandom?: boolean;
  readonly persistent?: boolean;
  /** NETMAP: keep the host bits. */
  readonly netmap?: boolean;
  /** The address is that of the interface it leaves by, and holds only as long as it does (`masq_index`). */
  readonly masquerade?: boolean;
}

/** What `-j LOG` was told (linux/netfilter/xt_LOG.h). */
export interface LogOptions {
  readonly prefix: string;
  /** syslog severity, 0 to 7. */
  readonly level: number;
  readonly tcpSequence: boolean;
  readonly tcpOptions: boolean;
  readonly ipOptions: boolean;
  readonly uid: boolean;
  readonly macDecode: boolean;
}

/** The named tables that several rules share, by what makes them (`recent`, `hashlimit`, `rateest`, `quota`…). */
export interface SharedTables {
  get<T>(kind: string, name: string, make: () => T): T;
  find<T>(kind: string, name: string): T | undefined;
}

/** An ipset looked into or changed by rules; defined with the sets. */
export interface SetView {
  /** @param dimensions `src`/`dst` by position: true is src */
  test(name: string, packet: Packet, dimensions: readonly boolean[], options: SetMatchOptions): Outcome;
  change(
    name: string,
    packet: Packet,
    dimensions: readonly boolean[],
    change: { add: boolean; exist: boolean; timeout: number | null },
  ): void;
  /** Grows with every change of a set, whichever it is. */
  readonly changes: number;
  /**
   * What of a packet the set is asked for, where the answer hangs on nothing else until `changes` grows, and asking changes
   * nothing: its elements have neither counters nor a time at which they end. null: not so, or there is no such set.
   */
  lastingFields(name: string): readonly Field[] | null;
  /** The skbinfo of the entry that matches, for `-j SET --map-set`; null where none does, or the set has none. */
  map(name: string, packet: Packet, dimensions: readonly boolean[]): SetMapping | null;
}

/** What `ipset add … skbmark M/MASK skbprio A:B` keeps with an entry. */
export interface SetMapping {
  readonly mark: number;
  readonly markMask: number;
  readonly priority: number;
}

export interface SetMatchOptions {
  readonly returnNomatch: boolean;
  readonly updateCounters: boolean;
  readonly updateSubcounters: boolean;
  readonly packets: CounterCondition | null;
  readonly bytes: CounterCondition | null;
}
export interface CounterCondition {
  readonly op: 'eq' | 'ne' | 'lt' | 'gt';
  readonly value: number;
}

/** What rules ask of a socket. */
export interface LocalSocket {
  readonly transparent: boolean;
  /** It is bound to no address; null: not known; undefined: no full socket, but a request for one. */
  readonly wildcard: boolean | null | undefined;
  readonly uid?: number;
}

export type RejectKind =
  | 'icmp-net-unreachable'
  | 'icmp-host-unreachable'
  | 'icmp-proto-unreachable'
  | 'icmp-port-unreachable'
  | 'icmp-net-prohibited'
  | 'icmp-host-prohibited'
  | 'icmp-admin-prohibited'
  | 'tcp-reset'
  | 'icmp6-no-route'
  | 'icmp6-adm-prohibited'
  | 'icmp6-addr-unreachable'
  | 'icmp6-port-unreachable'
  | 'icmp6-policy-fail'
  | 'icmp6-reject-route';

/** What the rules see of the world around the packet, and what they may do to it. The engine implements it. */
export interface Context {
  /** ns since capture start; the only clock there is. */
  readonly now: number;
  /** The jiffy that it is, from a tick of the host's clock on where the snapshot tells when that ticks. */
  readonly tick: number;
  /** Wall-clock time of the capture's start, ns since the epoch: for -m time only. */
  readonly epoch: bigint;
  readonly hook: Hook;
  readonly family: Family;
  readonly table: string;
  /** The rule being run. */
  readonly rule: Rule;

  readonly connection: Connection | null;
  readonly ctState: CtState;
  readonly ctDirection: Direction;

  readonly routes: RouteView;
  readonly shared: SharedTables;
  readonly sets: SetView;

  /** The tuple of a packet that belongs to no connection, a new one each time (`nf_ct_get_tuplepr()`); null: its headers tell none. */
  tupleOf(packet: Packet): Tuple | null;
  /** The confirmed connection that has this tuple in either direction (`nf_conntrack_find_get()`); changes nothing. */
  findConnection(tuple: Tuple, zone: number): Connection | null;
  /** TCP in TIME_WAIT or CLOSE: what -m connlimit no longer counts (`already_closed()`, net/netfilter/nf_conncount.c). */
  isClosed(connection: Connection): boolean;
  /**
   * Whether what left the host of this packet can have come out of such a translation; null where the capture does not
   * show what left (design.md, decision 7).
   */
  couldBe(packet: Packet, manip: Manip, range: NatRange): boolean | null;
  /** A number in [0, 1) where evidence or the seed gives one; the choice is noted (design.md, decision 7). */
  random(): number;

  log(packet: Packet, options: LogOptions): void;
  /**
   * To a group of nfnetlink: NFLOG, and nft's `log group`.
   * @param size bytes of the packet that go there; null: all
   */
  logToGroup?(packet: Packet, group: number, prefix: string, size: number | null): void;
  /** Answers the sender and drops the packet; the answer goes out through OUTPUT. */
  reject(packet: Packet, kind: RejectKind): void;
  /** `nf_nat_setup_info()`: the first packet of a connection gets its new tuple. False: no tuple is free. */
  setupNat(packet: Packet, manip: Manip, range: NatRange): boolean;
  /** The address that MASQUERADE gives this packet, or REDIRECT; null where the interface has none. */
  interfaceAddress(packet: Packet, target: 'MASQUERADE' | 'REDIRECT'): IpAddress | null;
  /** `-j CT`: no tracking, or a template for the connection to come. */
  track(packet: Packet, template: CtTemplate): void;
  /** Other timeouts for a connection that is about to be made. */
  setTimeouts?(policy: TimeoutPolicy): void;
  /**
   * A connection back from the server of the one that is about to be made is to come. null: it is made already, or has
   * enough of them; false: it cannot be awaited.
   */
  expect?(wanted: ExpectedPort): boolean | null;
  /** The connection that is about to be made gets a helper, which may not be simulated. */
  helperAssigned?(name: string): void;
  /** A copy for NFLOG, NFQUEUE and the like: what left the simulation, and where to. */
  note(text: string): void;
  /** Why what the rule does to this packet is not certain. */
  doubt?(reason: string): void;
  /** -j TEE, nft's dup: a copy goes to a gateway, untracked and through OUTPUT. @param device its name; empty: by the route */
  duplicate?(packet: Packet, gateway: IpAddress, device: string): void;
  /** A copy goes straight out of a device, past the hooks of IP, to a neighbour where one is named. */
  copyThrough?(device: string, neighbour: IpAddress | null): void;
  /** nft's flow add: the connection's packets go past the hooks from now on. False: it is not one for that. */
  offload?(table: FlowTable): boolean;
  /** synproxy answers a SYN in the name of its server. */
  answerSyn?(packet: Packet, offer: SynproxyOffer): void;
  /**
   * synproxy opens the connection to the server in the client's name; false: the packet does not bring back what a SYN was
   * answered with.
   */
  openToServer?(packet: Packet): boolean;
  /**
   * tproxy gives the packet, and what belongs to it from now on, to a proxy on this host; false where none listens there.
   * @param address null or no address at all: that of the device; @param port null or 0: the packet's own
   */
  divert?(packet: Packet, address: IpAddress | null, port: number | null): boolean;
  /** The socket on this host that the packet belongs to, for -m socket and -m owner; null: none; undefined: not known. */
  socket(packet: Packet): LocalSocket | null | undefined;
}

/** What synproxy offers to clients of what servers can do: `struct nf_synproxy_info`. */
export interface SynproxyOffer {
  readonly mss: number | null;
  readonly windowScale: number | null;
  readonly sackPermitted: boolean;
  readonly timestamps: boolean;
  readonly ecn: boolean;
}

/** The timeouts of nft's `ct timeout`, for connections of one protocol. */
export interface TimeoutPolicy {
  readonly protocol: number;
  /** Seconds by the state's name. */
  readonly states: ReadonlyMap<string, number>;
}

/** What a flow table of nft says: at which devices it takes its packets, and whether they are counted. */
export interface FlowTable {
  readonly devices: readonly string[];
  readonly counter: boolean;
}

/** What nft's `ct expectation` awaits. */
export interface ExpectedPort {
  readonly protocol: number;
  readonly port: number;
  readonly seconds: number;
  /** At most so many of one connection. */
  readonly most: number;
}

export interface CtTemplate {
  readonly notrack: boolean;
  readonly zoneOriginal: number | null;
  readonly zoneReply: number | null;
  readonly zoneFromMark: boolean;
  readonly helper: string | null;
  readonly timeoutPolicy: string | null;
  readonly events: number | null;
}
