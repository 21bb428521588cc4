import { u32 as readU32 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import { requireOption } from '../arguments.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { parseUint, type UintRange } from '../integers.js';
import { bang } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { outcomeOf } from '../outcomes.js';
import { Outcome } from '../verdict.js';

/** `struct xt_u32` (linux/netfilter/xt_u32.h): tests that must all be true. */
export interface U32Match {
  readonly tests: readonly U32Test[];
  readonly negated: boolean;
}

interface U32Test {
  /** Where the first 32 bits are taken, from the network header. */
  readonly start: number;
  readonly steps: readonly { readonly op: '&' | '<<' | '>>' | '@'; readonly number: number }[];
  readonly ranges: readonly UintRange[];
}

/** XT_U32_MAXSIZE: as many tests, steps and ranges. */
const MAX = 10;

const OPTIONS: readonly OptionSpec[] = [{ name: '--u32', args: 1, negatable: true }];

function parse(options: OptionList): U32Match {
  const word = requireOption(options, 'u32', '--u32');
  const negated = options.find('--u32')?.negated ?? false;
  const tests: U32Test[] = [];
  for (const text of word ? word.text.split('&&') : []) {
    const test = parseTest(text.replace(/\s+/g, ''));
    if (typeof test === 'string') {
      options.error(`u32: ${test}`, word);
      return { tests: [], negated };
    }
    tests.push(test);
  }
  if (tests.length > MAX) options.error(`u32: at most ${MAX} tests are allowed`, word);
  return { tests, negated };
}

/** One test: `start [op number]… = value[:value],…`. @returns what is wrong, where something is */
function parseTest(text: string): U32Test | string {
  const equals = text.indexOf('=');
  if (equals < 0) return `"${text}" has no "="`;
  const parts = /^(\w+)((?:(?:&|<<|>>|@)\w+)*)$/.exec(text.slice(0, equals));
  const start = parts && parseUint(parts[1], 0xffffffff);
  if (!parts || start === undefined || start === null) return `"${text.slice(0, equals)}" is no location`;
  const steps: U32Test['steps'][number][] = [];
  for (const [, op, digits] of parts[2].matchAll(/(&|<<|>>|@)(\w+)/g)) {
    const number = parseUint(digits, 0xffffffff);
    if (number === undefined) return `"${digits}" is no number`;
    if ((op === '<<' || op === '>>') && number > 31) return `a shift by ${number} is more than 31`;
    steps.push({ op: op as '&', number });
  }
  const ranges: UintRange[] = [];
  for (const part of text.slice(equals + 1).split(',')) {
    const [low, high] = part.split(':');
    const min = parseUint(low, 0xffffffff);
    const max = high === undefined ? min : parseUint(high, 0xffffffff);
    if (min === undefined || max === undefined || part.split(':').length > 2)
      return `"${part}" is no value or range`;
    ranges.push({ min, max });
  }
  if (steps.length >= MAX || ranges.length > MAX) return `at most ${MAX} steps and values are allowed`;
  return { start, steps, ranges };
}

function expression({ tests }: U32Match): string {
  const hex = (n: number): string => `0x${n.toString(16)}`;
  const one = ({ start, steps, ranges }: U32Test): string =>
    `${hex(start)}${steps.map(({ op, number }) => op + hex(number)).join('')}=` +
    ranges.map(({ min, max }) => (min === max ? hex(min) : `${hex(min)}:${hex(max)}`)).join(',');
  return `"${tests.map(one).join('&&')}"`;
}

/** The four bytes at a place; undefined where the packet ends before, null where the capture does. */
function word(packet: Packet, at: number): number | undefined | null {
  if (at + 4 > packet.length) return undefined;
  return at + 4 > packet.data.length ? null : readU32(packet.data, at);
}

/** What a test's left side comes to. */
function valueOf(test: U32Test, packet: Packet): number | undefined | null {
  let base = 0;
  let value = word(packet, test.start);
  for (const { op, number } of test.steps) {
    if (value === undefined || value === null) return value;
    if (op === '&') value = (value & number) >>> 0;
    else if (op === '<<') value = (value << number) >>> 0;
    else if (op === '>>') value >>>= number;
    else {
      base += value;
      value = word(packet, base + number);
    }
  }
  return value;
}

function inRanges({ ranges }: U32Test, value: number): boolean {
  for (const { min, max } of ranges) if (min <= value && value <= max) return true;
  return false;
}

/** `u32_match_it()` (net/netfilter/xt_u32.c): a place outside the packet makes it false. */
function test({ tests, negated }: U32Match, packet: Packet): Outcome {
  for (const one of tests) {
    const value = valueOf(one, packet);
    if (value === null) return Outcome.unknown;
    if (value === undefined || !inRanges(one, value)) return outcomeOf(negated);
  }
  return outcomeOf(!negated);
}

function explain(data: U32Match, packet: Packet, _: Context, __: undefined, outcome: Outcome): Condition[] {
  const out: Condition[] = [];
  for (const one of data.tests) {
    const value = valueOf(one, packet);
    const saw =
      typeof value === 'number'
        ? `0x${value.toString(16)}`
        : value === null
          ? 'bytes that the capture did not keep'
          : 'a place outside the packet';
    const hit = typeof value === 'number' && inRanges(one, value);
    const each = condition('u32', 'payload', false, expression({ tests: [one], negated: false }), saw, hit);
    out.push(value === null ? { ...each, outcome: Outcome.unknown } : each);
    if (!hit) break;
  }
  if (!data.negated) return out;
  const saw = out.map((c) => c.saw).join(', ');
  return [{ ...condition('u32', 'payload', true, expression(data), saw, true), outcome }];
}

export const u32: MatchDefinition<U32Match, undefined> = {
  name: 'u32',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print: (data) => `${bang(data.negated)}--u32 ${expression(data)}`,
  list: (data) => `u32 ${bang(data.negated)}${expression(data)}`,
  reads: () => ['payload'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
