import type { SourceText } from '../../source/lines.js';
import type { Position } from '../../source/text.js';
import { bareWord, type Part, plainText, type ShellComplaint, type ShellToken } from './token.js';

/** Reads the text of a script; `at` is the offset where reading stands. */
interface Cursor {
  readonly text: string;
  readonly file: string;
  readonly lineStarts: readonly number[];
  readonly complain: ShellComplaint;
  at: number;
  /** Here-documents whose lines come after the present one. */
  pending: { readonly token: ShellToken; readonly dropsTabs: boolean }[];
}

const REDIRECTION = /\d?(?:>>|>\||>&|<&|<<<|<<-|<<|>|<)/y;
const OPERATOR = /&&|&>>|&>|\|\||;;|[|&;()\n]/y;
const NAME = /[A-Za-z_]\w*/y;
const ENDS_WORD = ' \t\n;|<>&()';
/** Substitutions in substitutions. */
const DEEPEST = 20;

/** The tokens of a script (POSIX sh, 2.3); a script that cannot be cut into tokens ends where that shows. */
export function shellTokens(source: SourceText, complain: ShellComplaint): ShellToken[] {
  const text = source.lines.join('\n') + '\n';
  const lineStarts = [0];
  for (const line of source.lines) lineStarts.push(lineStarts[lineStarts.length - 1] + line.length + 1);
  const cursor: Cursor = { text, file: source.file, lineStarts, complain, at: 0, pending: [] };
  const tokens: ShellToken[] = [];
  for (let token = nextToken(cursor); token; token = nextToken(cursor)) {
    const before = tokens.at(-1)?.operator;
    if (token.operator === null && before && /^\d?<<-?$/.test(before))
      cursor.pending.push({ token, dropsTabs: before.endsWith('-') });
    tokens.push(token);
    if (token.operator === '\n') readDocuments(cursor);
  }
  return tokens;
}

function positionAt({ lineStarts, file }: Cursor, offset: number): Position {
  let low = 0;
  let high = lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lineStarts[middle] <= offset) low = middle;
    else high = middle - 1;
  }
  return { file, line: low + 1, column: offset - lineStarts[low] + 1 };
}

/** Says what is wrong and reads no further. */
function giveUp(cursor: Cursor, message: string, offset: number): void {
  if (cursor.at <= cursor.text.length) cursor.complain(message, positionAt(cursor, offset), 1);
  cursor.at = cursor.text.length + 1;
}

function matchAt(cursor: Cursor, pattern: RegExp): string | null {
  pattern.lastIndex = cursor.at;
  return pattern.exec(cursor.text)?.[0] ?? null;
}

function nextToken(cursor: Cursor): ShellToken | null {
  skipBlanks(cursor);
  const { text } = cursor;
  if (cursor.at >= text.length) return null;
  const position = positionAt(cursor, cursor.at);
  const operator = matchAt(cursor, REDIRECTION) ?? matchAt(cursor, OPERATOR);
  if (operator === null) return readWord(cursor, position);
  cursor.at += operator.length;
  return { position, operator, parts: [], quoted: false, list: null, document: null };
}

function skipBlanks(cursor: Cursor): void {
  const { text } = cursor;
  for (;;) {
    const c = text[cursor.at];
    if (c === ' ' || c === '\t') cursor.at++;
    else if (c === '\\' && text[cursor.at + 1] === '\n') cursor.at += 2;
    else if (c === '#') cursor.at = text.indexOf('\n', cursor.at);
    else return;
  }
}

function readWord(cursor: Cursor, position: Position): ShellToken {
  const token = { position, operator: null, ...readParts(cursor, ENDS_WORD, 0), list: null, document: null };
  const word = bareWord(token);
  if (cursor.text[cursor.at] !== '(' || word === null || !/^[A-Za-z_]\w*\+?=$/.test(word)) return token;
  cursor.at++;
  return { ...token, list: readList(cursor, position) };
}

