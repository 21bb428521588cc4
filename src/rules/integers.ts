/**
 * Reads an unsigned integer in C's notation: decimal, `0x` hexadecimal, or octal after a leading 0
 * (`xtables_strtoui()` of libxtables with base 0).
 * @returns undefined where the text is no such number, or one above `max`
 */
export function parseUint(text: string, max: number): number | undefined {
  const value = /^0x[0-9a-f]{1,16}$/i.test(text)
    ? parseInt(text.slice(2), 16)
    : /^0[0-7]{1,22}$/.test(text)
      ? parseInt(text, 8)
      : /^(0|[1-9]\d{0,19})$/.test(text)
        ? Number(text)
        : undefined;
  return value !== undefined && value <= max ? value : undefined;
}

export interface UintRange {
  readonly min: number;
  readonly max: number;
}

/** `value`, `min:max`, `min:` or `:max`, as libxtables reads its range types; undefined where a part is no number up to `max`. */
export function parseUintRange(text: string, max: number): UintRange | undefined {
  const [low, high, more] = text.split(':');
  if (more !== undefined) return undefined;
  const min = low === '' && high !== undefined ? 0 : parseUint(low, max);
  const end = high === undefined ? min : high === '' ? max : parseUint(high, max);
  return min === undefined || end === undefined ? undefined : { min, max: end };
}

/** `min:max`, or one number where they are the same. */
export function printUintRange({ min, max }: UintRange): string {
  return min === max ? String(min) : `${min}:${max}`;
}

export function hex(value: number, digits = 1): string {
  return `0x${(value >>> 0).toString(16).padStart(digits, '0')}`;
}
