import type { Word } from '../../rules/options.js';
import { readLines, type SourceText } from '../../source/lines.js';
import type { Position } from '../../source/text.js';
import { assign, builtin, isBuiltin } from './builtins.js';
import { fieldsOf, type Filling, patternText, wholeText } from './expand.js';
import { leftOut, onlyReads, TURN_OF_LOOP, undecided } from './leftOut.js';
import { shellTokens } from './lexer.js';
import { fitsPattern } from './pattern.js';
import { lineOf, positionOf } from './position.js';
import { DEEPEST_CALL, goesOn, isOver, newShell, type Shell, type ShellHost, takesTurn } from './shell.js';
import { PLAIN, type Printed, redirect, type Streams } from './streams.js';
import { type List, type Node, shellPieces } from './syntax.js';
import { bareWord, type ShellToken } from './token.js';
import { setVariable } from './variables.js';

/** What stands before a command and leaves it what it is. */
const PREFIX = /^(?:\S*\/)?(?:sudo|command|exec)$/;

/**
 * Runs a shell script (POSIX sh, and what of bash firewall scripts use), of which it does itself what needs nothing
 * but the script: variables, loops, conditions, functions, `echo` and the like. All other commands are the host's. What
 * hangs on something that nobody knows here is complained about and left out: nothing is guessed.
 * @returns the last command's exit status
 */
export function interpret(source: SourceText, host: ShellHost): number {
  const shell = newShell(source, host);
  const complain = (message: string, at: Position, length: number): void =>
    host.complain(message, at, length);
  for (const node of shellPieces(shellTokens(source, complain), complain)) {
    runNode(shell, node, PLAIN, false);
    if (shell.leaving === 'exit' || host.isOver) break;
    shell.leaving = null;
  }
  return shell.variables.status;
}

/** @param tested whether something asks how it ends, so that a failure does not end the script under `set -e` */
function runList(shell: Shell, list: List, streams: Streams, tested: boolean): number | null {
  let status: number | null = 0;
  for (const node of list) {
    status = runNode(shell, node, streams, tested);
    if (isOver(shell)) break;
  }
  return status;
}

function runNode(shell: Shell, node: Node, streams: Streams, tested: boolean): number | null {
  const status = statusOf(shell, node, streams, tested);
  shell.variables.status = status ?? 0;
  return status;
}

function statusOf(shell: Shell, node: Node, streams: Streams, tested: boolean): number | null {
  switch (node.kind) {
    case 'simple':
      return runSimple(shell, node, streams, tested);
    case 'pipeline': {
      const status = runPipeline(shell, node.parts, streams, tested || node.negated);
      return node.negated && status !== null ? Number(status === 0) : status;
    }
    case 'and-or':
      return runAndOr(shell, node, streams, tested);
    case 'if':
      return runIf(shell, node, streams, tested);
    case 'for':
      return runFor(shell, node, streams, tested);
    case 'while':
      return runWhile(shell, node, streams, tested);
    case 'case':
      return runCase(shell, node, streams, tested);
    case 'function':
      shell.functions.set(node.name, node.body);
      return 0;
    case 'group': {
      const inner = redirect(node.redirections, streams, fillingOf(shell, false));
      if (!inner) return null;
      return node.isSubshell
        ? runSubshell(shell, node.body, inner, tested)
        : runList(shell, node.body, inner, tested);
    }
    case 'unfollowed':
      shell.host.complain(node.what, node.position, 1);
      return null;
  }
}

/** What a subshell sets is gone after it; what its commands did stays. */
function runSubshell(shell: Shell, body: List, streams: Streams, tested: boolean): number | null {
  const { variables } = shell;
  const inner: Shell = {
    ...shell,
    variables: { ...variables, values: new Map(variables.values), unknown: new Map(variables.unknown) },
    functions: new Map(shell.functions),
  };
  const status = runList(inner, body, streams, tested);
  shell.turns = inner.turns;
  variables.budget = inner.variables.budget;
  return inner.leaving === 'exit' ? inner.variables.status : status;
}

function runPipeline(shell: Shell, parts: List, streams: Streams, tested: boolean): number | null {
  let input: Pick<Streams, 'input' | 'inputFile'> = streams;
  let status: number | null = 0;
  parts.forEach((part, i) => {
    const printed: Printed | null = i < parts.length - 1 ? { text: '', isUnknown: false } : null;
    const own = printed ? { ...streams, ...input, printed } : { ...streams, ...input };
    status = runNode(shell, part, own, tested || printed !== null);
    if (!printed) return;
    const firstLine = shell.place?.line ?? lineOf(part);
    const lines = printed.text.replace(/\n$/, '').split('\n');
    input = { input: printed.isUnknown ? null : { lines, firstLine, next: 0 }, inputFile: null };
  });
  return status;
}

