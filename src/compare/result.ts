import type { LogStretch } from './clock.js';

/** What a comparison says; reports and explanations see nothing else. All times are ns since capture start. */
export interface Comparison {
  /** ns since 1970 of capture time 0. */
  readonly epoch: bigint;
  readonly summary: Summary;
  /** In order of time. */
  readonly differences: readonly Difference[];
  readonly clocks: readonly LogStretch[];
  readonly aside: Aside;
  /** Differences up to then are all listed, ns; of later ones there may be more. */
  readonly listedUntil: number;
  /** What had to be assumed, a sentence each. */
  readonly assumptions: readonly string[];
}

export interface Summary {
  /** Frames of the capture. */
  readonly packets: number;
  readonly predicted: number;
  /** The host's lines in the capture's time; those outside of it are in `Aside`. */
  readonly observed: number;
  /** Pairs that agree in every field that can be known. */
  readonly matched: number;
  /** Pairs that differ in some field, or in their order within one packet. */
  readonly fieldMismatch: number;
  readonly onlySimulated: number;
  readonly onlyHost: number;
  /** Predicted lines that the log itself says were lost. */
  readonly suppressed: number;
}

/** Counts of what is no disagreement. */
export interface Aside {
  /** The host's lines before the capture began or after it ended. */
  readonly outside: number;
  /** The host's lines of a boot, or a file, whose clock could not be told while others' could. */
  readonly unplaced: number;
  /** Lines that several log files hold, counted once. */
  readonly duplicates: number;
  /** Pairs out of order between packets: CPUs overtake each other. */
  readonly reordered: number;
  readonly undecidable: number;
  /** The host's lines of packets that the capture does not have. */
  readonly notCaptured: number;
}

/**
 * Of log lines; then a packet that left otherwise than predicted, a counter and a connection that are otherwise behind
 * the capture.
 */
export type DifferenceKind =
  | 'field'
  | 'onlySimulated'
  | 'onlyHost'
  | 'notCaptured'
  | 'lost'
  | 'undecidable'
  | 'egress'
  | 'counter'
  | 'conntrack';

export interface Difference {
  readonly kind: DifferenceKind;
  readonly time: number;
  /** 1-based; 0 where it is not known. */
  readonly frame: number;
  /** The field that differs, by the name that the line has for it; `order` for the place among the lines of a packet. */
  readonly field: string | null;
  /** The field's value, or the whole line; null where that side has none. */
  readonly simulated: string | null;
  readonly host: string | null;
  /** Address of the rule that wrote, or would have written, the line; null where it is not known. */
  readonly rule: string | null;
  /** Why it is undecidable, why the capture has no such packet, or how the line was lost. */
  readonly reason: string | null;
  /** The host's line in its file; null where there is none. */
  readonly position: { readonly file: string; readonly line: number } | null;
  /** The whole line, the predicted one where there is one. */
  readonly line: string;
  /** Place in the list of findings of the one that explains it, from 0; null for none. */
  finding: number | null;
}

/** It is about a line of the log, so that causes can be looked for. */
export function isOfLog(
  difference: Difference,
): difference is Difference & { readonly kind: LogDifferenceKind } {
  const { kind } = difference;
  return kind !== 'egress' && kind !== 'counter' && kind !== 'conntrack';
}

/** It shows when the capture has ended, whenever it came to be. */
export function isBehind({ kind }: Difference): boolean {
  return kind === 'counter' || kind === 'conntrack';
}

export type LogDifferenceKind = Exclude<DifferenceKind, 'egress' | 'counter' | 'conntrack'>;

/** The two sides contradict each other; what is lost, not captured or undecidable only leaves a question open. */
export function isDisagreement({ kind }: Difference): boolean {
  return kind !== 'lost' && kind !== 'notCaptured' && kind !== 'undecidable';
}

/** False makes `compare` exit with 1. */
export function agrees(comparison: Comparison): boolean {
  return !comparison.differences.some(isDisagreement);
}
