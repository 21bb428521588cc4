import { Hook } from '../../rules/hook.js';
import { ip, type IpMatch } from '../../rules/matches/ip.js';
import type { Rule, Step } from '../../rules/model.js';
import type { TableState } from './tables.js';

/** Why the kernel refuses a table that libiptc hands it, as an error number's name. */
export type Refusal = 'EINVAL' | 'ELOOP';

const ALL = 0b11111;
const mask = (...hooks: Hook[]): number => hooks.reduce<number>((bits, hook) => bits | (1 << hook), 0);

/** The hooks from which a match may be reached (`.hooks` of each `xt_match` in net/netfilter). */
const MATCH_HOOKS: ReadonlyMap<string, number> = new Map([
  ['owner', mask(Hook.output, Hook.postrouting)],
  ['rpfilter', mask(Hook.prerouting)],
  ['socket', mask(Hook.prerouting, Hook.input)],
]);

function stepHooks(step: Step): number {
  if (step.kind === 'target') return step.definition.hooks ? mask(...step.definition.hooks) : ALL;
  if (step.kind === 'match') return MATCH_HOOKS.get(step.definition.name) ?? ALL;
  return ALL;
}

/**
 * Whether the kernel takes a rule that was just put into its chain: `translate_table()`
 * (net/ipv4/netfilter/ip_tables.c) with `mark_source_chains()` and `xt_check_match()`, `xt_check_target()`.
 */
export function kernelRefuses(state: TableState, rule: Rule): Refusal | null {
  let jumps = false;
  let restricted = ALL;
  const protocol = protocolOf(rule);
  for (const step of rule.steps) {
    restricted &= stepHooks(step);
    if (step.kind === 'jump') jumps = true;
  }
  for (const step of rule.steps) if (!standsHere(step, state.table.name, protocol)) return 'EINVAL';
  if (!jumps && restricted === ALL) return null;
  const hooks = reachableHooks(state);
  if (!hooks) return 'ELOOP';
  if (restricted !== ALL && ((hooks.get(rule.chain.name) ?? 0) & ~restricted) !== 0) return 'EINVAL';
  return jumps && restrictedRuleIsReached(state, hooks) ? 'EINVAL' : null;
}

/** The same for a whole table, as iptables-restore hands it over at COMMIT. */
export function kernelRefusesTable(state: TableState): Refusal | null {
  if (state.refused) return 'EINVAL';
  const hooks = reachableHooks(state);
  if (!hooks) return 'ELOOP';
  for (const chain of state.table.chains.values()) {
    const here = hooks.get(chain.name) ?? 0;
    for (const rule of chain.rules) {
      const protocol = protocolOf(rule);
      for (const step of rule.steps)
        if (here & ~stepHooks(step) || !standsHere(step, state.table.name, protocol)) return 'EINVAL';
    }
  }
  return null;
}

function protocolOf(rule: Rule): IpMatch['protocol'] {
  for (const step of rule.steps)
    if (step.kind === 'match' && step.definition === ip) return (step.data as IpMatch).protocol;
  return null;
}

/** The table and the protocol that an extension asks for. */
function standsHere(step: Step, table: string, protocol: IpMatch['protocol']): boolean {
  if (step.kind === 'target') return step.definition.tables?.includes(table) ?? true;
  if (step.kind !== 'match' || !step.definition.protocols) return true;
  return protocol !== null && !protocol.negated && step.definition.protocols.includes(protocol.value);
}

/** The chains that each chain jumps to. */
function jumpsByChain(state: TableState): Map<string, Set<string>> {
  const jumps = new Map<string, Set<string>>();
  for (const [target, rules] of state.references)
    for (const rule of rules) {
      const known = jumps.get(rule.chain.name);
      if (known) known.add(target);
      else jumps.set(rule.chain.name, new Set([target]));
    }
  return jumps;
}

/** The hooks from which each chain is reached, as bits; null where a loop is reached. */
function reachableHooks(state: TableState): Map<string, number> | null {
  const jumps = jumpsByChain(state);
  const hooks = new Map<string, number>();
  for (const base of state.table.chains.values()) {
    if (!base.base) continue;
    const bit = 1 << base.base.hook;
    const onPath = new Set<string>();
    const path: { name: string; rest: Iterator<string> }[] = [];
    const enter = (name: string): boolean => {
      if (onPath.has(name)) return false;
      const seen = hooks.get(name) ?? 0;
      if (seen & bit) return true;
      hooks.set(name, seen | bit);
      onPath.add(name);
      path.push({ name, rest: (jumps.get(name) ?? new Set<string>()).values() });
      return true;
    };
    enter(base.name);
    while (path.length > 0) {
      const top = path[path.length - 1];
      const next = top.rest.next();
      if (next.done) {
        onPath.delete(top.name);
        path.pop();
      } else if (!enter(next.value)) return null;
    }
  }
  return hooks;
}

/** Whether a jump has opened a hook to a rule that may not be there. */
function restrictedRuleIsReached(state: TableState, hooks: Map<string, number>): boolean {
  for (const chain of state.table.chains.values()) {
    const here = hooks.get(chain.name) ?? 0;
    if (chain.base || here === 0) continue;
    for (const rule of chain.rules) for (const step of rule.steps) if (here & ~stepHooks(step)) return true;
  }
  return false;
}
