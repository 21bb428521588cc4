import { kernelRefusesTable } from '../frontend/iptables/kernelChecks.js';
import { parseSave } from '../frontend/iptables/save.js';
import { stateOf } from '../frontend/iptables/tables.js';
import { quoteWord, restoreWords } from '../frontend/iptables/words.js';
import type { Chain, Rule, Ruleset, Table } from '../rules/model.js';
import { Diagnostics } from '../source/diagnostic.js';
import { withNftChange } from './nftChange.js';
import { waysTo } from './reach.js';

/** One rule with other words, or in another place. */
export interface Change {
  readonly rule: Rule;
  /** As in iptables-save, without `-A CHAIN`; of nft as it is listed. */
  readonly text: string;
  /** Where it is to stand; null: where it stands now. */
  readonly place: Place | null;
}

export interface Place {
  readonly table: string;
  readonly chain: string;
  /** The rule that it is to stand before; null: at the chain's head. */
  readonly before: Rule | null;
}

/**
 * The ruleset with one rule changed, and that rule in it; what is given stays as it is. null: iptables would not
 * take the changed rule.
 * @param as 'counting': without its target or jump, so that it changes nothing
 */
export function withChange(
  ruleset: Ruleset,
  change: Change,
  as: 'acting' | 'counting' = 'acting',
): { ruleset: Ruleset; rule: Rule } | null {
  const { rule: old, text, place } = change;
  const { table } = old.chain;
  if (table.nft) return withNftChange(ruleset, change, as);
  const target = place ?? { table: table.name, chain: old.chain.name, before: old };
  if (asksInterfaceInVain(wordsOf(text), target.chain)) return null;
  const read = readRule(target, text, old);
  if (!read) return null;
  const wanted = ruleset.tables.find((t) => t.family === table.family && t.name === target.table);
  const copies = new Map<Table, Table>();
  for (const t of new Set([table, wanted ?? table])) copies.set(t, copyTable(t, old));
  const home = (wanted && copies.get(wanted)) ?? read.table;
  const chain = home.chains.get(target.chain);
  if (!chain) return null;
  // A chain belongs to its table, and one that leads here would make a loop of the jump.
  const jumps = read.rule.steps.flatMap((s) => (s.kind === 'jump' ? [home.chains.get(s.chain)] : []));
  if (jumps.length > 0) {
    const { distance } = waysTo(chain);
    if (!wanted || jumps.some((to) => !to || distance.has(to))) return null;
  }
  const steps =
    as === 'acting'
      ? read.rule.steps
      : read.rule.steps.filter((s) => s.kind === 'match' || s.kind === 'counter');
  const rule: Rule = { ...read.rule, steps, chain, position: old.position };
  if (wanted) chain.rules.splice(placeIn(wanted, target, old), 0, rule);
  else chain.rules.splice(0, chain.rules.length, rule);
  if (kernelRefusesTable(stateOf(home), () => true)) return null;
  const tables = ruleset.tables.map((t) => copies.get(t) ?? t);
  return { ruleset: { ...ruleset, tables: wanted ? tables : [...tables, home] }, rule };
}

/** The place among the copied rules, from which the old one is gone. */
function placeIn(table: Table, { chain, before }: Place, old: Rule): number {
  if (before === null) return 0;
  const rules = table.chains.get(chain)?.rules ?? [];
  const at = rules.indexOf(before);
  if (at < 0) return 0;
  const gone = rules.indexOf(old);
  return gone >= 0 && gone < at ? at - 1 : at;
}

/** A table with chains and rules of its own; `without` is left out. */
function copyTable(table: Table, without: Rule): Table {
  const copy: Table = { ...table, chains: new Map() };
  for (const chain of table.chains.values()) {
    const made: Chain = { name: chain.name, table: copy, base: chain.base && { ...chain.base }, rules: [] };
    for (const rule of chain.rules) if (rule !== without) made.rules.push({ ...rule, chain: made });
    copy.chains.set(made.name, made);
  }
  return copy;
}

