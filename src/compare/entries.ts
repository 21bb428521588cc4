import type { ObservedEntry } from '../observed/entry.js';
import type { LogTime, LossEvent, ObservedLine } from './lines.js';

/** ns in which journald counts what it suppresses, unless told otherwise: RateLimitIntervalSec of journald.conf(5). */
const JOURNALD_INTERVAL = 30e9;

/**
 * What the readers of logs found, as comparing wants it: the kernel's own stamp where there is one, wall-clock
 * time on the capture's scale, and losses apart.
 * @param epoch ns since 1970 of capture time 0
 */
export function fromEntries(
  entries: readonly ObservedEntry[],
  epoch: bigint,
): { lines: Iterable<ObservedLine>; losses: LossEvent[] } {
  const losses: LossEvent[] = [];
  for (const entry of entries) {
    const { text, file, line, loss } = entry;
    // The kernel's rate limits do not touch LOG lines: xt_LOG and nft log write without them.
    if (loss && loss.by !== 'ratelimit')
      losses.push({
        reason: text,
        count: loss.count,
        file,
        line,
        time: timeOf(entry, epoch),
        interval: loss.by === 'journald' && loss.count !== null ? JOURNALD_INTERVAL : null,
      });
  }
  // Made as they are asked for: there may be millions, and few are looked at together.
  function* lines(): Generator<ObservedLine> {
    for (const entry of entries) {
      const { text, file, line, boot, loss } = entry;
      if (!loss) yield { text, time: timeOf(entry, epoch), file, line, boot };
    }
  }
  return { lines: { [Symbol.iterator]: lines }, losses };
}

function timeOf({ time: { kernel, wall } }: ObservedEntry, epoch: bigint): LogTime | null {
  if (kernel) return { clock: 'kernel', ...kernel };
  if (!wall) return null;
  return { clock: 'wall', ns: Number(wall.ns - epoch), resolution: wall.resolution };
}
