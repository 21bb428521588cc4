import type { Table } from '../../rules/model.js';
import type { HostNames, Word } from '../../rules/options.js';
import type { Diagnostics } from '../../source/diagnostic.js';
import { readLines } from '../../source/lines.js';
import type { Position } from '../../source/text.js';
import { interpret } from '../shell/interpret.js';
import type { SimpleCommand } from '../shell/shell.js';
import type { Stream } from '../shell/streams.js';
import { baseName, changesNothing, isHarmless } from '../shell/test.js';
import type { HereDocument } from '../shell/token.js';
import { applyCommand, type Applying, type Failure, refuse } from './apply.js';
import { parseCommand } from './command.js';
import { hasEstimator } from './kernelChecks.js';
import type { Command, Reader } from './scan.js';
import { printList } from './list.js';
import { printRules, printSave } from './print.js';
import { errorText, type Problem } from './problem.js';
import { restore } from './restore.js';
import { reporter, type Reporter } from './save.js';
import { copyTable, isTableName, keepPolicies, loseCounters, newTable, type TableState } from './tables.js';

/** A command of a script that is not iptables' own: ipset, ip, sysctl… */
export interface OtherCommand {
  /** Without its path. */
  readonly name: string;
  readonly arguments: readonly Word[];
  /** What it reads: a here-document or a here-string. */
  readonly input: HereDocument | null;
  readonly position: Position;
}

/** What a script's commands reach. */
export interface ScriptHost {
  /** What a command printed; `at` is the command. */
  write(stream: 'stdout' | 'stderr', text: string, at: Position): void;
  /** Whether ipset has made the set, or might have where its commands could not be followed. */
  hasSet(name: string): boolean;
  /** Runs what is not iptables; its exit status, or undefined where nobody knows the command. */
  other(command: OtherCommand): number | undefined;
}

export interface ScriptResult {
  /** Of both IP versions, in the order in which the kernel lists them: the last one first. */
  readonly tables: Table[];
  /** The last command's exit status, as the shell would return it. */
  readonly status: number;
  /** The last command whose status was not 0; null where every command succeeded. */
  readonly lastFailure: { readonly status: number; readonly position: Position } | null;
}

/** What a script may make this program do at most: rules copied by `iptables-restore -n`, characters printed. */
const MOST_COPIED = 2_000_000;
const MOST_PRINTED = 200_000_000;

interface Session {
  readonly host: ScriptHost;
  readonly diagnostics: Diagnostics;
  readonly tell: Reporter;
  readonly file: string;
  /** By `4 filter` and so on, the table last used for the first time last. */
  readonly tables: Map<string, TableState>;
  readonly unknownNames: Set<string>;
  /** Something of the script was not run. */
  hasGaps: boolean;
  exited: boolean;
  lastFailure: ScriptResult['lastFailure'];
  copied: number;
  printed: number;
}

/**
 * Runs a shell script of iptables, ip6tables, iptables-restore and other commands, in order, on a host without
 * rules, as iptables-legacy 1.8.9 would, with its words and exit statuses. What is wrong with the script as
 * such goes to `diagnostics`; what iptables says of a command goes to `host.write`.
 */
export function runScript(
  text: string,
  file: string,
  host: ScriptHost,
  diagnostics: Diagnostics,
): ScriptResult {
  const source = readLines(text, file);
  const tell = reporter(source, diagnostics);
  const session: Session = {
    host,
    diagnostics,
    tell,
    file,
    tables: new Map(),
    unknownNames: new Set(),
    hasGaps: false,
    exited: false,
    lastFailure: null,
    copied: 0,
    printed: 0,
  };
  const complain = (message: string, position: Position, length: number): void => {
    session.hasGaps = true;
    tell.problem({ message, position, length, status: 2 });
  };
  const status = interpret(source, {
    run: (command) => runOne(session, command),
    write: (stream, words, at) => write(session, stream, words, at),
    complain,
    assume: (message, at) => tell.warning(message, at),
    get isOver() {
      return session.exited;
    },
  });
  const tables = [...session.tables.values()].map((state) => state.table).reverse();
  return { tables, status, lastFailure: session.lastFailure };
}

const IPTABLES = /^(ip6?tables)(?:-legacy|-nft)?(-save|-restore)?$/;

