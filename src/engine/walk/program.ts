import type { Field, MatchDefinition, TargetDefinition } from '../../rules/definition.js';
import type { Context } from '../../rules/context.js';
import { countingIn, onlyTells } from '../../rules/counting.js';
import type { BaseChain, Chain, Family, Rule, Ruleset, Step, Table } from '../../rules/model.js';
import type { Hook } from '../../rules/hook.js';
import type { Jumps, RunningStatement } from '../../rules/nft/eval/result.js';
import { endlessChains } from '../../rules/nft/eval/load.js';
import type { RuleIndex } from './ruleIndex.js';
import { RunningTable } from '../../rules/nft/eval/table.js';

/** A ruleset made ready to run: names resolved to objects, each rule with its counters and what its tests remember. */
export interface Program {
  readonly chains: readonly CompiledChain[];
  /** The base chains of a family at a hook, lowest priority first; among equals the last one that was loaded. */
  at(version: 4 | 6, hook: Hook): readonly BaseChainProgram[];
  /** Base chains below IP: of netdev, arp and bridge tables, and inet's ingress; in the same order. */
  readonly below: readonly BaseChainProgram[];
  readonly ruleset: Ruleset;
  /** Some rule may give a packet another TTL or hop limit. */
  readonly setsTtl: boolean;
  /** The sets and objects of each nft table. */
  readonly running: ReadonlyMap<Table, RunningTable>;
}

export interface CompiledChain {
  readonly chain: Chain;
  readonly rules: CompiledRule[];
  /** Made when the chain is first walked; null: it would not pay. */
  index: RuleIndex | null | undefined;
  /** Where the records of its rules begin (ruleRecords.ts); -1: they are made when the chain is first walked. */
  records: number;
  /** No rule of it asks who talks to whom (steady/lasting.ts); undefined: nobody has asked. */
  isCommon: boolean | undefined;
  policyPackets: number;
  policyBytes: number;
}

export interface BaseChainProgram extends CompiledChain {
  readonly base: BaseChain;
}

export interface CompiledRule {
  readonly rule: Rule;
  readonly steps: readonly CompiledStep[];
  /** One of its tests draws a random number. */
  readonly asksRandom: boolean;
  /** One of its steps may give the packet other addresses or ports while the chain is walked. */
  readonly rewrites: boolean;
  /** Its tests may count packets, and all that hangs on them is what it tells. */
  readonly onlyTells: boolean;
  /** In the order of the program. */
  readonly number: number;
  /** By step: on what of a flow's packets it hangs (lasting.ts); null: nobody has asked. */
  guards: Int8Array | null;
  packets: number;
  bytes: number;
}

/** Numbers for the walk to switch on. */
export const StepKind = { match: 0, counter: 1, target: 2, jump: 3, statement: 4 } as const;

export type CompiledStep =
  | {
      readonly kind: typeof StepKind.match;
      readonly definition: MatchDefinition;
      readonly data: unknown;
      readonly state: unknown;
      /** What it counts or remembers packets with. */
      readonly counting: string | null;
    }
  | { readonly kind: typeof StepKind.counter }
  | {
      readonly kind: typeof StepKind.target;
      readonly definition: TargetDefinition;
      readonly data: unknown;
      readonly state: unknown;
    }
  | { readonly kind: typeof StepKind.jump; readonly chain: CompiledChain; readonly goto: boolean }
  | {
      readonly kind: typeof StepKind.statement;
      readonly statement: RunningStatement;
      readonly counting: string | null;
    };

/**
 * Compiles a ruleset. A jump into a chain that does not exist was an error when the text was read and has become
 * an unknown step there, so that here every jump has its chain.
 */
