import { ip, type IpMatch } from '../../rules/matches/ip.js';
import { TcpFlag } from '../../packet/transport.js';
import { rateest, type RateestMatch } from '../../rules/matches/rateest.js';
import { tcp, type TcpMatch } from '../../rules/matches/tcp.js';
import { rateest as rateestTarget, type RateestTarget } from '../../rules/targets/rateest.js';
import { set, type SetTarget } from '../../rules/targets/set.js';
import { tcpmss, type TcpMssTarget } from '../../rules/targets/tcpmss.js';
import { Hook } from '../../rules/hook.js';
import type { Chain, Rule, Step } from '../../rules/model.js';
import type { TableState } from './tables.js';

/** Why the kernel refuses a table that libiptc hands it, as an error number's name. */
export type Refusal = 'EINVAL' | 'ELOOP' | 'ENOENT' | 'ERANGE';

/**
 * What `mark_source_chains()` (net/ipv4/netfilter/ip_tables.c) finds in a chain: it goes no further than the first
 * rule that asks nothing and decides.
 */
export interface Walk {
  /** Whether there is such a rule. */
  closed: boolean;
  /** The chains that are jumped to before it. */
  readonly jumps: Set<string>;
  /** The hooks, as bits, from which all rules before it may be reached. */
  hooks: number;
  /** The last rule that is reached. */
  last: Rule | null;
}

const ALL = 0b11111;
const mask = (hooks: readonly Hook[]): number => hooks.reduce<number>((bits, hook) => bits | (1 << hook), 0);

/** The hooks from which a match may be reached (`.hooks` of each `xt_match` in net/netfilter). */
const MATCH_HOOKS: ReadonlyMap<string, number> = new Map([
  ['eui64', mask([Hook.prerouting, Hook.input, Hook.forward])],
  ['owner', mask([Hook.output, Hook.postrouting])],
  ['rpfilter', mask([Hook.prerouting])],
  ['socket', mask([Hook.prerouting, Hook.input])],
]);

/** Where there is a path whose MTU TCPMSS can take: `tcpmss_tg4_check()` (net/netfilter/xt_TCPMSS.c). */
const PATH_HOOKS = mask([Hook.forward, Hook.output, Hook.postrouting]);

function stepHooks(step: Step): number {
  if (step.kind === 'target' && step.definition === tcpmss && (step.data as TcpMssTarget).mss === null)
    return PATH_HOOKS;
  if (step.kind === 'target' && step.definition === set && mapsBehindRouting(step.data as SetTarget))
    return PATH_HOOKS;
  if (step.kind === 'target') return step.definition.hooks ? mask(step.definition.hooks) : ALL;
  if (step.kind === 'match') return MATCH_HOOKS.get(step.definition.name) ?? ALL;
  return ALL;
}

/** Priority and queue are those of the way out: `set_target_v3_checkentry()` (net/netfilter/xt_set.c). */
function mapsBehindRouting({ map, mapPriority, mapQueue }: SetTarget): boolean {
  return map !== null && (mapPriority || mapQueue);
}

const VERDICTS: ReadonlySet<string> = new Set(['ACCEPT', 'DROP', 'QUEUE', 'RETURN']);

/** The targets that are no extension (`LABEL_ACCEPT` and the like, libiptc/libiptc.c). */
export function isVerdict(target: string): boolean {
  return VERDICTS.has(target);
}

/** Asks nothing and decides: nothing behind it in its chain is ever reached. */
function closes(rule: Rule): boolean {
  const end = rule.steps[rule.steps.length - 1];
  return (
    end.kind === 'target' &&
    VERDICTS.has(end.definition.name) &&
    rule.steps.every((step) => step.kind !== 'match')
  );
}

/** Takes in the rule that now stands last. */
export function extendWalk(walk: Walk, rule: Rule): void {
  if (walk.closed) return;
  walk.last = rule;
  for (const step of rule.steps) {
    walk.hooks &= stepHooks(step);
    if (step.kind === 'jump') walk.jumps.add(step.chain);
  }
  walk.closed = closes(rule);
}

function walkOf(state: TableState, chain: Chain): Walk {
  const known = state.walks.get(chain);
  if (known) return known;
  const walk: Walk = { closed: false, jumps: new Set(), hooks: ALL, last: null };
  for (const rule of chain.rules) {
    extendWalk(walk, rule);
    if (walk.closed) break;
  }
  state.walks.set(chain, walk);
  return walk;
}

/**
 * Whether the kernel takes a rule that was just put into its chain: `translate_table()`
 * (net/ipv4/netfilter/ip_tables.c) with `xt_check_match()` and `xt_check_target()`.
 */
export function kernelRefuses(state: TableState, rule: Rule): Refusal | null {
  const protocol = protocolOf(rule);
  let hooks = ALL;
  let jump: string | null = null;
  for (const step of rule.steps) {
    if (!standsHere(step, state.table.name, protocol) || lacksSyn(step, rule)) return 'EINVAL';
    hooks &= stepHooks(step);
    if (step.kind === 'jump') jump = step.chain;
  }
  if (hooks === ALL && jump === null) return null;
  const { reached } = state;
  if (!reached) return refusesPaths(state);
  // The rule was appended to a table known to be good: only what it opens has to be looked at.
  const bits = walkOf(state, rule.chain).last === rule ? (reached.get(rule.chain.name) ?? 0) : 0;
  if ((bits & ~hooks) !== 0) return 'EINVAL';
  const opened = jump === null || bits === 0 ? null : state.table.chains.get(jump);
  return opened ? refusesOpening(state, reached, rule.chain, opened, bits) : null;
}

