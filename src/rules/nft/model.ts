import type { IpAddress } from '../../address/ip.js';
import type { Position } from '../../source/text.js';
import type { Family } from '../model.js';
import type { DataType } from './types.js';

/**
 * The nftables model: what `nft list ruleset` can say, as plain data. Rules stand as nft prints them: what
 * nft adds on loading (`meta l4proto tcp` before `tcp dport`) is not a statement here; a payload names its
 * protocol, and evaluating it on a packet of another protocol ends the rule.
 */
export interface NftRuleset {
  readonly tables: NftTable[];
}

export interface NftTable {
  readonly family: Family;
  readonly name: string;
  readonly handle: number | null;
  /** `flags dormant`: its hooks are not registered. */
  dormant: boolean;
  comment: string | null;
  readonly chains: Map<string, NftChain>;
  /** Sets and maps; one name space. */
  readonly sets: Map<string, NftSet>;
  /** Named counters, quotas, limits, helpers…: by `type name`, as `objectKey` makes it. */
  readonly objects: Map<string, NftObject>;
  readonly flowtables: Map<string, NftFlowtable>;
}

export type NftHook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'ingress' | 'egress';

export interface NftChain {
  readonly name: string;
  readonly handle: number | null;
  /** Where the kernel calls it; null for a chain that is only jumped to. */
  readonly base: NftBaseChain | null;
  comment: string | null;
  readonly rules: NftRule[];
  readonly position: Position | null;
}

export interface NftBaseChain {
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: NftHook;
  readonly priority: number;
  /** netdev, and ingress of inet. */
  readonly devices: readonly string[];
  policy: 'accept' | 'drop';
}

export interface NftRule {
  readonly handle: number | null;
  readonly comment: string | null;
  readonly statements: readonly Statement[];
  readonly position: Position | null;
}

/* ---- expressions ---- */

export type Expression = Constant | Selector | Operation | SetExpression | SetReference | MapLookup;

/** Values known when the rule is read. */
export type Constant =
  | IntegerValue
  | AddressValue
  | BytesValue
  | StringValue
  | BooleanValue
  | VerdictValue
  | Prefix
  | Range
  | Concat
  | Wildcard;

/** Ports, marks, flags, times, indexes: a number in host order. Times are milliseconds; `bits` is at most 64. */
export interface IntegerValue {
  readonly kind: 'integer';
  readonly value: number;
  readonly type: DataType;
}
export interface AddressValue {
  readonly kind: 'address';
  readonly address: IpAddress;
}
/** Link-layer addresses, conntrack labels, raw payload of more than 64 bits, or of more than 48 that no number holds: bytes as on the wire. */
export interface BytesValue {
  readonly kind: 'bytes';
  readonly bytes: Uint8Array;
  readonly type: DataType;
}
/** Interface names (`type` ifname, also of iface_index: resolved by whoever knows the host), helper names… */
export interface StringValue {
  readonly kind: 'string';
  readonly value: string;
  /** `eth*`: any rest; `value` is without the star. */
  readonly wildcard: boolean;
  readonly type: DataType;
}
/** `exists` and `missing`. */
export interface BooleanValue {
  readonly kind: 'boolean';
  readonly value: boolean;
}
export interface VerdictValue {
  readonly kind: 'verdict';
  readonly verdict: Verdict;
}
export interface Prefix {
  readonly kind: 'prefix';
  readonly base: IntegerValue | AddressValue | BytesValue;
  /** Leading bits that count. */
  readonly length: number;
}
/** Both ends belong to it. */
export interface Range {
  readonly kind: 'range';
  readonly from: Constant;
  readonly to: Constant;
}
/** `a . b`; of constants it is one. */
export interface Concat {
  readonly kind: 'concat';
  readonly parts: readonly Expression[];
}
/** `*` in a set: what no other element has. */
export interface Wildcard {
  readonly kind: 'wildcard';
}

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'continue' | 'return' | 'break' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

/** What is read from the packet, its connection or the host. */
export type Selector =
  | Payload
  | ExtensionHeader
  | TcpOption
  | IpOption
  | SctpChunk
  | Meta
  | Ct
  | Fib
  | Route
  | Socket
  | OsFingerprint
  | Ipsec
  | NumberGenerator
  | Hash;

export type PayloadBase = 'link' | 'network' | 'transport' | 'inner';

/** Header fields; raw ones (`@th,16,16`) have no protocol and no field. */
export interface Payload {
  readonly kind: 'payload';
  readonly base: PayloadBase;
  /** ether, vlan, arp, ip, ip6, icmp, icmpv6, igmp, tcp, udp, udplite, sctp, dccp, ah, esp, comp, th, gre…; null: raw. */
  readonly protocol: string | null;
  readonly field: string | null;
  /** In bits from the start of the base, the most significant first. */
  readonly offset: number;
  readonly bits: number;
  readonly type: DataType;
}

