import { beganLater } from '../../compare/pairs.js';
import { type Difference, isBehind, isOfLog } from '../../compare/result.js';
import { fields } from '../../klog/fields.js';
import { parse } from '../../klog/parse.js';
import { logPrefixes } from '../../rules/logPrefix.js';
import type { Chain, Rule, Ruleset } from '../../rules/model.js';
import { partsOf } from '../../rules/nft/parts.js';
import { chainAddress } from '../describe.js';
import type { Trial, World } from './hypothesis.js';
import { createChoices } from './choice.js';
import { framesBehind } from './counted.js';
import { isOpen } from './score.js';
import type { Ends } from './translated.js';
import type { Visit, Walks } from './walks.js';

/** Where the differences are, and what they show. */
export interface Clues {
  readonly world: World;
  readonly walks: Walks;
  /** The frames whose lines differ. */
  readonly frames: ReadonlySet<number>;
  /** The first of them; 0 for none, or where chance led it. */
  readonly first: number;
  /** The host wrote of packets that came before the first one that was captured. */
  readonly beginsLate: boolean;
  /** With which ends packets went on, by those that they came with (`translatedIn`). */
  readonly translated: ReadonlyMap<string, Ends>;
  /** Rules that were tried, those that most of the differing packets met first. */
  readonly rules: readonly MetRule[];
  /** Base chains whose end was reached. */
  readonly policies: readonly Met<Chain>[];
  /** Places before a rule, or behind the last one, that differing packets passed. */
  readonly gaps: readonly Gap[];
  /** The chains that any packet came to. */
  readonly entered: ReadonlySet<Chain>;
  /** Lines that only the host has. */
  readonly hostLines: readonly HostLine[];
  /** The same by prefix. */
  readonly prefixes: readonly Prefixed[];
  /** Those with which given rules log. */
  readonly knownPrefixes: ReadonlySet<string>;
  /** The host's lines with a prefix that no given rule has: whatever is otherwise makes such a rule. */
  readonly foreignLines: number;
  /** The frame that a difference is about; 0: not known. */
  readonly frameOf: (difference: Difference) => number;
  /** Fields of paired lines that differ. */
  readonly fields: readonly FieldClue[];
  /** Bits to say which packets of a chain are meant where nothing tells it. */
  readonly bitsOfChoice: (chain: Chain, frames: ReadonlySet<number>) => number;
  /** Rules, and places for one, in the whole ruleset: among so many is the cause. */
  readonly places: number;
}

export interface Met<T> {
  readonly what: T;
  /** Differing frames that met it. */
  readonly frames: ReadonlySet<number>;
}

export interface MetRule extends Met<Rule> {
  /** Differing frames that it matched. */
  readonly hits: ReadonlySet<number>;
  /** Whether it matched any packet at all. */
  readonly isHit: boolean;
}

export interface Gap {
  readonly chain: Chain;
  /** 0-based index of the rule behind it. */
  readonly at: number;
  readonly frames: ReadonlySet<number>;
  /** The same for places between which no rule matched any of the differing packets. */
  readonly reach: string;
}

export interface HostLine {
  /** 0: not known. */
  readonly frame: number;
  readonly text: string;
  readonly fields: ReadonlyMap<string, string>;
}

export interface Prefixed {
  readonly prefix: string;
  readonly lines: readonly HostLine[];
}

export interface FieldClue {
  readonly frame: number;
  readonly field: string;
  /** Where the packet goes, as its line says. */
  readonly destination: string;
  readonly simulated: string | null;
  readonly host: string | null;
}

