import { restoreWords } from '../../frontend/iptables/words.js';
import {
  type Chain,
  type Family,
  type Rule,
  ruleAddress,
  type Ruleset,
  type Table,
} from '../../rules/model.js';
import { canonicalText } from '../change.js';
import type { Target } from './collect.js';
import { referenceTo } from '../describe.js';
import { nearest } from './nearest.js';

/** An address that names no rule, or several: what is wrong, and what might have been meant. */
export interface AddressProblem {
  readonly message: string;
  /** Addresses to take instead, the likeliest first. */
  readonly suggestions: readonly string[];
}

const FAMILIES = new Map<string, Family>([
  ['ip', 'ip'],
  ['ip4', 'ip'],
  ['ip6', 'ip6'],
  ['inet', 'inet'],
  ['bridge', 'bridge'],
  ['arp', 'arp'],
  ['netdev', 'netdev'],
]);

const MOST_SUGGESTIONS = 5;

/**
 * Finds the rule that the user means (docs/cli, RULE addresses): `filter:FORWARD:3`, `ip6:nat:DOCKER:2`,
 * `inet:filter:forward#17` (handle), `filter:FORWARD:policy`, `prefix:"…"` (the rule that logs it), or its own text.
 */
export function findTarget(address: string, ruleset: Ruleset): Target | AddressProblem {
  const text = address.trim();
  if (/^prefix:/i.test(text)) return byPrefix(unquoted(text.slice('prefix:'.length)), ruleset);
  const handle = /^(?:([a-z0-9]+):)?([^:\s]+):([^\s]+)#(\d+)$/.exec(text);
  if (handle) return byHandle(handle, ruleset);
  const place = /^([^\s:]+(?::[^\s:]+)*):(\d+|policy)$/i.exec(text);
  if (place) return byPlace(place[1].split(':'), place[2].toLowerCase(), ruleset);
  if (/^[^\s:]+(?::[^\s:]+){1,2}$/.test(text)) return withoutNumber(text.split(':'), ruleset);
  const named = ruleset.tables.flatMap(({ chains }) => chains.get(text) ?? []);
  if (named.length > 0) return onlyChain(text, named, ruleset);
  return byText(text, ruleset);
}

/** Only a chain is named. */
function onlyChain(name: string, chains: readonly Chain[], ruleset: Ruleset): AddressProblem {
  const rules = chains.flatMap((chain) => chain.rules);
  const which = rules.length > 0 ? 'which of its rules is meant?' : 'it has no rules';
  return problem(`${name} is a chain; ${which}`, ruleset, rules);
}

export function isProblem(found: Target | AddressProblem): found is AddressProblem {
  return 'message' in found;
}

