import { type Chain, type Rule, ruleAddress } from '../../rules/model.js';
import { textOf, wordsOf } from '../change.js';
import { chainAddress } from '../describe.js';
import type { Suspect } from '../finding.js';
import { jumpsOf } from '../jumps.js';
import { type Clues, type MetRule, traitsIn } from './clues.js';
import { edited, type Edit, type Words } from './edit.js';
import type { Claim, Hypothesis, World } from './hypothesis.js';
import { otherStatements } from './nftChanges.js';

/** Bits that a change of any kind costs beside saying where: a rule too many, one moved, one with another value… */
export const KIND_BITS = 3;

export function suspectRule(rule: Rule): Suspect {
  const { table, name, rules } = rule.chain;
  return {
    backend: table.nft ? 'nft' : 'iptables',
    family: table.family,
    table: table.name,
    chain: name,
    rule: rules.indexOf(rule) + 1,
    text: rule.text,
  };
}

/** What may be otherwise about one rule. */
export interface RuleChange {
  readonly hypothesis: Hypothesis;
  /** It is another match, which is worth trying only where `someCondition` helps. */
  readonly isMatch: boolean;
}

/** What may be otherwise about one rule: that it is there, where it stands, a word of it. */
export function ruleChanges(clues: Clues, met: MetRule): RuleChange[] {
  const { what: rule, frames, hits, isHit } = met;
  const where = KIND_BITS + Math.log2(clues.places);
  const address = ruleAddress(rule);
  const suspect = suspectRule(rule);
  const { rules } = rule.chain;
  const at = rules.indexOf(rule);
  const out: RuleChange[] = [];
  const add = (
    claim: Claim,
    bits: number,
    edit: Edit,
    touched: ReadonlySet<number>,
    isMatch = false,
  ): void => {
    const change = (): Partial<World> | null => {
      const ruleset = edited(clues.world.ruleset, edit);
      return ruleset && { ruleset };
    };
    out.push({ hypothesis: { claim, suspect, bits: where + bits, frames: touched, change }, isMatch });
  };
  // What never matched may as well not be there, or elsewhere, or do something else.
  // One that matched other packets as well, to no effect, is less likely the one.
  const isIdle = (clues.walks.hits.get(rule)?.size ?? 0) > hits.size;
  // A chain that nothing leads to is seldom left behind.
  const bits = (isIdle ? 1 : 0) + (jumpsOf(rule).length > 0 ? 1 : 0);
  if (isHit) add({ kind: 'ruleExtra', facts: { rule: address } }, bits, { kind: 'remove', rule }, hits);
  for (const [distance, bits] of MOVES) {
    const to = at + distance;
    const other = rules[to] as Rule | undefined;
    if (!other || other.text === rule.text) continue;
    if (!isHit && !clues.walks.hits.has(other)) continue;
    const place = `${chainAddress(rule.chain)}:${to + 1}`;
    const edit: Edit = { kind: 'move', rule, to: distance > 0 ? to + 1 : to };
    add({ kind: 'ruleMoved', facts: { rule: address, to: place } }, bits, edit, frames);
  }
  // A chain is there for packets to come to.
  const isUnused = jumpsOf(rule).some(
    (to) => !clues.entered.has(rule.chain.table.chains.get(to.chain) as Chain),
  );
  const rewordings = rule.chain.table.nft ? otherStatements(clues, rule) : otherWords(clues, rule);
  for (const { field, given, host, text, bits, isMatch } of rewordings) {
    if (!isMatch && !isHit) continue;
    const edit: Edit = { kind: 'replace', rule, text };
    add(
      { kind: 'ruleChanged', facts: { rule: address, field, given, host } },
      bits - (isMatch && isUnused ? 1 : 0),
      edit,
      isMatch ? frames : hits,
      isMatch,
    );
  }
  return out;
}

/** How far a rule may have moved, and bits for that: most often it has changed places with its neighbour. */
const MOVES: readonly (readonly [number, number])[] = [
  [1, 0],
  [-1, 4],
  [2, 4],
  [-2, 4],
  [3, 5],
  [-3, 5],
];

