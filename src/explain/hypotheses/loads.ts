import type { Chain, Rule, Ruleset, Step, Table } from '../../rules/model.js';
import { set } from '../../rules/matches/set.js';
import type { FindingFacts } from '../finding.js';
import type { Clues } from './clues.js';
import type { Hypothesis, Trial, World } from './hypothesis.js';
import { FEWEST_AGREEING, RELOADED, type Side, sidesOf } from './reloads.js';
import { KIND_BITS } from './ruleChanges.js';

/** Packets before the first that differs at which the same rules may have been loaded anew. */
const MOST_EARLIER = 12;
/** Tables that are flushed alone. */
const MOST_TABLES = 8;
/** Bits for chains that let all pass besides: who stops a firewall often sets policies as well. */
const LETS_PASS = 1;

/**
 * Rulesets that take no word to say: the same loaded anew, whose limits, quotas and counters begin again, and none, where
 * rules were flushed. Connections stay, and so do the lists of recent and hashlimit, which the new rules take over
 * (`recent_mt_check()` in net/netfilter/xt_recent.c, `htable_find_get()` in xt_hashlimit.c).
 */
export function* loads(clues: Clues, base: Trial): Generator<Hypothesis> {
  const { world } = clues;
  for (const side of sidesOf(clues, base)) {
    if (side.agreeing < FEWEST_AGREEING) continue;
    if (side.isLater) yield* loadsAnew(clues, side);
    for (const { without, ruleset, bits } of flushed(world.ruleset))
      yield load(world, side, { without }, ruleset, bits);
  }
}

/** Loaded shortly before the first packet that differs: what limits let pass since then they let pass anew. */
function* loadsAnew({ world, walks }: Clues, side: Side): Generator<Hypothesis> {
  const { ruleset } = world;
  const remembering = new Map<Chain, number>();
  for (const { chains } of ruleset.tables)
    for (const chain of chains.values()) {
      const at = chain.rules.findIndex((rule) => rule.steps.some(remembers));
      if (at >= 0) remembering.set(chain, at);
    }
  if (remembering.size === 0) return;
  const times = new Set<number>();
  for (const { chain, reached, frame } of walks.visits) {
    const time = walks.timeOf(frame);
    if (time !== null && time < side.at && reached >= (remembering.get(chain) ?? Infinity)) times.add(time);
  }
  const earlier = [...times].sort((a, b) => b - a).slice(0, MOST_EARLIER);
  for (const [i, at] of [side.at, ...earlier].entries())
    yield load(world, { ...side, at }, 'same', ruleset, Math.log2(i + 1));
}

/** What is seen of an earlier packet may have a later one fare otherwise. */
function remembers(step: Step): boolean {
  if (step.kind === 'match') return !step.definition.pure && step.definition !== set;
  return step.kind === 'statement' && REMEMBERING.has(step.statement.kind);
}

const REMEMBERING: ReadonlySet<string> = new Set(['limit', 'quota', 'objref', 'setUpdate', 'last']);

interface Flushed {
  /** `filter`, `all of nft`. */
  readonly without: string;
  readonly ruleset: Ruleset;
  readonly bits: number;
}

function* flushed(ruleset: Ruleset): Generator<Flushed> {
  const { tables } = ruleset;
  const replaced = (gone: readonly Table[], by: (table: Table) => readonly Table[]): Ruleset => ({
    ...ruleset,
    tables: tables.flatMap((t) => (gone.includes(t) ? by(t) : [t])),
  });
  const filled = tables.filter((t) => [...t.chains.values()].some((c) => c.rules.length > 0));
  for (const nft of [false, true]) {
    const all = filled.filter((t) => (t.nft !== undefined) === nft);
    const groups = all.length > 1 ? [all, ...all.slice(0, MOST_TABLES).map((t) => [t])] : [all];
    for (const gone of groups) {
      if (gone.length === 0) continue;
      const bits = Math.log2(groups.length);
      const named = gone.map((t) => (t.nft || t.family !== 'ip' ? `${t.family} ${t.name}` : t.name));
      const without = gone === all && nft ? 'nft' : named.join(', ');
      yield { without, bits, ruleset: replaced(gone, (t) => [emptied(t)]) };
      const isStrict = gone.some((t) => [...t.chains.values()].some((c) => c.base?.policy === 'drop'));
      if (isStrict)
        yield {
          without: `${without} and their policies`,
          bits: bits + LETS_PASS,
          ruleset: replaced(gone, () => []),
        };
    }
  }
}

/** The table without rules; policies stay. */
function emptied(table: Table): Table {
  const copy: Table = { ...table, chains: new Map() };
  for (const chain of table.chains.values()) {
    const rules: Rule[] = [];
    copy.chains.set(chain.name, { ...chain, table: copy, rules });
  }
  return copy;
}

function load(
  world: World,
  { isLater, at }: Side,
  to: FindingFacts['reloaded']['to'],
  ruleset: Ruleset,
  bits: number,
): Hypothesis {
  return {
    claim: { kind: 'reloaded', facts: { at, to, isLater, rule: null } },
    suspect: null,
    bits: KIND_BITS + RELOADED + bits,
    frames: null,
    change: () => (isLater ? { later: { at, ruleset } } : { ruleset, later: { at, ruleset: world.ruleset } }),
  };
}
