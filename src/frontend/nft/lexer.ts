import type { Position } from '../../source/text.js';

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

/**
 * One token a match, the first that fits: blanks, comment, line end, quoted string, link-layer address, IPv6, IPv4,
 * class id, number or time, word, sign. As in nft's own scanner a word may hold `-`, `.` and `/`, and end in `*`.
 */
const TOKEN = new RegExp(
  [
    '(?<blank>[ \\t\\r\\f]+|\\\\\\r?\\n)',
    '(?<comment>#[^\\n]*)',
    '(?<newline>\\n)',
    '"(?<string>[^"\\n]*)"',
    '(?<address>[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5}(?![\\w:])' +
      '|(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\\d{1,3}\\.){3}\\d{1,3}|[0-9A-Fa-f]{0,4})(?![\\w:])' +
      '|(?:\\d{1,3}\\.){3}\\d{1,3}(?![\\w.]))',
    '(?<classid>[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}(?![\\w:.]))',
    '(?<number>[0-9][0-9A-Za-z_]*)',
    '(?<word>[A-Za-z_][A-Za-z0-9_/\\\\.\\-]*\\*?)',
    '(?<sign>==|!=|<=|>=|<<|>>|&&|[{}()\\[\\];,.:=<>&|^!/*+~@$-])',
    '(?<junk>.)',
  ].join('|'),
  'uys',
);

/** Cuts a text into tokens; the last is of kind end. */
export function tokenize(source: Source): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  const { text } = source;
  while (pattern.lastIndex < text.length) {
    const start = pattern.lastIndex;
    const groups = pattern.exec(text)?.groups;
    if (!groups) break;
    const end = pattern.lastIndex;
    const add = (kind: TokenKind, content: string): void => {
      tokens.push({ kind, text: content, source, start, end });
    };
    if (groups.blank !== undefined) continue;
    if (groups.comment !== undefined) {
      noteComment(groups.comment, start, end);
      continue;
    }
    if (groups.newline !== undefined) add('newline', '\n');
    else if (groups.word !== undefined) addWord(groups.word, start);
    else if (groups.sign !== undefined) add('sign', groups.sign);
    else if (groups.number !== undefined) add('number', groups.number);
    else if (groups.address !== undefined) add('address', groups.address);
    else if (groups.string !== undefined) add('string', groups.string);
    else if (groups.classid !== undefined) add('classid', groups.classid);
    else add('junk', text.slice(start, end));
  }
  tokens.push({ kind: 'end', text: '', source, start: text.length, end: text.length });
  return tokens;

  function noteComment(comment: string, start: number, end: number): void {
    const handle = /^# handle (\d{1,15})\s*$/.exec(comment);
    if (handle) source.handles.set(lineOf(source, start) + 1, Number(handle[1]));
    else if (/^# ?Warning:/.test(comment))
      source.warnings.push({ kind: 'junk', text: comment, source, start, end });
  }

  function addWord(word: string, start: number): void {
    tokens.push({ kind: 'word', text: word, source, start, end: start + word.length });
  }
}
