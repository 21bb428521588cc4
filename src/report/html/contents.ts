import type { Comparison } from '../../compare/result.js';
import type { Finding } from '../../explain/finding.js';
import type { ReplaySummary } from '../replaySummary.js';
import type { LogRow } from '../tables.js';
import { replaySentence, verdictSentence } from '../verdict.js';
import { predictedLines, standingLines } from './lines.js';
import type { Page } from './page.js';

/** What a page says, beside packets, rules and the ways of packets. */
export type Contents = Pick<Page, 'verdict' | 'figures' | 'epoch' | 'lines' | 'held' | 'assumptions'>;

/** The page of a comparison. */
export function comparisonContents(
  comparison: Comparison,
  findings: readonly Finding[],
  predicted: readonly LogRow[],
): Contents {
  const { summary, differences, epoch, assumptions } = comparison;
  return {
    verdict: verdictSentence(comparison),
    figures: [
      ['packets', summary.packets],
      ['predicted lines', summary.predicted],
      ['lines of the host', summary.observed],
      ['alike', summary.matched],
      ['fields differ', summary.fieldMismatch],
      ['only simulated', summary.onlySimulated],
      ['only on the host', summary.onlyHost],
      ['lost by the log', summary.suppressed],
    ],
    epoch,
    lines: standingLines(predicted, differences),
    held: { differences, findings },
    assumptions,
  };
}

/** The page of a replay that was held against no log. */
export function replayContents(
  summary: ReplaySummary,
  predicted: readonly LogRow[],
  epoch: bigint,
  assumptions: readonly string[],
): Contents {
  return {
    verdict: replaySentence(summary),
    figures: [
      ['frames', summary.frames],
      ['packets received', summary.received],
      ['made by the host', summary.sent],
      ['seen leaving as predicted', summary.accounted],
      ['seen leaving that nothing explains', summary.unexplained],
      ['answers of the host', summary.answers],
      ['predicted lines', summary.lines],
      ['connections at the end', summary.connections],
    ],
    epoch,
    lines: predictedLines(predicted),
    held: null,
    assumptions,
  };
}
