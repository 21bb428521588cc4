import { type Difference, isOfLog, type LogDifferenceKind } from '../../compare/result.js';
import type { LogRow } from '../tables.js';
import type { LineStanding } from './data.js';

/** One line of the time line: predicted, observed, or both. */
export interface StandingLine {
  /** ns since capture start. */
  readonly time: number;
  readonly frame: number;
  readonly rule: string | null;
  readonly standing: LineStanding;
  readonly text: string;
  /** What differs, or why it is open; '' for nothing. */
  readonly remark: string;
}

const STANDINGS: Readonly<Record<LogDifferenceKind, LineStanding>> = {
  field: 'field differs',
  onlySimulated: 'only simulated',
  onlyHost: 'only on the host',
  notCaptured: 'not captured',
  lost: 'lost',
  undecidable: 'undecidable',
};

type LogDifference = Difference & { readonly kind: LogDifferenceKind };

/** Nothing is to be said against the line. */
export function isAlike(standing: LineStanding): boolean {
  return standing === 'alike' || standing === 'predicted';
}

/** The lines of a replay that was held against no log. */
export function predictedLines(predicted: readonly LogRow[]): StandingLine[] {
  return predicted.map(({ time, frame, rule, text, doubt }) => ({
    time,
    frame,
    rule,
    standing: doubt === null ? 'predicted' : 'doubtful',
    text,
    remark: doubt ?? '',
  }));
}

/** The predicted lines and those that only the host has, in order of time, each with what the comparison says of it. */
export function standingLines(
  predicted: readonly LogRow[],
  differences: readonly Difference[],
): StandingLine[] {
  const about = new Map<string, LogDifference[]>();
  const alone: LogDifference[] = [];
  for (const d of differences.filter(isOfLog)) {
    const key = `${d.frame} ${d.line.trimEnd()}`;
    if (d.kind === 'onlyHost' || d.kind === 'notCaptured') alone.push(d);
    else if (about.has(key)) about.get(key)!.push(d);
    else about.set(key, [d]);
  }
  const lines = predicted.map(({ time, frame, rule, text, doubt }): StandingLine => {
    const key = `${frame} ${text.trimEnd()}`;
    const found = about.get(key) ?? [];
    about.delete(key);
    const standing = found.length > 0 ? STANDINGS[found[0].kind] : 'alike';
    return { time, frame, rule, standing, text, remark: found.map(remarkOf).join('; ') || (doubt ?? '') };
  });
  for (const d of [...alone, ...[...about.values()].flat()])
    lines.push({
      time: d.time,
      frame: d.frame,
      rule: d.rule,
      standing: STANDINGS[d.kind],
      text: d.line,
      remark: remarkOf(d),
    });
  return lines.sort((a, b) => a.time - b.time);
}

/** A field with both of its values, or the reason. */
function remarkOf({ field, simulated, host, reason }: Difference): string {
  const values = field === null ? '' : `${field}: simulated ${simulated ?? 'none'}, host ${host ?? 'none'}`;
  return [values, reason ?? ''].filter((part) => part !== '').join('; ');
}