/** Runs what is not the shell's own; null where nobody knows the command. */
function runOne(session: Session, command: SimpleCommand): number | null {
  const { words, position } = command;
  const name = baseName(words[0].text);
  const run: Run = {
    session,
    version: name.startsWith('ip6') ? 6 : 4,
    position,
    voice: {
      out: (text) => write(session, command.output, text, position),
      err: (text) => write(session, command.errors, text, position),
    },
  };
  const found = IPTABLES.exec(name);
  const status = found ? runOwn(run, found[2], command) : runOther(run, name, command);
  if (status !== null && status !== 0) session.lastFailure = { status, position };
  return status;
}

function runOwn(run: Run, program: string | undefined, command: SimpleCommand): number {
  const words = command.words.slice(1);
  if (program === '-save') return runSave(run, words);
  if (program === '-restore') return runRestore(run, words, command.input, command.inputFile);
  return runIptables(run, words);
}

function write(session: Session, stream: Stream, text: string, position: Position): void {
  if (stream === 'elsewhere' || session.printed > MOST_PRINTED) return;
  session.printed += text.length;
  session.host.write(stream, text, position);
  if (session.printed > MOST_PRINTED) endEarly(session, 'prints', position);
}

/** One command of the script under way. */
interface Run {
  readonly session: Session;
  readonly version: 4 | 6;
  readonly position: Position;
  readonly voice: { out(text: string): void; err(text: string): void };
}

function runOther(run: Run, name: string, { words, input }: SimpleCommand): number | null {
  const { session } = run;
  if (isHarmless(name)) return 0;
  const status = session.host.other({ name, arguments: words.slice(1), input, position: run.position });
  if (status !== undefined) return status;
  if (!changesNothing(name) && !session.unknownNames.has(name)) {
    session.unknownNames.add(name);
    session.hasGaps = true;
    session.tell.warning(
      `${name} is not run: only iptables, ip6tables, ipset and nft are known here`,
      words[0].position,
    );
  }
  return null;
}

function endEarly(session: Session, does: string, at: Position): void {
  if (!session.exited) session.tell.error(`the script ${does} too much: it ends here`, at);
  session.exited = true;
}

function programOf(version: 4 | 6): string {
  return version === 4 ? 'iptables' : 'ip6tables';
}

function openTable(run: Run, name: string): TableState | null {
  if (!isTableName(name)) return null;
  const { tables } = run.session;
  const key = `${run.version} ${name}`;
  let state = tables.get(key);
  if (!state) {
    state = newTable(name, run.version);
    tables.set(key, state);
  }
  return state;
}

function say(run: Run, failure: Failure): number {
  const program = programOf(run.version);
  if ('refused' in failure) {
    run.voice.err(`${program}: ${failure.refused}\n`);
    return 1;
  }
  run.voice.err(errorText(failure, program, null));
  return failure.status;
}

function runIptables(run: Run, words: readonly Word[]): number {
  const { version, position, voice, session } = run;
  if (words[0]?.text === '-V' || words[0]?.text === '--version') {
    voice.out(`${programOf(version)} v1.8.9 (legacy)\n`);
    return 0;
  }
  let first: Problem | null = null;
  const reader: Reader = {
    version,
    strict: true,
    names: namesOf(session),
    table: null,
    counters: null,
    report: (problem) => (first ??= problem),
    warn: (message) => voice.err(`${message}\n`),
    unmodelled: (kind, name) => session.tell.unmodelled(kind, name),
  };
  const command = parseCommand(words, position, reader);
  if (!command) return say(run, first ?? { message: 'no command specified', status: 2, position, length: 1 });
  const state = openTable(run, command.table);
  if (!state) {
    const message = `can't initialize ${programOf(version)} table \`${command.table}': Table does not exist (do you need to insmod?)`;
    return say(run, { message, status: 3, position, length: 1 });
  }
  const failure =
    command.letter === 'L' || command.letter === 'S'
      ? show(state, command, run)
      : applyCommand(state, command, applyingOf(run));
  if (failure) return say(run, failure);
  if (!'LSC'.includes(command.letter) || command.zero)
    loseCounters(state, command.letter === 'P' ? (command.chain?.text ?? null) : null);
  return 0;
}

