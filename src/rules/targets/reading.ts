import { parseUint } from '../integers.js';
import type { OptionList } from '../options.js';
import { refusal } from '../refusal.js';

/** 32 bits of a mark, and the bits that are cleared before they are XORed in. */
export interface MarkAndMask {
  readonly value: number;
  readonly mask: number;
}

export const ALL_BITS = 0xffffffff;

/**
 * The number an option was given, or `otherwise` where it is absent. What is no number between the bounds is
 * reported at its word, in the words of libxtables.
 */
export function uintOption<T>(
  options: OptionList,
  extension: string,
  name: string,
  [min, max]: readonly [min: number, max: number],
  otherwise: T,
): number | T {
  const word = options.find(name)?.args[0];
  if (!word) return otherwise;
  const value = parseUint(word.text, max);
  if (value !== undefined && value >= min) return value;
  options.error(refusal.outOfRange(extension, name, min, max), word);
  return otherwise;
}

/** `value` or `value/mask`; undefined where the option is absent or reported. */
export function markOption(options: OptionList, extension: string, name: string): MarkAndMask | undefined {
  const word = options.find(name)?.args[0];
  if (!word) return undefined;
  const [first, second, more] = word.text.split('/');
  const value = parseUint(first, ALL_BITS);
  const mask = second === undefined ? ALL_BITS : parseUint(second, ALL_BITS);
  if (value !== undefined && mask !== undefined && more === undefined) return { value, mask };
  const why =
    more === undefined
      ? `bad integer value for option "${name}", or out of range.`
      : `trailing garbage after value for option "${name}".`;
  options.error(`${extension}: ${why}`, word);
  return undefined;
}

/** The text of an option that must be there; reported and '' where it is not. */
export function requiredText(options: OptionList, extension: string, name: string): string {
  const text = options.text(name);
  if (text === undefined) options.error(refusal.missing(extension, name));
  return text ?? '';
}

/**
 * What a string field of the kernel's structure keeps: as many bytes of UTF-8 as fit before its closing 0. A character
 * that is cut becomes U+FFFD, as it does where the kernel's own text is read.
 */
export function cutToBytes(text: string, bytes: number): string {
  if (text.length * 3 <= bytes) return text;
  const encoded = new TextEncoder().encode(text);
  return encoded.length <= bytes ? text : new TextDecoder().decode(encoded.subarray(0, bytes));
}

/** The words that are not empty, one space between them. */
export function words(...parts: readonly (string | false | null)[]): string {
  return parts.filter((part) => part !== false && part !== null && part !== '').join(' ');
}
