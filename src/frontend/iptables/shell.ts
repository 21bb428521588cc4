import type { Word } from '../../rules/options.js';
import type { SourceText } from '../../source/lines.js';
import type { Position } from '../../source/text.js';
import {
  type Cursor,
  type HereDocument,
  logicalLine,
  plainText,
  type ShellComplaint,
  type ShellToken,
} from './shellWords.js';

/** What joins two commands. */
export type Connector = ';' | '&&' | '||' | '|';

export type Stream = 'stdout' | 'stderr' | 'elsewhere';

/** One simple command of a script, its quotes gone and its variables filled in (POSIX sh, 2.9.1). */
export interface SimpleCommand {
  readonly words: readonly Word[];
  readonly before: Connector;
  readonly after: Connector;
  /** `!` stands before it. */
  readonly negated: boolean;
  readonly input: HereDocument | null;
  /** The file after `<`; null where there is none. */
  readonly inputFile: string | null;
  /** Where standard output and standard error end up. */
  readonly output: Stream;
  readonly errors: Stream;
  readonly position: Position;
}

/** Longest text that variables may grow a word to. */
const LONGEST = 65536;
const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)=/;
const CONTROL = /^(if|then|else|elif|fi|for|while|until|do|done|case|esac|select|function|[{}()].*|.*\(\))$/;

/** What the script has set, and how many characters variables may still add to its text. */
interface Variables {
  readonly values: Map<string, string>;
  budget: number;
}

/** Variables may make a script this many times as long as it is written, and a little more. */
const GROWTH = 8;
const SPARE = 100_000;

/**
 * The simple commands of a shell script, in order: quotes, backslashes, comments, continued lines, `;` `&&`
 * `||` `|`, here-documents, redirections, and variables that the script itself has set. Control structures
 * and substitutions are complained about; a command that one of them would change is left out.
 */
export function* shellCommands(source: SourceText, complain: ShellComplaint): Generator<SimpleCommand> {
  let unclear = false;
  const cursor: Cursor = {
    source,
    line: 0,
    column: 0,
    complain(message, at, length) {
      unclear = true;
      complain(message, at, length);
    },
  };
  const written = source.lines.reduce((sum, line) => sum + line.length, 0);
  const variables: Variables = { values: new Map(), budget: written * GROWTH + SPARE };
  let before: Connector = ';';
  while (cursor.line < source.lines.length) {
    unclear = false;
    const { tokens, documents } = logicalLine(cursor, (line) => fillLine(line, variables));
    if (unclear) continue;
    const line = splitLine(tokens, documents, before);
    before = line.open;
    for (const building of line.commands) {
      const command = finish(building, variables, complain);
      if (command) yield command;
    }
  }
}

interface Building {
  readonly tokens: ShellToken[];
  readonly before: Connector;
  after: Connector;
  input: HereDocument | null;
  inputFile: string | null;
  output: Stream;
  errors: Stream;
}

/** Cuts a line at its connectors; `open` is the one that joins the next line to it. */
function splitLine(
  tokens: readonly ShellToken[],
  documents: readonly HereDocument[],
  first: Connector,
): { commands: Building[]; open: Connector } {
  const commands: Building[] = [];
  let open = first;
  let building: Building | null = null;
  let redirect: string | null = null;
  let document = 0;
  for (const token of tokens) {
    building ??= { ...EMPTY, tokens: [], before: open };
    if (token.operator === null) {
      if (redirect === null) building.tokens.push(token);
      else if (redirect === '<<' || redirect === '<<-') building.input = documents[document++] ?? null;
      else takeRedirect(building, redirect, token);
      redirect = null;
    } else if (/[<>]/.test(token.operator)) {
      redirect = token.operator;
    } else {
      open =
        token.operator === '&&' || token.operator === '||' || token.operator === '|' ? token.operator : ';';
      building.after = open;
      if (building.tokens.length > 0) commands.push(building);
      building = null;
    }
  }
  if (building) {
    open = ';';
    if (building.tokens.length > 0) commands.push(building);
  }
  return { commands, open };
}

