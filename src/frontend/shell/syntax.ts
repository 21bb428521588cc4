import type { Position } from '../../source/text.js';
import { bareWord, plainText, type ShellComplaint, type ShellToken } from './token.js';

/** `> FILE` and its like; the word after a here-document's sign has the document. */
export interface Redirection {
  readonly operator: string;
  readonly word: ShellToken;
}

/** A piece of a script (POSIX sh, 2.9). */
export type Node =
  | {
      readonly kind: 'simple';
      readonly position: Position;
      readonly words: readonly ShellToken[];
      readonly redirections: readonly Redirection[];
    }
  | { readonly kind: 'pipeline'; readonly negated: boolean; readonly parts: readonly Node[] }
  | {
      readonly kind: 'and-or';
      readonly first: Node;
      readonly rest: readonly { isAnd: boolean; node: Node }[];
    }
  | {
      readonly kind: 'if';
      readonly position: Position;
      readonly clauses: readonly { condition: List; body: List }[];
      readonly otherwise: List | null;
    }
  | {
      readonly kind: 'for';
      readonly position: Position;
      readonly name: string;
      /** null: the arguments of the function. */
      readonly words: readonly ShellToken[] | null;
      readonly body: List;
    }
  | {
      readonly kind: 'while';
      readonly position: Position;
      readonly isUntil: boolean;
      readonly condition: List;
      readonly body: List;
    }
  | {
      readonly kind: 'case';
      readonly position: Position;
      readonly word: ShellToken;
      readonly arms: readonly { patterns: readonly ShellToken[]; body: List }[];
    }
  | { readonly kind: 'function'; readonly name: string; readonly body: Node }
  | {
      readonly kind: 'group';
      readonly isSubshell: boolean;
      readonly body: List;
      readonly redirections: readonly Redirection[];
    }
  /** What is read to its end and not followed. */
  | { readonly kind: 'unfollowed'; readonly what: string; readonly position: Position };

export type List = readonly Node[];

/** Structures in structures. */
const DEEPEST = 100;
const RESERVED = new Set('if then else elif fi for while until do done case esac { } in'.split(' '));

interface Parser {
  readonly tokens: readonly ShellToken[];
  at: number;
  depth: number;
}

/** What cannot be read as a script: no piece after it is run. */
class Unreadable extends Error {
  constructor(
    message: string,
    readonly token: ShellToken | undefined,
  ) {
    super(message);
  }
}

/** The pieces of a script, one after the other; where one cannot be read, that is said and the last one was before it. */
export function* shellPieces(tokens: readonly ShellToken[], complain: ShellComplaint): Generator<Node> {
  const parser: Parser = { tokens, at: 0, depth: 0 };
  try {
    for (;;) {
      skipSeparators(parser);
      if (parser.at >= tokens.length) return;
      yield readAndOr(parser);
      const after = tokens.at(parser.at)?.operator;
      if (parser.at < tokens.length && after !== ';' && after !== '&' && after !== '\n') unexpected(parser);
    }
  } catch (unreadable) {
    if (!(unreadable instanceof Unreadable)) throw unreadable;
    const { position } = unreadable.token ?? tokens[tokens.length - 1];
    const length = unreadable.token ? Math.max(1, nameOf(unreadable.token).length) : 1;
    complain(`${unreadable.message}: nothing from here on is run`, position, length);
  }
}

function nameOf(token: ShellToken): string {
  return token.operator ?? plainText(token);
}

function unexpected(parser: Parser): never {
  const token = parser.tokens.at(parser.at);
  if (!token) throw new Unreadable('the script ends within a structure', undefined);
  throw new Unreadable(`unexpected ${token.operator === '\n' ? 'end of the line' : nameOf(token)}`, token);
}

function peek({ tokens, at }: Parser): ShellToken | undefined {
  return tokens[at];
}

function isOperator(parser: Parser, ...operators: string[]): boolean {
  const operator = peek(parser)?.operator;
  return operator !== null && operator !== undefined && operators.includes(operator);
}

function isReserved(parser: Parser, ...words: string[]): boolean {
  const word = bareWord(peek(parser));
  return word !== null && words.includes(word);
}

function expectReserved(parser: Parser, word: string): void {
  if (!isReserved(parser, word)) unexpected(parser);
  parser.at++;
}

function expectOperator(parser: Parser, operator: string): void {
  if (!isOperator(parser, operator)) unexpected(parser);
  parser.at++;
}

function skipNewlines(parser: Parser): void {
  while (isOperator(parser, '\n')) parser.at++;
}

