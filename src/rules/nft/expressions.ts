import type { IpAddress } from '../../address/ip.js';
import type { SetElement } from './model.js';
import type { DataType } from './types.js';

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
  | Inner
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
  /** How far nft lists the field as shifted though it is the field itself: in keys that it does not recognise. */
  readonly shownShift?: number;
}

export type Tunnel = 'vxlan' | 'geneve' | 'gre' | 'gretap';

/** `vxlan ip saddr`, a header field of what a tunnel carries; `vxlan vni`, one of the tunnel's own header. */
export interface Inner {
  readonly kind: 'inner';
  readonly tunnel: Tunnel;
  /** With the base `inner` of the tunnel's own header, else of the packet in it. */
  readonly payload: Payload;
  /** The IP protocol that nft asks of the packet itself, where the rule has not said which it has; null: none. */
  readonly outer: number | null;
  /** The rule has asked for a VLAN tag of the frame inside before. */
  readonly tagged: boolean;
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
  readonly result: 'oif' | 'oifname' | 'type' | 'check';
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