/** The word without the quotes that the shell has left. */
function unquoted(text: string): string {
  const found = /^(["'])(.*)\1$/s.exec(text);
  return found ? found[2] : text;
}

interface Split {
  readonly family: Family | null;
  readonly table: string;
  readonly chain: string;
}

/** `[FAMILY:]TABLE:CHAIN`; a chain's name may hold colons itself. */
function split(parts: readonly string[]): Split | null {
  const family = parts.length > 2 ? (FAMILIES.get(parts[0]) ?? null) : null;
  const [table, ...chain] = family ? parts.slice(1) : parts;
  return table && chain.length > 0 ? { family, table, chain: chain.join(':') } : null;
}

function tablesOf(ruleset: Ruleset, { family, table }: Split): Table[] {
  const named = ruleset.tables.filter((t) => t.name === table && (family === null || t.family === family));
  // Rules of iptables have no `ip:` before them, so that is nft's; otherwise iptables is meant where it has the table.
  const first = named.filter((t) =>
    family === 'ip' ? t.nft !== undefined : !t.nft && t.family === (family ?? 'ip'),
  );
  return [...first, ...named.filter((t) => !first.includes(t))];
}

function chainOf(parts: readonly string[], ruleset: Ruleset): Chain | AddressProblem {
  const place = split(parts);
  if (!place) return problem(`${parts.join(':')} names no chain; a rule is TABLE:CHAIN:NUMBER`, ruleset, []);
  const tables = tablesOf(ruleset, place);
  if (tables.length === 0) {
    const names = [...new Set(ruleset.tables.map((t) => prefixed(t, t.name)))];
    const which = place.family === null ? place.table : `${place.family}:${place.table}`;
    return { message: `there is no table ${which} in the rules`, suggestions: nearest(which, names) };
  }
  for (const table of tables) {
    const chain = table.chains.get(place.chain);
    if (chain) return chain;
  }
  const names = tables.flatMap((t) => [...t.chains.keys()].map((name) => prefixed(t, `${t.name}:${name}`)));
  return {
    message: `table ${place.table} has no chain ${place.chain}`,
    suggestions: nearest(prefixed(tables[0], `${place.table}:${place.chain}`), names, MOST_SUGGESTIONS),
  };
}

function prefixed(table: Table, text: string): string {
  return table.family === 'ip' && !table.nft ? text : `${table.family}:${text}`;
}

function byPlace(parts: readonly string[], number: string, ruleset: Ruleset): Target | AddressProblem {
  const chain = chainOf(parts, ruleset);
  if ('message' in chain) return chain;
  if (number === 'policy')
    return chain.base
      ? { chain, rule: null }
      : problem(`${parts.join(':')} is a user chain: it has no policy`, ruleset, chain.rules);
  const rule = chain.rules[Number(number) - 1] as Rule | undefined;
  if (rule) return { chain, rule };
  const { length } = chain.rules;
  const has = length === 0 ? 'no rules' : length === 1 ? 'one rule' : `${length} rules`;
  return problem(`chain ${parts.join(':')} has ${has}, so none is number ${number}`, ruleset, chain.rules);
}

function withoutNumber(parts: readonly string[], ruleset: Ruleset): AddressProblem {
  const chain = chainOf(parts, ruleset);
  if ('message' in chain) return chain;
  return problem(`${parts.join(':')} is a chain; which of its rules is meant?`, ruleset, chain.rules);
}

function byHandle(
  [, family, table, chain, handle]: readonly string[],
  ruleset: Ruleset,
): Target | AddressProblem {
  const found = chainOf([...(family ? [family] : []), table, chain], ruleset);
  if ('message' in found) return found;
  const rule = found.rules.find((r) => r.handle === Number(handle));
  if (rule) return { chain: found, rule };
  return problem(`chain ${table}:${chain} has no rule with handle ${handle}`, ruleset, found.rules);
}

function allRules({ tables }: Ruleset): Rule[] {
  return tables.flatMap((t) => [...t.chains.values()].flatMap((c) => c.rules));
}

/** What a rule logs with, where it logs. */
function logPrefix(rule: Rule): string | null {
  for (const step of rule.steps) {
    if (step.kind === 'statement' && step.statement.kind === 'log') return step.statement.prefix;
    if (step.kind !== 'target') continue;
    const data = step.data as { readonly prefix?: unknown } | null | undefined;
    if (typeof data?.prefix === 'string' && /LOG/i.test(step.definition.name)) return data.prefix;
  }
  return null;
}

function byPrefix(prefix: string, ruleset: Ruleset): Target | AddressProblem {
  const logging = allRules(ruleset).flatMap((rule) => {
    const own = logPrefix(rule);
    return own === null ? [] : [{ rule, own }];
  });
  const tests = [
    (own: string): boolean => own === prefix,
    (own: string): boolean => own.trim() === prefix.trim(),
    (own: string): boolean => prefix.trim() !== '' && own.startsWith(prefix.trim()),
  ];
  for (const test of tests) {
    const found = logging.filter(({ own }) => test(own)).map(({ rule }) => rule);
    if (found.length > 0) return onlyOne(found, `log with the prefix "${prefix}"`, ruleset);
  }
  const known = [...new Set(logging.map(({ own }) => `prefix:"${own}"`))];
  return {
    message: `no rule logs with the prefix "${prefix}"`,
    suggestions: nearest(`prefix:"${prefix}"`, known, MOST_SUGGESTIONS),
  };
}

/** `-A CHAIN …` as iptables-save or a command says it; without the command, in any chain. */
function byText(text: string, ruleset: Ruleset): Target | AddressProblem {
  let words = restoreWords(text.replaceAll("'", '"'), 0, '', 1, () => undefined).map((w) => w.text);
  let family: Family | null = null;
  const program = /^(?:.*\/)?(ip6?tables)(-legacy|-nft)?$/.exec(words[0] ?? '');
  if (program) {
    family = program[1] === 'ip6tables' ? 'ip6' : 'ip';
    words = words.slice(1);
  }
  let table: string | null = null;
  let chain: string | null = null;
  for (;;) {
    if (/^(-t|--table)$/.test(words[0] ?? '')) [table, words] = [words[1] ?? '', words.slice(2)];
    else if (/^(-A|-I|--append|--insert)$/.test(words[0] ?? '')) {
      chain = words[1] ?? '';
      words = words.slice(/^\d+$/.test(words[2] ?? '') ? 3 : 2);
    } else break;
  }
  const tables = ruleset.tables.filter(
    (t) => (family === null || t.family === family) && (table === null || t.name === table),
  );
  const found = tables.flatMap((t) => {
    const wanted = canonicalText(t, words);
    return [...t.chains.values()]
      .filter((c) => chain === null || c.name === chain)
      .flatMap((c) => c.rules.filter((rule) => wanted.includes(rule.text) || rule.text === text));
  });
  if (found.length > 0) return onlyOne(found, 'say that', ruleset);
  const all = allRules(ruleset);
  const byOwnText = new Map(all.map((rule) => [referenceTo(rule).text, rule]));
  const near = nearest(chain === null ? words.join(' ') : `-A ${chain} ${words.join(' ')}`, [
    ...byOwnText.keys(),
  ]);
  return {
    message: 'this is no address of a rule (TABLE:CHAIN:NUMBER), and no rule says it',
    suggestions: near.flatMap((own) => {
      const rule = byOwnText.get(own);
      return rule ? [`${ruleAddress(rule)}  ${own}`] : [];
    }),
  };
}

function onlyOne(rules: readonly Rule[], what: string, ruleset: Ruleset): Target | AddressProblem {
  if (rules.length === 1) return { chain: rules[0].chain, rule: rules[0] };
  return problem(`${rules.length} rules ${what}; which one is meant?`, ruleset, rules);
}

/** With rules to choose from; without any, those of the whole ruleset. */
function problem(message: string, ruleset: Ruleset, rules: readonly Rule[]): AddressProblem {
  const from = rules.length > 0 ? rules : allRules(ruleset);
  return {
    message,
    suggestions: from.slice(0, MOST_SUGGESTIONS).map((r) => `${ruleAddress(r)}  ${referenceTo(r).text}`),
  };
}