function skipSeparators(parser: Parser): void {
  while (isOperator(parser, '\n', ';', '&')) parser.at++;
}

/** Pieces up to a reserved word or an operator that ends them. */
function readList(parser: Parser, ...ends: string[]): List {
  const list: Node[] = [];
  for (;;) {
    skipSeparators(parser);
    if (isReserved(parser, ...ends) || isOperator(parser, ...ends)) return list;
    list.push(readAndOr(parser));
    if (!isOperator(parser, ';', '&', '\n', ...ends)) unexpected(parser);
  }
}

function readAndOr(parser: Parser): Node {
  const first = readPipeline(parser);
  const rest: { isAnd: boolean; node: Node }[] = [];
  while (isOperator(parser, '&&', '||')) {
    const isAnd = isOperator(parser, '&&');
    parser.at++;
    skipNewlines(parser);
    rest.push({ isAnd, node: readPipeline(parser) });
  }
  return rest.length === 0 ? first : { kind: 'and-or', first, rest };
}

function readPipeline(parser: Parser): Node {
  let negated = false;
  for (; isReserved(parser, '!'); parser.at++) negated = !negated;
  const parts = [readCommand(parser)];
  while (isOperator(parser, '|')) {
    parser.at++;
    skipNewlines(parser);
    parts.push(readCommand(parser));
  }
  return parts.length === 1 && !negated ? parts[0] : { kind: 'pipeline', negated, parts };
}

function readCommand(parser: Parser): Node {
  if (++parser.depth > DEEPEST) throw new Unreadable('structures are nested too deeply', peek(parser));
  const node = readCompound(parser) ?? readSimple(parser);
  parser.depth--;
  return node;
}

function readCompound(parser: Parser): Node | null {
  const start = peek(parser);
  if (!start) return unexpected(parser);
  if (isOperator(parser, '(')) return readGroup(parser, ')');
  switch (bareWord(start) ?? '') {
    case '{':
      return readGroup(parser, '}');
    case 'if':
      return redirected(parser, readIf(parser));
    case 'for':
    case 'select':
      return redirected(parser, readFor(parser));
    case 'while':
    case 'until':
      return redirected(parser, readWhile(parser));
    case 'case':
      return redirected(parser, readCase(parser));
    case 'function':
      parser.at++;
      return readFunction(parser);
    case '[[':
      return readDoubleBracket(parser);
  }
  const next = parser.tokens.at(parser.at + 1)?.operator;
  const closes = parser.tokens.at(parser.at + 2)?.operator;
  if (start.operator === null && next === '(' && closes === ')') return readFunction(parser);
  return null;
}

/** A structure with a redirection behind it is a group of one. */
function redirected(parser: Parser, node: Node): Node {
  const redirections = readRedirections(parser);
  return redirections.length === 0 ? node : { kind: 'group', isSubshell: false, body: [node], redirections };
}

function readGroup(parser: Parser, end: string): Node {
  const { position } = parser.tokens[parser.at++];
  const next = peek(parser)?.position;
  if (isOperator(parser, '(') && next?.line === position.line && next.column === position.column + 1) {
    skipParentheses(parser);
    expectOperator(parser, ')');
    return { kind: 'unfollowed', what: 'a sum is not followed', position };
  }
  const body = readList(parser, end);
  parser.at++;
  return { kind: 'group', isSubshell: end === ')', body, redirections: readRedirections(parser) };
}

/** From an opening parenthesis to behind the one that closes it. */
function skipParentheses(parser: Parser): void {
  let open = 0;
  do {
    if (isOperator(parser, '(')) open++;
    else if (isOperator(parser, ')')) open--;
    else if (!peek(parser)) unexpected(parser);
    parser.at++;
  } while (open > 0);
}

function readIf(parser: Parser): Node {
  const { position } = parser.tokens[parser.at];
  const clauses: { condition: List; body: List }[] = [];
  while (isReserved(parser, 'if', 'elif')) {
    parser.at++;
    const condition = readList(parser, 'then');
    parser.at++;
    clauses.push({ condition, body: readList(parser, 'elif', 'else', 'fi') });
  }
  let otherwise: List | null = null;
  if (isReserved(parser, 'else')) {
    parser.at++;
    otherwise = readList(parser, 'fi');
  }
  expectReserved(parser, 'fi');
  return { kind: 'if', position, clauses, otherwise };
}

