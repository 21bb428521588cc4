import { Hook, Priority } from '../../rules/hook.js';
import { type BaseChainProgram, type CompiledChain, type Program, StepKind } from './program.js';
import {
  needsTracking as statementNeedsTracking,
  tableNeedsTracking,
} from '../../rules/nft/eval/tracking.js';
import { manipOf } from '../nat/nat.js';
import { Manip } from '../../rules/context.js';

/** Numbers for the dispatcher to switch on. */
export const StageKind = { defrag: 0, conntrack: 1, nat: 2, confirm: 3, chain: 4 } as const;

/** What is registered at a hook. */
export type HookEntry =
  | { readonly kind: typeof StageKind.defrag; readonly priority: number }
  | { readonly kind: typeof StageKind.conntrack; readonly priority: number }
  /** All nat chains of the hook, asked one after the other for packets that open a connection. */
  | {
      readonly kind: typeof StageKind.nat;
      readonly priority: number;
      readonly chains: readonly BaseChainProgram[];
    }
  | { readonly kind: typeof StageKind.confirm; readonly priority: number }
  | { readonly kind: typeof StageKind.chain; readonly priority: number; readonly chain: BaseChainProgram };

const HOOKS = [Hook.prerouting, Hook.input, Hook.forward, Hook.output, Hook.postrouting] as const;

/** What each hook runs for one IP version, lowest priority first. */
export function buildHooks(program: Program, version: 4 | 6): readonly (readonly HookEntry[])[] {
  const family = version === 4 ? 'ip' : 'ip6';
  const chains = program.chains.filter((c) => ['inet', family].includes(c.chain.table.family));
  // A dormant table registers no hooks; what its rules need of conntrack is needed all the same.
  const registered = chains.filter((c) => !c.chain.table.nft?.dormant);
  const natInUse = registered.some((c) => c.chain.base?.type === 'nat');
  const tracking =
    chains.some((chain) => needsTracking(chain, family)) ||
    program.ruleset.tables.some(
      ({ nft }) => nft && ['inet', family].includes(nft.family) && tableNeedsTracking(nft, family),
    );
  const gathering = tracking || chains.some((chain) => gathersFragments(chain, family));
  return HOOKS.map((hook) => {
    const entries: HookEntry[] = [];
    const nat: BaseChainProgram[] = [];
    for (const chain of program.at(version, hook)) {
      if (chain.base.type === 'nat') nat.push(chain);
      else entries.push({ kind: StageKind.chain, priority: chain.base.priority, chain });
    }
    if (hook === Hook.prerouting || hook === Hook.output) {
      if (gathering) entries.push({ kind: StageKind.defrag, priority: Priority.defrag });
      if (tracking) entries.push({ kind: StageKind.conntrack, priority: Priority.conntrack });
    }
    if (natInUse && hook !== Hook.forward) {
      const priority = manipOf(hook) === Manip.source ? Priority.srcnat : Priority.dstnat;
      entries.push({ kind: StageKind.nat, priority, chains: nat });
    }
    if (tracking && (hook === Hook.input || hook === Hook.postrouting))
      entries.push({ kind: StageKind.confirm, priority: Priority.conntrackConfirm });
    return entries.sort((a, b) => a.priority - b.priority);
  });
}

/** Beside conntrack, what looks for sockets wants whole packets. */
function gathersFragments(chain: CompiledChain, family: 'ip' | 'ip6'): boolean {
  return chain.rules.some((rule) =>
    rule.steps.some((step) => {
      if (step.kind === StepKind.match || step.kind === StepKind.target)
        return step.definition.gathers === true;
      if (step.kind !== StepKind.statement) return false;
      const { statement } = step.statement;
      return statement.kind === 'tproxy' && (statement.family ?? family) === family;
    }),
  );
}

function needsTracking(chain: CompiledChain, family: 'ip' | 'ip6'): boolean {
  return chain.rules.some((rule) =>
    rule.steps.some((step) => {
      if (step.kind === StepKind.statement) return statementNeedsTracking(step.statement.statement, family);
      if (step.kind === StepKind.match) return step.definition.tracks === true;
      if (step.kind !== StepKind.target) return false;
      return step.definition.translates !== undefined || step.definition.tracks?.(step.data) === true;
    }),
  );
}
