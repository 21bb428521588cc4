import type { Diagnostics } from '../../../source/diagnostic.js';
import { makeSource, placeOf, type Source, tokenize, type Token } from './lexer.js';
import { isReserved } from './stream.js';

/** What `include` gives: the files that a pattern stands for; undefined where they cannot be read. */
export type Include = (
  pattern: string,
  from: string,
) => readonly { file: string; text: string }[] | undefined;

const DEEPEST_INCLUDE = 16;
/** Characters of all included files. */
const MOST_INCLUDED = 64 * 1024 * 1024;
/** How many tokens the uses of variables may add up to. */
const MOST_EXPANDED = 500_000;

type Variables = Map<string, readonly Token[]>;

interface State {
  readonly output: Token[];
  /** The blocks that are open, the file first: what a block defines is known in it alone. */
  readonly scopes: Variables[];
  /** nft listed the text: there is nothing in it to be put in. */
  readonly listed: boolean;
  readonly include: Include | undefined;
  readonly diagnostics: Diagnostics;
  readonly warnings: Token[];
  expanded: number;
  /** Bytes of all that was included. */
  included: number;
}

/**
 * The tokens of a text with `define`, `redefine`, `undefine`, `$name` and `include` done. A variable stands for the
 * tokens of its value; what is said about them points at the use.
 */
export function preprocess(
  text: string,
  file: string,
  diagnostics: Diagnostics,
  include?: Include,
  listed = false,
): { tokens: Token[]; warnings: readonly Token[] } {
  const state: State = {
    output: [],
    scopes: [new Map<string, readonly Token[]>()],
    listed,
    include,
    diagnostics,
    warnings: [],
    expanded: 0,
    included: 0,
  };
  const end = expandFile(text, file, state, 0);
  state.output.push(end);
  return { tokens: state.output, warnings: state.warnings };
}

function expandFile(text: string, file: string, state: State, depth: number): Token {
  const source = makeSource(text, file);
  const tokens = tokenize(source);
  for (const warning of source.warnings) state.warnings.push(warning);
  if (!state.listed) sayLineEnds(source, state.diagnostics);
  const last = tokens[tokens.length - 1];
  let fresh = true;
  let i = 0;
  while (i < tokens.length - 1) {
    const token = tokens[i];
    if (fresh && token.kind === 'word') {
      const after = directive(tokens, i, state, depth);
      if (after !== undefined) {
        i = after;
        continue;
      }
    }
    if (token.kind === 'sign' && token.text === '$') {
      i = use(tokens, i, state, state.output);
      fresh = false;
      continue;
    }
    if (token.kind === 'sign') enterOrLeave(token.text, state);
    fresh = token.kind === 'newline' || (token.kind === 'sign' && [';', '{', '}'].includes(token.text));
    state.output.push(token.kind === 'string' ? withVariables(token, state) : token);
    i++;
  }
  return last;
}

/** nft refuses a file with line ends of Windows; here it is read. */
function sayLineEnds(source: Source, diagnostics: Diagnostics): void {
  const at = source.text.indexOf('\r\n');
  if (at < 0) return;
  diagnostics.warning('nft refuses lines that end in a carriage return', {
    ...placeOf({ kind: 'junk', text: '\r', source, start: at, end: at + 1 }),
    advice: 'The file has the line ends of Windows: the host does not load it as it stands.',
  });
}

/** Every brace counts as a block: definitions stand in those of tables and chains only. */
function enterOrLeave(sign: string, { scopes }: State): void {
  if (sign === '{') scopes.push(new Map());
  else if (sign === '}' && scopes.length > 1) scopes.pop();
}

/** The innermost block that defines the variable. */
function scopeOf(name: string, { scopes }: State): Variables | undefined {
  return scopes.findLast((scope) => scope.has(name));
}

/** The text after `log prefix`, in which `$name` stands for a value (`str_preprocess()`, src/parser_bison.y of nftables). */
function withVariables(string: Token, state: State): Token {
  const before = state.output.at(-1);
  if (state.listed || before?.kind !== 'word' || before.text !== 'prefix') return string;
  const text = string.text.replace(/\$(\w*)/g, (written, name: string) => {
    const value = scopeOf(name, state)?.get(name);
    if (!value) state.diagnostics.error(`unknown identifier '${name}'`, placeOf(string));
    return value ? value.map((token) => token.text).join('') : written;
  });
  return { ...string, text };
}

