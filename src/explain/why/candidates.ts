import { manipulatesNat } from './natTargets.js';
import type { Field } from '../../rules/definition.js';
import { Hook, HOOK_NAMES, Priority } from '../../rules/hook.js';
import { type Chain, type Rule, ruleAddress, type Ruleset, type Table } from '../../rules/model.js';
import type { Change, Place } from '../change.js';
import type { AdviceKind, AwayReason, FailedCondition, RuleEvidence, RuleReference } from '../result.js';
import { inDirection, wordingOf } from './wording.js';

/** A change that might make the rule fire; whether it does, a replay must tell. */
export interface Candidate {
  readonly kind: AdviceKind;
  readonly change: Change;
  /** The new words. */
  readonly words: string;
  /** For `connection-tuple`: the direction of the packets that were to match. */
  readonly direction?: 'ORIGINAL' | 'REPLY';
}

/** Failed conditions, and reasons for which packets stayed away, that are looked into. */
const MOST_CONDITIONS = 3;
const MOST_REASONS = 4;

/**
 * The changes that the evidence suggests, the smallest first: other words for a condition that saw a translated
 * value, the value that it saw, then other places for the rule.
 */
export function candidates(rule: Rule, ruleset: Ruleset, evidence: RuleEvidence): Candidate[] {
  const out: Candidate[] = [];
  for (const failed of evidence.failed.slice(0, MOST_CONDITIONS)) {
    if (failed.undecided || /^(not |!)/.test(failed.wanted)) continue;
    out.push(...inConnection(rule, failed), ...asSeen(rule, failed), ...whereItWas(rule, failed));
  }
  for (const away of evidence.away.slice(0, MOST_REASONS)) {
    // A rule that matches stands where it should, unless nat rules are asked too seldom.
    if (evidence.matched > 0 && away.kind !== 'skipped') continue;
    const place = placeFor(rule, ruleset, away);
    if (place) out.push(...elsewhere(rule, place.place, place.kind));
  }
  return distinct(out);
}

function distinct(all: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>();
  return all.filter((candidate) => {
    const key = keyOf(candidate);
    return !seen.has(key) && seen.add(key);
  });
}

/** The same for candidates that make the same ruleset. */
export function keyOf({ change: { rule, text, place } }: Candidate): string {
  const { name, table } = rule.chain;
  if (!place) return `${table.name} ${name} ${text}`;
  return `${place.table} ${place.chain} ${place.before ? ruleAddress(place.before) : ''} ${text}`;
}

/** The connection remembers what the packet had before a translation, and what its answer has. */
function inConnection(rule: Rule, failed: FailedCondition): Candidate[] {
  return failed.inConnection.slice(0, 2).flatMap(({ option, direction }): Candidate[] => {
    const found = wordingOf(rule).withTuple(failed, option);
    if (!found) return [];
    const { text, words } = found;
    return [{ kind: 'connection-tuple', change: { rule, text, place: null }, words, direction }];
  });
}

/** The same change, for packets of one direction only. */
export function oneDirection(candidate: Candidate): Candidate | null {
  const { change, direction, words } = candidate;
  if (candidate.kind !== 'connection-tuple' || !direction) return null;
  const found = inDirection(change.rule, change.text, direction);
  return found && { ...candidate, change: { ...change, text: found.text }, words: `${words} ${found.words}` };
}

const INTERFACES: ReadonlySet<Field> = new Set<Field>(['in', 'out']);

/** The value as it is where the rule stands: of a translated one, and of interfaces. */
function asSeen(rule: Rule, failed: FailedCondition): Candidate[] {
  const isInterface = INTERFACES.has(failed.field);
  return failed.values
    .filter(({ saw, changed }) => saw !== '(none)' && (isInterface || changed.some((c) => c.wanted)))
    .slice(0, 2)
    .flatMap(({ saw }): Candidate[] => {
      const found = wordingOf(rule).withValue(failed, saw);
      if (!found) return [];
      const kind = isInterface ? 'interface' : 'value-seen';
      return [{ kind, change: { rule, text: found.text, place: null }, words: found.words }];
    });
}

/** A place at which the value has not been changed yet: before the translation of destinations. */
function whereItWas(rule: Rule, failed: FailedCondition): Candidate[] {
  const translated = failed.values.some((v) => v.changed.some((c) => c.wanted && c.byNat));
  if (!translated) return [];
  const { table } = rule.chain;
  if (!table.nft)
    return elsewhere(rule, { table: 'mangle', chain: 'PREROUTING', before: null }, 'value-before');
  const early = baseChainAt(table, Hook.prerouting, (priority) => priority < Priority.dstnat);
  return early ? elsewhere(rule, { table: table.name, chain: early.name, before: null }, 'value-before') : [];
}

/** A chain of the table that sees all packets of a hook. */
function baseChainAt(table: Table, hook: Hook, fits: (priority: number) => boolean): Chain | undefined {
  return [...table.chains.values()].find(
    ({ base }) => base?.hook === hook && base.type !== 'nat' && fits(base.priority),
  );
}

function elsewhere(rule: Rule, place: Place, kind: AdviceKind): Candidate[] {
  const base = rule.chain.table.chains.get(place.chain)?.base;
  const hook = rule.chain.table.nft ? base && HOOK_NAMES[base.hook] : place.chain;
  return [{ kind, change: { rule, text: wordingOf(rule).atHook(hook ?? ''), place }, words: '' }];
}

/** A better place for a rule to which packets do not come. */
function placeFor(rule: Rule, ruleset: Ruleset, away: AwayReason): { place: Place; kind: AdviceKind } | null {
  switch (away.kind) {
    case 'decided':
    case 'returned':
    case 'went-elsewhere':
    case 'jump-missed': {
      const before = findRule(ruleset, away.rule);
      if (!before || before === rule || before.chain.table.family !== rule.chain.table.family) return null;
      const { table, name } = before.chain;
      // Rules of nft stay in their table, which has their sets.
      if (table !== rule.chain.table && (table.nft ?? rule.chain.table.nft)) return null;
      const kind = table === rule.chain.table ? 'earlier' : 'table';
      return { place: { table: table.name, chain: name, before }, kind };
    }
    case 'other-hook': {
      const { table } = rule.chain;
      const chains = away.path.map((name) => {
        if (!table.nft) return table.chains.get(name);
        const hook = (HOOK_NAMES as readonly string[]).indexOf(name) as Hook;
        return baseChainAt(table, hook, () => true);
      });
      const chain = chains.findLast((c) => c?.base);
      if (!chain || chain === rule.chain) return null;
      return { place: { table: table.name, chain: chain.name, before: null }, kind: 'hook' };
    }
    case 'skipped': {
      const chain = away.chain.split(':').pop() ?? '';
      if (manipulatesNat(rule)) return null;
      const { table } = rule.chain;
      if (!table.nft) return { place: { table: 'mangle', chain, before: null }, kind: 'table' };
      const hook = table.chains.get(chain)?.base?.hook;
      const other = hook === undefined ? undefined : baseChainAt(table, hook, () => true);
      return other ? { place: { table: table.name, chain: other.name, before: null }, kind: 'table' } : null;
    }
    case 'lost':
      return null;
  }
}

function findRule(ruleset: Ruleset, { address }: RuleReference): Rule | null {
  const number = Number(/:(\d+)$/.exec(address)?.[1]);
  for (const table of ruleset.tables)
    for (const chain of table.chains.values()) {
      const rule = chain.rules[number - 1] as Rule | undefined;
      if (rule && ruleAddress(rule) === address) return rule;
    }
  return null;
}
