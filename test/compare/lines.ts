import type { PredictedLine } from '../../src/engine/events.js';
import type { LogTime, LossEvent, ObservedLine } from '../../src/compare/lines.js';
import { compareLines, type CompareInput } from '../../src/compare/compare.js';
import type { Comparison, Difference } from '../../src/compare/result.js';

/** One LOG line of a UDP packet: enough fields to differ in. */
export interface Udp {
  readonly prefix?: string;
  readonly in?: string;
  readonly out?: string;
  readonly src?: string;
  readonly dst?: string;
  readonly id?: number;
  readonly spt?: number;
  readonly dpt?: number;
  readonly len?: number;
  readonly ttl?: number;
  readonly mark?: string;
}

export function udp(u: Udp = {}): string {
  const len = u.len ?? 40;
  return (
    `${u.prefix ?? 'L1: '}IN=${u.in ?? 'eth0'} OUT=${u.out ?? ''} ` +
    (u.in === '' ? '' : 'MAC=02:00:00:00:01:01:02:00:00:00:01:02:08:00 ') +
    `SRC=${u.src ?? '198.51.100.9'} DST=${u.dst ?? '198.51.100.2'} LEN=${len} TOS=0x00 PREC=0x00 ` +
    `TTL=${u.ttl ?? 64} ID=${u.id ?? 1} PROTO=UDP SPT=${u.spt ?? 4000} DPT=${u.dpt ?? 53} LEN=${len - 20} ` +
    (u.mark ? `MARK=${u.mark} ` : '')
  );
}

export function predicted(text: string, time: number, more: Partial<PredictedLine> = {}): PredictedLine {
  return {
    time,
    frame: 1 + Math.floor(time / 1e6),
    rule: null,
    level: 4,
    prefix: /^.*?(?=IN=)/.exec(text)?.[0] ?? '',
    text,
    doubt: null,
    uncaptured: false,
    guessed: null,
    ...more,
  };
}

/** The host's boot lies 4075 s before the capture; its lines come 40 µs after their packets. */
export const BOOT = 4075e9;

export function kernelTime(time: number): LogTime {
  return { clock: 'kernel', ns: Math.floor((time + BOOT + 40e3) / 1e3) * 1e3, resolution: 1e3 };
}

export function observed(text: string, time: number, line: number, file = 'kernel.log'): ObservedLine {
  return { text, time: kernelTime(time), file, line };
}

/** The lines of a log whose kernel predicted right. */
export function hostOf(lines: readonly PredictedLine[]): ObservedLine[] {
  return lines.map((p, i) => observed(p.text, p.time, i + 1));
}

/** A million lines a second apart would end here too. */
export const EPOCH = 1_795_307_124_712_000_000n;

function byFile(lines: readonly ObservedLine[]): ObservedLine[][] {
  const files = new Map<string, ObservedLine[]>();
  for (const line of lines) {
    const others = files.get(line.file);
    if (others) others.push(line);
    else files.set(line.file, [line]);
  }
  return [...files.values()];
}

export function compare(
  ours: readonly PredictedLine[],
  theirs: readonly ObservedLine[],
  more: Partial<CompareInput> & { losses?: readonly LossEvent[] } = {},
): Comparison {
  return compareLines({
    predicted: ours,
    observed: byFile(theirs),
    packets: ours.length,
    epoch: EPOCH,
    end: ours.at(-1)?.time ?? 0,
    ...more,
  });
}

/** A difference as one row: kind, frame, field, simulated, host. */
export function row(d: Difference): (string | number | null)[] {
  return d.field === null
    ? [d.kind, d.frame, d.simulated ?? d.host]
    : [d.kind, d.frame, d.field, d.simulated, d.host];
}