const EMPTY = {
  after: ';',
  input: null,
  inputFile: null,
  output: 'stdout',
  errors: 'stderr',
} as const;

function takeRedirect(building: Building, operator: string, token: ShellToken): void {
  const text = plainText(token);
  if (operator === '<<<') building.input = { lines: text.split('\n'), firstLine: token.position.line };
  else if (operator === '<') building.inputFile = text;
  else if (operator.startsWith('2')) building.errors = text === '&1' ? building.output : 'elsewhere';
  else {
    building.output = text === '&2' ? building.errors : 'elsewhere';
    if (operator.startsWith('&')) building.errors = building.output;
  }
}

/** Carries assignments out and refuses control structures; what is left is a command. */
function finish(building: Building, variables: Variables, complain: ShellComplaint): SimpleCommand | null {
  let tokens = building.tokens;
  let negated = false;
  while (tokens.length > 1 && plainText(tokens[0]) === '!' && !tokens[0].quoted) {
    negated = !negated;
    tokens = tokens.slice(1);
  }
  const first = plainText(tokens[0]);
  if (!tokens[0].quoted && CONTROL.test(first)) {
    complain(`shell control structures are not followed: "${first}"`, tokens[0].position, first.length);
    return null;
  }
  const words = fillTokens(tokens, variables, complain);
  if (!words) return null;
  let at = words[0]?.text === 'export' || words[0]?.text === 'readonly' ? 1 : 0;
  const assigned: string[] = [];
  while (at < words.length && ASSIGNMENT.test(words[at].text)) assigned.push(words[at++].text);
  if (at === words.length) {
    for (const text of assigned) {
      const equals = text.indexOf('=');
      variables.values.set(text.slice(0, equals), text.slice(equals + 1));
    }
    return null;
  }
  const { before, after, input, inputFile, output, errors } = building;
  const { position } = words[at];
  return {
    words: words.slice(at),
    before,
    after,
    negated,
    input,
    inputFile,
    output,
    errors,
    position,
  };
}

/** The words with variables filled in; null where one is not known. */
function fillTokens(
  tokens: readonly ShellToken[],
  variables: Variables,
  complain: ShellComplaint,
): Word[] | null {
  const words: Word[] = [];
  for (const token of tokens) {
    const texts = fillToken(token, variables, complain);
    if (!texts) return null;
    for (const text of texts) words.push({ text, position: token.position });
  }
  return words;
}

/** One token's words: an unquoted variable parts them at blanks (POSIX sh, 2.6.5), except in an assignment. */
function fillToken(token: ShellToken, variables: Variables, complain: ShellComplaint): string[] | null {
  const { parts } = token;
  if (parts.every((part) => !part.variable)) return [plainText(token)];
  const assigns = !parts[0].variable && ASSIGNMENT.test(parts[0].text);
  const texts = [''];
  let length = 0;
  for (const part of parts) {
    const value = part.variable ? variables.values.get(part.text) : part.text;
    if (value === undefined) {
      complain(`$${part.text} is not set in this script: the command is not run`, token.position, 1);
      return null;
    }
    length += value.length;
    variables.budget -= part.variable ? value.length : 0;
    if (length > LONGEST || variables.budget < 0) {
      complain(`$${part.text} makes the script too long: the command is not run`, token.position, 1);
      return null;
    }
    const fields = !part.variable || part.quoted || assigns ? [value] : value.split(/[ \t\n]+/);
    texts[texts.length - 1] += fields[0];
    for (const field of fields.slice(1)) texts.push(field);
  }
  return token.quoted ? texts : texts.filter((text) => text !== '');
}

/** `$NAME` and `\$` in a here-document whose end word was not quoted. */
function fillLine(line: string, variables: Variables): string {
  if (!/[$\\]/.test(line)) return line;
  return line.replace(
    /\\([$\\`])|\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)/g,
    (all, escaped?: string, braced?: string, plain?: string) => {
      if (escaped) return escaped;
      const value = variables.values.get(braced ?? plain ?? '');
      if (value === undefined || value.length > variables.budget) return all;
      variables.budget -= value.length;
      return value;
    },
  );
}
