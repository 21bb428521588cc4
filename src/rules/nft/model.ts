import type { Position } from '../../source/text.js';
import type { Family } from '../model.js';
import type { Expression } from './expressions.js';
import type { ObjectType, QuotaValues, Rate, Statement, SynProxyValues } from './statements.js';
import type { DataType } from './types.js';

export type * from './expressions.js';
export type * from './statements.js';

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
  /** Flags that only concern the program that made it, as they are listed: `owner`, `persist`. */
  owned: readonly string[];
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
  /** It has no name of its own: the one rule that jumps there holds it, `jump { … }`. */
  readonly isBound?: true;
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
