import type { Position } from '../../../source/text.js';

export type TokenKind =
  'word' | 'number' | 'string' | 'address' | 'classid' | 'sign' | 'newline' | 'junk' | 'end';

/** A piece of a ruleset text. */
export interface Token {
  readonly kind: TokenKind;
  /** As written; of a string what is between the quotes. */
  readonly text: string;
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** A text with what is needed to say where an offset is. */
export interface Source {
  readonly file: string;
  readonly text: string;
  readonly lineStarts: readonly number[];
  /** `# handle N` by line, as `nft -a` writes them. */
  readonly handles: Map<number, number>;
  /** `# Warning: …` comments of nft itself. */
  readonly warnings: Token[];
}

export function makeSource(text: string, file: string): Source {
  const lineStarts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) lineStarts.push(i + 1);
  return { file, text, lineStarts, handles: new Map(), warnings: [] };
}

function lineOf(source: Source, offset: number): number {
  let low = 0;
  let high = source.lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (source.lineStarts[middle] <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function positionOf(token: Token): Position {
  const line = lineOf(token.source, token.start);
  return {
    file: token.source.file,
    line: line + 1,
    column: token.start - token.source.lineStarts[line] + 1,
  };
}

/** Where a token is, for a diagnostic: position, caret length, the line. */
export function placeOf(token: Token): { position: Position; length: number; lineText: string } {
  const position = positionOf(token);
  const start = token.source.lineStarts[position.line - 1];
  const end = token.source.lineStarts[position.line] ?? token.source.text.length + 1;
  return {
    position,
    length: Math.max(1, Math.min(token.end, end - 1) - token.start),
    lineText: token.source.text.slice(start, Math.max(start, end - 1)).replace(/\r$/, ''),
  };
}

/** Link-layer, IPv6 and IPv4 addresses; what could go on as a word or another group is none. */
const ADDRESS =
  /[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5}(?![\w:])|(?:[0-9A-Fa-f]{0,4}:){2,8}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{0,4})(?![\w:])|(?:\d{1,3}\.){3}\d{1,3}(?![\w.])/y;
const CLASS_ID = /[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}(?![\w:.])/y;
const NUMBER = /[0-9][0-9A-Za-z_]*/y;
/** As in nft's own scanner a word may hold `-`, `.` and `/`, and end in `*`. */
const WORD = /[A-Za-z_][A-Za-z0-9_/\\.-]*\*?/y;
const SIGN = /==|!=|<=|>=|<<|>>|&&|[{}()[\];,.:=<>&|^!/*+~@$-]/y;
const BLANK = /(?:[ \t\r\f]|\\\r?\n)+/y;

/** The length of a prefix before a port. */
const LENGTH = /\d+(?=:)/y;
const STRING = /"[^"\n]*"/y;

const NEWLINE = 10;
const QUOTE = 34;
const HASH = 35;

/** Where a match of the pattern that begins at `at` ends; -1 where none does. */
function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

function isHexadecimal(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 70) || (code >= 97 && code <= 102);
}

/** Cuts a text into tokens; the last is of kind end. */
export function tokenize(source: Source): Token[] {
  const tokens: Token[] = [];
  const { text } = source;
  let at = 0;
  const add = (kind: TokenKind, end: number): void => {
    tokens.push({ kind, text: text.slice(at, end), source, start: at, end });
    at = end;
  };
  while (at < text.length) {
    const blank = endOf(BLANK, text, at);
    if (blank >= 0) {
      at = blank;
      continue;
    }
    const code = text.charCodeAt(at);
    if (code === NEWLINE) add('newline', at + 1);
    else if (code === HASH) {
      const line = text.indexOf('\n', at);
      const end = line < 0 ? text.length : line;
      noteComment(source, at, end);
      at = end;
    } else if (code === QUOTE) at = addString(source, at, tokens);
    else {
      const length = isPrefix(tokens) ? endOf(LENGTH, text, at) : -1;
      const [kind, end] = length >= 0 ? (['number', length] as const) : classify(text, at, code);
      add(kind, end);
    }
  }
  tokens.push({ kind: 'end', text: '', source, start: text.length, end: text.length });
  return tokens;
}

/** Whether a prefix length comes next: `10.0.0.0/8:80`, as nft lists NAT, holds no class. */
function isPrefix(tokens: readonly Token[]): boolean {
  const slash = tokens.at(-1);
  if (slash?.kind !== 'sign' || slash.text !== '/') return false;
  const before = tokens.at(-2)?.kind;
  return before === 'address' || before === 'string';
}

function classify(text: string, at: number, code: number): readonly [TokenKind, number] {
  const hexadecimal = isHexadecimal(code);
  if (hexadecimal || code === 58) {
    const address = endOf(ADDRESS, text, at);
    if (address >= 0) return ['address', address];
    const classId = hexadecimal ? endOf(CLASS_ID, text, at) : -1;
    if (classId >= 0) return ['classid', classId];
  }
  const number = endOf(NUMBER, text, at);
  if (number >= 0) return ['number', number];
  const word = endOf(WORD, text, at);
  if (word >= 0) return ['word', word];
  const sign = endOf(SIGN, text, at);
  return sign >= 0 ? ['sign', sign] : ['junk', at + 1];
}

/** A string ends on its line; a quote without another is junk. */
function addString(source: Source, start: number, tokens: Token[]): number {
  const { text } = source;
  const close = endOf(STRING, text, start) - 1;
  if (close < 0) {
    tokens.push({ kind: 'junk', text: '"', source, start, end: start + 1 });
    return start + 1;
  }
  tokens.push({ kind: 'string', text: text.slice(start + 1, close), source, start, end: close + 1 });
  return close + 1;
}

function noteComment(source: Source, start: number, end: number): void {
  const comment = source.text.slice(start, end);
  const handle = /^# handle (\d{1,15})\s*$/.exec(comment);
  if (handle) source.handles.set(lineOf(source, start) + 1, Number(handle[1]));
  else if (/^# ?Warning:/.test(comment))
    source.warnings.push({ kind: 'junk', text: comment, source, start, end });
}