function readFor(parser: Parser): Node {
  const start = parser.tokens[parser.at++];
  const { position } = start;
  if (isOperator(parser, '(') || plainText(start) === 'select') {
    if (isOperator(parser, '(')) skipParentheses(parser);
    while (!isReserved(parser, 'do')) if (!parser.tokens.at(parser.at++)) unexpected(parser);
    readBody(parser);
    return { kind: 'unfollowed', what: 'a loop of this kind is not followed', position };
  }
  const name = bareWord(peek(parser));
  if (name === null || !/^[A-Za-z_]\w*$/.test(name)) unexpected(parser);
  parser.at++;
  skipNewlines(parser);
  let words: ShellToken[] | null = null;
  if (isReserved(parser, 'in')) {
    parser.at++;
    words = readWords(parser);
  }
  skipSeparators(parser);
  return { kind: 'for', position, name, words, body: readBody(parser) };
}

function readWords(parser: Parser): ShellToken[] {
  const words: ShellToken[] = [];
  for (let token = peek(parser); token?.operator === null; token = peek(parser)) {
    words.push(token);
    parser.at++;
  }
  return words;
}

function readBody(parser: Parser): List {
  expectReserved(parser, 'do');
  const body = readList(parser, 'done');
  parser.at++;
  return body;
}

function readWhile(parser: Parser): Node {
  const start = parser.tokens[parser.at++];
  const condition = readList(parser, 'do');
  const isUntil = plainText(start) === 'until';
  return { kind: 'while', position: start.position, isUntil, condition, body: readBody(parser) };
}

function readCase(parser: Parser): Node {
  const { position } = parser.tokens[parser.at++];
  const word = peek(parser);
  if (word?.operator !== null) return unexpected(parser);
  parser.at++;
  skipNewlines(parser);
  expectReserved(parser, 'in');
  const arms: { patterns: ShellToken[]; body: List }[] = [];
  for (skipNewlines(parser); !isReserved(parser, 'esac'); skipNewlines(parser)) {
    if (isOperator(parser, '(')) parser.at++;
    const patterns = readWords(parser);
    for (; isOperator(parser, '|'); patterns.push(...readWords(parser))) parser.at++;
    if (patterns.length === 0) unexpected(parser);
    expectOperator(parser, ')');
    arms.push({ patterns, body: readList(parser, ';;', 'esac') });
    if (isOperator(parser, ';;')) parser.at++;
  }
  parser.at++;
  return { kind: 'case', position, word, arms };
}

/** `NAME() { …; }`, the cursor at the name. */
function readFunction(parser: Parser): Node {
  const name = bareWord(peek(parser));
  if (name === null || RESERVED.has(name)) return unexpected(parser);
  parser.at++;
  if (isOperator(parser, '(')) {
    parser.at++;
    expectOperator(parser, ')');
  }
  skipNewlines(parser);
  const body = readCompound(parser);
  return body ? { kind: 'function', name, body } : unexpected(parser);
}

/** `[[ … ]]`: signs between the brackets are words. */
function readDoubleBracket(parser: Parser): Node {
  const { position } = parser.tokens[parser.at];
  const words: ShellToken[] = [];
  for (;;) {
    const token = parser.tokens.at(parser.at++);
    if (!token) return unexpected(parser);
    if (token.operator === null) words.push(token);
    else if (token.operator !== '\n')
      words.push({
        ...token,
        operator: null,
        parts: [{ kind: 'text', text: token.operator, quoted: false }],
      });
    if (bareWord(token) === ']]') break;
  }
  return redirected(parser, { kind: 'simple', position, words, redirections: [] });
}

function readRedirections(parser: Parser): Redirection[] {
  const redirections: Redirection[] = [];
  for (let found = readRedirection(parser); found; found = readRedirection(parser)) redirections.push(found);
  return redirections;
}

function readRedirection(parser: Parser): Redirection | null {
  const operator = peek(parser)?.operator ?? '';
  if (!/[<>]/.test(operator)) return null;
  parser.at++;
  const word = peek(parser);
  if (word?.operator !== null) return unexpected(parser);
  parser.at++;
  return { operator, word };
}

function readSimple(parser: Parser): Node {
  const start = peek(parser);
  const words: ShellToken[] = [];
  const redirections: Redirection[] = [];
  if (!start || isReserved(parser, ...RESERVED)) return unexpected(parser);
  for (;;) {
    const redirection = readRedirection(parser);
    if (redirection) {
      redirections.push(redirection);
      continue;
    }
    const token = peek(parser);
    if (token?.operator !== null) break;
    words.push(token);
    parser.at++;
  }
  if (words.length === 0 && redirections.length === 0) return unexpected(parser);
  return { kind: 'simple', position: start.position, words, redirections };
}