/** The index after a directive that begins at `i`; undefined where none does. */
function directive(tokens: readonly Token[], i: number, state: State, depth: number): number | undefined {
  const [word, name] = [tokens[i], tokens[i + 1]];
  switch (word.text) {
    case 'define':
    case 'redefine': {
      if (name.kind !== 'word' || isReserved(name.text) || tokens[i + 2]?.text !== '=') {
        state.diagnostics.error('expecting a name and "=" after define', placeOf(name));
        return endOfValue(tokens, i + 1);
      }
      if (word.text === 'define' && scopeOf(name.text, state))
        state.diagnostics.error(`redefinition of symbol '${name.text}'`, placeOf(name));
      const end = endOfValue(tokens, i + 3);
      const value: Token[] = [];
      for (let k = i + 3; k < end;) {
        if (tokens[k].kind === 'sign' && tokens[k].text === '$') k = use(tokens, k, state, value);
        else value.push(tokens[k++]);
      }
      while (value.at(-1)?.kind === 'newline') value.pop();
      state.scopes[state.scopes.length - 1].set(name.text, value);
      return end;
    }
    case 'undefine':
      if (!scopeOf(name.text, state))
        state.diagnostics.error(`undefined symbol '${name.text}'`, placeOf(name));
      // What a block around this one defines is still known in it.
      state.scopes[state.scopes.length - 1].delete(name.text);
      return i + 2;
    case 'include':
      if (name.kind !== 'string') return undefined;
      includeFiles(name, state, depth);
      return i + 2;
    default:
      return undefined;
  }
}

/** The value of a define goes to the end of its line, over what is in braces. */
function endOfValue(tokens: readonly Token[], from: number): number {
  let open = 0;
  let i = from;
  for (; i < tokens.length - 1; i++) {
    const token = tokens[i];
    if (token.kind === 'newline' && open === 0) break;
    if (token.kind !== 'sign') continue;
    if (token.text === '{') open++;
    else if (token.text === '}') {
      if (open === 0) break;
      open--;
    } else if (token.text === ';' && open === 0) break;
  }
  return i;
}

/** Puts the value of the variable at `i` into `to`; the index after it. */
function use(tokens: readonly Token[], i: number, state: State, to: Token[]): number {
  const sign = tokens[i];
  const name = tokens[i + 1];
  const value = name.kind === 'word' ? scopeOf(name.text, state)?.get(name.text) : undefined;
  if (!value) {
    state.diagnostics.error(`unknown identifier '${name.text.trim()}'`, placeOf(name));
    const end = name.kind === 'word' ? name.end : sign.end;
    to.push({ ...sign, kind: 'junk', text: sign.source.text.slice(sign.start, end), end });
    return name.kind === 'word' ? i + 2 : i + 1;
  }
  state.expanded += value.length;
  if (state.expanded > MOST_EXPANDED) {
    if (state.expanded - value.length <= MOST_EXPANDED)
      state.diagnostics.error('variables stand for too much', placeOf(name));
    return i + 2;
  }
  for (const token of value) to.push({ ...token, source: name.source, start: sign.start, end: name.end });
  return i + 2;
}

function includeFiles(name: Token, state: State, depth: number): void {
  const place = placeOf(name);
  if (depth >= DEEPEST_INCLUDE) {
    state.diagnostics.error('Include nested too deeply', place);
    return;
  }
  const files = state.include?.(name.text, name.source.file);
  if (!files) {
    state.diagnostics.error(`File not found: ${name.text}`, {
      ...place,
      advice: 'Give the included files too, or the output of nft list ruleset, which has everything.',
    });
    return;
  }
  for (const { file, text } of files) {
    state.included += text.length;
    if (state.included > MOST_INCLUDED) {
      state.diagnostics.error('too much is included', place);
      return;
    }
    const end = expandFile(text, file, state, depth + 1);
    state.output.push({ ...end, kind: 'newline', text: '\n' });
  }
}
