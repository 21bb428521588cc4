import { type Comparison, isDisagreement, isOfLog } from '../compare/result.js';
import type { ReplaySummary } from './replaySummary.js';

/** What a comparison or a replay came to, in one sentence. */
export interface VerdictSentence {
  readonly kind: 'agrees' | 'differs' | 'nothing';
  readonly text: string;
}

export function verdictSentence({ summary, differences }: Comparison): VerdictSentence {
  const wrong = differences.filter(isDisagreement);
  const inLog = wrong.filter(isOfLog).length;
  const lines = `${summary.predicted} predicted ${plural(summary.predicted, 'line')}`;
  if (wrong.length > 0) {
    const beside = wrong.length - inLog;
    const more =
      beside > 0 ? `; ${beside} ${inLog > 0 ? 'more ' : ''}in packets sent, counters and connections` : '';
    const text = `${inLog} ${plural(inLog, 'difference')} from the host's log: ${lines}, ${summary.observed} logged${more}.`;
    return { kind: 'differs', text };
  }
  if (summary.predicted === 0 && summary.observed === 0) {
    const text = "Nothing to compare: neither the simulation nor the host's log has a line in this time.";
    return { kind: 'nothing', text };
  }
  const open = differences.length > 0 ? `; ${differences.length} cannot be decided` : '';
  return {
    kind: 'agrees',
    text: `No difference: the host logged what the ruleset says (${summary.matched} of ${lines} paired${open}).`,
  };
}

/** `66 packets: 54 ACCEPT, 12 DROP; 31 log lines predicted.` */
export function replaySentence({ verdicts, lines }: ReplaySummary): VerdictSentence {
  const packets = [...verdicts.values()].reduce((sum, n) => sum + n, 0);
  const became = [...verdicts].sort((a, b) => b[1] - a[1]).map(([verdict, n]) => `${n} ${verdict}`);
  const text = [
    packets === 0 ? 'No packet to replay' : `${packets} ${plural(packets, 'packet')}: ${became.join(', ')}`,
    `${lines} log ${plural(lines, 'line')} predicted.`,
  ].join('; ');
  return { kind: 'nothing', text };
}

/** `word`, or its plural by s. */
export function plural(n: number, word: string): string {
  return n === 1 ? word : `${word}s`;
}
