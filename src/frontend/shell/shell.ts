import type { Word } from '../../rules/options.js';
import type { SourceText } from '../../source/lines.js';
import type { Position } from '../../source/text.js';
import type { Stream } from './streams.js';
import type { Node } from './syntax.js';
import type { HereDocument } from './token.js';
import type { Value, Variables } from './variables.js';

/** One command of a script, its quotes gone and its variables filled in. */
export interface SimpleCommand {
  readonly words: readonly Word[];
  /** What it reads: a here-document, a here-string, or what the command before the pipe printed. */
  readonly input: HereDocument | null;
  /** The file after `<`; null where there is none. */
  readonly inputFile: string | null;
  /** Where standard output and standard error end up. */
  readonly output: Stream;
  readonly errors: Stream;
  readonly position: Position;
}

/** What a script reaches. */
export interface ShellHost {
  /** Runs a command; its exit status, null where nobody knows it here. */
  run(command: SimpleCommand): number | null;
  write(stream: Stream, text: string, at: Position): void;
  /** What in the script cannot be followed. */
  complain(message: string, at: Position, length: number): void;
  /** What was assumed of how the script is called. */
  assume(message: string, at: Position): void;
  /** Whether something has ended the script. */
  readonly isOver: boolean;
}

export interface Shell {
  readonly host: ShellHost;
  readonly variables: Variables;
  readonly functions: Map<string, Node>;
  /** What the variables were that a function has made its own, by function under way. */
  readonly frames: Map<string, Value | undefined>[];
  /** Where commands of a substitution stand. */
  place: Position | null;
  stopsOnFailure: boolean;
  leaving: 'exit' | 'return' | 'break' | 'continue' | null;
  /** Turns of loops and calls of functions that are left. */
  turns: number;
  depth: number;
}

const MOST_TURNS = 100_000;
export const DEEPEST_CALL = 50;
/** Variables may make a script this many times as long as it is written, and a little more. */
const GROWTH = 8;
const SPARE = 1_000_000;
/** What every shell has set. */
const OUTSIDE: readonly (readonly [string, string])[] = [['PATH', '/usr/sbin:/usr/bin:/sbin:/bin'], ['HOME', '/root'], ['USER', 'root']]; // prettier-ignore
/** A shell that has done nothing yet. */
export function newShell(source: SourceText, host: ShellHost): Shell {
  const written = source.lines.reduce((sum, line) => sum + line.length, 0);
  return {
    host,
    variables: {
      values: new Map([...OUTSIDE, ['0', source.file]]),
      unknown: new Map(),
      arguments: null,
      status: 0,
      budget: written * GROWTH + SPARE,
    },
    functions: new Map(),
    frames: [],
    place: null,
    stopsOnFailure: false,
    leaving: null,
    turns: MOST_TURNS,
    depth: 0,
  };
}

export function isOver({ leaving, host }: Shell): boolean {
  return leaving !== null || host.isOver;
}

/** One more turn of a loop, or a call; false where there have been too many. */
export function takesTurn(shell: Shell, at: Position): boolean {
  if (shell.turns-- > 0) return true;
  if (shell.turns === -1) shell.host.complain('the script does too much: it ends here', at, 1);
  shell.leaving = 'exit';
  return false;
}

/** Whether a loop goes on after a turn. */
export function goesOn(shell: Shell): boolean {
  if (shell.host.isOver) return false;
  const { leaving } = shell;
  if (leaving === 'continue' || leaving === 'break') shell.leaving = null;
  return leaving === null || leaving === 'continue';
}