/** The words of `NAME=(…)`, which may stand on several lines. */
function readList(cursor: Cursor, opened: Position): ShellToken[] {
  const list: ShellToken[] = [];
  for (let token = nextToken(cursor); token; token = nextToken(cursor)) {
    if (token.operator === ')') return list;
    if (token.operator === null) list.push(token);
    else if (token.operator !== '\n') break;
  }
  giveUp(
    cursor,
    'this list of words is not followed',
    cursor.lineStarts[opened.line - 1] + opened.column - 1,
  );
  return list;
}

/** The parts of a word, up to one of the characters `ends` that stands outside quotes. */
function readParts(cursor: Cursor, ends: string, depth: number): { parts: Part[]; quoted: boolean } {
  const { text } = cursor;
  const parts: Part[] = [];
  let quoted = false;
  while (cursor.at < text.length && !ends.includes(text[cursor.at])) {
    const c = text[cursor.at++];
    if (c === '\\') {
      const next = text[cursor.at++];
      if (next === '\n') continue;
      quoted = true;
      addText(parts, next ?? '', true);
    } else if (c === "'") {
      quoted = true;
      const close = text.indexOf("'", cursor.at);
      if (close < 0) giveUp(cursor, 'this quote is never closed', cursor.at - 1);
      else {
        addText(parts, text.slice(cursor.at, close), true);
        cursor.at = close + 1;
      }
    } else if (c === '"') {
      quoted = true;
      addText(parts, '', true);
      readQuoted(cursor, parts, depth);
    } else if (c === '$' || c === '`') readSubstitution(cursor, c, parts, false, depth);
    else addText(parts, c, false);
  }
  return { parts, quoted };
}

/** What stands between double quotes, the cursor behind the first. */
function readQuoted(cursor: Cursor, parts: Part[], depth: number): void {
  const { text } = cursor;
  const opened = cursor.at - 1;
  while (cursor.at < text.length) {
    const c = text[cursor.at++];
    if (c === '"') return;
    if (c === '\\' && text[cursor.at] === '\n') cursor.at++;
    else if (c === '\\' && '$`"\\'.includes(text[cursor.at] ?? ' ')) addText(parts, text[cursor.at++], true);
    else if (c === '$' || c === '`') readSubstitution(cursor, c, parts, true, depth);
    else addText(parts, c, true);
  }
  giveUp(cursor, 'this quote is never closed', opened);
}

function addText(parts: Part[], text: string, quoted: boolean): void {
  const last = parts.at(-1);
  if (last?.kind === 'text' && last.quoted === quoted)
    parts[parts.length - 1] = { kind: 'text', text: last.text + text, quoted };
  else parts.push({ kind: 'text', text, quoted });
}

