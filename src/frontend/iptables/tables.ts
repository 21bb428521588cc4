import { Hook, Priority } from '../../rules/hook.js';
import type { Chain, Rule, Step, Table } from '../../rules/model.js';
import type { Position } from '../../source/text.js';
import { extendWalk, type Walk } from './kernelChecks.js';
import { printSteps, tableVersion } from './print.js';

/** The base chains of each table: where the kernel calls it, and when (linux/netfilter_ipv4.h, net/ipv4/netfilter/iptable_*.c). */
const BASE: Record<string, readonly (readonly [name: string, hook: Hook, priority: number])[]> = {
  raw: [
    ['PREROUTING', Hook.prerouting, Priority.raw],
    ['OUTPUT', Hook.output, Priority.raw],
  ],
  mangle: [
    ['PREROUTING', Hook.prerouting, Priority.mangle],
    ['INPUT', Hook.input, Priority.mangle],
    ['FORWARD', Hook.forward, Priority.mangle],
    ['OUTPUT', Hook.output, Priority.mangle],
    ['POSTROUTING', Hook.postrouting, Priority.mangle],
  ],
  nat: [
    ['PREROUTING', Hook.prerouting, Priority.dstnat],
    ['INPUT', Hook.input, Priority.srcnat],
    ['OUTPUT', Hook.output, Priority.dstnat],
    ['POSTROUTING', Hook.postrouting, Priority.srcnat],
  ],
  filter: [
    ['INPUT', Hook.input, Priority.filter],
    ['FORWARD', Hook.forward, Priority.filter],
    ['OUTPUT', Hook.output, Priority.filter],
  ],
  security: [
    ['INPUT', Hook.input, Priority.security],
    ['FORWARD', Hook.forward, Priority.security],
    ['OUTPUT', Hook.output, Priority.security],
  ],
};

export function isTableName(name: string): boolean {
  return Object.hasOwn(BASE, name);
}

/** A table that is being changed, and who jumps to which of its chains. */
export interface TableState {
  readonly table: Table;
  readonly references: Map<string, Set<Rule>>;
  /** What the kernel would find on its way through a chain; absent where it has to be looked at again. */
  readonly walks: Map<Chain, Walk>;
  /** The hooks from which each chain is reached, as bits, where the table was found good and only grew since. */
  reached: Map<string, number> | null;
  /** The rules of a chain by their text; absent until one is looked for. */
  readonly byText: Map<Chain, Map<string, Set<Rule>>>;
  /** Something was put in that the kernel will not take. */
  refused: boolean;
}

/** A table as the kernel makes it: its base chains, empty, accepting. Without any, where the name is not known. */
export function newTable(name: string, version: 4 | 6): TableState {
  const table: Table = { family: version === 4 ? 'ip' : 'ip6', name, chains: new Map() };
  for (const [chain, hook, priority] of isTableName(name) ? BASE[name] : []) {
    const type =
      name === 'nat' ? 'nat' : name === 'mangle' && hook === Hook.output ? 'route' : ('filter' as const);
    table.chains.set(chain, {
      name: chain,
      table,
      base: { type, hook, priority, policy: 'accept', packets: 0, bytes: 0 },
      rules: [],
    });
  }
  return stateOf(table);
}

/** A table at the beginning of being changed, or looked through. */
export function stateOf(table: Table): TableState {
  return { table, references: new Map(), walks: new Map(), reached: null, byText: new Map(), refused: false };
}

export function addChain(state: TableState, name: string): Chain {
  const chain: Chain = { name, table: state.table, base: null, rules: [] };
  state.table.chains.set(name, chain);
  return chain;
}

/** Takes out a chain that is empty and that nobody jumps to. */
export function removeChain(state: TableState, chain: Chain): void {
  state.table.chains.delete(chain.name);
  state.walks.delete(chain);
  state.byText.delete(chain);
  state.references.delete(chain.name);
  state.reached?.delete(chain.name);
}

/** A rule that stands in no chain yet. */
export function makeRule(
  chain: Chain,
  steps: readonly Step[],
  counters: { readonly packets: number; readonly bytes: number } | null,
  position: Position | null,
): Rule {
  return {
    chain,
    steps,
    packets: counters?.packets ?? 0,
    bytes: counters?.bytes ?? 0,
    position,
    text: printSteps(steps, tableVersion(chain.table)),
  };
}

