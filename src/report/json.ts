import { partsPerMillion, type LogStretch } from '../compare/clock.js';
import type { Comparison, Difference } from '../compare/result.js';
import type { Finding } from '../explain/finding.js';
import { isoTime } from './time.js';
import { wordsOf } from './words.js';

/** Grows when a member changes its meaning or goes; new members may come without. */
export const JSON_VERSION = 1;

/**
 * JSON text that is safe on a terminal too: what JSON.stringify leaves of control and direction characters becomes `\\u…`,
 * which reads back the same.
 */
export function printJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Characters that are written at once. */
const PIECE = 1 << 16;

/**
 * What `printJson(value, 2)` gives, with a line feed, a piece at a time: a million rows are more than one string can hold.
 * Iterables become arrays, whose rows are made as they are printed: the value itself, or members of it.
 */
export function* jsonPieces(value: object): Generator<string> {
  let piece = '';
  for (const part of isRows(value) ? rowParts(value, '') : memberParts(value)) {
    piece += part;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}\n`;
}

function* memberParts(value: object): Generator<string> {
  let before = '{';
  for (const [name, member] of Object.entries(value) as [string, unknown][]) {
    if (member === undefined) continue;
    yield `${before}\n  ${printJson(name)}: `;
    if (isRows(member)) yield* rowParts(member, '  ');
    else yield indented(member, '  ');
    before = ',';
  }
  yield before === '{' ? '{}' : '\n}';
}

function* rowParts(rows: Iterable<unknown>, indent: string): Generator<string> {
  let before = '[';
  for (const row of rows) {
    yield `${before}\n${indent}  ${indented(row, `${indent}  `)}`;
    before = ',';
  }
  yield before === '[' ? '[]' : `\n${indent}]`;
}

function isRows(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

/** In JSON no string has a line feed. */
function indented(value: unknown, by: string): string {
  return printJson(value, 2).replaceAll('\n', `\n${by}`);
}

/** Rows made of others as they are asked for. */
export function rowsOf<From, To>(rows: Iterable<From>, make: (row: From) => To): Iterable<To> {
  return {
    *[Symbol.iterator]() {
      for (const row of rows) yield make(row);
    },
  };
}

/** The object that `compare --format json` prints (docs/cli), and how the log's clock was told. */
export function comparisonJson(result: Comparison, findings: readonly Finding[]): Record<string, unknown> {
  return {
    version: JSON_VERSION,
    summary: result.summary,
    differences: result.differences.map((d) => differenceJson(d, result.epoch)),
    findings: findings.map(findingJson),
    assumptions: result.assumptions,
    aside: result.aside,
    clock: result.clocks.map(clockJson),
  };
}

/** One object a line: the summary, then findings, differences and assumptions, each with its `type`. */
export function* comparisonNdjson(result: Comparison, findings: readonly Finding[]): Generator<string> {
  const line = (type: string, value: object): string => `${printJson({ type, ...value })}\n`;
  yield line('summary', { version: JSON_VERSION, ...result.summary });
  for (const clock of result.clocks) yield line('clock', clockJson(clock));
  for (const finding of findings) yield line('finding', findingJson(finding));
  for (const d of result.differences) yield line('difference', differenceJson(d, result.epoch));
  for (const text of result.assumptions) yield line('assumption', { text });
}

export function findingJson(finding: Finding): Record<string, unknown> {
  const { kind, facts, confidence, explains, left, suspect, evidence } = finding;
  const { statement, advice } = wordsOf(finding);
  return { kind, confidence, explains, left, suspect, statement, advice, facts, evidence };
}

export function differenceJson(d: Difference, epoch: bigint): Record<string, unknown> {
  const { kind, frame, field, simulated, host, rule, finding, reason, position, line } = d;
  return {
    kind,
    time: isoTime(epoch, d.time),
    packet: frame === 0 ? null : frame,
    field,
    simulated,
    host,
    rule,
    finding,
    reason,
    position,
    line,
  };
}

function clockJson(stretch: LogStretch): Record<string, unknown> {
  const { file, clock, resolution, lines, fit } = stretch;
  return {
    file,
    clock,
    resolutionNs: resolution,
    lines,
    fit: fit && {
      /** ns of log time at capture time 0. */
      offsetNs: Math.round(fit.origin - fit.at / fit.rate),
      driftPpm: partsPerMillion(fit),
      uncertaintyNs: Math.round(fit.uncertainty),
      agreeing: fit.agreeing,
      votes: fit.votes,
    },
  };
}