/** @param base the trial of the world as given, of which `walks` is the record */
export function findClues(world: World, base: Trial, walks: Walks, translated: Clues['translated']): Clues {
  const wrong = base.comparison.differences.filter(isOpen);
  const frameOf = (d: Difference): number => {
    const isUnforeseen = d.kind === 'egress' && d.field === null && d.simulated === null;
    const told = isUnforeseen ? 0 : d.frame || walks.frameOf(d.line, d.time);
    const frame = told || (isBehind(d) ? 0 : walks.cameAs(d.line, d.time)) || d.frame;
    // A packet that the host forwarded, and that was taken for its own: what happened to it as it came in is the cause.
    return walks.kin.get(frame) ?? frame;
  };
  const frames = new Set(wrong.map(frameOf));
  frames.delete(0);
  if (frames.size === 0) for (const frame of framesBehind(wrong, world.ruleset, walks)) frames.add(frame);
  const rules = new Map<Rule, Set<number>>();
  const policies = new Map<Chain, Set<number>>();
  const gaps = new Map<Chain, Set<number>[]>();
  const entered = new Set<Chain>();
  /** Places of rules that match at random. */
  const chances = new Map<Chain, number[]>();
  /** Frames whose way chance decided: it may have been another. */
  const byChance = new Set<number>();
  for (const visit of walks.visits) {
    const differs = frames.has(visit.frame);
    const { chain, reached, frame } = visit;
    entered.add(chain);
    const own = at(gaps, chain, () =>
      Array.from({ length: chain.rules.length + 1 }, () => new Set<number>()),
    );
    // Chance may have let it go on.
    const chance = at(chances, chain, () => chain.rules.flatMap((rule, i) => (isChance(rule) ? [i] : [])));
    const last = chance.includes(reached) ? chain.rules.length : reached;
    if (chance.length > 0 && chance[0] <= reached) byChance.add(frame);
    for (let i = 0; i <= last; i++) {
      if (differs) own[i]?.add(frame);
      const rule = chain.rules[i] as Rule | undefined;
      const met = rule && at(rules, rule, () => new Set());
      if (differs) met?.add(frame);
    }
    if (reached === chain.rules.length && chain.base) {
      const met = at(policies, chain, () => new Set());
      if (differs) met.add(frame);
    }
  }
  const first = frames.size === 0 ? 0 : [...frames].reduce((a, b) => Math.min(a, b));
  const hostLines = wrong.flatMap((d) =>
    d.field === null && d.host !== null && isOfLog(d) ? [hostLine(d, frameOf(d))] : [],
  );
  const prefixes = linesByPrefix(hostLines);
  const known = prefixesOf(world.ruleset);
  let places = 0;
  for (const table of world.ruleset.tables)
    for (const chain of table.chains.values()) places += chain.rules.length + 1;
  return {
    world,
    walks,
    frames,
    first: byChance.has(first) ? 0 : first,
    rules: sorted(
      [...rules].map(([what, met]) => {
        const all = walks.hits.get(what);
        const hits = new Set([...met].filter((frame) => all?.has(frame)));
        return { what, frames: met, hits, isHit: all !== undefined };
      }),
    ),
    policies: sorted([...policies].map(([what, met]) => ({ what, frames: met }))),
    gaps: sorted(
      [...gaps].flatMap(([chain, sets]) => {
        let reach = 0;
        return sets
          .map((met, i): Gap => {
            const before = walks.hits.get(chain.rules[i - 1]);
            if (i > 0 && before && [...met].some((frame) => before.has(frame))) reach++;
            return { chain, at: i, frames: met, reach: `${chainAddress(chain)} ${reach} ${met.size}` };
          })
          .filter((gap) => gap.frames.size > 0);
      }),
    ),
    entered,
    beginsLate: base.comparison.differences.some(
      (d) => beganLater(d) || (d.kind === 'onlyHost' && d.time < 0 && frameOf(d) === 0),
    ),
    translated,
    hostLines,
    prefixes,
    knownPrefixes: known,
    foreignLines: hostLines.filter(({ fields: seen }) => !known.has(seen.get('PREFIX') ?? '')).length,
    frameOf,
    fields: wrong.flatMap((d) =>
      (d.kind === 'field' || d.kind === 'egress') && d.field !== null
        ? [
            {
              frame: d.frame,
              field: d.field,
              destination: / DST=(\S+)/.exec(d.line)?.[1] ?? '',
              simulated: d.simulated,
              host: d.host,
            },
          ]
        : [],
    ),
    bitsOfChoice: createChoices(walks.visits),
    places,
  };
}

/** Whether it draws a random number. */
function isChance({ steps }: Rule): boolean {
  return steps.some((step) => {
    if (step.kind === 'match') return step.definition.reads(step.data).includes('random');
    if (step.kind !== 'statement') return false;
    for (const { kind, mode } of partsOf(step.statement))
      if (kind === 'numgen' && mode === 'random') return true;
    return false;
  });
}

function at<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

function sorted<T extends { readonly frames: ReadonlySet<number> }>(list: T[]): T[] {
  return list.sort((a, b) => b.frames.size - a.frames.size);
}

function hostLine({ host, line }: Difference, frame: number): HostLine {
  const text = host ?? line;
  const record = parse(text);
  return { frame, text, fields: record ? fields(record) : new Map<string, string>() };
}

function linesByPrefix(lines: readonly HostLine[]): Prefixed[] {
  const by = new Map<string, HostLine[]>();
  for (const line of lines) {
    const prefix = line.fields.get('PREFIX');
    if (prefix !== undefined) at(by, prefix, () => []).push(line);
  }
  return [...by].map(([prefix, list]) => ({ prefix, lines: list })).slice(0, 8);
}

function prefixesOf({ tables }: Ruleset): Set<string> {
  const out = new Set<string>();
  for (const { chains } of tables)
    for (const { rules } of chains.values())
      for (const rule of rules) for (const prefix of logPrefixes(rule)) out.add(prefix);
  return out;
}

/** The differing packets' traits where they came into a chain, the frequent ones first. */
export function traitsIn(clues: Clues, chain: Chain): string[] {
  const counts = new Map<string, number>();
  for (const visit of clues.walks.visits)
    if (visit.chain === chain && clues.frames.has(visit.frame))
      for (const trait of visit.traits) counts.set(trait, (counts.get(trait) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([trait]) => trait);
}

/**
 * The fewest traits that all have that passed a place by `frames`, and nothing that passed it by `others`: none where
 * nothing needs to be told apart, null where no two traits do it.
 */
export function traitsApart(
  visits: readonly Visit[],
  gap: Pick<Gap, 'chain' | 'at'>,
  frames: ReadonlySet<number>,
  others: ReadonlySet<number>,
): string[] | null {
  const here = visits.filter((v) => v.chain === gap.chain && v.reached >= gap.at);
  const ours = here.filter((v) => frames.has(v.frame));
  const theirs = here.filter((v) => others.has(v.frame) && !frames.has(v.frame));
  if (ours.length === 0) return null;
  if (theirs.length === 0) return [];
  const shared = ours[0].traits.filter((t) => ours.every((v) => v.traits.includes(t)));
  const lets = (traits: readonly string[]): boolean =>
    theirs.some((v) => traits.every((t) => v.traits.includes(t)));
  for (const one of shared) if (!lets([one])) return [one];
  for (const [i, one] of shared.entries())
    for (const two of shared.slice(i + 1)) if (!lets([one, two])) return [one, two];
  return null;
}
