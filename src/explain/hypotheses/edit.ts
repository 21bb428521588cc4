import { parseSave } from '../../frontend/iptables/save.js';
import { nftRuleOf } from './nftRule.js';
import { waysTo } from '../reach.js';
import { jumpsOf } from '../jumps.js';
import type { MatchDefinition } from '../../rules/definition.js';
import type { Chain, MatchStep, Rule, Ruleset, Step, Table } from '../../rules/model.js';
import type { NftSet, Statement } from '../../rules/nft/model.js';
import { Outcome } from '../../rules/verdict.js';
import { Diagnostics } from '../../source/diagnostic.js';

/** What a rule says: as iptables-save or nft spells it, or the statements of nft. */
export type Words = string | readonly Statement[];

/** One thing that is otherwise in a ruleset. Places are 0-based indexes among the rules as they were given. */
export type Edit =
  | { readonly kind: 'remove'; readonly rule: Rule }
  /** The rule with other words. */
  | { readonly kind: 'replace'; readonly rule: Rule; readonly text: Words }
  | { readonly kind: 'insert'; readonly chain: Chain; readonly at: number; readonly text: Words }
  /** A rule that matches what came by these frames, and nothing else. */
  | {
      readonly kind: 'insertFor';
      readonly chain: Chain;
      readonly at: number;
      readonly text: Words;
      readonly frames: Frames;
    }
  /** The rule stands before the one that is at `to` now. */
  | { readonly kind: 'move'; readonly rule: Rule; readonly to: number }
  | { readonly kind: 'policy'; readonly chain: Chain; readonly policy: 'accept' | 'drop' }
  /** The rule matches these frames where it did not, and does not where it did: `hits` are those that it matched. */
  | { readonly kind: 'invert'; readonly rule: Rule; readonly frames: Frames; readonly hits: Frames }
  /** A set or map of nft has other elements. */
  | { readonly kind: 'set'; readonly table: Table; readonly set: NftSet };

type Frames = ReadonlySet<number>;

/** The ruleset with one thing changed; what is given stays as it is. null: iptables, or nft, would not take it. */
export function edited(ruleset: Ruleset, edit: Edit): Ruleset | null {
  const old = edit.kind === 'set' ? edit.table : 'rule' in edit ? edit.rule.chain.table : edit.chain.table;
  const table = edit.kind === 'set' ? withSet(old, edit.set) : withRules(old, edit);
  return table && { ...ruleset, tables: ruleset.tables.map((t) => (t === old ? table : t)) };
}

function withSet(old: Table, set: NftSet): Table | null {
  if (!old.nft) return null;
  const sets = new Map(old.nft.sets).set(set.name, set);
  return copyOf({ ...old, nft: { ...old.nft, sets } });
}

function withRules(old: Table, edit: Exclude<Edit, { kind: 'set' }>): Table | null {
  const { name, rules: given } = 'rule' in edit ? edit.rule.chain : edit.chain;
  const table = copyOf(old, edit.kind === 'policy' ? { chain: name, policy: edit.policy } : undefined);
  const chain = table.chains.get(name) as Chain;
  const { rules } = chain;
  const at = 'rule' in edit ? given.indexOf(edit.rule) : 0;
  switch (edit.kind) {
    case 'remove':
      rules.splice(at, 1);
      break;
    case 'replace': {
      const made = ruleOf(chain, edit.text);
      if (!made) return null;
      rules[at] = made;
      break;
    }
    case 'insert':
    case 'insertFor': {
      const made = ruleOf(chain, edit.text);
      if (!made) return null;
      const only = edit.kind === 'insertFor' ? [cameBy(edit.frames)] : [];
      rules.splice(edit.at, 0, { ...made, steps: [...only, ...made.steps] });
      break;
    }
    case 'move': {
      const [moved] = rules.splice(at, 1);
      rules.splice(edit.to > at ? edit.to - 1 : edit.to, 0, moved);
      break;
    }
    case 'policy':
      break;
    case 'invert':
      rules.splice(at, 1, ...inverted(rules[at], edit.frames, edit.hits));
      break;
  }
  return table;
}

/** The table with all its chains and rules. */
function copyOf(table: Table, change?: { chain: string; policy: 'accept' | 'drop' }): Table {
  const copy: Table = { ...table, chains: new Map() };
  for (const chain of table.chains.values()) {
    const base = chain.base && { ...chain.base };
    if (base && change?.chain === chain.name) base.policy = change.policy;
    const made: Chain = { name: chain.name, table: copy, base, rules: [] };
    for (const rule of chain.rules) made.rules.push({ ...rule, chain: made });
    copy.chains.set(made.name, made);
  }
  return copy;
}