export function compile(ruleset: Ruleset, context: Pick<Context, 'shared' | 'now' | 'tick'>): Program {
  const compiled = new Map<Chain, CompiledChain>();
  for (const table of ruleset.tables)
    for (const chain of table.chains.values())
      compiled.set(chain, {
        chain,
        rules: [],
        index: undefined,
        records: -1,
        isCommon: undefined,
        policyPackets: chain.base?.packets ?? 0,
        policyBytes: chain.base?.bytes ?? 0,
      });
  const running = new Map<Table, RunningTable>();
  for (const table of ruleset.tables)
    if (table.nft) running.set(table, new RunningTable(table.nft, jumpsIn(table, compiled)));
  let number = 0;
  for (const target of compiled.values())
    for (const rule of target.chain.rules) {
      const steps = rule.steps.map((step) =>
        compileStep(step, target.chain.table, compiled, running, context),
      );
      target.rules.push({
        rule,
        steps,
        rewrites: steps.some(rewrites),
        asksRandom: rule.steps.some(
          (step) => step.kind === 'match' && step.definition.reads(step.data).includes('random'),
        ),
        onlyTells: onlyTells(rule),
        number: number++,
        guards: null,
        packets: rule.packets,
        bytes: rule.bytes,
      });
    }
  const chains = [...compiled.values()];
  return {
    chains,
    ruleset,
    setsTtl: chains.some(({ rules }) => rules.some(({ steps }) => steps.some(setsTtl))),
    running,
    at: (version, hook) => baseChains(chains, version, hook),
    below: inOrder(
      chains,
      ({ base, table }) => base !== null && (!!base.below || BELOW_IP.has(table.family)),
    ),
  };
}

function rewrites(step: CompiledStep): boolean {
  if (step.kind === StepKind.statement) return step.statement.writes !== undefined;
  return step.kind === StepKind.target && step.definition.writes.some((field) => FOUND_BY.has(field));
}

function setsTtl(step: CompiledStep): boolean {
  const written =
    step.kind === StepKind.statement
      ? step.statement.writes
      : step.kind === StepKind.target
        ? step.definition.writes
        : undefined;
  return written?.includes('ip.ttl') === true;
}

/** What rules are looked for by. */
const FOUND_BY: ReadonlySet<Field> = new Set<Field>([
  'ip.source',
  'ip.destination',
  'ip.protocol',
  'sourcePort',
  'destinationPort',
  'in',
  'out',
]);

/** Jumps of an nft table; a chain that leads back to itself is none to jump to, which nft would have refused. */
function jumpsIn(table: Table, compiled: ReadonlyMap<Chain, CompiledChain>): Jumps {
  const endless = table.nft ? endlessChains(table.nft) : new Set<string>();
  return (name, goto) => {
    const chain = table.chains.get(name);
    const target = chain && compiled.get(chain);
    return target && !endless.has(name) ? { chain: target, goto } : null;
  };
}

function compileStep(
  step: Step,
  table: Table,
  compiled: ReadonlyMap<Chain, CompiledChain>,
  running: ReadonlyMap<Table, RunningTable>,
  context: Pick<Context, 'shared' | 'now' | 'tick'>,
): CompiledStep {
  switch (step.kind) {
    case 'match': {
      const { definition, data } = step;
      const state = definition.start(data, context) as unknown;
      return { kind: StepKind.match, definition, data, state, counting: countingIn(step, undefined) };
    }
    case 'counter':
      return { kind: StepKind.counter };
    case 'target': {
      const { definition, data } = step;
      return { kind: StepKind.target, definition, data, state: definition.start(data, context) as unknown };
    }
    case 'statement': {
      const statement = running.get(table)?.start(step.run, step.text);
      if (!statement) throw new Error(`a statement of nft in table ${table.name}, which is none of nft`);
      return { kind: StepKind.statement, statement, counting: countingIn(step, table.nft) };
    }
    case 'jump': {
      const chain = table.chains.get(step.chain);
      const target = chain && compiled.get(chain);
      if (!target) throw new Error(`jump to ${step.chain}, which table ${table.name} does not have`);
      return { kind: StepKind.jump, chain: target, goto: step.goto };
    }
  }
}

const BELOW_IP = new Set<Family>(['netdev', 'arp', 'bridge']);

function baseChains(chains: readonly CompiledChain[], version: 4 | 6, hook: Hook): BaseChainProgram[] {
  const own = version === 4 ? 'ip' : 'ip6';
  return inOrder(
    chains,
    ({ base, table }) =>
      base?.hook === hook && !base.below && (table.family === own || table.family === 'inet'),
  );
}

function inOrder(chains: readonly CompiledChain[], isWanted: (chain: Chain) => boolean): BaseChainProgram[] {
  const out: BaseChainProgram[] = [];
  for (const compiled of chains) {
    const { base, table } = compiled.chain;
    if (base && !table.nft?.dormant && isWanted(compiled.chain)) out.push(Object.assign(compiled, { base }));
  }
  // Of equals the one that was registered last runs first (`nf_hook_entries_grow()`, net/netfilter/core.c).
  return out.reverse().sort((a, b) => a.base.priority - b.base.priority);
}
