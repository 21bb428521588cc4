import { styleText } from 'node:util';
import { partsPerMillion } from '../compare/clock.js';
import { isDisagreement, type Comparison, type Difference } from '../compare/result.js';
import type { Finding } from '../explain/finding.js';
import { cut, wrap } from '../source/columns.js';
import { escapeControls } from '../source/text.js';
import { span } from './time.js';
import { plural, verdictSentence } from './verdict.js';
import { DIFFERENCE_WORDS, wordsOf } from './words.js';

export interface TextOptions {
  readonly color?: boolean;
  /** Columns of the terminal; 100 unless given. Longer lines are cut. */
  readonly width?: number;
  /** Differences shown; unless given 12, or as many as the screen has room for. */
  readonly most?: number;
  /** Rows of the terminal. */
  readonly height?: number;
}

type Style = Parameters<typeof styleText>[0];

const MOST_FINDINGS = 3;

/**
 * The result for a terminal, a screen long: the verdict, what explains it, the first differences, and what was set
 * aside. Everything from outside is escaped; colour only where asked for.
 */
export function comparisonText(
  result: Comparison,
  findings: readonly Finding[],
  options: TextOptions = {},
): string {
  const width = Math.max(40, options.width ?? 100);
  const paint = (style: Style, text: string): string => (options.color ? styleText(style, text) : text);
  const fit = (text: string): string => cut(escapeControls(text), width);
  const wrapped = (text: string, lead: string): string[] => wrap(escapeControls(text), lead, width);
  const lines = verdict(result, width, paint);

  const all = result.differences.length;
  findings.slice(0, MOST_FINDINGS).forEach((finding, i) => {
    const { statement, advice } = wordsOf(finding);
    const share = `explains ${finding.explains} of ${all}${finding.left > 0 ? `, leaves ${finding.left}` : ''}`;
    const sure = `confidence ${Math.round(finding.confidence * 100)} %`;
    lines.push('', ...wrapped(statement, `${i + 1}. `).map((line) => paint('bold', line)));
    lines.push(`   ${share}, ${sure}`, ...wrapped(advice, '   '));
  });
  if (findings.length > MOST_FINDINGS) lines.push(`   and ${findings.length - MOST_FINDINGS} more findings`);

  const foot = [...totals(result), ...result.assumptions.map((a) => `assumed: ${a}`)].flatMap((t) =>
    wrapped(t, ''),
  );
  // The empty lines, how many more there are, and the prompt of the shell.
  const room =
    options.most === undefined ? (options.height ?? Infinity) - lines.length - foot.length - 4 : Infinity;
  if (result.differences.length > 0) lines.push('');
  let shown = 0;
  let rows = 0;
  for (const d of mostTelling(result.differences).slice(0, options.most ?? 12)) {
    const body = bodyOf(d);
    rows += 1 + body.length;
    if (shown > 0 && rows > room) break;
    lines.push(paint(STYLES[d.kind], fit(headOf(d))));
    for (const row of body) lines.push(fit(row));
    shown++;
  }
  const more = result.differences.length - shown;
  if (more > 0) lines.push(`and ${more} more ${plural(more, 'difference')}; --out DIR writes all of them`);

  lines.push('', ...foot);
  return `${lines.join('\n')}\n`;
}

/** One difference, two lines or more. */
export function differenceText(difference: Difference, options: TextOptions = {}): string {
  const width = Math.max(40, options.width ?? 100);
  const [head, ...body] = [headOf(difference), ...bodyOf(difference)].map((row) =>
    cut(escapeControls(row), width),
  );
  const style = STYLES[difference.kind];
  return [options.color ? styleText(style, head) : head, ...body].join('\n');
}

const STYLES: Record<Difference['kind'], Style> = {
  field: 'yellow',
  onlySimulated: 'red',
  onlyHost: 'red',
  notCaptured: 'dim',
  lost: 'dim',
  egress: 'red',
  counter: 'yellow',
  conntrack: 'yellow',
  undecidable: 'dim',
};

const VERDICT_STYLES: Record<ReturnType<typeof verdictSentence>['kind'], Style> = {
  agrees: ['bold', 'green'],
  differs: ['bold', 'red'],
  nothing: 'bold',
};

function verdict(result: Comparison, width: number, paint: (style: Style, text: string) => string): string[] {
  const { kind, text } = verdictSentence(result);
  return wrap(text, '', width, 2).map((line) => paint(VERDICT_STYLES[kind], line));
}

const ORDER = new Map<Difference['kind'], number>([
  ['egress', 1],
  ['conntrack', 2],
  ['counter', 2],
]);

/** Log lines, then packets, then counters and connections, open questions last; each in order of time. */
function mostTelling(differences: readonly Difference[]): Difference[] {
  const rank = (d: Difference): number => (!isDisagreement(d) ? 3 : (ORDER.get(d.kind) ?? 0));
  return [...differences].sort((a, b) => rank(a) - rank(b));
}

function headOf(d: Difference): string {
  const at = [
    d.frame > 0 ? `packet ${d.frame}` : null,
    `${(d.time / 1e9).toFixed(6)} s`,
    d.rule,
    d.position && `${d.position.file}:${d.position.line}`,
  ].filter((part) => part !== null);
  return `${d.field ?? 'line'} ${DIFFERENCE_WORDS[d.kind].said}: ${at.join(', ')}`;
}

function bodyOf(d: Difference): string[] {
  const rows =
    d.field === null
      ? [`    ${d.line}`]
      : [`    simulated ${valueText(d.simulated)}`, `    host      ${valueText(d.host)}`, `    ${d.line}`];
  return d.reason === null ? rows : [...rows, `    ${d.reason}`];
}

/** A flag such as PSH has no value, and `OUT=` may have none. */
function valueText(value: string | null): string {
  return value === null ? '(no such field)' : value === '' ? '(there, without a value)' : value;
}

function totals({ summary, aside, clocks }: Comparison): string[] {
  const counts = [
    `${summary.packets} ${plural(summary.packets, 'packet')}`,
    `${summary.predicted} predicted, ${summary.observed} logged, ${summary.matched} alike`,
    summary.fieldMismatch > 0 && `${summary.fieldMismatch} with other fields`,
    summary.onlySimulated > 0 && `${summary.onlySimulated} only simulated`,
    summary.onlyHost > 0 && `${summary.onlyHost} only on the host`,
    summary.suppressed > 0 && `${summary.suppressed} lost by the log`,
    aside.notCaptured > 0 && `${aside.notCaptured} not in the capture`,
    aside.undecidable > 0 && `${aside.undecidable} undecidable`,
  ];
  const set = [
    aside.outside > 0 && `${aside.outside} outside the capture's time`,
    aside.unplaced > 0 && `${aside.unplaced} of other boots`,
    aside.duplicates > 0 && `${aside.duplicates} in two files`,
  ].filter(Boolean);
  const lines = [counts.filter(Boolean).join(', ')];
  if (set.length > 0) lines.push(`log lines set aside: ${set.join(', ')}`);
  const best = clocks.reduce<(typeof clocks)[number] | null>(
    (a, b) => ((b.fit?.agreeing ?? 0) > (a?.fit?.agreeing ?? 0) ? b : a),
    null,
  );
  if (best?.fit) {
    const { agreeing, uncertainty } = best.fit;
    const drift = partsPerMillion(best.fit);
    lines.push(
      `log clock told from ${agreeing} ${plural(agreeing, 'line')} to within ${span(uncertainty)}` +
        `${Math.abs(drift) >= 0.5 ? `, drifting ${drift.toFixed(1)} ppm` : ''}`,
    );
  }
  return lines;
}
