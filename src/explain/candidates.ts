import { manipulatesNat } from './natTargets.js';
import { type Change, optionOf, type Place, textOf, withMatch, withOption, wordsOf } from './change.js';
import type { AdviceKind, AwayReason, FailedCondition, RuleEvidence, RuleReference } from './result.js';
import type { Rule, Ruleset } from '../rules/model.js';
import { ruleAddress } from '../rules/model.js';

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
    if (failed.undecided || failed.wanted.startsWith('not ')) continue;
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

/** -m conntrack finds what the packet had before a translation, or what its answer has. */
function inConnection(rule: Rule, failed: FailedCondition): Candidate[] {
  const words = wordsOf(rule.text);
  const without = withOption(words, optionOf(failed.name), null);
  const value = tupleValue(failed);
  if (!without || value === null) return [];
  return failed.inConnection.slice(0, 2).map(({ option, direction }): Candidate => {
    const given = [`--${option}`, value];
    const text = textOf(withMatch(without, 'conntrack', given));
    return {
      kind: 'connection-tuple',
      change: { rule, text, place: null },
      words: textOf(['-m', 'conntrack', ...given]),
      direction,
    };
  });
}

/** What -m conntrack takes: one port, range or network. */
function tupleValue({ wanted }: FailedCondition): string | null {
  return /^[0-9a-fA-F:./]+$/.test(wanted) ? wanted : null;
}

/** The same change, for packets of one direction only. */
export function oneDirection(candidate: Candidate): Candidate | null {
  const { change, direction } = candidate;
  if (candidate.kind !== 'connection-tuple' || !direction || change.text.includes('--ctdir')) return null;
  const text = textOf(withMatch(wordsOf(change.text), 'conntrack', ['--ctdir', direction]));
  return { ...candidate, change: { ...change, text }, words: `${candidate.words} --ctdir ${direction}` };
}

const INTERFACES: readonly string[] = ['in-interface', 'out-interface'];

/** The value as it is where the rule stands: of a translated one, and of interfaces. */
function asSeen(rule: Rule, failed: FailedCondition): Candidate[] {
  const option = optionOf(failed.name);
  const isInterface = INTERFACES.includes(failed.name);
  return failed.values
    .filter(({ saw, changed }) => saw !== '(none)' && (isInterface || changed.some((c) => c.wanted)))
    .slice(0, 2)
    .flatMap(({ saw }): Candidate[] => {
      const words = withOption(wordsOf(rule.text), option, saw);
      if (!words) return [];
      return [
        {
          kind: isInterface ? 'interface' : 'value-seen',
          change: { rule, text: textOf(words), place: null },
          words: textOf([option, saw]),
        },
      ];
    });
}

/** A place at which the value has not been changed yet: mangle PREROUTING comes before nat PREROUTING. */
function whereItWas(rule: Rule, failed: FailedCondition): Candidate[] {
  const translated = failed.values.some((v) =>
    v.changed.some((c) => c.wanted && c.rule !== null && /(^|:)nat:/.test(c.rule.address)),
  );
  if (!translated) return [];
  return elsewhere(rule, { table: 'mangle', chain: 'PREROUTING', before: null }, 'value-before');
}

function elsewhere(rule: Rule, place: Place, kind: AdviceKind): Candidate[] {
  let words: string[] = wordsOf(rule.text);
  // What routing has not decided yet cannot be asked for.
  if (place.chain === 'PREROUTING' || place.chain === 'INPUT') {
    const at = words.indexOf('-o');
    if (at >= 0)
      words = words.filter((_, i) => i !== at && i !== at + 1 && !(i === at - 1 && words[i] === '!'));
  }
  return [{ kind, change: { rule, text: textOf(words), place }, words: '' }];
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
      const kind = table === rule.chain.table ? 'earlier' : 'table';
      return { place: { table: table.name, chain: name, before }, kind };
    }
    case 'other-hook': {
      const chain = away.path.findLast((hook) => rule.chain.table.chains.get(hook)?.base);
      if (!chain || chain === rule.chain.name) return null;
      return { place: { table: rule.chain.table.name, chain, before: null }, kind: 'hook' };
    }
    case 'skipped': {
      const chain = away.chain.split(':').pop() ?? '';
      if (manipulatesNat(rule)) return null;
      return { place: { table: 'mangle', chain, before: null }, kind: 'table' };
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