/** `frag more-fragments`, `rt type`, `hbh exists`: IPv6 extension headers. */
export interface ExtensionHeader {
  readonly kind: 'exthdr';
  readonly header: 'hbh' | 'rt' | 'rt0' | 'rt2' | 'srh' | 'frag' | 'dst' | 'mh';
  /** Its IPv6 next-header number. */
  readonly number: number;
  /** null: whether it is there. */
  readonly field: string | null;
  readonly offset: number;
  readonly bits: number;
  readonly type: DataType;
}

export interface TcpOption {
  readonly kind: 'tcpOption';
  /** maxseg, window, sack-perm, sack (with field left/right of the nth block)…, or a number. */
  readonly name: string;
  readonly number: number;
  /** null: whether it is there. */
  readonly field: string | null;
  readonly offset: number;
  readonly bits: number;
  readonly type: DataType;
}

export interface IpOption {
  readonly kind: 'ipOption';
  readonly name: 'lsrr' | 'ssrr' | 'rr' | 'ra';
  readonly number: number;
  readonly field: string | null;
  readonly offset: number;
  readonly bits: number;
  readonly type: DataType;
}

export interface SctpChunk {
  readonly kind: 'sctpChunk';
  readonly name: string;
  readonly number: number;
  readonly field: string | null;
  readonly offset: number;
  readonly bits: number;
  readonly type: DataType;
}

export interface Meta {
  readonly kind: 'meta';
  /** length, protocol, nfproto, l4proto, mark, iif, iifname, iiftype, skuid, pkttype, time, day, hour, … */
  readonly key: string;
  readonly bits: number;
  readonly type: DataType;
}

export interface Ct {
  readonly kind: 'ct';
  /** state, status, mark, direction, expiration, helper, label, zone, id, l3proto, protocol, saddr, proto-dst, bytes, … */
  readonly key: string;
  readonly direction: 'original' | 'reply' | null;
  /** `ct original ip saddr`: which addresses are meant; null for other keys. */
  readonly family: 'ip' | 'ip6' | null;
  readonly bits: number;
  readonly type: DataType;
}

export interface Fib {
  readonly kind: 'fib';
  readonly flags: readonly ('saddr' | 'daddr' | 'mark' | 'iif' | 'oif')[];
  readonly result: 'oif' | 'oifname' | 'type';
  /** Compared with exists/missing: whether there is a route. */
  readonly present: boolean;
  readonly bits: number;
  readonly type: DataType;
}

export interface Route {
  readonly kind: 'rt';
  readonly key: 'classid' | 'nexthop' | 'mtu' | 'ipsec';
  readonly family: 'ip' | 'ip6' | null;
  readonly bits: number;
  readonly type: DataType;
}

export interface Socket {
  readonly kind: 'socket';
  readonly key: 'transparent' | 'mark' | 'wildcard' | 'cgroupv2';
  /** Of cgroupv2. */
  readonly level: number | null;
  readonly bits: number;
  readonly type: DataType;
}

export interface OsFingerprint {
  readonly kind: 'osf';
  readonly ttl: 'loose' | 'skip' | null;
  readonly key: 'name' | 'version';
  readonly bits: number;
  readonly type: DataType;
}

export interface Ipsec {
  readonly kind: 'ipsec';
  readonly direction: 'in' | 'out';
  readonly spnum: number;
  readonly key: 'reqid' | 'spi' | 'saddr' | 'daddr';
  readonly family: 'ip' | 'ip6' | null;
  readonly bits: number;
  readonly type: DataType;
}

export interface NumberGenerator {
  readonly kind: 'numgen';
  readonly mode: 'inc' | 'random';
  readonly modulus: number;
  readonly offset: number;
}

export interface Hash {
  readonly kind: 'hash';
  readonly algorithm: 'jhash' | 'symhash';
  /** What jhash hashes; null for symhash. */
  readonly expression: Expression | null;
  readonly modulus: number;
  /** null: the kernel chose one. */
  readonly seed: number | null;
  readonly offset: number;
}

export type BinaryOperator = '&' | '|' | '^' | '<<' | '>>';

export interface Operation {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}

/** `{ … }`, of a match, a map or a vmap. */
export interface SetExpression {
  readonly kind: 'set';
  readonly elements: readonly SetElement[];
}

/** `@name`. */
export interface SetReference {
  readonly kind: 'setReference';
  readonly name: string;
}

/** `key map { … }`, `key map @name`: the data of the element that has the key. */
export interface MapLookup {
  readonly kind: 'map';
  readonly key: Expression;
  readonly map: SetExpression | SetReference;
}

/* ---- statements ---- */

