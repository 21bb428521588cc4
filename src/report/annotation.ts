import type { Difference } from '../compare/result.js';
import { escapeControls } from '../source/text.js';
import type { LogRow, VerdictRow } from './tables.js';
import { DIFFERENCE_WORDS } from './words.js';

/** What is known of one captured packet. */
export interface Annotated {
  /** null: it took no part in the replay. */
  readonly outcome: Pick<VerdictRow, 'verdict' | 'rule' | 'nat' | 'problem'> | null;
  readonly lines: readonly LogRow[];
  readonly differences: readonly Difference[];
}

/** Lines and differences that one comment names, each. */
const MOST = 50;

/** The comment of a packet: verdict and deciding rule, NAT, log lines, differences; a line each, with nothing that a terminal would obey. */
export function packetComment({ outcome, lines, differences }: Annotated): string {
  const parts = [`nfreplay: ${verdictText(outcome)}`];
  if (outcome?.nat) parts.push(`NAT: ${outcome.nat}`);
  for (const { rule, text, doubt } of lines.slice(0, MOST))
    parts.push(
      `log${rule === null ? '' : ` by ${rule}`}: ${text.trimEnd()}${doubt === null ? '' : ` (in doubt: ${doubt})`}`,
    );
  for (const d of differences.slice(0, MOST)) parts.push(`difference: ${differenceText(d)}`);
  const more = Math.max(0, lines.length - MOST) + Math.max(0, differences.length - MOST);
  if (more > 0) parts.push(`and ${more} more`);
  return parts.map(escapeControls).join('\n');
}

function verdictText(outcome: Annotated['outcome']): string {
  if (!outcome) return 'took no part';
  if (outcome.verdict === '')
    return outcome.problem === '' ? 'a copy, or no packet to replay' : `not decoded: ${outcome.problem}`;
  return `${outcome.verdict}${outcome.rule === '' ? '' : ` by ${outcome.rule}`}`;
}

function differenceText({ kind, field, simulated, host, line, reason }: Difference): string {
  const what = field === null ? line.trimEnd() : `simulated ${simulated ?? 'none'}, host ${host ?? 'none'}`;
  return `${field ?? 'line'} ${DIFFERENCE_WORDS[kind].said}: ${what}${reason === null ? '' : ` (${reason})`}`;
}