/** Whether what a rule kept from being reached is refused, now that the rule is gone. */
export function kernelRefusesWithout(state: TableState, rule: Rule): Refusal | null {
  return closes(rule) ? refusesPaths(state) : null;
}

/** The same for a whole table, as iptables-restore hands it over at COMMIT. */
export function kernelRefusesTable(
  state: TableState,
  isEstimator: (name: string) => boolean,
): Refusal | null {
  if (state.refused) return 'EINVAL';
  const made = new Set<string>();
  for (const chain of state.table.chains.values())
    for (const rule of chain.rules) {
      const protocol = protocolOf(rule);
      for (const step of rule.steps) {
        if (!standsHere(step, state.table.name, protocol) || lacksSyn(step, rule)) return 'EINVAL';
        if (!estimatorsOf(step).every((name) => made.has(name) || isEstimator(name))) return 'ENOENT';
        const estimator = estimatorMadeBy(step);
        if (estimator !== null) made.add(estimator);
      }
    }
  return refusesPaths(state);
}

function protocolOf(rule: Rule): IpMatch['protocol'] {
  for (const step of rule.steps)
    if (step.kind === 'match' && step.definition === ip) return (step.data as IpMatch).protocol;
  return null;
}

/** The table and the protocol that an extension asks for. */
function standsHere(step: Step, table: string, protocol: IpMatch['protocol']): boolean {
  if (step.kind === 'target' && step.definition === set && (step.data as SetTarget).map)
    return table === 'mangle';
  if (step.kind === 'target') return step.definition.tables?.includes(table) ?? true;
  if (step.kind !== 'match' || !step.definition.protocols || step.definition.anyProtocol) return true;
  return protocol !== null && !protocol.negated && step.definition.protocols.includes(protocol.value);
}

/** TCPMSS wants a -m tcp beside it that asks for SYN: `find_syn_match()` (net/netfilter/xt_TCPMSS.c). */
function lacksSyn(step: Step, rule: Rule): boolean {
  if (step.kind !== 'target' || step.definition !== tcpmss) return false;
  return !rule.steps.some((other) => {
    if (other.kind !== 'match' || other.definition !== tcp) return false;
    const { flags } = other.data as TcpMatch;
    return flags !== null && !flags.negated && (flags.set & TcpFlag.syn) !== 0;
  });
}

/** The rate estimators that a match asks: `xt_rateest_mt_checkentry()` (net/netfilter/xt_rateest.c). */
function estimatorsOf(step: Step): string[] {
  if (step.kind !== 'match' || step.definition !== rateest) return [];
  const { one, other } = step.data as RateestMatch;
  return other === null ? [one] : [one, other];
}

function estimatorMadeBy(step: Step): string | null {
  return step.kind === 'target' && step.definition === rateestTarget
    ? (step.data as RateestTarget).name
    : null;
}

/** Whether the rate estimators that a rule asks are there. */
export function hasEstimators({ steps }: Rule, isEstimator: (name: string) => boolean): boolean {
  return steps.every((step) => estimatorsOf(step).every(isEstimator));
}

/** Whether a rule of these tables makes the rate estimator, or holds on to it. */
export function hasEstimator(tables: Iterable<TableState>, name: string): boolean {
  for (const { table } of tables)
    for (const { rules } of table.chains.values())
      for (const { steps } of rules)
        if (steps.some((step) => estimatorMadeBy(step) === name || estimatorsOf(step).includes(name)))
          return true;
  return false;
}

/** Follows the jumps from each hook: a loop is refused, and what may not be reached from there. */
function refusesPaths(state: TableState): Refusal | null {
  const reached = new Map<string, number>();
  state.reached = null;
  let refused: Refusal | null = null;
  for (const base of state.table.chains.values()) {
    if (!base.base) continue;
    const refusal = follow(state, base, 1 << base.base.hook, reached, new Set(), new Set());
    if (refusal === 'ELOOP') return refusal;
    refused ??= refusal;
  }
  if (!refused) state.reached = reached;
  return refused;
}

/** The same for one more jump from a chain that is reached from the hooks in `bits`. */
function refusesOpening(
  state: TableState,
  reached: Map<string, number>,
  from: Chain,
  to: Chain,
  bits: number,
): Refusal | null {
  const more = new Map<string, number>();
  const refusal = follow(state, to, bits, more, new Set([from.name]), new Set());
  if (!refusal) for (const [name, hooks] of more) reached.set(name, (reached.get(name) ?? 0) | hooks);
  return refusal;
}

/** Goes down from a chain, depth first, with an explicit path: chains may nest as deep as there are chains. */
function follow(
  state: TableState,
  start: Chain,
  bits: number,
  reached: Map<string, number>,
  onPath: Set<string>,
  seen: Set<string>,
): Refusal | null {
  let refused: Refusal | null = null;
  const path: { name: string; rest: Iterator<string> }[] = [];
  const enter = (chain: Chain): boolean => {
    if (onPath.has(chain.name)) return false;
    if (seen.has(chain.name)) return true;
    seen.add(chain.name);
    onPath.add(chain.name);
    reached.set(chain.name, (reached.get(chain.name) ?? 0) | bits);
    const walk = walkOf(state, chain);
    if ((bits & ~walk.hooks) !== 0) refused = 'EINVAL';
    path.push({ name: chain.name, rest: walk.jumps.values() });
    return true;
  };
  if (!enter(start)) return 'ELOOP';
  while (path.length > 0) {
    const top = path[path.length - 1];
    const next = top.rest.next();
    if (next.done) {
      onPath.delete(top.name);
      path.pop();
      continue;
    }
    const chain = state.table.chains.get(next.value);
    if (chain && !enter(chain)) return 'ELOOP';
  }
  return refused;
}
