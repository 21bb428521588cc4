import type { LogRecord } from '../klog/record.js';
import type { KeptText, Place } from '../source/keptText.js';
import type { TraceStep } from './trace.js';

/** When a line says it was written, by each clock that it shows. Both may be absent (bare messages). */
export interface ObservedTime {
  /** The kernel's own stamp: ns since boot on its monotonic clock. */
  readonly kernel?: { readonly ns: number; readonly resolution: number };
  /** Wall-clock time, as the writer of the log had it: for kernel lines later than the event. */
  readonly wall?: WallTime;
}

export interface WallTime {
  /** Since the epoch. */
  readonly ns: bigint;
  /** ns between two values that the stamp can show. */
  readonly resolution: number;
  /** The stamp lacks its zone: `ClockOptions.utcOffset` was assumed. */
  readonly zoneAssumed?: true;
  /** The stamp lacks its year (RFC 3164). */
  readonly yearAssumed?: true;
}

/** A LOG line of the host, a line that says that lines were lost, or a step that a tracing program reports. */
export interface ObservedEntry {
  readonly time: ObservedTime;
  /** The message without stamp, host and tag. */
  readonly text: string;
  /** The same, of entries that were kept: to be compared without reading it. */
  readonly kept?: KeptText;
  /** Of entries that are kept together: the one at that place. */
  elsewhere?(place: Place): ObservedEntry;
  /** Read from the text when it is asked for; null for losses and steps of a trace. */
  readonly record: LogRecord | null;
  readonly loss?: Loss;
  readonly trace?: TraceStep;
  /** Who put it in words where it was not the kernel: ulogd lacks some of the kernel's. */
  readonly by?: 'ulogd';
  /** The NFLOG group that a captured message was sent to. */
  readonly group?: number;
  readonly file: string;
  /** 1-based, of the line where the entry begins. */
  readonly line: number;
  /** How many boots of the host were seen to begin in this file before this entry. */
  readonly boot: number;
  /** syslog severity, 0 to 7. */
  readonly level?: number;
  readonly host?: string;
}

export interface Loss {
  /**
   * Who lost: the kernel's console or ring buffer, its rate limits (not applied to LOG), journald, a syslog
   * daemon, ulogd.
   */
  readonly by: 'printk' | 'ratelimit' | 'journald' | 'syslog' | 'ulogd';
  /** null where the line does not tell. */
  readonly count: number | null;
}
