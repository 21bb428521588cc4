import type {
  Ct,
  Expression,
  ExtensionHeader,
  MapLookup,
  Meta,
  Payload,
  SetExpression,
  SetReference,
  TcpOption,
  Verdict,
} from './expressions.js';

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
  /** What nft lists in its place, where that does not say all that the kernel compares. */
  readonly listedAs?: readonly Match[];
  /**
   * What nft left out of its listing: another comparison, so that nobody knows of a packet that passes this one whether it
   * passes that, or the protocol that the packets may have to be of.
   */
  readonly lost?: 'comparison' | 'protocol';
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
  /** `meter NAME size N { … }`: the set is the rule's own and holds so many elements; absent for a set of the table. */
  readonly meterSize?: number;
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
