import { fitsPattern } from './pattern.js';

export type Value = string | readonly string[];

/** What a script has set. */
export interface Variables {
  readonly values: Map<string, Value>;
  /** Variables that were given what nobody knows here, with why. */
  readonly unknown: Map<string, string>;
  /** `$1` and so on; null where only who calls the script knows them. */
  arguments: readonly string[] | null;
  /** `$?` */
  status: number;
  /** How many characters variables may still add to the script's text. */
  budget: number;
}

/** The value of `NAME`, `NAME[@]`, `1`, `@`, `#`, `?`; undefined where it is not set, or nobody can know it here. */
export function valueOf(variables: Variables, name: string): Value | undefined {
  const { values, arguments: given } = variables;
  if (/^[1-9]\d*$/.test(name)) return given ? given[Number(name) - 1] : undefined;
  if (name === '@' || name === '*') return given ?? undefined;
  if (name === '#') return given ? String(given.length) : undefined;
  if (name === '?') return String(variables.status);
  const whole = /^(\w+)\[[@*]\]$/.exec(name);
  const value = values.get(whole ? whole[1] : name);
  if (value === undefined) return undefined;
  if (whole) return typeof value === 'string' ? [value] : value;
  return typeof value === 'string' ? value : (value[0] ?? '');
}

/** Sets a variable: what was not known of it before is known now. */
export function setVariable({ values, unknown }: Variables, name: string, value: Value): void {
  unknown.delete(name);
  values.set(name, value);
}

/** A variable has from now on what nobody knows here. */
export function forget({ values, unknown }: Variables, name: string, why: string): void {
  values.delete(name);
  unknown.set(name, why);
}

export function textOf(value: Value): string {
  return typeof value === 'string' ? value : value.join(' ');
}

/** Longest text that a pattern is cut off. */
const LONGEST_CUT = 4096;

/** `${NAME%pattern}` and its like. @param pattern of the shell, `\` before what stands for itself */
export function cut(text: string, operator: string, pattern: string): string | undefined {
  if (text.length > LONGEST_CUT || pattern.length > LONGEST_CUT) return undefined;
  const fromStart = operator.startsWith('#');
  const longest = operator.length === 2;
  const lengths = Array.from({ length: text.length + 1 }, (_, n) => (longest ? text.length - n : n));
  const found = lengths.find((n) =>
    fitsPattern(pattern, fromStart ? text.slice(0, n) : text.slice(text.length - n)),
  );
  if (found === undefined) return text;
  return fromStart ? text.slice(found) : text.slice(0, text.length - found);
}