/** Puts a rule at a 0-based place of its chain, `remove` rules of which it replaces. */
export function placeRule(state: TableState, rule: Rule, at: number, remove = 0): void {
  const { chain } = rule;
  const { rules } = chain;
  if (at === rules.length && remove === 0) {
    rules.push(rule);
    const walk = state.walks.get(chain);
    if (walk) extendWalk(walk, rule);
  } else {
    changed(state, chain);
    for (const old of rules.splice(at, remove, rule)) forget(state, old);
  }
  const texts = state.byText.get(chain);
  if (texts) addTo(texts, rule.text, rule);
  for (const step of rule.steps) if (step.kind === 'jump') addTo(state.references, step.chain, rule);
}

export function removeRule(state: TableState, chain: Chain, at: number): void {
  changed(state, chain);
  for (const old of chain.rules.splice(at, 1)) forget(state, old);
}

export function flushChain(state: TableState, chain: Chain): void {
  changed(state, chain);
  for (const old of chain.rules.splice(0)) forget(state, old);
}

/** The 0-based place of the first rule that reads the same; -1 where there is none. */
export function findRule(state: TableState, chain: Chain, text: string): number {
  let texts = state.byText.get(chain);
  if (!texts) {
    texts = new Map();
    for (const rule of chain.rules) addTo(texts, rule.text, rule);
    state.byText.set(chain, texts);
  }
  const same = texts.get(text);
  if (!same || same.size === 0) return -1;
  const [only] = same;
  return same.size === 1 ? chain.rules.indexOf(only) : chain.rules.findIndex((rule) => same.has(rule));
}

function addTo(sets: Map<string, Set<Rule>>, key: string, rule: Rule): void {
  const known = sets.get(key);
  if (known) known.add(rule);
  else sets.set(key, new Set([rule]));
}

/** What was found out about a chain no longer holds. */
function changed(state: TableState, chain: Chain): void {
  state.walks.delete(chain);
  state.reached = null;
}

function forget(state: TableState, rule: Rule): void {
  state.byText.get(rule.chain)?.get(rule.text)?.delete(rule);
  for (const step of rule.steps) if (step.kind === 'jump') state.references.get(step.chain)?.delete(rule);
}

/** How many rules jump or go to a chain; base chains cannot be jumped to. */
export function referenceCount(state: TableState, name: string): number {
  return state.references.get(name)?.size ?? 0;
}

/** Gives a chain another name; the rules that jump to it follow. */
export function renameChain(state: TableState, chain: Chain, name: string): void {
  const { chains } = state.table;
  const callers = [...(state.references.get(chain.name) ?? [])];
  state.walks.clear();
  state.byText.clear();
  state.reached = null;
  chains.delete(chain.name);
  state.references.delete(chain.name);
  const old = chain.name;
  chain.name = name;
  chains.set(name, chain);
  const moved = new Map<Rule, Rule>();
  for (const rule of callers) {
    const steps = rule.steps.map((s): Step =>
      s.kind === 'jump' && s.chain === old ? { ...s, chain: name } : s,
    );
    const text = printSteps(steps, tableVersion(state.table));
    moved.set(rule, { ...rule, steps, text });
  }
  state.references.set(name, new Set(moved.values()));
  for (const caller of new Set(callers.map((rule) => rule.chain)))
    for (let i = 0; i < caller.rules.length; i++)
      caller.rules[i] = moved.get(caller.rules[i]) ?? caller.rules[i];
}

/**
 * Every change of a table by iptables-legacy sets the counters of its policies to 0: libiptc does not map
 * them to the old ones (seen with 1.8.9 on Linux 6.18). `except` is the chain whose counters were just set.
 */
export function loseCounters(state: TableState, except: string | null): void {
  for (const chain of state.table.chains.values())
    if (chain.base && chain.name !== except) {
      chain.base.packets = 0;
      chain.base.bytes = 0;
    }
}

/** What stays when iptables-restore flushes a table: the policies, until they are set. */
export function keepPolicies(from: TableState, to: TableState): void {
  for (const chain of to.table.chains.values()) {
    const old = from.table.chains.get(chain.name)?.base;
    if (!chain.base || !old) continue;
    chain.base.policy = old.policy;
  }
}

/** A table of its own with the same content, to be changed and then committed or dropped. */
export function copyTable(state: TableState): TableState {
  const { table } = state;
  const copy = newTable(table.name, tableVersion(table));
  for (const name of table.chains.keys()) if (!copy.table.chains.has(name)) addChain(copy, name);
  keepPolicies(state, copy);
  for (const chain of table.chains.values()) {
    const into = copy.table.chains.get(chain.name);
    if (into) for (const rule of chain.rules) placeRule(copy, { ...rule, chain: into }, into.rules.length);
  }
  return copy;
}
