import type { Table } from '../../rules/model.js';
import type { Clues } from './clues.js';
import type { Difference } from '../../compare/result.js';
import { parse } from '../../klog/parse.js';
import type { Hypothesis, Trial, Tried } from './hypothesis.js';
import { KIND_BITS } from './ruleChanges.js';
import { costOf, isOpen, openCount, without } from './score.js';

/** Bits for tables that were given and that the host does not run. */
const NOT_LOADED = 3;
const MOST_TABLES = 16;

/** Tables that the host may not have loaded: those of the other backend, or one of several. */
export function* tablesTooMany({ world: { ruleset } }: Clues): Generator<Hypothesis> {
  const { tables } = ruleset;
  const without = (
    gone: readonly Table[],
    which: string,
    backend: 'iptables' | 'nft',
    bits: number,
  ): Hypothesis => ({
    claim: { kind: 'otherTables', facts: { which, onHost: false } },
    suspect: { backend, tables: which },
    bits: KIND_BITS + NOT_LOADED + bits,
    frames: null,
    change: () => ({ ruleset: { ...ruleset, tables: tables.filter((t) => !gone.includes(t)) } }),
  });
  const deciding = tables.filter((t) => [...t.chains.values()].some((c) => c.rules.length > 0 || c.base));
  const nft = deciding.filter((t) => t.nft);
  const iptables = deciding.filter((t) => !t.nft && [...t.chains.values()].some((c) => c.rules.length > 0));
  if (nft.length > 0 && iptables.length > 0) {
    yield without(nft, 'the tables of nft', 'nft', 0);
    yield without(iptables, 'the tables of iptables', 'iptables', 0);
  }
  if (nft.length > 1 || (nft.length > 0 && iptables.length > 0))
    for (const table of nft.slice(0, MOST_TABLES))
      yield without([table], `table ${table.family} ${table.name}`, 'nft', Math.log2(nft.length));
}

/** Bits for tables on the host that were not given, for each prefix with which they log, each line, and each difference that they may make. */
const NOT_GIVEN = 16;
const PREFIX = 4;
const LINE = 0.5;
const OTHERWISE = 5;
const MOST_NAMED = 4;

/** Trials that lines of tables which were not given are taken out of. */
const MOST_TRIALS = 4;

/**
 * Lines with prefixes that no given rule has: other tables write them, and may do more. No replay can try it; what
 * else such tables do may be what some other hypothesis says of those given.
 */
export function tablesTooFew(clues: Clues, base: Trial, tried: readonly Tried[]): Tried[] {
  const best = [...tried].sort((a, b) => a.score.bits - b.score.bits).slice(0, MOST_TRIALS);
  return [
    ...tablesBeside(clues, base, 0, 2),
    ...best.flatMap(({ hypothesis, trial }) => tablesBeside(clues, trial, hypothesis.bits, 1)),
  ];
}

function tablesBeside(clues: Clues, base: Trial, more: number, fewest: number): Tried[] {
  const { differences } = base.comparison;
  const prefixOf = (d: Difference): string | null => {
    if (d.kind === 'onlyHost') return parse(d.line)?.prefix ?? null;
    return d.field === 'PREFIX' ? d.host : null;
  };
  const foreign = differences.filter((d) => {
    const prefix = prefixOf(d);
    return prefix !== null && !clues.knownPrefixes.has(prefix);
  });
  const prefixes = [...new Set(foreign.map(prefixOf))];
  if (prefixes.length < fewest) return [];
  const open = differences.filter(isOpen);
  const others = open.length - foreign.length;
  const bits =
    more + KIND_BITS + NOT_GIVEN + PREFIX * prefixes.length + LINE * foreign.length + OTHERWISE * others;
  const named = prefixes.slice(0, MOST_NAMED).map((p) => `"${p}"`);
  const which = `those that log with ${named.join(', ')}${prefixes.length > MOST_NAMED ? '…' : ''}`;
  const trial = without(base, new Set(open));
  const hypothesis: Hypothesis = {
    claim: { kind: 'otherTables', facts: { which, onHost: true } },
    suspect: null,
    bits,
    frames: null,
    change: () => null,
  };
  return [{ hypothesis, trial, score: { left: openCount(trial), bits: bits + costOf(trial) } }];
}
