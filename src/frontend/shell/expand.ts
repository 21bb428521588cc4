import type { Position } from '../../source/text.js';
import { calculate } from './arithmetic.js';
import { literally } from './pattern.js';
import { type Part, type ShellToken } from './token.js';
import { cut, setVariable, textOf, type Value, type Variables, valueOf } from './variables.js';

/** What filling in a word needs. */
export interface Filling {
  readonly variables: Variables;
  /** What a command substitution printed; undefined where that is not known here. */
  substitute(text: string, at: Position): string | undefined;
  complain(message: string, at: Position, length: number): void;
  /** What is not set is empty, as the shell has it; else it is complained about, since a command would lose a word. */
  readonly isLenient: boolean;
}

/** Longest text that variables may grow a word to. */
const LONGEST = 65536;
const BLANKS = /[ \t\n]+/;
const BRACES = /\{[^{}\s]*(?:,|\.\.)[^{}\s]*\}/;

/** A word's texts: what is filled in without quotes is parted at blanks (POSIX sh, 2.6.5); null where it is not known. */
export function fieldsOf(token: ShellToken, filling: Filling): string[] | null {
  if (token.parts.some((part) => part.kind === 'text' && !part.quoted && BRACES.test(part.text))) {
    filling.complain('brace expansions are not followed: the command is not run', token.position, 1);
    return null;
  }
  const texts = [''];
  const append = (pieces: readonly string[]): void => {
    pieces.forEach((piece, i) => {
      if (i === 0) texts[texts.length - 1] += piece;
      else texts.push(piece);
    });
  };
  let isNothing = false;
  for (const part of token.parts) {
    const value = fill(part, token.position, filling);
    if (value === null) return null;
    const isList = typeof value !== 'string';
    if (part.kind === 'text') append([part.text]);
    else if (part.quoted && isAll(part) && isList) {
      append(value);
      isNothing ||= value.length === 0 && token.parts.every((p) => p === part || p.kind === 'text');
    } else if (part.quoted) append([textOf(value)]);
    else append(textOf(value).split(separators(filling.variables)));
  }
  if (isNothing && texts.every((text) => text === '')) return [];
  return token.quoted ? texts : texts.filter((text) => text !== '');
}

/** What parts words (POSIX sh, 2.6.5). */
function separators({ values }: Variables): RegExp {
  const signs = values.get('IFS');
  if (typeof signs !== 'string') return BLANKS;
  return signs === '' ? /(?!)/ : new RegExp(`[${signs.replace(/[\\\]^-]/g, '\\$&')}]+`);
}

/** `"$@"` and `"${NAME[@]}"` are as many words as there are. */
function isAll(part: Part): boolean {
  return part.kind === 'parameter' && (part.name === '@' || part.name.endsWith('[@]'));
}

/** A word that is not parted: an assignment's, a `case`'s; null where it is not known. */
export function wholeText(parts: readonly Part[], at: Position, filling: Filling): string | null {
  let text = '';
  for (const part of parts) {
    const value = fill(part, at, filling);
    if (value === null) return null;
    text += textOf(value);
  }
  return text;
}

/** A word as a pattern: what is quoted stands for itself. */
export function patternText(parts: readonly Part[], at: Position, filling: Filling): string | null {
  let text = '';
  for (const part of parts) {
    const value = fill(part, at, filling);
    if (value === null) return null;
    text += part.quoted ? literally(textOf(value)) : textOf(value);
  }
  return text;
}

function fill(part: Part, at: Position, filling: Filling): Value | null {
  if (part.kind === 'text') return part.text;
  const value = filledIn(part, at, filling);
  if (typeof value !== 'string' && !Array.isArray(value)) return null;
  const { variables } = filling;
  const length = textOf(value).length;
  variables.budget -= length;
  if (length <= LONGEST && variables.budget >= 0) return value;
  filling.complain('what is filled in makes the script too long: the command is not run', at, 1);
  return null;
}

function filledIn(part: Exclude<Part, { kind: 'text' }>, at: Position, filling: Filling): Value | null {
  const { variables } = filling;
  const unknown = (what: string): null => {
    filling.complain(`${what}: the command is not run`, at, 1);
    return null;
  };
  switch (part.kind) {
    case 'unknown':
      return unknown(`${part.text} is not followed`);
    case 'command':
      return (
        filling.substitute(part.text, at) ?? unknown(`what \`${part.text.trim()}\` prints is not known here`)
      );
    case 'arithmetic': {
      const text = wholeText(part.parts, at, filling);
      if (text === null) return null;
      let why: string | undefined;
      const sum = calculate(text, (name) => {
        const value = valueOf(variables, name);
        why ??= variables.unknown.get(name);
        return value === undefined ? undefined : textOf(value);
      });
      if (why !== undefined) return unknown(why);
      return sum === null ? unknown(`the sum ${text} is not followed`) : String(sum);
    }
    case 'parameter':
      return parameter(part, at, filling, unknown);
  }
}

function parameter(
  { name, operator, argument }: Extract<Part, { kind: 'parameter' }>,
  at: Position,
  filling: Filling,
  unknown: (what: string) => null,
): Value | null {
  const { variables } = filling;
  const value = valueOf(variables, name);
  const why = variables.unknown.get(name);
  if (why !== undefined) return unknown(why);
  const sign = operator?.replace(':', '');
  const isThere = value !== undefined && (!operator?.startsWith(':') || textOf(value) !== '');
  if (sign === '+') return isThere ? wholeText(argument, at, filling) : '';
  if (sign === '-' && !isThere) return wholeText(argument, at, filling);
  if (sign === '=' && !isThere) {
    const text = wholeText(argument, at, filling);
    if (text !== null) setVariable(variables, name, text);
    return text;
  }
  // A function's arguments are all there are; another variable may come from outside.
  const isEmpty = filling.isLenient || (variables.arguments !== null && /^\d+$/.test(name));
  if (value === undefined) return isEmpty ? '' : unknown(`$${name} is not set in this script`);
  if (operator === 'length') return String(value.length);
  if (sign !== undefined && /[%#]/.test(sign)) {
    const pattern = patternText(argument, at, filling);
    if (pattern === null) return null;
    return cut(textOf(value), sign, pattern) ?? unknown(`$${name} is too long to be cut`);
  }
  return value;
}
