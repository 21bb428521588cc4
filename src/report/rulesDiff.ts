import type { Faring } from '../explain/diff/faring.js';
import type { RuleDifference, RulesetDiff } from '../explain/diff/rulesetDiff.js';
import type { SetDifference } from '../explain/diff/setDiff.js';
import { escapeControls } from '../source/text.js';
import { counted, effectParts } from './effects.js';
import { JSON_VERSION, printJson } from './json.js';

/** What differs between two rulesets, and how the packets of a capture fare. */
export interface RulesDiff extends RulesetDiff {
  readonly sets: readonly SetDifference[];
  /** null: no capture is given. */
  readonly faring: Faring | null;
}

export function rulesDiffJson(diff: RulesDiff): string {
  return `${printJson({ version: JSON_VERSION, ...diff }, 2)}\n`;
}

/** Elements of a set that are shown. */
const MOST_ELEMENTS = 20;

/** A line for each difference, `-` what only the first has, `+` what only the second has. Everything from outside is escaped. */
export function rulesDiffText({ differences, same, alike, sets, faring }: RulesDiff): string {
  const lines: string[] = [];
  let place = '';
  for (const difference of differences) {
    if (difference.place !== place && difference.kind !== 'table' && difference.kind !== 'chain')
      lines.push(difference.place);
    ({ place } = difference);
    lines.push(...differenceLines(difference));
  }
  for (const set of sets) lines.push(...setLines(set));
  const others = alike > 0 ? `, ${alike} more in other words or another order that changes nothing` : '';
  if (lines.length === 0) lines.push('The rules mean the same.');
  lines.push('', `${counted(same, 'rule')} alike${others}.`);
  if (faring) lines.push('', ...faringLines(faring));
  return lines.map((line) => `${escapeControls(line)}\n`).join('');
}

function differenceLines(difference: RuleDifference): string[] {
  const { place } = difference;
  switch (difference.kind) {
    case 'table':
      return [`${difference.first ? '-' : '+'} table ${place}`];
    case 'chain': {
      const rules = counted(difference.first ?? difference.second ?? 0, 'rule');
      return [`${difference.first === null ? '+' : '-'} chain ${place}, ${rules}`];
    }
    case 'hook':
      return [`  - hook ${difference.first}`, `  + hook ${difference.second}`];
    case 'policy':
      return [`  - ${difference.first.text}`, `  + ${difference.second.text}`];
    case 'rule': {
      const { first, second, moved } = difference;
      if (moved && first && second)
        return [`  moved: ${numberOf(first.address)} to ${numberOf(second.address)}  ${second.text}`];
      const [sign, rule] = first ? (['-', first] as const) : (['+', second] as const);
      return rule ? [`  ${sign} ${numberOf(rule.address)}  ${rule.text}`] : [];
    }
  }
}

function numberOf(address: string): string {
  return address.slice(address.lastIndexOf(':') + 1);
}

function setLines({ place, onlyFirst, onlySecond }: SetDifference): string[] {
  if (onlyFirst === null) return [`+ set ${place}, ${counted(onlySecond?.length ?? 0, 'element')}`];
  if (onlySecond === null) return [`- set ${place}, ${counted(onlyFirst.length, 'element')}`];
  const some = (sign: string, elements: readonly string[]): string[] => [
    ...elements.slice(0, MOST_ELEMENTS).map((element) => `  ${sign} ${element}`),
    ...(elements.length > MOST_ELEMENTS ? [`  ${sign} and ${elements.length - MOST_ELEMENTS} more`] : []),
  ];
  return [place, ...some('-', onlyFirst), ...some('+', onlySecond)];
}

function faringLines(faring: Faring): string[] {
  const parts = effectParts(faring);
  if (parts.length === 0) return ['No packet of the capture fares otherwise under the second.'];
  return [
    'Under the second, of the capture:',
    ...parts.map((part) => `  ${part}`),
    ...faring.examples.flatMap(({ frame, packet, first, second }) => [
      `  packet ${frame}: ${packet}`,
      `    - ${first}`,
      `    + ${second}`,
    ]),
  ];
}
