import { parseUint } from '../integers.js';
import type { OptionList } from '../options.js';
import { refusal } from '../refusal.js';

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
