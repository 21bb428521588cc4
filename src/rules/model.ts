import type { Position } from '../source/text.js';
import type { Hook } from './hook.js';
import type { MatchDefinition, TargetDefinition } from './definition.js';
import type { NftTable, Statement } from './nft/model.js';

export type Family = 'ip' | 'ip6' | 'inet' | 'bridge' | 'arp' | 'netdev';

/** Everything that decides: the tables of all families, and the sets that they look into. */
export interface Ruleset {
  readonly tables: Table[];
}

export interface Table {
  readonly family: Family;
  readonly name: string;
  readonly chains: Map<string, Chain>;
  /** Of an nft table: what it says, sets and objects too; its chains' rules here are made of it. */
  readonly nft?: NftTable;
}

export interface Chain {
  name: string;
  readonly table: Table;
  /** Where the kernel calls it; null for a user chain. */
  readonly base: BaseChain | null;
  readonly rules: Rule[];
}

export interface BaseChain {
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: Hook;
  readonly priority: number;
  /** Of netdev, and of inet's ingress: where below the IP hooks it stands, and of which devices; absent for all others. */
  readonly below?: { readonly at: 'ingress' | 'egress'; readonly devices: readonly string[] };
  policy: 'accept' | 'drop';
  /** What the policy had counted when the ruleset was read. */
  packets: number;
  bytes: number;
}

/**
 * An ordered list of steps, done in this order. Of an iptables rule: the tests, the counter, what is done; of an nft
 * rule: its statements as written, one step each.
 */
export interface Rule {
  readonly chain: Chain;
  readonly steps: readonly Step[];
  /** What the rule had counted when the ruleset was read. */
  packets: number;
  bytes: number;
  readonly position: Position | null;
  /** The specification as iptables-save prints it, without `-A CHAIN`. */
  readonly text: string;
  readonly handle?: number;
}

export type Step = MatchStep | CounterStep | TargetStep | JumpStep | StatementStep;

/** A test: the rule goes on only where it hits. */
export interface MatchStep {
  readonly kind: 'match';
  readonly definition: MatchDefinition;
  readonly data: unknown;
}

/** Counts the packet and its bytes into the rule. */
export interface CounterStep {
  readonly kind: 'counter';
}

export interface TargetStep {
  readonly kind: 'target';
  readonly definition: TargetDefinition;
  readonly data: unknown;
}

export interface JumpStep {
  readonly kind: 'jump';
  readonly chain: string;
  /** goto: returning from the chain goes on after the last jump. */
  readonly goto: boolean;
}

/** A statement of nft other than the rule's first counter: a test, an action or a verdict. */
export interface StatementStep {
  readonly kind: 'statement';
  readonly statement: Statement;
  /** What the kernel has of it, where nft joins it with its neighbours (`asCompared`). */
  readonly run: Statement;
  /** As it is listed. */
  readonly text: string;
}

/** 1-based, as -L --line-numbers shows it. */
export function ruleNumber(rule: Rule): number {
  return rule.chain.rules.indexOf(rule) + 1;
}

/** `filter:FORWARD:3`, `ip6:nat:DOCKER:2`, of nft `ip:filter:forward:2`; the address that the command line takes (docs/cli). */
export function ruleAddress(rule: Rule): string {
  const { table } = rule.chain;
  const family = table.family === 'ip' && !table.nft ? '' : `${table.family}:`;
  const name = table.family === 'ip6' ? 'ip6:' : family;
  return `${name}${table.name}:${rule.chain.name}:${ruleNumber(rule)}`;
}