/** The rule with its match turned round for the packets that differ: something in it is otherwise, whatever it is. */
export function someCondition(clues: Clues, { what: rule, frames }: MetRule): Hypothesis {
  return {
    claim: {
      kind: 'ruleChanged',
      facts: { rule: ruleAddress(rule), field: 'the match', given: rule.text, host: null },
    },
    suspect: suspectRule(rule),
    bits:
      KIND_BITS +
      Math.log2(clues.places) +
      Math.max(ANY_CONDITION, clues.bitsOfChoice(rule.chain, clues.frames)),
    frames,
    change: () => {
      const ruleset = edited(clues.world.ruleset, {
        kind: 'invert',
        rule,
        frames: clues.frames,
        hits: clues.walks.hits.get(rule) ?? new Set(),
      });
      return ruleset && { ruleset };
    },
  };
}

const ANY_CONDITION = 14;

/** A part of a rule otherwise; null: the host does not have it. */
export interface Rewording {
  readonly field: string;
  readonly given: string;
  readonly host: string | null;
  readonly text: Words;
  readonly bits: number;
  /** It is a test, not what is done. */
  readonly isMatch: boolean;
}

function rewording(field: string, given: string, host: string | null, text: string, bits: number): Rewording {
  const isMatch =
    field !== '-j' &&
    !field.startsWith('--to-') &&
    !field.startsWith('--log-') &&
    !field.startsWith('--set-');
  return { field, given, host, text, bits, isMatch };
}

const ADDRESSES = new Set(['-s', '-d']);
const DEVICES = new Set(['-i', '-o']);
const PORTS = new Set(['--sport', '--dport']);
const PORT_LISTS = new Set(['--sports', '--dports', '--ports']);
const VERDICTS = ['ACCEPT', 'DROP', 'RETURN'];

/** One word of the rule replaced, an option negated or left out. */
function* otherWords(clues: Clues, rule: Rule): Generator<Rewording> {
  const words = wordsOf(rule.text);
  const traits = traitsIn(clues, rule.chain);
  const seen = (option: string): string[] =>
    traits.flatMap((t) => {
      const parts = t.split(' ');
      return parts[parts.length - 2] === option ? [parts[parts.length - 1]] : [];
    });
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    const value = words[i + 1] ?? '';
    const negated = words[i - 1] === '!';
    const put = (host: string, bits: number): Rewording => {
      const next = [...words];
      next[i + 1] = host;
      return rewording(word, value, host, textOf(next), bits);
    };
    if (word === '-j' || word === '-g') {
      for (const [host, bits] of otherTargets(clues, rule, words, i)) {
        const text = textOf([...words.slice(0, i), '-j', host]);
        yield rewording('-j', words.slice(i + 1).join(' '), host, text, bits);
      }
      yield* otherTargetOptions(clues, words, i);
      break;
    }
    if (word === '-m' || word === '!' || !/^--?[a-z]/.test(word)) continue;
    const other = negated ? words.filter((_, k) => k !== i - 1) : words.toSpliced(i, 0, '!');
    const [given, host] = negated ? [`not ${value}`, value] : [value, `not ${value}`];
    yield rewording(word, given, host, textOf(other), 2);
    const others = new Map<string, number>();
    const suggest = (text: string, bits: number): void => {
      const before = others.get(text);
      // What is near and was seen as well is hardly chance.
      if (text !== value) others.set(text, before === undefined ? bits : Math.min(bits, before) - 1);
    };
    if (ADDRESSES.has(word)) {
      for (const near of nearAddresses(value)) suggest(near, 1.5);
      for (const address of new Set(seen(word).slice(0, 8))) suggest(address, 3);
      for (const wider of networksAround(value)) suggest(wider, 5);
    } else if (DEVICES.has(word)) {
      const names = clues.world.host.devices.map((d) => d.name).slice(0, 32);
      const known = new Set(seen(word));
      for (const name of known) suggest(name, 1.5);
      for (const name of names) if (!known.has(name)) suggest(name, Math.log2(names.length));
    } else if (PORTS.has(word)) {
      for (const near of nearPorts(value)) suggest(near, 1.5);
      for (const port of new Set(seen(word).slice(0, 8))) suggest(port, 3);
    } else if (PORT_LISTS.has(word)) {
      for (const [list, bits] of otherLists(value, seen(word.replace(/s$/, '')))) suggest(list, bits);
    } else if (word === '-p') {
      for (const protocol of seen(word)) suggest(protocol, 3);
    } else if (/^\d+$/.test(value)) {
      suggest(String(Number(value) + 1), 5);
      if (value !== '0') suggest(String(Number(value) - 1), 5);
    } else if (word === '--ctstate' || word === '--state') {
      for (const states of otherStates(value)) suggest(states, 4);
    }
    for (const [other, bits] of others) yield put(other, bits);
    const without = withoutOption(words, i, negated);
    yield rewording(word, given, null, textOf(without), 6);
  }
}

