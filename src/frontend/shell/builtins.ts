import { type Filling, fieldsOf, wholeText } from './expand.js';
import type { Shell } from './shell.js';
import type { Streams } from './streams.js';
import { baseName, isProgram, testTruth } from './test.js';
import type { Part, ShellToken } from './token.js';
import { forget, setVariable, type Value } from './variables.js';

const NOT_RUN = /: the command is not run$/;
const ASSIGNMENT = /^([A-Za-z_]\w*)(\+?)=/;

/**
 * Carries `NAME=value` out; false where the word is none, null where the value is not known: whoever uses it is told.
 * An argument that only the caller of the script knows leaves the variable without a value.
 */
export function assign(token: ShellToken, given: Filling): boolean | null {
  const first = token.parts.at(0);
  const found = first?.kind === 'text' && !first.quoted ? ASSIGNMENT.exec(first.text) : null;
  if (first?.kind !== 'text' || !found) return false;
  let why = '';
  const filling = { ...given, complain: (message: string) => (why = message.replace(NOT_RUN, '')) };
  const { variables } = filling;
  const { values } = variables;
  const [all, name, plus] = found;
  const parts: Part[] = [{ ...first, text: first.text.slice(all.length) }, ...token.parts.slice(1)];
  const value = token.list ? listOf(token.list, filling) : wholeText(parts, token.position, filling);
  const before = plus === '' ? undefined : values.get(name);
  if (value !== null) setVariable(variables, name, before === undefined ? value : joined(before, value));
  else if (isArgument(parts)) values.delete(name);
  else forget(variables, name, why);
  return value === null ? null : true;
}

function isArgument(parts: readonly Part[]): boolean {
  const [only, ...others] = parts.filter((part) => part.kind !== 'text' || part.text !== '');
  return others.length === 0 && only?.kind === 'parameter' && /^[1-9]\d*$/.test(only.name);
}

function listOf(words: readonly ShellToken[], filling: Filling): string[] | null {
  const list: string[] = [];
  for (const word of words) {
    const fields = fieldsOf(word, filling);
    if (!fields) return null;
    list.push(...fields);
  }
  return list;
}

function joined(before: Value, value: Value): Value {
  if (typeof before === 'string' && typeof value === 'string') return before + value;
  return [
    ...(typeof before === 'string' ? [before] : before),
    ...(typeof value === 'string' ? [value] : value),
  ];
}

type Builtin = (
  shell: Shell,
  words: readonly string[],
  streams: Streams,
  print: (text: string) => void,
) => number | null;

/** Most numbers of `seq`. */
const LONGEST_SEQUENCE = 100_000;

const succeed: Builtin = () => 0;

function leave(how: Shell['leaving']): Builtin {
  return (shell, words) => {
    const given = words.length > 0 ? Number.parseInt(words[0], 10) & 255 : null;
    const status = how === 'break' || how === 'continue' ? 0 : (given ?? shell.variables.status);
    shell.variables.status = status;
    shell.leaving = how;
    return status;
  };
}

function truth(closing: string | null): Builtin {
  return (_shell, words) => {
    const own = closing === null ? words : words.slice(0, -1);
    const value = closing !== null && words.at(-1) !== closing ? null : testTruth(own, closing === ']]');
    return value === null ? null : Number(!value);
  };
}

const set: Builtin = (shell, words) => {
  for (const word of words) {
    if (/^-[a-z]*e/.test(word)) shell.stopsOnFailure = true;
    if (word === '+e') shell.stopsOnFailure = false;
  }
  const dashes = words.indexOf('--');
  if (dashes >= 0) shell.variables.arguments = words.slice(dashes + 1);
  return 0;
};

/** `local NAME=value` and its like. */
const declare: Builtin = ({ variables, frames }, words) => {
  for (const word of words) {
    const [name] = word.split('=', 1);
    if (!/^[A-Za-z_]\w*$/.test(name)) continue;
    if (name.length < word.length) setVariable(variables, name, word.slice(name.length + 1));
    else if (frames.length > 0 && !variables.values.has(name)) variables.values.set(name, '');
  }
  return 0;
};