/** A rule read as iptables-restore or nft would, to stand in `chain`; null: it would not be taken. */
function ruleOf(chain: Chain, words: Words): Rule | null {
  const rule = chain.table.nft
    ? nftRuleOf(chain, words)
    : typeof words === 'string'
      ? iptablesRuleOf(chain, words)
      : null;
  if (!rule) return null;
  const jumps = jumpsOf(rule);
  if (jumps.length === 0) return rule;
  const { distance } = waysTo(chain);
  const isLoop = jumps.some(({ chain: to }) => [...distance.keys()].some((c) => c.name === to));
  return isLoop ? null : rule;
}

function iptablesRuleOf(chain: Chain, text: string): Rule | null {
  const { table, name } = chain;
  const words = new Set(text.split(' '));
  const chains = [...table.chains.keys()].filter((c) => c === name || words.has(c));
  const diagnostics = new Diagnostics();
  const lines = [
    `*${table.name}`,
    ...chains.map((c) => `:${c} ${table.chains.get(c)?.base ? 'ACCEPT' : '-'} [0:0]`),
    `-A ${name} ${text}`,
    'COMMIT',
    '',
  ];
  const [read] = parseSave(lines.join('\n'), '', table.family === 'ip6' ? 6 : 4, diagnostics);
  const rule = read?.chains.get(name)?.rules[0];
  if (!rule || diagnostics.hasErrors) return null;
  for (const step of rule.steps)
    if (step.kind === 'target' && step.definition.tables?.includes(table.name) === false) return null;
  return { ...rule, chain, position: null };
}

/** A test that packets pass which came by these frames. */
export function cameBy(frames: Frames): MatchStep {
  return { kind: 'match', definition: CAME_BY, data: frames };
}

/** The rules that stand for one whose tests come out otherwise for some frames. */
function inverted(rule: Rule, frames: Frames, hits: Frames): Rule[] {
  const isTest = (step: Step): boolean =>
    step.kind === 'match' || (step.kind === 'statement' && step.statement.kind === 'match');
  const rest = rule.steps.filter((s) => !isTest(s));
  if (!rule.chain.table.nft) {
    const tests = rule.steps.filter((s) => s.kind === 'match');
    return [{ ...rule, steps: [{ kind: 'match', definition: OTHERWISE, data: { tests, frames } }, ...rest] }];
  }
  // The tests of nft stand among its actions: for these frames the actions alone, for all others the rule as it is.
  const missed = new Set([...frames].filter((frame) => !hits.has(frame)));
  const others: MatchStep = { kind: 'match', definition: CAME_NOT_BY, data: frames };
  return [
    { ...rule, steps: [others, ...rule.steps] },
    { ...rule, steps: [cameBy(missed), ...rest] },
  ];
}

const SILENT = { versions: [4, 6], options: [], print: () => '', list: () => '', explain: () => [] } as const;

const CAME_BY: MatchDefinition<Frames, undefined> = {
  ...SILENT,
  name: 'came-by',
  parse: () => new Set<number>(),
  reads: () => [],
  pure: true,
  common: false,
  start: () => undefined,
  test: (frames, packet) => (frames.has(packet.frame) ? Outcome.hit : Outcome.miss),
};

const CAME_NOT_BY: MatchDefinition<Frames, undefined> = {
  ...CAME_BY,
  name: 'came-not-by',
  test: (frames, packet) => (frames.has(packet.frame) ? Outcome.miss : Outcome.hit),
};

interface Otherwise {
  readonly tests: readonly MatchStep[];
  readonly frames: Frames;
}

const OTHERWISE: MatchDefinition<Otherwise, readonly unknown[]> = {
  ...SILENT,
  name: 'otherwise',
  parse: () => ({ tests: [], frames: new Set() }),
  reads: ({ tests }) => tests.flatMap((t) => t.definition.reads(t.data)),
  pure: false,
  common: true,
  start: ({ tests }, context) => tests.map((t) => t.definition.start(t.data, context) as unknown),
  test({ tests, frames }, packet, context, states) {
    let outcome: Outcome = Outcome.hit;
    for (let i = 0; i < tests.length && outcome === Outcome.hit; i++)
      outcome = tests[i].definition.test(tests[i].data, packet, context, states[i]);
    if (!frames.has(packet.frame)) return outcome;
    return outcome === Outcome.hit ? Outcome.miss : Outcome.hit;
  },
};