function withoutOption(words: readonly string[], i: number, negated: boolean): string[] {
  let to = i + 1;
  while (to < words.length && !/^(-[a-z]|--.*|!)$/.test(words[to])) to++;
  const out = [...words.slice(0, negated ? i - 1 : i), ...words.slice(to)];
  // A match without options is not one.
  const at = negated ? i - 1 : i;
  if (out[at - 2] === '-m' && (at >= out.length || /^-[mjg]$/.test(out[at]))) out.splice(at - 2, 2);
  return out;
}

/** The neighbours of one address: a slip of the pen. */
function nearAddresses(text: string): string[] {
  const m = /^(\d+\.\d+\.\d+)\.(\d+)(\/32)?$/.exec(text);
  if (!m) return [];
  const last = Number(m[2]);
  return [last - 1, last + 1]
    .map((n) => (n + 256) % 256)
    .concat(last === 0 ? [254] : [])
    .map((n) => `${m[1]}.${n}/32`);
}

/** The same network longer and shorter by what is common. */
function networksAround(text: string): string[] {
  const m = /^(.*)\/(\d+)$/.exec(text);
  if (!m) return [];
  const length = Number(m[2]);
  return [length - 8, length - 1, length + 1, length + 8]
    .filter((n) => n >= 0 && n <= (text.includes(':') ? 128 : 32))
    .map((n) => `${m[1]}/${n}`);
}

function nearPorts(text: string): string[] {
  const ends = text.split(':');
  return ends.flatMap((end, k) =>
    /^\d+$/.test(end)
      ? [-1, 1].flatMap((by) => {
          const port = (Number(end) + by + 65536) % 65536;
          return [ends.map((e, n) => (n === k ? String(port) : e)).join(':')];
        })
      : [],
  );
}

/** A list of ports without one of its items, with a neighbour of one, with one more that was seen, or up to it; and bits. */
function otherLists(value: string, ports: readonly string[]): (readonly [string, number])[] {
  const items = value.split(',');
  const put = (k: number, item: string): string => items.map((own, i) => (i === k ? item : own)).join(',');
  const fresh = [...new Set(ports)].slice(0, 4);
  return items
    .slice(0, MOST_ITEMS)
    .flatMap((item, k): (readonly [string, number])[] => [
      ...(items.length > 1 ? [[items.filter((_, i) => i !== k).join(','), 4] as const] : []),
      ...nearPorts(item).map((near) => [put(k, near), 4] as const),
      ...fresh.flatMap((port) =>
        widened(item, Number(port)).map((wider) => [put(k, wider), 4 + FAR] as const),
      ),
      ...(k === 0 ? fresh.map((port) => [`${value},${port}`, 4] as const) : []),
    ]);
}

/** Bits more for a range that reaches as far as to another port that was seen. */
const FAR = 2;
const MOST_ITEMS = 8;

/** `10:12` as wide as to hold 15; nothing for a single port. */
function widened(item: string, port: number): string[] {
  const [, from, to] = /^(\d+):(\d+)$/.exec(item) ?? [];
  if (from === undefined) return [];
  return port > Number(to) ? [`${from}:${port}`] : port < Number(from) ? [`${port}:${to}`] : [];
}

const STATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID'];

function otherStates(value: string): string[] {
  const set = value.split(',');
  return STATES.map((state) =>
    set.includes(state) ? set.filter((s) => s !== state).join(',') : [...set, state].join(','),
  ).filter((text) => text !== '');
}

function otherTargets(
  clues: Clues,
  rule: Rule,
  words: readonly string[],
  i: number,
): (readonly [string, number])[] {
  const target = words[i + 1];
  const { table } = rule.chain;
  if (words.length > i + 2 && target !== 'REJECT') return [];
  const verdicts = VERDICTS.filter((v) => v !== target && (v !== 'DROP' || table.name !== 'nat'));
  const isVerdict = VERDICTS.includes(target);
  const chains = [...table.chains.values()].filter((c) => !c.base && c.rules.length > 0 && c !== rule.chain);
  return [
    // RETURN is what is there by itself more often than what was mistaken for another verdict.
    ...verdicts.map((v): readonly [string, number] => [v, !isVerdict ? 4 : target === 'RETURN' ? 2 : 1]),
    ...chains.slice(0, 16).map(({ name }): readonly [string, number] => [name, 6]),
    ...(clues.hostLines.length > 0 && table.name === 'filter' && isVerdict ? [['REJECT', 4] as const] : []),
    ...(table.name === 'filter' && isVerdict
      ? [...clues.walks.refusals].map((kind) => [`REJECT --reject-with ${kind}`, 4] as const)
      : []),
  ].filter(([name]) => name !== target);
}

/** Another prefix, mark or address: what the host's lines show. */
function* otherTargetOptions(clues: Clues, words: readonly string[], j: number): Generator<Rewording> {
  for (let i = j + 2; i < words.length; i++) {
    const [option, value] = [words[i], words[i + 1] ?? ''];
    const hosts = new Set(valuesFor(option, value, clues));
    hosts.delete(value);
    for (const host of [...hosts].slice(0, 8)) {
      const next = [...words];
      next[i + 1] = host;
      yield rewording(option, value, host, textOf(next), 4);
    }
    if (/^--log-(tcp-sequence|tcp-options|ip-options|uid|macdecode)$/.test(option))
      yield rewording(option, option, null, textOf(words.filter((_, k) => k !== i)), 3);
  }
  if (words[j + 1] !== 'LOG') return;
  for (const flag of ['tcp-sequence', 'tcp-options', 'ip-options', 'uid', 'macdecode'])
    if (!words.includes(`--log-${flag}`))
      yield rewording(`--log-${flag}`, 'not set', 'set', textOf([...words, `--log-${flag}`]), 4);
}

function valuesFor(option: string, value: string, { hostLines, fields }: Clues): string[] {
  const inLines = (field: string): string[] => [
    ...fields.flatMap((f) => (f.field === field && f.host !== null ? [f.host] : [])),
    ...hostLines.map((l) => l.fields.get(field) ?? ''),
  ];
  const mask = /\/(.*)$/.exec(value)?.[0] ?? '';
  switch (option) {
    case '--log-prefix':
      return inLines('PREFIX').filter((p) => p !== '');
    case '--set-xmark':
      return inLines('MARK').flatMap((m) => (m === '' ? [`0x0${mask}`] : [`${m}${mask}`, `${m}/0xffffffff`]));
    case '--to-destination':
      return ended(inLines('DST'), value);
    case '--to-source':
      return ended(inLines('SRC'), value);
    case '--to-ports':
      return inLines('DPT').filter((p) => p !== '');
    case '--ttl-set':
      return inLines('TTL').filter((t) => t !== '');
    default:
      return [];
  }
}

function ended(addresses: readonly string[], value: string): string[] {
  const port = /:\d+(-\d+)?$/.exec(value)?.[0] ?? '';
  return addresses.filter((a) => a !== '').map((a) => `${a}${port}`);
}