export type Statement =
  | Match
  | Counter
  | Limit
  | Quota
  | ConnectionLimit
  | Last
  | ObjectReference
  | Log
  | VerdictStatement
  | VerdictMap
  | Queue
  | Reject
  | Nat
  | Mangle
  | ResetTcpOption
  | Notrack
  | Duplicate
  | Forward
  | TransparentProxy
  | SynProxy
  | FlowAdd
  | SetUpdate
  | UnknownStatement;

/**
 * `==` is also being in a set, a range or a prefix. `&`: some bit of `right` is set in `left` (flags written without
 * an operator); `!&`: none is (`tcp flags ! syn`).
 */
export type MatchOperator = '==' | '!=' | '<' | '>' | '<=' | '>=' | '&' | '!&';

export interface Match {
  readonly kind: 'match';
  readonly left: Expression;
  readonly operator: MatchOperator;
  readonly right: Expression;
}

export interface Counter {
  readonly kind: 'counter';
  readonly packets: number;
  readonly bytes: number;
}

export type TimeUnit = 'second' | 'minute' | 'hour' | 'day' | 'week';

export interface Rate {
  /** Packets, or bytes. */
  readonly rate: number;
  readonly per: TimeUnit;
  readonly burst: number;
  readonly over: boolean;
  readonly of: 'packets' | 'bytes';
}

export interface Limit extends Rate {
  readonly kind: 'limit';
}

export interface QuotaValues {
  readonly bytes: number;
  readonly over: boolean;
  readonly used: number;
}

export interface Quota extends QuotaValues {
  readonly kind: 'quota';
}

/** `ct count`. */
export interface ConnectionLimit {
  readonly kind: 'connlimit';
  readonly count: number;
  readonly over: boolean;
}

export interface Last {
  readonly kind: 'last';
  /** Milliseconds since it was used; null: never. */
  readonly used: number | null;
}

export type ObjectType =
  'counter' | 'quota' | 'limit' | 'secmark' | 'synproxy' | 'ct helper' | 'ct timeout' | 'ct expectation';

/** `counter name "c"`, `limit name "l"`, `ct helper set "ftp"`, `counter name tcp dport map @m`. */
export interface ObjectReference {
  readonly kind: 'objref';
  readonly object: ObjectType;
  readonly name: string | MapLookup;
}

export type LogFlag = 'tcp sequence' | 'tcp options' | 'ip options' | 'skuid' | 'ether';

export interface Log {
  readonly kind: 'log';
  readonly prefix: string | null;
  /** syslog level 0…7, 8: audit; null: the default, warn. */
  readonly level: number | null;
  readonly flags: readonly LogFlag[];
  /** nfnetlink group; null: the kernel log. */
  readonly group: number | null;
  readonly snaplen: number | null;
  readonly queueThreshold: number | null;
}

export interface VerdictStatement {
  readonly kind: 'verdict';
  readonly verdict: Verdict;
}

export interface VerdictMap {
  readonly kind: 'vmap';
  readonly key: Expression;
  readonly map: SetExpression | SetReference;
}

export interface Queue {
  readonly kind: 'queue';
  /** A number, a range, a hash or a map. */
  readonly to: Expression;
  readonly bypass: boolean;
  readonly fanout: boolean;
}

export interface Reject {
  readonly kind: 'reject';
  /** `icmpx`: by the family of the packet. */
  readonly with: 'icmp' | 'icmpv6' | 'icmpx' | 'tcp reset';
  /** ICMP code of the unreachable message; 0 for tcp reset. */
  readonly code: number;
}

export type NatFlag = 'random' | 'fully-random' | 'persistent';

export interface Nat {
  readonly kind: 'nat';
  readonly nat: 'snat' | 'dnat' | 'masquerade' | 'redirect';
  /** As written in inet tables: `dnat ip to`. */
  readonly family: 'ip' | 'ip6' | null;
  /** `dnat ip addr . port to … map`: the address expression yields both. */
  readonly addressAndPort: boolean;
  /** `snat ip prefix to`: the prefixes are translated, host bits stay. */
  readonly prefix: boolean;
  readonly address: Expression | null;
  readonly port: Expression | null;
  readonly flags: readonly NatFlag[];
}

/** `meta mark set …`, `ct mark set …`, `ip dscp set …`, `tcp option maxseg size set …`. */
export interface Mangle {
  readonly kind: 'mangle';
  readonly target: Payload | ExtensionHeader | TcpOption | Meta | Ct;
  readonly value: Expression;
}

/** `reset tcp option NAME`: overwrites it with NOPs. */
export interface ResetTcpOption {
  readonly kind: 'resetTcpOption';
  readonly option: TcpOption;
}

export interface Notrack {
  readonly kind: 'notrack';
}

export interface Duplicate {
  readonly kind: 'dup';
  /** null in netdev tables. */
  readonly address: Expression | null;
  readonly device: Expression | null;
}

