import { readConstant } from '../../frontend/nft/read/constants.js';
import { printElementKey } from '../../frontend/nft/print/print.js';
import type { Table } from '../../rules/model.js';
import type { Constant, KeyField, NftSet, SetElement } from '../../rules/nft/model.js';
import type { Clues } from './clues.js';
import { edited } from './edit.js';
import type { Hypothesis } from './hypothesis.js';
import { KIND_BITS } from './ruleChanges.js';

/** Elements tried for leaving a set, and for coming in. */
const MOST_ELEMENTS = 64;
const MOST_NEW = 24;

/** Elements of the sets and maps of nft that differing packets were asked of, one less or one more. */
export function* nftElementChanges(clues: Clues): Generator<Hypothesis> {
  const used = usedSets(clues);
  const all = used.reduce((sum, { set }) => sum + set.elements.length + 1, 0);
  const bits = KIND_BITS + Math.log2(Math.max(1, all)) + 1;
  for (const { table, set } of used) {
    const change = (element: string, onHost: boolean, elements: SetElement[], more: number): Hypothesis => ({
      claim: { kind: 'setElement', facts: { set: set.name, table: nameOf(table), element, onHost } },
      suspect: { set: set.name, element, table: nameOf(table) },
      bits: bits + more,
      frames: null,
      change: () => {
        const ruleset = edited(clues.world.ruleset, { kind: 'set', table, set: { ...set, elements } });
        return ruleset && { ruleset };
      },
    });
    for (const element of set.elements.slice(0, MOST_ELEMENTS))
      yield change(
        printElementKey(element.key),
        false,
        set.elements.filter((e) => e !== element),
        0,
      );
    const held = new Set(set.elements.map((e) => printElementKey(e.key)));
    const fresh = newKeys(clues, set).filter((key) => !held.has(printElementKey(key)));
    for (const key of fresh.slice(0, MOST_NEW))
      for (const data of set.map ? dataOf(set) : [null]) {
        const made: SetElement = { key, data, timeout: null, expires: null, comment: null, statements: [] };
        const shown = data ? ` : ${printElementKey(data)}` : '';
        yield change(`${printElementKey(key)}${shown}`, true, [...set.elements, made], set.map ? 2 : 1);
      }
  }
}

function nameOf({ family, name }: Table): string {
  return `${family} ${name}`;
}

function usedSets({ rules }: Clues): { table: Table; set: NftSet }[] {
  const asked = new Map<Table, string>();
  for (const { what } of rules) {
    const { table } = what.chain;
    if (table.nft && what.text.includes('@')) asked.set(table, `${asked.get(table) ?? ''}${what.text}\n`);
  }
  return [...asked].flatMap(([table, text]) =>
    [...(table.nft?.sets.values() ?? [])]
      .filter((set) =>
        text
          .split(`@${set.name}`)
          .slice(1)
          .some((rest) => !/^[\w.-]/.test(rest)),
      )
      .map((set) => ({ table, set })),
  );
}

/** Different data of the elements that a map has, and what verdicts there are. */
function dataOf({ elements, data: fields }: NftSet): SetElement['data'][] {
  const out = new Map<string, SetElement['data']>();
  for (const element of elements) if (element.data) out.set(JSON.stringify(element.data), element.data);
  if (typeof fields !== 'string' && fields?.[0]?.type === 'verdict')
    for (const kind of ['accept', 'drop'] as const)
      out.set(JSON.stringify({ kind: 'verdict', verdict: { kind } }), { kind: 'verdict', verdict: { kind } });
  return [...out.values()].slice(0, 4);
}

/** Keys that differing packets have. */
function newKeys({ walks, frames }: Clues, set: NftSet): SetElement['key'][] {
  const out = new Map<string, SetElement['key']>();
  for (const { frame, traits } of walks.visits) {
    if (!frames.has(frame) || out.size >= 4 * MOST_NEW) continue;
    let keys: Constant[][] = [[]];
    for (const field of set.key) {
      const values = valuesFor(field, traits);
      keys = keys.flatMap((parts) => values.map((value) => [...parts, value]));
    }
    for (const parts of keys) {
      const key = parts.length === 1 ? parts[0] : { kind: 'concat' as const, parts };
      out.set(printElementKey(key), key);
    }
  }
  return [...out.values()];
}

const OPTIONS: Partial<Record<KeyField['type'], readonly string[]>> = {
  ipv4_addr: ['-s', '-d'],
  ipv6_addr: ['-s', '-d'],
  inet_service: ['--sport', '--dport'],
  inet_proto: ['-p'],
  ifname: ['-i', '-o'],
};

function valuesFor(field: KeyField, traits: readonly string[]): Constant[] {
  const options = OPTIONS[field.type] ?? [];
  return traits.flatMap((trait) => {
    const words = trait.split(' ');
    if (!options.includes(words[words.length - 2])) return [];
    const value = readConstant(words[words.length - 1].replace(/\/(32|128)$/, ''), field);
    return typeof value === 'string' ? [] : [value];
  });
}
