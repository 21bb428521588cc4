import type { FrameSource } from '../capture/frame.js';
import { remember, type RememberedFrames } from '../capture/remember.js';
import type { Comparison } from '../compare/result.js';
import type { PredictedLine } from '../engine/events.js';
import type { Finding } from '../explain/finding.js';
import type { Given } from '../given.js';
import type { ObservedEntry } from '../observed/entry.js';
import { LogHolder } from '../observed/heldLog.js';
import { comparisonContents } from '../report/html/contents.js';
import { writeComparison } from '../report/write.js';
import { causes, keepSets, sidesOf } from '../run.js';
import { createHtmlReport, type HtmlReport } from './htmlReport.js';
import { Unusable } from './io.js';
import type { LiveOptions } from './options.js';
import { logRow, type Simulated } from './simulate.js';

/** Log lines that are kept of either side; a report of more has the first ones. */
const MOST_LINES = 100_000;

/** Replays that looking for causes may take. */
const MOST_TRIALS = 4000;

/** What a report of a live comparison is made of, kept while it runs: as much as `remember` keeps of the frames. */
export interface LiveReport {
  readonly page: HtmlReport;
  remember(source: FrameSource): RememberedFrames;
  predicted(line: PredictedLine): void;
  observed(entry: ObservedEntry): void;
  /** Looks for what explains the differences, and writes the files; gives what it found. */
  finish(simulated: Simulated, comparison: Comparison, options: LiveOptions): Promise<readonly Finding[]>;
}

export function keepForReport(given: Given): LiveReport {
  const page = createHtmlReport();
  const sets = keepSets(given.sets);
  const lines: PredictedLine[] = [];
  const log = new LogHolder();
  const files = new Map<string, (entry: ObservedEntry) => void>();
  let entries = 0;
  let isWhole = true;
  let frames: RememberedFrames | null = null;
  return {
    page,
    remember: (source) => (frames = remember(source)),
    predicted(line) {
      if (lines.length < MOST_LINES) lines.push(line);
      else isWhole = false;
    },
    observed(entry) {
      if (entries++ >= MOST_LINES) {
        isWhole = false;
        return;
      }
      let take = files.get(entry.file);
      if (!take) files.set(entry.file, (take = log.begin(entry.file)));
      take(entry);
    },
    async finish(simulated, comparison, { seed, search, interface: names }) {
      const { out } = simulated;
      if (!out || !frames) return [];
      const mayLook = isWhole && !frames.isCut && search > 0 && comparison.differences.length > 0;
      const end = performance.now() + search * 1000;
      const limits = { trials: MOST_TRIALS, isOver: () => performance.now() > end };
      const findings = mayLook
        ? await causes({ frames, ...sidesOf(given, log), sets, comparison, limits, seed })
        : [];
      await out.finish();
      await writeComparison(out.path, comparison, findings).catch((error: Error) => {
        throw new Unusable(`cannot write ${out.path}: ${error.message}`);
      });
      const contents = comparisonContents(comparison, findings, lines.map(logRow));
      const about = [`captured on ${names.join(', ')}`];
      await out.text(
        'report.html',
        await page.finish({ simulated, contents, frames, given, sets, seed, about }),
      );
      return findings;
    },
  };
}