function runAndOr(
  shell: Shell,
  { first, rest }: Extract<Node, { kind: 'and-or' }>,
  streams: Streams,
  tested: boolean,
): number | null {
  let status = runNode(shell, first, streams, true);
  for (let i = 0; i < rest.length && !isOver(shell); i++) {
    const { isAnd, node } = rest[i];
    // What stands behind `||` is for when it fails: of what nobody knows that is not taken for granted.
    if (status === null && isAnd)
      return undecided(
        shell,
        positionOf(first),
        rest
          .slice(i)
          .filter((r) => r.isAnd)
          .map((r) => r.node),
      );
    if (isAnd ? status === 0 : status !== 0 && status !== null)
      status = runNode(shell, node, streams, tested || i < rest.length - 1);
  }
  return status;
}

function runIf(
  shell: Shell,
  { clauses, otherwise, position }: Extract<Node, { kind: 'if' }>,
  streams: Streams,
  tested: boolean,
): number | null {
  for (const [i, { condition, body }] of clauses.entries()) {
    const status = runList(shell, condition, streams, true);
    if (isOver(shell)) return status;
    if (status === null) {
      const others = clauses.slice(i + 1).flatMap((clause) => [...clause.condition, ...clause.body]);
      return undecided(shell, position, [...body, ...others, ...(otherwise ?? [])]);
    }
    if (status === 0) return runList(shell, body, streams, tested);
  }
  return otherwise ? runList(shell, otherwise, streams, tested) : 0;
}

function runFor(
  shell: Shell,
  { name, words, body, position }: Extract<Node, { kind: 'for' }>,
  streams: Streams,
  tested: boolean,
): number | null {
  const values: string[] = [...((words ? null : shell.variables.arguments) ?? [])];
  let why = '';
  const filling = fillingOf(shell, false);
  const silent = { ...filling, complain: (message: string) => (why = message) };
  for (const word of words ?? []) {
    const fields = fieldsOf(word, silent);
    if (!fields) {
      if (leftOut(shell, body, TURN_OF_LOOP)) filling.complain(why, word.position, 1);
      return null;
    }
    values.push(...fields);
  }
  let status: number | null = 0;
  for (const value of values) {
    if (!takesTurn(shell, position)) break;
    setVariable(shell.variables, name, value);
    status = runList(shell, body, streams, tested);
    if (!goesOn(shell)) break;
  }
  return status;
}

function runWhile(
  shell: Shell,
  { isUntil, condition, body, position }: Extract<Node, { kind: 'while' }>,
  streams: Streams,
  tested: boolean,
): number | null {
  let status: number | null = 0;
  while (takesTurn(shell, position)) {
    const truth = runList(shell, condition, streams, true);
    if (isOver(shell)) return truth;
    if (truth === null) return undecided(shell, position, body, TURN_OF_LOOP);
    if ((truth === 0) === isUntil) break;
    status = runList(shell, body, streams, tested);
    if (!goesOn(shell)) break;
  }
  return status;
}

function runCase(
  shell: Shell,
  { word, arms, position }: Extract<Node, { kind: 'case' }>,
  streams: Streams,
  tested: boolean,
): number | null {
  const filling = fillingOf(shell, true);
  const text = wholeText(word.parts, word.position, filling);
  if (text === null) return null;
  // An init script's own argument: without one it only says how it is called.
  const [part] = word.parts.filter((p) => p.kind !== 'text' || p.text !== '');
  const start = arms.find(({ patterns }) => patterns.some((pattern) => bareWord(pattern) === 'start'));
  if (
    text === '' &&
    start &&
    part?.kind === 'parameter' &&
    part.name === '1' &&
    shell.variables.arguments === null
  ) {
    shell.host.assume('the script is taken to be called with start', position);
    return runList(shell, start.body, streams, tested);
  }
  for (const { patterns, body } of arms)
    for (const pattern of patterns) {
      const wanted = patternText(pattern.parts, pattern.position, filling);
      if (wanted === null) return null;
      if (fitsPattern(wanted, text)) return runList(shell, body, streams, tested);
    }
  return 0;
}

function fillingOf(shell: Shell, isLenient: boolean): Filling {
  return {
    variables: shell.variables,
    isLenient,
    complain: (message, at, length) => shell.host.complain(message, shell.place ?? at, length),
    substitute: (text, at) => substitute(shell, text, at),
  };
}

/** What the commands of a substitution print, without the newlines at its end; undefined where nobody knows it here. */
function substitute(shell: Shell, text: string, at: Position): string | undefined {
  if (shell.depth > DEEPEST_CALL) return undefined;
  const printed: Printed = { text: '', isUnknown: false };
  const complain = (): void => void (printed.isUnknown = true);
  const pieces = [...shellPieces(shellTokens(readLines(text, at.file), complain), complain)];
  if (printed.isUnknown) return undefined;
  const inner: Shell = { ...shell, place: shell.place ?? at, depth: shell.depth + 1 };
  const status = runSubshell(inner, pieces, { ...PLAIN, printed }, true);
  shell.turns = inner.turns;
  return printed.isUnknown || status === null ? undefined : printed.text.replace(/\n+$/, '');
}

