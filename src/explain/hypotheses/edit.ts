import { parseSave } from '../../frontend/iptables/save.js';
import type { MatchDefinition } from '../../rules/definition.js';
import type { Chain, MatchStep, Rule, Ruleset, Step, Table } from '../../rules/model.js';
import { Outcome } from '../../rules/verdict.js';
import { Diagnostics } from '../../source/diagnostic.js';

/** One thing that is otherwise in a ruleset. Places are 0-based indexes among the rules as they were given. */
export type Edit =
  | { readonly kind: 'remove'; readonly rule: Rule }
  /** The rule with other words. */
  | { readonly kind: 'replace'; readonly rule: Rule; readonly text: string }
  | { readonly kind: 'insert'; readonly chain: Chain; readonly at: number; readonly text: string }
  /** A rule that matches what came by these frames, and nothing else. */
  | {
      readonly kind: 'insertFor';
      readonly chain: Chain;
      readonly at: number;
      readonly text: string;
      readonly frames: Frames;
    }
  /** The rule stands before the one that is at `to` now. */
  | { readonly kind: 'move'; readonly rule: Rule; readonly to: number }
  | { readonly kind: 'policy'; readonly chain: Chain; readonly policy: 'accept' | 'drop' }
  /** The rule matches these frames where it did not, and does not where it did. */
  | { readonly kind: 'invert'; readonly rule: Rule; readonly frames: Frames };

type Frames = ReadonlySet<number>;

/** The ruleset with one thing changed; what is given stays as it is. null: iptables would not take it. */
export function edited(ruleset: Ruleset, edit: Edit): Ruleset | null {
  const old = 'rule' in edit ? edit.rule.chain : edit.chain;
  const table = copyOf(old, edit.kind === 'policy' ? edit.policy : null);
  const chain = table.chains.get(old.name) as Chain;
  const { rules } = chain;
  const at = 'rule' in edit ? old.rules.indexOf(edit.rule) : 0;
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
    case 'invert': {
      const tests = rules[at].steps.filter((s) => s.kind === 'match');
      const rest = rules[at].steps.filter((s) => s.kind !== 'match');
      rules[at] = { ...rules[at], steps: [otherwiseFor(tests, edit.frames), ...rest] };
      break;
    }
  }
  return { ...ruleset, tables: ruleset.tables.map((t) => (t === old.table ? table : t)) };
}

/** The table with all its chains; only the edited chain's rules are copied one by one. */
function copyOf({ table, name }: Chain, policy: 'accept' | 'drop' | null): Table {
  const copy: Table = { ...table, chains: new Map() };
  for (const chain of table.chains.values()) {
    const base = chain.base && { ...chain.base };
    if (base && policy && chain.name === name) base.policy = policy;
    const made: Chain = { name: chain.name, table: copy, base, rules: [] };
    for (const rule of chain.rules) made.rules.push({ ...rule, chain: made });
    copy.chains.set(made.name, made);
  }
  return copy;
}

/** A rule read as iptables-restore would, to stand in `chain`; null: it would not be taken. */
function ruleOf(chain: Chain, text: string): Rule | null {
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

function cameBy(frames: Frames): MatchStep {
  return { kind: 'match', definition: CAME_BY, data: frames };
}

function otherwiseFor(tests: readonly Step[], frames: Frames): MatchStep {
  const inner = tests.filter((s) => s.kind === 'match');
  return { kind: 'match', definition: OTHERWISE, data: { tests: inner, frames } };
}

const SILENT = { versions: [4, 6], options: [], print: () => '', list: () => '', explain: () => [] } as const;

const CAME_BY: MatchDefinition<Frames, undefined> = {
  ...SILENT,
  name: 'came-by',
  parse: () => new Set<number>(),
  reads: () => [],
  pure: true,
  start: () => undefined,
  test: (frames, packet) => (frames.has(packet.frame) ? Outcome.hit : Outcome.miss),
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
  start: ({ tests }, context) => tests.map((t) => t.definition.start(t.data, context) as unknown),
  test({ tests, frames }, packet, context, states) {
    let outcome: Outcome = Outcome.hit;
    for (let i = 0; i < tests.length && outcome === Outcome.hit; i++)
      outcome = tests[i].definition.test(tests[i].data, packet, context, states[i]);
    if (!frames.has(packet.frame)) return outcome;
    return outcome === Outcome.hit ? Outcome.miss : Outcome.hit;
  },
};
