import type { SourceText } from '../../source/lines.js';
import type { Position } from '../../source/text.js';

/** A stretch of a word: text as it is, or the name of a variable to be filled in. */
export interface Part {
  readonly text: string;
  readonly variable: boolean;
  readonly quoted: boolean;
}

export interface ShellToken {
  readonly position: Position;
  /** `;`, `&&`, `<<`…; null for a word. */
  readonly operator: string | null;
  readonly parts: readonly Part[];
  /** A part of it was quoted, so that it is no keyword and no assignment. */
  readonly quoted: boolean;
}

/** A here-document: the lines that a command reads. */
export interface HereDocument {
  readonly lines: readonly string[];
  /** Where its first line stands in the file, 1-based. */
  readonly firstLine: number;
}

export type ShellComplaint = (message: string, at: Position, length: number) => void;

/** Where reading stands; `column` is 0-based. */
export interface Cursor {
  readonly source: SourceText;
  line: number;
  column: number;
  readonly complain: ShellComplaint;
}

const OPERATORS = '&& || <<< <<- << &>> &> 2>> 2> 1>> 1> >> > < ;; ; | &'.split(' ');

/** A word's text where it holds no variables, else what stands around them. */
export function plainText(token: ShellToken): string {
  return token.parts.map((part) => (part.variable ? '' : part.text)).join('');
}

/** How here-documents of a line are to be read, in their order. */
interface Wanted {
  readonly end: string;
  readonly raw: boolean;
  readonly tabs: boolean;
}

/**
 * The tokens of the line at the cursor, with the lines that a backslash or an open quote joins to it, and its
 * here-documents (POSIX sh, 2.3 and 2.7.4). The cursor moves behind all of them.
 * @param fill fills variables in a here-document's line
 */
export function logicalLine(
  cursor: Cursor,
  fill: (line: string) => string,
): { tokens: ShellToken[]; documents: HereDocument[] } {
  const tokens: ShellToken[] = [];
  const wanted: Wanted[] = [];
  cursor.column = 0;
  for (let token = nextToken(cursor); token; token = nextToken(cursor)) {
    const before = tokens.at(-1)?.operator;
    if (token.operator === null && (before === '<<' || before === '<<-'))
      wanted.push({ end: plainText(token), raw: token.quoted, tabs: before === '<<-' });
    tokens.push(token);
  }
  cursor.line++;
  return { tokens, documents: wanted.map((want) => hereDocument(cursor, want, fill)) };
}

function hereDocument(cursor: Cursor, want: Wanted, fill: (line: string) => string): HereDocument {
  const { lines, file } = cursor.source;
  const firstLine = cursor.line + 1;
  const taken: string[] = [];
  for (; cursor.line < lines.length; cursor.line++) {
    const line = want.tabs ? lines[cursor.line].replace(/^\t+/, '') : lines[cursor.line];
    if (line === want.end) {
      cursor.line++;
      return { lines: taken, firstLine };
    }
    taken.push(want.raw ? line : fill(line));
  }
  const at = { file, line: firstLine - 1, column: 1 };
  cursor.complain(`the here-document that ends with ${want.end} does not end`, at, 1);
  return { lines: taken, firstLine };
}

/** null at the end of the line. */
function nextToken(cursor: Cursor): ShellToken | null {
  skipBlanks(cursor);
  const line = cursor.source.lines[cursor.line];
  if (cursor.column >= line.length || line[cursor.column] === '#') return null;
  const position = { file: cursor.source.file, line: cursor.line + 1, column: cursor.column + 1 };
  // In `2>&1` the & belongs to what follows.
  const redirected = cursor.column > 0 && /[<>]/.test(line[cursor.column - 1]);
  const operator = OPERATORS.find((op) => line.startsWith(op, cursor.column));
  if (operator === undefined || (redirected && operator === '&')) return word(cursor, position);
  cursor.column += operator.length;
  return { position, operator, parts: [], quoted: false };
}

