import { parseUint, parseUintRange, type UintRange } from './integers.js';
import type { Negatable } from './negatable.js';
import type { GivenOption, OptionList, Word } from './options.js';
import { refusal } from './refusal.js';

const MAX_U32 = 0xffffffff;

/** The number an option was given, or `otherwise`; what is no number is reported at its word. */
export function numberArgument(
  options: OptionList,
  extension: string,
  name: string,
  otherwise: number,
  max = MAX_U32,
): number {
  const word = options.find(name)?.args[0];
  if (!word) return otherwise;
  const value = parseUint(word.text, max);
  if (value !== undefined) return value;
  options.error(refusal.outOfRange(extension, name, 0, max), word);
  return otherwise;
}

/** A number that may be negated; null where the option was not given or holds none. */
export function negatableNumber(
  options: OptionList,
  extension: string,
  name: string,
  max = MAX_U32,
): Negatable<number> | null {
  const given = options.find(name);
  if (!given) return null;
  const value = parseUint(given.args[0].text, max);
  if (value !== undefined) return { value, negated: given.negated };
  options.error(refusal.outOfRange(extension, name, 0, max), given.args[0]);
  return null;
}

/** An option's range; null where the option was not given or holds none. */
export function rangeArgument(
  options: OptionList,
  extension: string,
  name: string,
  max = MAX_U32,
): Negatable<UintRange> | null {
  const given = options.find(name);
  if (!given) return null;
  const word = given.args[0];
  const value = parseUintRange(word.text, max);
  if (value && value.min <= value.max) return { value, negated: given.negated };
  options.error(refusal.badRange(extension, name, word.text, max), word);
  return null;
}

/** The one of these options that was given; more than one is reported. */
export function oneOf(
  options: OptionList,
  extension: string,
  names: readonly string[],
): GivenOption | undefined {
  const given = options.given.filter((o) => names.includes(o.name));
  if (given.length > 1) options.error(refusal.together(extension, given[1].name, given[0].name), given[1]);
  return given[0];
}

/** The first argument of an option that must be there; that it is not is reported. */
export function requireOption(options: OptionList, extension: string, name: string): Word | undefined {
  const word = options.find(name)?.args[0];
  if (!word) options.error(refusal.missing(extension, name));
  return word;
}