const local: Builtin = (shell, words, ...rest) => {
  const frame = shell.frames.at(-1);
  for (const word of words) {
    const [name] = word.split('=', 1);
    if (frame && !frame.has(name)) frame.set(name, shell.variables.values.get(name));
  }
  return declare(shell, words, ...rest);
};

/** `which NAME`, `command -v NAME`: a program that the host is taken to have is where it is called by its name. */
const which: Builtin = (_shell, words, _streams, print) => {
  const names = words.filter((word) => !word.startsWith('-'));
  if (!names.every(isProgram)) return null;
  for (const name of names) print(`${name}\n`);
  return 0;
};

const sequence: Builtin = ({ variables }, words, _streams, print) => {
  const numbers = words.map(Number);
  const [first, step, last] = numbers.length === 1 ? [1, 1, numbers[0]] : numbers.length === 2 ? [numbers[0], 1, numbers[1]] : numbers; // prettier-ignore
  const count = Math.floor((last - first) / step) + 1;
  if (!numbers.every(Number.isSafeInteger) || !(count <= Math.min(LONGEST_SEQUENCE, variables.budget)))
    return null;
  for (let i = 0; i < count; i++) print(`${first + i * step}\n`);
  return 0;
};

const cat: Builtin = (_shell, words, { input, inputFile }, print) => {
  if (words.length > 0 || inputFile !== null || !input) return null;
  print(
    input.lines
      .slice(input.next)
      .map((line) => `${line}\n`)
      .join(''),
  );
  return 0;
};

/** `read NAME…`: the last name gets what is left of the line. */
const read: Builtin = ({ variables }, words, { input, inputFile }) => {
  if (!input || inputFile !== null) return null;
  const line = input.lines.at(input.next++);
  const names = words.filter((word) => !word.startsWith('-'));
  let rest = (line ?? '').trim();
  names.forEach((name, i) => {
    const end = i === names.length - 1 ? rest.length : (/[ \t]/.exec(rest)?.index ?? rest.length);
    setVariable(variables, name, rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  });
  return Number(line === undefined);
};

const BUILTINS = new Map<string, Builtin>([
  [':', succeed],
  ['true', succeed],
  ['false', () => 1],
  [
    'unset',
    ({ variables }, words) => (
      words.forEach((word) => {
        variables.values.delete(word);
        variables.unknown.delete(word);
      }),
      0
    ),
  ],
  ['export', declare],
  ['readonly', declare],
  ['declare', declare],
  ['typeset', declare],
  ['local', local],
  ['set', set],
  ['exit', leave('exit')],
  ['return', leave('return')],
  ['break', leave('break')],
  ['continue', leave('continue')],
  ['[', truth(']')],
  ['[[', truth(']]')],
  ['test', truth(null)],
  ['which', which],
  ['command', which],
  ['exec', succeed],
  ['type', which],
  ['seq', sequence],
  ['cat', cat],
  ['read', read],
  ['basename', (_shell, words, _streams, print) => (print(`${baseName(words[0] ?? '')}\n`), 0)],
  [
    'shift',
    ({ variables }, words) => {
      const count = words.length > 0 ? Number(words[0]) : 1;
      variables.arguments = variables.arguments?.slice(count) ?? null;
      return 0;
    },
  ],
  [
    'echo',
    (_shell, words, _streams, print) => {
      const isOpen = words[0] === '-n';
      const own = words.slice(/^-[neE]+$/.test(words[0] ?? '') ? 1 : 0);
      print(own.join(' ') + (isOpen ? '' : '\n'));
      return 0;
    },
  ],
]);

export function isBuiltin(name: string): boolean {
  return BUILTINS.has(baseName(name));
}

/** What the shell does itself, or programs of which all is known. @returns the status; null where it is not known */
export function builtin(
  shell: Shell,
  name: string,
  words: readonly string[],
  streams: Streams,
  print: (text: string) => void,
): number | null {
  const status = BUILTINS.get(baseName(name))?.(shell, words, streams, print) ?? null;
  if (status === null && streams.printed) streams.printed.isUnknown = true;
  return status;
}
