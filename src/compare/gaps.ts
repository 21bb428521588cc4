import type { Unseen } from '../engine/evidence/sight.js';
import type { LogRecord } from '../klog/record.js';

/** A stretch of capture time (ns) in which packets went by that the capture does not have. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /** null: of any. */
  readonly interface: string | null;
  readonly reason: string;
}

/**
 * Why the packet that a log line tells of may be missing: it may as well not be; null: no gap says so.
 * @param slack ns by which the line's time and the packet's may differ
 */
export function whyMissed(
  gaps: readonly Gap[],
  record: LogRecord | null,
  time: number,
  slack: number,
): Unseen | null {
  const names = record ? [record.in, record.out, record.physIn] : [];
  const gap = gaps.find(
    (g) =>
      time >= g.from - slack && time <= g.to + slack && (g.interface === null || names.includes(g.interface)),
  );
  return gap ? { mayBeCaptured: true, reason: gap.reason } : null;
}
