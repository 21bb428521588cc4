import { styleText } from 'node:util';
import { cut, table, wrap } from '../source/columns.js';
import { escapeControls } from '../source/text.js';

/** What a replay came to; all counts are of packets unless they say otherwise. */
export interface ReplaySummary {
  readonly frames: number;
  readonly received: number;
  readonly sent: number;
  readonly accounted: number;
  readonly copies: number;
  readonly unexplained: number;
  /** Seen leaving only: taken to have come in by an interface that was not captured. */
  readonly assumed: number;
  /** Of connections that came in there, and nothing tells from whom. */
  readonly undecided: number;
  readonly answers: number;
  /** Frames that took no part, by the reason. */
  readonly skipped: ReadonlyMap<string, number>;
  readonly verdicts: ReadonlyMap<string, number>;
  /** LOG lines. */
  readonly lines: number;
  /** Those of them that rest on something unknown. */
  readonly doubtful: number;
  readonly connections: number;
}

/** A chain, and how many of its rules matched packets. */
export interface ChainRow {
  /** As the addresses of its rules begin: `filter`, `ip6:filter`. */
  readonly table: string;
  readonly chain: string;
  readonly rules: number;
  readonly matched: number;
  /** `ACCEPT 12`, `drop 0`; '' for a user chain. */
  readonly policy: string;
}

/** A rule that matched packets. */
export interface MatchedRule {
  readonly address: string;
  readonly packets: number;
  readonly bytes: number;
  readonly text: () => string;
}

export interface RulesSummary {
  readonly chains: readonly ChainRow[];
  /** In the order in which they are listed. */
  readonly matched: readonly MatchedRule[];
}

export interface SummaryTextOptions {
  readonly color?: boolean;
  readonly width?: number;
}

/** Chains and rules that are listed. */
const MOST_CHAINS = 40;
const MOST_RULES = 15;

/** The replay on a screen: what came and went, what was decided, and which rules decided it. */
export function replayText(
  summary: ReplaySummary,
  rules: RulesSummary,
  assumptions: readonly string[],
  options: SummaryTextOptions = {},
): string {
  const width = Math.max(40, options.width ?? 100);
  const bold = (text: string): string => (options.color ? styleText('bold', text) : text);
  const lines = [
    bold(`${count(summary.frames, 'frame')}, ${count(summary.lines, 'log line')} predicted`),
    ...frameCounts(summary),
    `packets: ${inOrder(summary.verdicts)}`,
  ];
  if (summary.doubtful > 0)
    lines.push(
      `${count(summary.doubtful, 'of these log lines rests', 'of these log lines rest')} on something unknown`,
    );
  lines.push('', ...chainTable(rules.chains, bold), '', ...busiestRules(rules.matched, bold));
  const shown = lines.map((line) => fit(line, width, options.color === true));
  if (assumptions.length > 0)
    shown.push('', ...assumptions.flatMap((a) => wrap(escapeControls(a), 'assumed: ', width, 2)));
  return `${shown.join('\n')}\n`;
}

function count(n: number, one: string, more = `${one}s`): string {
  return `${n} ${n === 1 ? one : more}`;
}

function inOrder(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  return sorted.length === 0 ? 'none' : sorted.map(([what, n]) => `${n} ${escapeControls(what)}`).join(', ');
}

function frameCounts(summary: ReplaySummary): string[] {
  const { received, sent, accounted, copies, unexplained, assumed, undecided, answers, skipped } = summary;
  const parts = [
    `${received} received`,
    sent > 0 && `${sent} made by the host`,
    accounted > 0 && `${accounted} seen leaving as predicted`,
    copies > 0 && `${copies} seen a second time on a bridge or its port`,
    unexplained > 0 && `${unexplained} seen leaving that nothing explains`,
    assumed > 0 && `${assumed} taken to have come in by an interface that was not captured`,
    undecided > 0 && `${undecided} left out, since nothing tells who sent them`,
  ].filter((part) => part !== false);
  const lines = [`frames: ${parts.join(', ')}`];
  if (skipped.size > 0) lines.push(`frames that are no packets to replay: ${inOrder(skipped)}`);
  if (answers > 0) lines.push(`answers that the host's own stack gave: ${answers}`);
  lines.push(`connections at the end: ${summary.connections}`);
  return lines;
}

function chainTable(chains: readonly ChainRow[], bold: (text: string) => string): string[] {
  const shown = chains.filter((c) => c.rules > 0 || !/ 0$/.test(c.policy));
  const cells = shown
    .slice(0, MOST_CHAINS)
    .map((c) => [c.table, c.chain, String(c.rules), String(c.matched), c.policy]);
  const lines = tableText(['table', 'chain', 'rules', 'matched', 'policy'], cells, bold, '<<>><');
  if (shown.length > MOST_CHAINS) lines.push(`and ${count(shown.length - MOST_CHAINS, 'more chain')}`);
  return lines;
}

function busiestRules(rules: readonly MatchedRule[], bold: (text: string) => string): string[] {
  const hit = [...rules].sort((a, b) => b.packets - a.packets);
  const cells = hit
    .slice(0, MOST_RULES)
    .map((r) => [r.address, String(r.packets), String(r.bytes), r.text()].map(escapeControls));
  const lines = tableText(['rule', 'packets', 'bytes', ''], cells, bold, '<>><');
  if (hit.length > MOST_RULES) lines.push(`and ${count(hit.length - MOST_RULES, 'more rule')} that matched`);
  return lines;
}

/** The table of these rows, its head painted; where there are none, it says so. */
function tableText(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  bold: (text: string) => string,
  align: string,
): string[] {
  if (rows.length === 0) return ['no rule matched a packet'];
  const [first, ...rest] = table([head, ...rows], align);
  return [bold(first), ...rest];
}

function fit(text: string, width: number, colored: boolean): string {
  // What is painted is short.
  return colored && text.startsWith('\u001b') ? text : cut(text, width);
}