/** Reads one rule as iptables-restore would, among the chains that the old one jumps to. */
function readRule(
  { table, chain }: Pick<Place, 'table' | 'chain'>,
  text: string,
  old: Rule,
): { rule: Rule; table: Table } | null {
  const version = old.chain.table.family === 'ip6' ? 6 : 4;
  const names = new Set([chain, ...old.steps.flatMap((s) => (s.kind === 'jump' ? [s.chain] : []))]);
  const diagnostics = new Diagnostics();
  const lines = [`*${table}`, ...[...names].map((n) => `:${n} - [0:0]`), `-A ${chain} ${text}`, 'COMMIT', ''];
  const [read] = parseSave(lines.join('\n'), '', version, diagnostics);
  const rule = read?.chains.get(chain)?.rules[0];
  if (!rule || diagnostics.hasErrors) return null;
  return { rule, table: read };
}

/** The interfaces that iptables lets a rule of a chain ask for (`checkCommand`). */
function asksInterfaceInVain(words: readonly string[], chain: string): boolean {
  const into = chain === 'POSTROUTING' || chain === 'OUTPUT';
  const out = chain === 'PREROUTING' || chain === 'INPUT';
  return (into && words.includes('-i')) || (out && words.includes('-o'));
}

/** The words of a rule, as iptables-restore parts them. */
export function wordsOf(text: string): string[] {
  return restoreWords(text, 0, '', 1, () => undefined).map((word) => word.text);
}

export function textOf(words: readonly string[]): string {
  return words.map(quoteWord).join(' ');
}

/** Whether the rule's text, read again, is the rule: only then can its words be changed. */
export function isChangeable(rule: Rule): boolean {
  const { table, name } = rule.chain;
  if (table.nft) return true;
  return readRule({ table: table.name, chain: name }, rule.text, rule)?.rule.text === rule.text;
}

/** How iptables-save spells the option of a condition. */
export function optionOf(condition: string): string {
  return SHORT.get(condition) ?? `--${condition}`;
}

const SHORT = new Map([
  ['source', '-s'],
  ['destination', '-d'],
  ['in-interface', '-i'],
  ['out-interface', '-o'],
  ['protocol', '-p'],
]);

/**
 * The words with another argument for an option, or (`value` null) without it; a match left without options goes,
 * too. null: the option is not there, or is negated.
 */
export function withOption(words: readonly string[], option: string, value: string | null): string[] | null {
  const at = words.indexOf(option);
  if (at < 0 || words[at - 1] === '!' || at + 1 >= words.length) return null;
  const out = [...words];
  if (value !== null) out[at + 1] = value;
  else {
    out.splice(at, 2);
    const bare = out[at - 2] === '-m' && (at >= out.length || /^-[mjg]$/.test(out[at]));
    if (bare) out.splice(at - 2, 2);
  }
  return out;
}

/** The words with one more option of a match, which is added where it is not there yet. */
export function withMatch(words: readonly string[], match: string, options: readonly string[]): string[] {
  const out = [...words];
  const there = out.findIndex((word, i) => word === match && out[i - 1] === '-m');
  if (there >= 0) out.splice(there + 1, 0, ...options);
  else {
    const end = out.findIndex(
      (word, i) => /^-[jg]$/.test(word) && !/^--(comment|string)$/.test(out[i - 1] ?? ''),
    );
    out.splice(end < 0 ? out.length : end, 0, '-m', match, ...options);
  }
  return out;
}

/** The rules, as iptables-save prints them, that these words come to in a table; none where they are no rule. */
export function canonicalText(table: Table, words: readonly string[]): string[] {
  if ((table.family !== 'ip' && table.family !== 'ip6') || words.length === 0) return [];
  const diagnostics = new Diagnostics();
  const chains = [...table.chains.keys()].map((name) => `:${name} - [0:0]`);
  const lines = [`*${table.name}`, ...chains, ':why - [0:0]', `-A why ${textOf(words)}`, 'COMMIT', ''];
  const [read] = parseSave(lines.join('\n'), '', table.family === 'ip6' ? 6 : 4, diagnostics);
  return diagnostics.hasErrors ? [] : (read?.chains.get('why')?.rules ?? []).map((rule) => rule.text);
}