function runSimple(
  shell: Shell,
  { words: tokens, redirections, position }: Extract<Node, { kind: 'simple' }>,
  streams: Streams,
  tested: boolean,
): number | null {
  const filling = fillingOf(shell, /^(?:\[\[?|test)$/.test(bareWord(tokens[0]) ?? ''));
  const own = redirect(redirections, streams, fillingOf(shell, false));
  if (!own) return null;
  let at = 0;
  for (let done: boolean | null; at < tokens.length; at++) {
    done = assign(tokens[at], filling);
    if (done === null) return null;
    if (!done) break;
  }
  const words: Word[] = [];
  const isQuiet = at < tokens.length && onlyReads(shell, tokens[at]);
  const telling = isQuiet ? { ...filling, complain: () => undefined } : filling;
  for (const token of tokens.slice(at)) {
    const texts = isAssigningWord(words) ? textsOfAssignment(token, telling) : fieldsOf(token, telling);
    if (!texts) {
      if (own.printed) own.printed.isUnknown = true;
      return null;
    }
    for (const text of texts) words.push({ text, position: shell.place ?? token.position });
  }
  if (words.length === 0) return 0;
  const status = runWords(shell, words, own, shell.place ?? words[0].position ?? position);
  if (shell.stopsOnFailure && status !== 0 && status !== null && !tested && shell.leaving === null) {
    shell.variables.status = status;
    shell.leaving = 'exit';
  }
  return status;
}

/** Whether what follows is `NAME=value` that is not parted at blanks. */
function isAssigningWord(words: readonly Word[]): boolean {
  return /^(?:export|readonly|local|declare|typeset)$/.test(words[0]?.text ?? '');
}

function textsOfAssignment(token: ShellToken, filling: Filling): string[] | null {
  const first = token.parts.at(0);
  if (first?.kind !== 'text' || first.quoted || !/^[A-Za-z_]\w*=/.test(first.text))
    return fieldsOf(token, filling);
  const text = wholeText(token.parts, token.position, filling);
  return text === null ? null : [text];
}

function runWords(shell: Shell, given: readonly Word[], streams: Streams, position: Position): number | null {
  let words = given;
  while (words.length > 1 && PREFIX.test(words[0].text) && !words[1].text.startsWith('-'))
    words = words.slice(1);
  const name = words[0].text;
  const called = shell.functions.get(name);
  if (called) return call(shell, called, words, streams, position);
  if (name === 'eval') return runText(shell, words.slice(1), streams, position);
  if (isBuiltin(name)) {
    const texts = words.slice(1).map((word) => word.text);
    return builtin(shell, name, texts, streams, (text) => print(shell, text, streams, position));
  }
  if (streams.printed) streams.printed.isUnknown = true;
  const { input, inputFile, errors } = streams;
  const output = streams.printed ? 'elsewhere' : streams.output;
  return shell.host.run({ words, input, inputFile, output, errors, position });
}

/** `eval WORD…` */
function runText(shell: Shell, words: readonly Word[], streams: Streams, at: Position): number | null {
  const text = words.map((word) => word.text).join(' ');
  if (!takesTurn(shell, at)) return null;
  if (shell.depth > DEEPEST_CALL || (shell.variables.budget -= text.length) < 0) {
    shell.host.complain('the script does too much: it ends here', at, 1);
    shell.leaving = 'exit';
    return null;
  }
  const complain = (message: string): void => shell.host.complain(message, at, 1);
  const before = shell.place;
  shell.place = before ?? at;
  shell.depth++;
  const status = runList(
    shell,
    [...shellPieces(shellTokens(readLines(text, at.file), complain), complain)],
    streams,
    false,
  );
  shell.depth--;
  shell.place = before;
  return status;
}

function print(shell: Shell, text: string, { printed, output }: Streams, at: Position): void {
  if (!printed) return shell.host.write(output, text, at);
  shell.variables.budget -= text.length;
  if (shell.variables.budget < 0) printed.isUnknown = true;
  else printed.text += text;
}

function call(
  shell: Shell,
  body: Node,
  words: readonly Word[],
  streams: Streams,
  position: Position,
): number | null {
  if (shell.frames.length >= DEEPEST_CALL) {
    shell.host.complain('functions call each other too deeply: the call is left out', position, 1);
    return null;
  }
  if (!takesTurn(shell, position)) return null;
  const { variables } = shell;
  const before = variables.arguments;
  variables.arguments = words.slice(1).map((word) => word.text);
  shell.frames.push(new Map());
  const status = runNode(shell, body, streams, false);
  for (const [name, value] of shell.frames.pop() ?? []) {
    if (value === undefined) variables.values.delete(name);
    else setVariable(variables, name, value);
  }
  variables.arguments = before;
  if (shell.leaving !== 'return') return status;
  shell.leaving = null;
  return variables.status;
}
