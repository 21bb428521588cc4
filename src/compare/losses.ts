import { toCapture, type LogStretch } from './clock.js';
import type { LossEvent, ObservedLine } from './lines.js';
import type { Difference } from './result.js';

/** The reason of a difference that may lie in the capture alone. */
export const NEVER_SEEN = 'the host made this packet and dropped it before it could be captured';

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

/** Finds for lines that are missing, asked for in order of time, the reason of a loss that explains them; null for none. */
export type LossFinder = (time: number) => string | null;

/**
 * Each loss explains at most as many lines as it counts.
 * @param slack ns by which capture time and log time may differ
 */
export function createLossFinder(windows: readonly LossWindow[], slack: number): LossFinder {
  const order = [...windows].sort((a, b) => a.from - b.from);
  let first = 0;
  let left = order.length > 0 ? order[0].count : 0;
  return (time) => {
    // What is over, or has explained all that it counts, explains nothing that comes later.
    while (first < order.length && (order[first].to + slack < time || left <= 0))
      left = ++first < order.length ? order[first].count : 0;
    if (first === order.length || order[first].from - slack > time) return null;
    left--;
    return order[first].reason;
  };
}

/** A line that the host should have logged, and did not. */
export function isMissing({ kind, host, reason }: Difference): boolean {
  // A packet that the host may have dropped before it could be captured was more likely logged, and the line lost.
  return kind === 'onlySimulated' || (host === null && reason === NEVER_SEEN);
}

/** Turns lines that the host did not log into lost ones where the log says that it lost some then. */
export function explainByLoss(differences: readonly Difference[], find: LossFinder): Difference[] {
  return differences.map((d) => {
    const reason = isMissing(d) ? find(d.time) : null;
    return reason === null ? d : { ...d, kind: 'lost', reason };
  });
}