export interface Forward {
  readonly kind: 'fwd';
  readonly family: 'ip' | 'ip6' | null;
  readonly address: Expression | null;
  readonly device: Expression;
}

export interface TransparentProxy {
  readonly kind: 'tproxy';
  readonly family: 'ip' | 'ip6' | null;
  readonly address: Expression | null;
  readonly port: Expression | null;
}

export interface SynProxyValues {
  readonly mss: number | null;
  readonly wscale: number | null;
  readonly timestamp: boolean;
  readonly sackPerm: boolean;
}

export interface SynProxy extends SynProxyValues {
  readonly kind: 'synproxy';
}

export interface FlowAdd {
  readonly kind: 'flowAdd';
  readonly flowtable: string;
}

/** `add @set { key timeout 1m limit … }`, `update @map { key : data }`. */
export interface SetUpdate {
  readonly kind: 'setUpdate';
  readonly operation: 'add' | 'update' | 'delete';
  readonly set: string;
  readonly key: Expression;
  readonly data: Expression | null;
  /** Milliseconds; null: the set's own. */
  readonly timeout: number | null;
  readonly expires: number | null;
  readonly comment: string | null;
  readonly statements: readonly Statement[];
}

/** What could not be read: stays as it was written, evaluates to unknown. */
export interface UnknownStatement {
  readonly kind: 'unknown';
  readonly text: string;
  /** Where nft itself cannot show it: an iptables extension (`xt match "string"`). */
  readonly xt: boolean;
}

/* ---- sets, maps, objects ---- */

/** One field of a key: a type and its width, which `typeof` may make narrower than the type's own. */
export interface KeyField {
  readonly type: DataType;
  readonly bits: number;
}

export type SetFlag = 'constant' | 'interval' | 'timeout' | 'dynamic';

export interface NftSet {
  readonly name: string;
  readonly handle: number | null;
  readonly map: boolean;
  /** The fields of the concatenation; one where it is none. */
  readonly key: readonly KeyField[];
  /** `typeof ip saddr . tcp dport`: the expression; null where `type` was written. */
  readonly typeofKey: Expression | null;
  /** Of a map: its data's fields, [{ type: 'verdict' }], or the type of object. */
  readonly data: readonly KeyField[] | ObjectType | null;
  readonly typeofData: Expression | null;
  readonly dataInterval: boolean;
  readonly flags: readonly SetFlag[];
  /** Milliseconds. */
  readonly timeout: number | null;
  readonly gcInterval: number | null;
  readonly size: number | null;
  readonly policy: 'performance' | 'memory' | null;
  readonly autoMerge: boolean;
  readonly comment: string | null;
  /** Statements that every element gets: `counter`, `limit`… */
  readonly statements: readonly Statement[];
  /** Mutable while a ruleset is read. */
  elements: SetElement[];
  readonly position: Position | null;
}

export interface SetElement {
  /** A constant; intervals are Prefix or Range. */
  readonly key: Expression;
  /** Of a map: a constant, a verdict, or the name of an object. */
  readonly data: Expression | null;
  /** Milliseconds; null: the set's. */
  readonly timeout: number | null;
  /** Milliseconds that were left when it was listed. */
  readonly expires: number | null;
  readonly comment: string | null;
  readonly statements: readonly Statement[];
}

export type NftObject = {
  readonly name: string;
  readonly handle: number | null;
  readonly comment: string | null;
} & (
  | { readonly kind: 'counter'; readonly packets: number; readonly bytes: number }
  | ({ readonly kind: 'quota' } & QuotaValues)
  | ({ readonly kind: 'limit' } & Rate)
  | { readonly kind: 'secmark'; readonly context: string }
  | ({ readonly kind: 'synproxy' } & SynProxyValues)
  | {
      readonly kind: 'ct helper';
      readonly helper: string;
      readonly protocol: number;
      readonly l3proto: 'ip' | 'ip6' | 'inet';
    }
  | {
      readonly kind: 'ct timeout';
      readonly protocol: number;
      readonly l3proto: 'ip' | 'ip6' | 'inet';
      /** Seconds by conntrack state name. */
      readonly policy: ReadonlyMap<string, number>;
    }
  | {
      readonly kind: 'ct expectation';
      readonly protocol: number;
      readonly dport: number;
      /** Milliseconds. */
      readonly timeout: number;
      readonly size: number;
      readonly l3proto: 'ip' | 'ip6' | 'inet';
    }
);

export interface NftFlowtable {
  readonly name: string;
  readonly handle: number | null;
  readonly priority: number;
  readonly devices: readonly string[];
  readonly offload: boolean;
  readonly counter: boolean;
}

/** The key under which a table keeps an object: types have name spaces of their own. */
export function objectKey(type: ObjectType, name: string): string {
  return `${type} ${name}`;
}