/** What follows a `$` or is in backquotes, the cursor behind the sign. */
function readSubstitution(cursor: Cursor, sign: string, parts: Part[], quoted: boolean, depth: number): void {
  const { text } = cursor;
  const start = cursor.at - 1;
  if (depth > DEEPEST) return giveUp(cursor, 'substitutions are nested too deeply', start);
  if (sign === '`') {
    const close = text.indexOf('`', cursor.at);
    if (close < 0) return giveUp(cursor, 'this quote is never closed', start);
    parts.push({ kind: 'command', text: text.slice(cursor.at, close), quoted });
    cursor.at = close + 1;
  } else if (text.startsWith('((', cursor.at)) {
    cursor.at += 2;
    const inner = readSum(cursor, depth + 1);
    if (!text.startsWith('))', cursor.at)) return readUnknown(cursor, '))', parts, quoted, start);
    parts.push({ kind: 'arithmetic', parts: inner, quoted });
    cursor.at += 2;
  } else if (text[cursor.at] === '(') {
    const from = ++cursor.at;
    readParenthesis(cursor, start);
    parts.push({ kind: 'command', text: text.slice(from, cursor.at - 1), quoted });
  } else if (text[cursor.at] === '{') {
    cursor.at++;
    readBraced(cursor, parts, quoted, start, depth);
  } else {
    const name = matchAt(cursor, NAME) ?? matchAt(cursor, /[0-9@*#?$!-]/y);
    if (name === null) return addText(parts, '$', quoted);
    cursor.at += name.length;
    parts.push({ kind: 'parameter', name, operator: null, argument: [], quoted });
  }
}

/** What stands in `$((…))`, up to the parentheses that close it. */
function readSum(cursor: Cursor, depth: number): Part[] {
  const parts: Part[] = [];
  for (let open = 0; ;) {
    parts.push(...readParts(cursor, '()\n', depth).parts);
    const c = cursor.text[cursor.at];
    if (c === '(') open++;
    else if (c === ')' && open > 0) open--;
    else return parts;
    parts.push({ kind: 'text', text: c, quoted: true });
    cursor.at++;
  }
}

/** Up to behind the parenthesis that closes the one before the cursor. */
function readParenthesis(cursor: Cursor, start: number): void {
  const { text } = cursor;
  let open = 1;
  while (cursor.at < text.length) {
    const c = text[cursor.at++];
    if (c === '\\') cursor.at++;
    else if (c === "'" || c === '"') {
      const close = text.indexOf(c, cursor.at);
      if (close < 0) break;
      cursor.at = close + 1;
    } else if (c === '(') open++;
    else if (c === ')' && --open === 0) return;
  }
  giveUp(cursor, 'this parenthesis is never closed', start);
}

/** `${NAME}`, `${#NAME}`, `${NAME[@]}`, `${NAME:-word}` and its like, the cursor behind the brace. */
function readBraced(cursor: Cursor, parts: Part[], quoted: boolean, start: number, depth: number): void {
  const isLength = matchAt(cursor, /#(?=[A-Za-z_])/y) !== null;
  if (isLength) cursor.at++;
  const name = matchAt(cursor, /[A-Za-z_]\w*(?:\[[@*]\])?|\d+|[@*#?$!-]/y);
  cursor.at += name?.length ?? 0;
  const operator = matchAt(cursor, /:?[-=+?]|%%?|##?/y);
  if (operator !== null) cursor.at += operator.length;
  const argument = operator === null ? [] : readParts(cursor, '}', depth + 1).parts;
  if (name === null || cursor.text[cursor.at] !== '}') return readUnknown(cursor, '}', parts, quoted, start);
  cursor.at++;
  parts.push({ kind: 'parameter', name, operator: isLength ? 'length' : operator, argument, quoted });
}

/** What stands in a here-document, of which quotes are no part (POSIX sh, 2.7.4). */
export function documentParts(
  text: string,
  at: Position,
  { complain }: { complain: ShellComplaint },
): Part[] {
  const cursor: Cursor = { text, file: at.file, lineStarts: [0], complain: (m, _at, n) => complain(m, at, n), at: 0, pending: [] }; // prettier-ignore
  const parts: Part[] = [];
  while (cursor.at < text.length) {
    const c = text[cursor.at++];
    if (c === '\\' && '$`\\'.includes(text[cursor.at] ?? ' ')) addText(parts, text[cursor.at++], true);
    else if (c === '$' || c === '`') readSubstitution(cursor, c, parts, true, 0);
    else addText(parts, c, true);
  }
  return parts;
}

/** A substitution that is not followed, up to the sign that ends it. */
function readUnknown(cursor: Cursor, end: string, parts: Part[], quoted: boolean, start: number): void {
  const close = cursor.text.indexOf(end, start);
  if (close < 0) return giveUp(cursor, 'this substitution is never closed', start);
  cursor.at = close + end.length;
  parts.push({ kind: 'unknown', text: cursor.text.slice(start, cursor.at), quoted });
}

/** The lines of the here-documents that the line before the cursor asks for (POSIX sh, 2.7.4). */
function readDocuments(cursor: Cursor): void {
  const { text } = cursor;
  for (const { token, dropsTabs } of cursor.pending) {
    const end = plainText(token);
    const firstLine = positionAt(cursor, cursor.at).line;
    const lines: string[] = [];
    let isClosed = false;
    while (!isClosed && cursor.at < text.length) {
      const newline = text.indexOf('\n', cursor.at);
      const line = text.slice(cursor.at, newline).replace(dropsTabs ? /^\t+/ : /^/, '');
      cursor.at = newline + 1;
      isClosed = line === end;
      if (!isClosed) lines.push(line);
    }
    if (!isClosed) cursor.complain(`the here-document that ends with ${end} does not end`, token.position, 1);
    token.document = { lines, firstLine, raw: token.quoted };
  }
  cursor.pending = [];
}
