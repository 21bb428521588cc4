import type { RuleSummary } from '../explain/why/whyAll.js';
import { table } from '../source/columns.js';
import { escapeControls } from '../source/text.js';
import { JSON_VERSION, printJson } from './json.js';

/** All rules as one JSON object. */
export function whyAllJson(rows: readonly RuleSummary[]): string {
  return `${printJson({ version: JSON_VERSION, rules: rows }, 2)}\n`;
}

/** A table of all rules: reached, matched, and what kept it from matching. Everything from outside is escaped. */
export function whyAllText(rows: readonly RuleSummary[]): string {
  const cells = [
    ['rule', 'reached', 'matched', 'why not', 'text'],
    ...rows.map((row) => [
      row.rule.address,
      String(row.reached),
      String(row.matched),
      reasonOf(row),
      row.rule.text,
    ]),
  ].map((row) => row.map(escapeControls));
  return table(cells, '<>><<', 60)
    .map((line) => `${line}\n`)
    .join('');
}

function reasonOf({ state, failing, by, notes }: RuleSummary): string {
  const [never] = notes.filter(({ kind }) => kind !== 'duplicate' && kind !== 'unreferenced');
  if (never?.rule) return `never: ${never.rule.address} takes all that it wants`;
  if (never) return `never: ${never.detail}`;
  switch (state) {
    case 'fires':
      return '';
    case 'no match':
      return failing ? `${failing.name}: wanted ${failing.wanted}, saw ${failing.saw}` : 'no match';
    case 'undecided':
      return failing ? `not known: ${failing.saw}` : 'not known';
    case 'shadowed':
      return by ? `all taken before, most by ${by.address}` : 'all taken before';
    case 'chain not entered':
      return 'no packet came to its chain';
    case 'unreferenced':
      return 'nothing leads to its chain';
  }
}