/** -L and -S, with -Z beside them or not. */
function show(state: TableState, command: Command, run: Run): Failure | null {
  const options = { ...command, chain: command.chain?.text ?? null };
  const text = command.letter === 'L' ? printList(state.table, options) : printRules(state.table, options);
  if (text === undefined) return refuse('noSuchChain');
  run.voice.out(text);
  if (command.zero === null) return null;
  const zeroing = { ...command, letter: command.zero };
  return applyCommand(state, zeroing, applyingOf(run));
}

function applyingOf({ session, position, voice }: Run): Applying {
  return {
    strict: true,
    kernel: true,
    hasEstimator: (name) => hasEstimator(session.tables.values(), name),
    position,
    voice,
  };
}

/** What was left out of the script may have made any set. */
function namesOf(session: Session): HostNames {
  return { hasSet: (name) => session.hasGaps || session.host.hasSet(name) };
}

/** `iptables-save [-c] [-t table]`, without the comment lines that hold the time. */
function runSave(run: Run, words: readonly Word[]): number {
  const texts = words.map((w) => w.text);
  const at = texts.findIndex((text) => text === '-t' || text === '--table');
  const only = at >= 0 ? texts[at + 1] : null;
  const tables = [...run.session.tables.values()].map((state) => state.table).reverse();
  const counters = texts.some((text) => text === '--counters' || /^-[a-z]*c/.test(text));
  const shown = tables.filter((table) => only === null || table.name === only);
  run.voice.out(printSave(shown, run.version, undefined, counters));
  return 0;
}

interface RestoreFlags {
  counters: boolean;
  noflush: boolean;
  test: boolean;
  only: string | null;
  file: string | null;
}

function restoreFlags(words: readonly Word[]): RestoreFlags {
  const flags: RestoreFlags = { counters: false, noflush: false, test: false, only: null, file: null };
  for (let i = 0; i < words.length; i++) {
    const { text } = words[i];
    if (text === '--counters' || /^-[bcvtnw]*c/.test(text)) flags.counters = true;
    if (text === '--noflush' || /^-[bcvtnw]*n/.test(text)) flags.noflush = true;
    if (text === '--test' || /^-[bcvtnw]*t/.test(text)) flags.test = true;
    if (text === '-T' || text === '--table') flags.only = words[++i]?.text ?? null;
    else if (text === '-w' || text === '-W') {
      if (/^\d+$/.test(words[i + 1]?.text ?? '')) i++;
    } else if (!text.startsWith('-')) flags.file = text;
  }
  return flags;
}

function runRestore(
  run: Run,
  words: readonly Word[],
  input: HereDocument | null,
  inputFile: string | null,
): number {
  const { session, version, voice, position } = run;
  const flags = restoreFlags(words);
  const file = flags.file ?? inputFile;
  if (file !== null || !input) {
    const what = file === null ? 'standard input' : file;
    session.tell.error(
      `${what} is not read: give the rules as a here-document, or as a file of their own`,
      position,
    );
    return 1;
  }
  const program = `${programOf(version)}-restore`;
  let status = 0;
  const ok = restore(input.lines, session.file, input.firstLine, {
    version,
    strict: true,
    names: namesOf(session),
    hasEstimator: (name) => hasEstimator(session.tables.values(), name),
    ...flags,
    open(name) {
      const present = session.exited ? null : openTable(run, name);
      if (!present) return null;
      if (flags.noflush) {
        const copy = copyTable(present);
        for (const chain of copy.table.chains.values()) session.copied += chain.rules.length + 1;
        if (session.copied > MOST_COPIED) endEarly(session, 'copies', position);
        loseCounters(copy, null);
        return copy;
      }
      const fresh = newTable(name, version);
      keepPolicies(present, fresh);
      return fresh;
    },
    commit: (state) => session.tables.set(`${version} ${state.table.name}`, state),
    report(problem, line) {
      voice.err(
        problem.bare && problem.status === 1
          ? `${program}: ${problem.message}\n`
          : errorText(problem, program, line),
      );
      status = problem.status;
    },
    refused(_sentence, _at, line) {
      voice.err(`${program}: line ${line} failed\n`);
      status = 1;
    },
    warn: (message) => voice.err(`${message}\n`),
    unmodelled: (kind, name) => session.tell.unmodelled(kind, name),
    voice,
  });
  return ok ? 0 : status;
}
