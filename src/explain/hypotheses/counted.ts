import { type Difference, isBehind } from '../../compare/result.js';
import type { Rule, Ruleset } from '../../rules/model.js';
import { chainAddress } from '../describe.js';
import type { Walks } from './walks.js';

/** Differences that are looked at. */
const MOST = 64;

/**
 * The packets that counters and connections are about which are not as the host's when the capture ends: those that
 * most of them share. A rule that counted too much matched them, one that counted too little was met by them.
 */
export function framesBehind(
  differences: readonly Difference[],
  ruleset: Ruleset,
  walks: Walks,
): ReadonlySet<number> {
  const rules = rulesOf(ruleset);
  const sets = differences
    .filter(isBehind)
    .slice(0, MOST)
    .map((d) => (d.kind === 'conntrack' ? ofConnection(d, walks) : ofCounter(d, rules, walks)))
    .filter((set) => set.size > 0)
    .sort((a, b) => a.size - b.size);
  let shared: ReadonlySet<number> = sets.at(0) ?? new Set<number>();
  for (const set of sets) {
    const both = new Set([...shared].filter((frame) => set.has(frame)));
    if (both.size > 0) shared = both;
  }
  return shared;
}

function rulesOf({ tables }: Ruleset): Map<string, Rule> {
  const out = new Map<string, Rule>();
  for (const { chains } of tables)
    for (const chain of chains.values())
      chain.rules.forEach((rule, i) => out.set(`${chainAddress(chain)}:${i + 1}`, rule));
  return out;
}

function ofCounter(
  { rule: address, simulated, host }: Difference,
  rules: ReadonlyMap<string, Rule>,
  { hits, visits }: Walks,
): ReadonlySet<number> {
  const rule = rules.get(address ?? '');
  const isTooMuch = Number(simulated) > Number(host);
  if (!rule) {
    const ended = visits.filter(
      ({ chain, reached }) =>
        `${chainAddress(chain)}:policy` === address && (!isTooMuch || reached === chain.rules.length),
    );
    return new Set(ended.map(({ frame }) => frame));
  }
  const matched = hits.get(rule) ?? new Set<number>();
  if (isTooMuch) return matched;
  const met = visits.filter(({ chain, frame }) => chain === rule.chain && !matched.has(frame));
  return new Set(met.map(({ frame }) => frame));
}

/** Addresses as conntrack prints them, of the connection's first direction. */
function ofConnection({ line }: Difference, { visits }: Walks): ReadonlySet<number> {
  const [, source, destination] = / src=(\S+) dst=(\S+)/.exec(line) ?? [];
  const isOf = (traits: readonly string[], option: string, address: string): boolean =>
    traits.some((t) => t.startsWith(`${option} ${address}/`));
  const found = visits.filter(({ traits }) => isOf(traits, '-s', source) && isOf(traits, '-d', destination));
  return new Set(found.map(({ frame }) => frame));
}
