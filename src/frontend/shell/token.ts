import type { Position } from '../../source/text.js';

/** A stretch of a word, before anything is filled in (POSIX sh, 2.6). */
export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  | {
      readonly kind: 'parameter';
      readonly name: string;
      /** `:-`, `#`, `%%`…; `length` for `${#NAME}`; null for the plain value. */
      readonly operator: string | null;
      readonly argument: readonly Part[];
      readonly quoted: boolean;
    }
  | { readonly kind: 'arithmetic'; readonly parts: readonly Part[]; readonly quoted: boolean }
  | { readonly kind: 'command'; readonly text: string; readonly quoted: boolean }
  /** A substitution that is not followed here. */
  | { readonly kind: 'unknown'; readonly text: string; readonly quoted: boolean };

/** A here-document: the lines that a command reads. */
export interface HereDocument {
  readonly lines: readonly string[];
  /** Where its first line stands in the file, 1-based. */
  readonly firstLine: number;
}

/** As it stands in the script; `raw` where its end word was quoted, so that nothing is filled in. */
export interface WrittenDocument extends HereDocument {
  readonly raw: boolean;
}

export interface ShellToken {
  readonly position: Position;
  /** `;`, `&&`, `2>`, a newline…; null for a word. */
  readonly operator: string | null;
  readonly parts: readonly Part[];
  /** A part of it was quoted, so that it is no keyword and stays a word when it is empty. */
  readonly quoted: boolean;
  /** The words in the parentheses of `NAME=(…)`. */
  readonly list: readonly ShellToken[] | null;
  /** Of the end word of a here-document. */
  document: WrittenDocument | null;
}

export type ShellComplaint = (message: string, at: Position, length: number) => void;

/** A word's text, without what is to be filled in. */
export function plainText(token: ShellToken): string {
  return token.parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

/** A word that nothing is filled into and of which nothing is quoted; null for all else. */
export function bareWord(token: ShellToken | undefined): string | null {
  if (!token || token.operator !== null || token.quoted || token.list) return null;
  return token.parts.every((part) => part.kind === 'text') ? plainText(token) : null;
}
