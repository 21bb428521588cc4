import { bang, type Negatable } from './negatable.js';

export const MAX_U32 = 0xffffffff;

/** What strtoul(3) takes with base 0: `0x` hexadecimal, octal after a leading 0, or decimal. */
const NUMBER = /^[ \t\n\v\f\r]*\+?(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)/i;

function valueOf(digits: string): number {
  if (/^0x/i.test(digits)) return parseInt(digits.slice(2), 16);
  return parseInt(digits, digits.startsWith('0') ? 8 : 10);
}

/**
 * The unsigned integer that a text begins with, in C's notation, and what follows it (`xtables_strtoui()` of
 * libxtables with base 0).
 * @returns undefined where it begins with none, or with one above `max`
 */
export function leadingUint(
  text: string,
  max: number,
): { readonly value: number; readonly rest: string } | undefined {
  const found = NUMBER.exec(text);
  const value = found ? valueOf(found[1]) : NaN;
  return found && value <= max ? { value, rest: text.slice(found[0].length) } : undefined;
}

/**
 * Reads an unsigned integer in C's notation.
 * @returns undefined where the text is no such number, or one above `max`
 */
export function parseUint(text: string, max: number): number | undefined {
  const found = leadingUint(text, max);
  return found?.rest === '' ? found.value : undefined;
}

export interface UintRange {
  readonly min: number;
  readonly max: number;
}

/**
 * `value`, `min:max`, `min:` or `:max`, as libxtables reads its range types (`xtopt_parse_mint()`); nothing at all is 0.
 * @returns undefined where a part is no number up to `max`
 */
export function parseUintRange(text: string, max: number): UintRange | undefined {
  const [low, high, more] = text.split(':');
  if (more !== undefined) return undefined;
  const min = low === '' ? 0 : parseUint(low, max);
  const end = high === undefined ? min : high === '' ? max : parseUint(high, max);
  return min === undefined || end === undefined ? undefined : { min, max: end };
}

/** `min:max`, or one number where they are the same. */
export function printUintRange({ min, max }: UintRange): string {
  return min === max ? String(min) : `${min}:${max}`;
}

/** The option of a range, as a save file has it; a range of everything is not printed, negated or not. */
export function printHeaderRange(option: string, wanted: Negatable<UintRange> | null): string {
  if (!wanted || isEverything(wanted.value)) return '';
  return `${bang(wanted.negated)}${option} ${printUintRange(wanted.value)}`;
}

/** `ids:!3:4`, as `iptables -L` shows it: `print_ids()`, `print_spis()` and the like (libip6t_frag and its sisters). */
export function listHeaderRange(word: string, wanted: Negatable<UintRange> | null): string {
  if (!wanted || (isEverything(wanted.value) && !wanted.negated)) return '';
  const { min, max } = wanted.value;
  return `${word}${min === max ? '' : 's'}:${wanted.negated ? '!' : ''}${printUintRange(wanted.value)}`;
}

function isEverything({ min, max }: UintRange): boolean {
  return min === 0 && max === MAX_U32;
}

export function hex(value: number, digits = 1): string {
  return `0x${(value >>> 0).toString(16).padStart(digits, '0')}`;
}
