import { beganLater } from '../compare/pairs.js';
import { toCapture, type LogStretch } from '../compare/clock.js';
import type { Comparison, Difference } from '../compare/result.js';
import type { ObservedEntry } from '../observed/entry.js';
import type { Finding } from './finding.js';
import { isOpen } from './hypotheses/score.js';

/** A finding that needs no trial, and which differences it is about. */
export interface Plain {
  readonly finding: Finding;
  readonly explains: (difference: Difference) => boolean;
}

const MOST_EVIDENCE = 6;

/** What the log itself says: that lines were lost, and what the host's clock shows. */
export function plainFindings(comparison: Comparison, observed: readonly Iterable<ObservedEntry>[]): Plain[] {
  return [...lostLines(comparison), ...earlyLines(comparison), ...clocks(comparison, observed)];
}

function* lostLines({ differences }: Comparison): Generator<Plain> {
  const lost = differences.filter((d) => d.kind === 'lost');
  if (lost.length === 0) return;
  const reasons = [...new Set(lost.map((d) => d.reason))].filter((r) => r !== null);
  yield {
    explains: (d) => d.kind === 'lost',
    finding: {
      kind: 'logLost',
      facts: { count: lost.length, reason: reasons.join('; ') },
      confidence: 1,
      explains: lost.length,
      left: differences.filter(isOpen).length,
      suspect: null,
      evidence: lost.slice(0, MOST_EVIDENCE).map((d) => ({ frame: d.frame, text: `lost: ${d.line}` })),
    },
  };
}

function* earlyLines(comparison: Comparison): Generator<Plain> {
  const early = comparison.differences.filter(beganLater);
  if (early.length === 0) return;
  yield {
    explains: beganLater,
    finding: {
      kind: 'captureIncomplete',
      facts: { packets: early.length, isBefore: true },
      confidence: 1,
      explains: early.length,
      left: comparison.differences.filter(isOpen).length,
      suspect: null,
      evidence: early.slice(0, MOST_EVIDENCE).map((d) => ({ frame: 0, text: `only on the host: ${d.line}` })),
    },
  };
}

/** ns; a wall clock that shows less off is told of nowhere: logs are written late. */
const CLOCK_OFF = 5e9;
/** Entries by which a clock is read. */
const MOST_ENTRIES = 1000;
const DAY = 86_400e9;

function* clocks(
  { clocks: stretches, epoch, differences }: Comparison,
  observed: readonly Iterable<ObservedEntry>[],
): Generator<Plain> {
  for (const stretch of stretches) {
    const offset = wallOffset(stretch, observed, epoch);
    if (offset === null || Math.abs(offset) < CLOCK_OFF + stretch.resolution) continue;
    const { file, fit } = stretch;
    yield {
      explains: () => false,
      finding: {
        kind: 'clock',
        facts: { file, offset, drift: fit ? 1 / fit.rate - 1 : 0, uncertainty: fit?.uncertainty ?? 0 },
        confidence: 1,
        explains: 0,
        left: differences.filter(isOpen).length,
        suspect: null,
        evidence: [],
      },
    };
    return;
  }
}

/** ns by which the wall clock of a log is ahead of the capture's; null where it shows none, or nothing tells. */
function wallOffset(
  { file, firstLine, fit, clock, lines }: LogStretch,
  observed: readonly Iterable<ObservedEntry>[],
  epoch: bigint,
): number | null {
  if (!fit || fit.votes === 0) return null;
  const offsets: number[] = [];
  let isYearless = false;
  let seen = 0;
  for (const { time, line } of ofFile(observed, file)) {
    if (line < firstLine) continue;
    if (seen++ >= lines || offsets.length >= MOST_ENTRIES) break;
    const { kernel, wall } = time;
    const read = clock === 'kernel' ? kernel?.ns : wall && Number(wall.ns - epoch);
    if (!wall || read === undefined) continue;
    isYearless ||= wall.yearAssumed === true;
    offsets.push(Number(wall.ns - epoch) - toCapture(fit, read));
  }
  if (offsets.length === 0) return null;
  const offset = offsets.sort((a, b) => a - b)[offsets.length >> 1];
  // Without a year the day tells nothing either.
  return isYearless ? offset - Math.round(offset / DAY) * DAY : offset;
}

function* ofFile(observed: readonly Iterable<ObservedEntry>[], file: string): Generator<ObservedEntry> {
  for (const entries of observed)
    for (const entry of entries) {
      if (entry.file !== file) break;
      yield entry;
    }
}
