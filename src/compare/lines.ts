import type { PredictedLine } from '../engine/events.js';
import { fields } from '../klog/fields.js';
import { parse } from '../klog/parse.js';
import type { LogRecord } from '../klog/record.js';
import { KeptItem, KeptText, type Place } from '../source/keptText.js';

/** When the host's log says that a line was written. */
export interface LogTime {
  /** `kernel`: since boot, by the kernel's own clock; `wall`: since the capture's epoch, by the host's wall clock. */
  readonly clock: 'kernel' | 'wall';
  /** ns; the clock showed this or up to `resolution` more. */
  readonly ns: number;
  /** ns: 1000 for a dmesg stamp, 1e9 for a syslog one. */
  readonly resolution: number;
}

/** One LOG line that the host wrote. */
export interface ObservedLine {
  /** As the kernel wrote it, without level and stamp. */
  readonly text: string;
  /** The same, of lines that were kept: to be compared without reading it. */
  readonly kept?: KeptText;
  /** Of lines that are kept together: the one at that place. */
  elsewhere?(place: Place): ObservedLine;
  /** null where the log keeps no time: its lines are placed by their order alone. */
  readonly time: LogTime | null;
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** Changes where the log itself tells that the host booted. */
  readonly boot?: number;
  /** ulogd wrote it, which gets messages some time after their packets. */
  readonly by?: 'ulogd';
}

/** The log says that lines are missing from it. */
export interface LossEvent {
  readonly reason: string;
  /** How many were lost; null where the log does not say. */
  readonly count: number | null;
  readonly file: string;
  /** The line that says so: what was lost stood before it… */
  readonly line: number;
  readonly time: LogTime | null;
  /** …and not longer than so many ns before `time` where the writer of the log works in intervals; null: since the log's last line. */
  readonly interval: number | null;
}

/** What pairing needs to know of a line of either side; all times are ns since capture start. */
abstract class Item<Line extends { readonly text: string; readonly kept?: KeptText }> {
  /** To be compared by. */
  readonly kept: KeptText;
  /** Read from the text when first asked for, see `fieldsOf`. */
  fields: ReadonlyMap<string, string> | null = null;

  /** @param order place among the lines of its side */
  constructor(
    readonly line: Line,
    public order: number,
  ) {
    this.kept = line.kept ?? KeptText.of(line.text);
  }

  /** Without the trailing space, which some logs do not keep. */
  get text(): string {
    return this.line.text.trimEnd();
  }
}

export class PredictedItem extends Item<PredictedLine> {
  get time(): number {
    return this.line.time;
  }

  /** Whether `elsewhere` can be asked for the other one. */
  isNextTo({ kept }: PredictedItem): boolean {
    return areTogether(this.kept, kept);
  }

  elsewhere(place: Place, order: number): PredictedItem {
    return new PredictedItem(this.line.elsewhere?.(place) ?? this.line, order);
  }
}

function areTogether(a: KeptText, b: KeptText): boolean {
  return a instanceof KeptItem && b instanceof KeptItem && a.kind === b.kind;
}

/** How far an observed line's time may be off. */
export interface Reach {
  /** ns by which the time may differ from the other side's and still be the same event. */
  readonly tolerance: number;
  /** ns by which the clock that gave the time may be wrong. */
  readonly precision: number;
}

export class ObservedItem extends Item<ObservedLine> {
  constructor(
    line: ObservedLine,
    readonly time: number,
    private readonly reach: Reach,
    order: number,
  ) {
    super(line, order);
  }

  get tolerance(): number {
    return this.reach.tolerance;
  }

  get precision(): number {
    return this.reach.precision;
  }

  /** Whether `elsewhere` can be asked for the other one. */
  isNextTo({ kept, reach }: ObservedItem): boolean {
    return reach === this.reach && areTogether(this.kept, kept);
  }

  elsewhere(place: Place, order: number, time: number): ObservedItem {
    return new ObservedItem(this.line.elsewhere?.(place) ?? this.line, time, this.reach, order);
  }
}

/** Their times allow that both are the same event. */
export function mayMeet(p: PredictedItem, o: ObservedItem): boolean {
  return Math.abs(p.time - o.time) <= o.tolerance;
}

const NO_FIELDS: ReadonlyMap<string, string> = new Map();

/** The fields of src/klog/fields.ts, and `REST` for what the reader did not understand; empty for no LOG line. */
export function fieldsOf(item: PredictedItem | ObservedItem): ReadonlyMap<string, string> {
  if (item.fields) return item.fields;
  const record = parse(item.text);
  item.fields = record ? withRest(record) : NO_FIELDS;
  return item.fields;
}

function withRest(record: LogRecord): Map<string, string> {
  const map = fields(record);
  const rest = record.rest?.trim();
  if (rest) map.set('REST', rest);
  return map;
}
