import { leadingUint, MAX_U32, parseUint, parseUintRange, type UintRange } from './integers.js';
import type { Negatable } from './negatable.js';
import type { GivenOption, OptionList, Word } from './options.js';
import { refusal, refuseTogether } from './refusal.js';

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
  min = 0,
): Negatable<number> | null {
  const given = options.find(name);
  if (!given) return null;
  const value = parseUint(given.args[0].text, max);
  if (value !== undefined && value >= min) return { value, negated: given.negated };
  options.error(refusal.outOfRange(extension, name, min, max), given.args[0]);
  return null;
}

/** An option's range; null where the option was not given or holds none. One that begins above its end is taken, and contains nothing. */
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
  if (value) return { value, negated: given.negated };
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
  refuseTogether(options, extension, names);
  return given[0];
}

/** The first argument of an option that must be there; that it is not is reported. */
export function requireOption(options: OptionList, extension: string, name: string): Word | undefined {
  const word = options.find(name)?.args[0];
  if (!word) options.error(refusal.missing(extension, name));
  return word;
}

/** 32 bits of a mark, and those of them that count. */
export interface MarkAndMask {
  readonly value: number;
  readonly mask: number;
}

/**
 * `value` or `value/mask` (`xtopt_parse_markmask()`, libxtables/xtoptions.c).
 * @returns undefined where the option was not given, or holds something else, which is reported at its word
 */
export function markArgument(options: OptionList, extension: string, name: string): MarkAndMask | undefined {
  const word = options.find(name)?.args[0];
  if (!word) return undefined;
  const value = leadingUint(word.text, MAX_U32);
  const mask = value?.rest.startsWith('/') ? leadingUint(value.rest.slice(1), MAX_U32) : null;
  if (!value || mask === undefined) options.error(refusal.cannotMark(extension, name), word);
  else if ((mask ?? value).rest === '') return { value: value.value, mask: mask?.value ?? MAX_U32 };
  else options.error(`${extension}: trailing garbage after value for option "${name}".`, word);
  return undefined;
}
