import { toCapture, type LogStretch } from './clock.js';
import type { LossEvent, ObservedLine } from './lines.js';
import { NEVER_SEEN } from './pairs.js';
import type { Difference } from './result.js';

/** ns of capture time in which lines were lost on the way to the log. */
export interface LossWindow {
  readonly from: number;
  readonly to: number;
  /** Infinity where the log does not say how many. */
  readonly count: number;
  readonly reason: string;
}

/** Notes, while a log passes, the last line before each loss; then places the losses in capture time. */
export function createLossPlacer(losses: readonly LossEvent[]): {
  pass(line: ObservedLine, time: number): void;
  windows(stretches: readonly LogStretch[]): LossWindow[];
} {
  const byFile = new Map<string, LossEvent[]>();
  for (const loss of losses) {
    const list = byFile.get(loss.file);
    if (list) list.push(loss);
    else byFile.set(loss.file, [loss]);
  }
  for (const list of byFile.values()) list.sort((a, b) => a.line - b.line);
  const before = new Map<LossEvent, number>();
  const after = new Map<LossEvent, number>();
  const next = new Map<string, number>();
  const latest = new Map<string, number>();
  return {
    pass(line, time) {
      const list = byFile.get(line.file);
      if (!list) return;
      let at = next.get(line.file) ?? 0;
      for (; at < list.length && list[at].line < line.line; at++) {
        const last = latest.get(line.file);
        if (last !== undefined) before.set(list[at], last);
        after.set(list[at], time);
      }
      next.set(line.file, at);
      latest.set(line.file, time);
    },
    windows: (stretches) =>
      losses.map((loss) => {
        const last = latest.get(loss.file) ?? -Infinity;
        const said = placed(loss, stretches);
        const to = said ?? after.get(loss) ?? Infinity;
        const begins =
          loss.interval !== null && said !== null ? said - loss.interval : (before.get(loss) ?? -Infinity);
        return {
          from: after.has(loss) || loss.interval !== null ? begins : last,
          to: Math.max(to, after.get(loss) ?? -Infinity),
          count: loss.count ?? Infinity,
          reason: loss.reason,
        };
      }),
  };
}

function placed(loss: LossEvent, stretches: readonly LogStretch[]): number | null {
  const { time } = loss;
  if (time === null) return null;
  const own = stretches.filter((s) => s.file === loss.file && s.clock === time.clock && s.fit !== null);
  const stretch = own.filter((s) => s.firstLine <= loss.line).at(-1) ?? own.at(0);
  return stretch?.fit ? toCapture(stretch.fit, time.ns + time.resolution) : null;
}

/**
 * Turns lines that the host did not log into lost ones where the log says that it lost some then: each loss explains at most as
 * many as it counts.
 * @param slack ns by which capture time and log time may differ
 */
export function explainByLoss(
  differences: readonly Difference[],
  windows: readonly LossWindow[],
  slack: number,
): Difference[] {
  if (windows.length === 0) return [...differences];
  const left = windows.map((w) => w.count);
  const order = windows.map((w, i) => ({ ...w, i })).sort((a, b) => a.from - b.from);
  return differences.map((d) => {
    // A packet that the host may have dropped before it could be captured was more likely logged, and the line lost.
    const isMissing = d.kind === 'onlySimulated' || (d.host === null && d.reason === NEVER_SEEN);
    if (!isMissing) return d;
    const window = order.find((w) => w.from - slack <= d.time && d.time <= w.to + slack && left[w.i] > 0);
    if (!window) return d;
    left[window.i]--;
    return { ...d, kind: 'lost', reason: window.reason };
  });
}