function skipBlanks(cursor: Cursor): void {
  for (;;) {
    const line = cursor.source.lines[cursor.line];
    while (line[cursor.column] === ' ' || line[cursor.column] === '\t') cursor.column++;
    if (cursor.column !== line.length - 1 || line[cursor.column] !== '\\' || !joinNext(cursor)) return;
  }
}

function joinNext(cursor: Cursor): boolean {
  if (cursor.line + 1 >= cursor.source.lines.length) return false;
  cursor.line++;
  cursor.column = 0;
  return true;
}

function word(cursor: Cursor, position: Position): ShellToken {
  const { lines } = cursor.source;
  const parts: Part[] = [];
  let quoted = false;
  const start = cursor.column;
  for (;;) {
    const line = lines[cursor.line];
    const c = line[cursor.column];
    if (c === undefined || ' \t;|<>'.includes(c)) break;
    if (c === '&' && cursor.column !== start) break;
    cursor.column++;
    if (c === '\\') {
      if (cursor.column < line.length) {
        quoted = true;
        parts.push(literal(line[cursor.column++], true));
      } else if (!joinNext(cursor)) break;
    } else if (c === "'" || c === '"') {
      quoted = true;
      parts.push(literal('', true));
      quotedParts(cursor, c, parts);
    } else {
      parts.push(c === '$' ? variable(cursor, false) : literal(c, false));
      if (c === '`') notFilledIn(cursor);
    }
  }
  return { position, operator: null, parts: merged(parts), quoted };
}

function literal(text: string, quoted: boolean): Part {
  return { text, variable: false, quoted };
}

function merged(parts: readonly Part[]): Part[] {
  const out: Part[] = [];
  let texts: string[] = [];
  let quoted = false;
  const flush = (): void => {
    if (texts.length > 0) out.push(literal(texts.join(''), quoted));
    texts = [];
  };
  for (const part of parts) {
    if (part.variable || (texts.length > 0 && part.quoted !== quoted)) flush();
    if (part.variable) out.push(part);
    else texts.push(part.text);
    quoted = part.quoted;
  }
  flush();
  return out;
}

/** What stands between quotes, the cursor behind the first. A quote may go over several lines. */
function quotedParts(cursor: Cursor, quote: string, parts: Part[]): void {
  const { lines, file } = cursor.source;
  const opened = { file, line: cursor.line + 1, column: cursor.column };
  for (;;) {
    const line = lines[cursor.line];
    if (cursor.column >= line.length) {
      if (!joinNext(cursor)) return cursor.complain('this quote is never closed', opened, 1);
      parts.push(literal('\n', true));
      continue;
    }
    const c = line[cursor.column++];
    if (c === quote) return;
    if (quote === '"' && c === '\\') {
      const next = line[cursor.column];
      if (next === undefined && joinNext(cursor)) continue;
      if (next !== undefined && '$`"\\'.includes(next)) {
        cursor.column++;
        parts.push(literal(next, true));
      } else parts.push(literal(c, true));
    } else if (quote === '"' && c === '$') parts.push(variable(cursor, true));
    else {
      if (quote === '"' && c === '`') notFilledIn(cursor);
      parts.push(literal(c, true));
    }
  }
}

/** `$NAME` or `${NAME}`, the cursor behind the dollar. */
function variable(cursor: Cursor, quoted: boolean): Part {
  const rest = cursor.source.lines[cursor.line].slice(cursor.column, cursor.column + 256);
  const found = /^(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/.exec(rest);
  if (found) {
    cursor.column += found[0].length;
    return { text: found[1] ?? found[2], variable: true, quoted };
  }
  if (/^[({0-9@*#?!]/.test(rest)) notFilledIn(cursor);
  return literal('$', quoted);
}

function notFilledIn(cursor: Cursor): void {
  const at = { file: cursor.source.file, line: cursor.line + 1, column: cursor.column };
  cursor.complain('command substitutions and positional parameters are not filled in', at, 1);
}
