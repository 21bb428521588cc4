import type { ObservedEntry } from '../observed/entry.js';
import type { KeptText, Place } from '../source/keptText.js';
import type { LogTime, LossEvent, ObservedLine } from './lines.js';

/** ns in which journald counts what it suppresses, unless told otherwise: RateLimitIntervalSec of journald.conf(5). */
const JOURNALD_INTERVAL = 30e9;

/** The entries of logs: lines a file each, and what tells of losses. */
export interface Entries {
  readonly files: readonly Iterable<ObservedEntry>[];
  readonly losses: readonly ObservedEntry[];
}

/**
 * What the readers of logs found, as comparing wants it: the kernel's own stamp where there is one, wall-clock
 * time on the capture's scale.
 * @param epoch ns since 1970 of capture time 0
 */
export function fromEntries(
  { files, losses }: Entries,
  epoch: bigint,
): { files: Iterable<ObservedLine>[]; losses: LossEvent[] } {
  return {
    files: files.map((entries) => linesOf(entries, epoch)),
    losses: losses.flatMap((entry) => lossOf(entry, epoch) ?? []),
  };
}

/** Made as they are asked for: there may be millions, and few are looked at together. */
function linesOf(entries: Iterable<ObservedEntry>, epoch: bigint): Iterable<ObservedLine> {
  return {
    [Symbol.iterator]() {
      const from = entries[Symbol.iterator]();
      return {
        next(): IteratorResult<ObservedLine, undefined> {
          const { done, value } = from.next() as IteratorResult<ObservedEntry, undefined>;
          if (done) return { done, value: undefined };
          return { done: false, value: new EntryLine(value, epoch) };
        },
      };
    },
  };
}

/** An entry, seen from the capture's time; `time` is made anew each time it is asked for. */
class EntryLine implements ObservedLine {
  constructor(
    private readonly entry: ObservedEntry,
    private readonly epoch: bigint,
  ) {}

  get time(): LogTime | null {
    return timeOf(this.entry, this.epoch);
  }

  get text(): string {
    return this.entry.text;
  }

  get kept(): KeptText | undefined {
    return this.entry.kept;
  }

  elsewhere(place: Place): ObservedLine {
    const entry = this.entry.elsewhere?.(place);
    return entry ? new EntryLine(entry, this.epoch) : this;
  }

  get file(): string {
    return this.entry.file;
  }

  get line(): number {
    return this.entry.line;
  }

  get boot(): number {
    return this.entry.boot;
  }

  get by(): 'ulogd' | undefined {
    return this.entry.by;
  }
}

/** null for the kernel's rate limits, which do not touch LOG lines: xt_LOG and nft log write without them. */
function lossOf(entry: ObservedEntry, epoch: bigint): LossEvent | null {
  const { text, file, line, loss } = entry;
  if (!loss || loss.by === 'ratelimit') return null;
  return {
    reason: text,
    count: loss.count,
    file,
    line,
    time: timeOf(entry, epoch),
    interval: loss.by === 'journald' && loss.count !== null ? JOURNALD_INTERVAL : null,
  };
}

function timeOf({ time: { kernel, wall } }: ObservedEntry, epoch: bigint): LogTime | null {
  if (kernel) return { clock: 'kernel', ns: kernel.ns, resolution: kernel.resolution };
  if (!wall) return null;
  return { clock: 'wall', ns: Number(wall.ns - epoch), resolution: wall.resolution };
}
