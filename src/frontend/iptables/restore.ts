import type { Chain } from '../../rules/model.js';
import type { HostNames, Word } from '../../rules/options.js';
import type { Position } from '../../source/text.js';
import { applyCommand, type Failure, keepRule, type Voice } from './apply.js';
import { parseCommand } from './command.js';
import { type Command, NAME_SIZE, type Reader } from './scan.js';
import { kernelRefusesTable } from './kernelChecks.js';
import { printRules } from './print.js';
import { printList } from './list.js';
import type { Problem } from './problem.js';
import { ANY_PROTOCOL, stray, type Specification } from './specification.js';
import { matchStep } from './specification.js';
import { addChain, flushChain, type TableState } from './tables.js';
import { restoreWords } from './words.js';

/** How a text is restored, and what with. */
export interface Restoring {
  readonly version: 4 | 6;
  /** As the program does: the first problem ends it. Else everything is kept that can be, and all is reported. */
  readonly strict: boolean;
  /** -c: counters are taken over. */
  readonly counters: boolean;
  /** -n: chains that are not mentioned stay as they are. */
  readonly noflush: boolean;
  /** -t: nothing is committed. */
  readonly test: boolean;
  /** -T: only this table. */
  readonly only: string | null;
  readonly names: HostNames | null;
  /** Whether some table of the host has the rate estimator, the one at hand aside. */
  hasEstimator(name: string): boolean;
  /** A table to work on, flushed unless `noflush`; null where there is none of that name. */
  open(name: string, at: Position): TableState | null;
  commit(state: TableState): void;
  /** A problem, and the line of the restored text that it is in, 1-based. */
  report(problem: Problem, line: number): void;
  /** `line N failed`: libiptc or the kernel did not do it. */
  refused(sentence: string, at: Position, line: number): void;
  warn(message: string, at: Word): void;
  unmodelled(kind: 'match' | 'target', name: Word): void;
  readonly voice: Voice;
}

interface Progress {
  readonly file: string;
  readonly how: Restoring;
  state: TableState | null;
  /** Whether a `*table` line stands before; `state` may be null even so, under -T. */
  inTable: boolean;
  failed: boolean;
  reader: Reader | null;
}

/**
 * Runs lines of iptables-save text (`ip46tables_restore_main()`, iptables/iptables-restore.c).
 * @param lines without their line ends
 * @param firstLine where the first of them stands in the file, 1-based
 * @returns whether nothing was wrong
 */
export function restore(lines: readonly string[], file: string, firstLine: number, how: Restoring): boolean {
  const progress: Progress = {
    file,
    how,
    state: null,
    inTable: false,
    failed: false,
    reader: null,
  };
  for (let i = 0; i < lines.length; i++) {
    restoreLine(progress, lines[i], firstLine + i, i + 1);
    if (progress.failed && how.strict) return false;
  }
  if (progress.inTable) {
    const at = { file, line: firstLine + Math.max(0, lines.length - 1), column: 1 };
    const message = `COMMIT expected at line ${lines.length + 1}`;
    failure(progress, { message, status: 1, position: at, length: 1, bare: true }, lines.length);
    if (!how.strict && progress.state) how.commit(progress.state);
  }
  return !progress.failed;
}

function failure(progress: Progress, problem: Failure, line: number, at?: Position): void {
  progress.failed = true;
  if ('refused' in problem)
    progress.how.refused(problem.refused, at ?? { file: progress.file, line, column: 1 }, line);
  else progress.how.report(problem, line);
}

function restoreLine(progress: Progress, line: string, fileLine: number, ownLine: number): void {
  const { how, file } = progress;
  const text = how.strict ? line : line.trim();
  if (text === '' || text.startsWith('#')) return;
  const at: Position = { file, line: fileLine, column: 1 };
  const wrong = (message: string): void =>
    failure(progress, { message, status: 2, position: at, length: line.length }, ownLine);
  if (progress.inTable && text === 'COMMIT') {
    commit(progress, at, ownLine);
  } else if (text.startsWith('*') && (!progress.inTable || !how.strict)) {
    if (progress.inTable) {
      wrong(`COMMIT is missing before ${text}`);
      if (progress.state) how.commit(progress.state);
    }
    openTable(progress, text, at, ownLine);
  } else if (!progress.inTable) {
    if (how.strict) failure(progress, { refused: 'not in a table' }, ownLine, at);
    else wrong('this stands in no table: a line like *filter comes first');
  } else if (progress.state && text.startsWith(':')) {
    chainLine(progress, progress.state, text, at, ownLine, wrong);
  } else if (progress.state) {
    ruleLine(progress, progress.state, line, at, ownLine);
  }
}

function commit(progress: Progress, at: Position, line: number): void {
  const { how, state } = progress;
  progress.inTable = false;
  progress.state = null;
  if (!state || how.test) return;
  const refusal = how.strict ? kernelRefusesTable(state, (name) => how.hasEstimator(name)) : null;
  if (refusal) failure(progress, { refused: refusal }, line, at);
  else how.commit(state);
}

function openTable(progress: Progress, text: string, at: Position, line: number): void {
  const { how } = progress;
  const name = text.slice(1).split(/[ \t]+/, 1)[0];
  progress.inTable = true;
  progress.state = null;
  if (how.only !== null && how.only !== name) return;
  const state = how.open(name, at);
  if (!state) {
    const program = how.version === 4 ? 'iptables-restore' : 'ip6tables-restore';
    const message = `${program}: unable to initialize table '${name}'`;
    failure(progress, { message, status: 2, position: at, length: text.length }, line);
    return;
  }
  progress.state = state;
  progress.reader = {
    version: how.version,
    strict: how.strict,
    names: how.names,
    table: name,
    counters: null,
    report: (problem) => failure(progress, problem, problem.position.line - at.line + line),
    warn: (message, at) => how.warn(message, at),
    unmodelled: (kind, word) => how.unmodelled(kind, word),
  };
}

/** `:CHAIN POLICY [packets:bytes]` */
function chainLine(
  progress: Progress,
  state: TableState,
  text: string,
  at: Position,
  line: number,
  wrong: (message: string) => void,
): void {
  const { how } = progress;
  const program = how.version === 4 ? 'iptables-restore' : 'ip6tables-restore';
  const [name, policy, counters] = text
    .slice(1)
    .trim()
    .split(/[ \t]+/);
  if (!name) return wrong(`${program}: line ${line} chain name invalid`);
  if (name.length >= NAME_SIZE) wrong(`Invalid chain name \`${name}' (${NAME_SIZE - 1} chars max)`);
  if (progress.failed && how.strict) return;
  let chain = state.table.chains.get(name);
  if (!chain) chain = addChain(state, name);
  else if (!chain.base) {
    if (!how.noflush) return wrong(`error creating chain '${name}':File exists`);
    flushChain(state, chain);
  }
  if (!policy) return wrong(`${program}: line ${line} policy invalid`);
  if (policy === '-') return;
  const counted = /^\[(\d+):(\d+)\]/.exec(counters ?? '');
  if (how.strict && how.counters && !counted) return wrong(`invalid policy counters for chain '${name}'`);
  const why = !chain.base
    ? 'Bad built-in chain name'
    : !/^(ACCEPT|DROP)$/.test(policy)
      ? 'Bad policy name'
      : '';
  if (!chain.base || why) {
    const message = `Can't set policy \`${policy}' on \`${name}' line ${line}: ${why}`;
    failure(progress, { message, status: 1, position: at, length: text.length }, line);
    return;
  }
  chain.base.policy = policy === 'ACCEPT' ? 'accept' : 'drop';
  chain.base.packets = how.counters && counted ? Number(counted[1]) : 0;
  chain.base.bytes = how.counters && counted ? Number(counted[2]) : 0;
}

const COUNTERS = /^\s*\[(\d+):(\d+)\]/;

function ruleLine(progress: Progress, state: TableState, line: string, at: Position, ownLine: number): void {
  const { how, file, reader } = progress;
  const counted = COUNTERS.exec(line);
  const wrong = (message: string, column: number): void =>
    failure(progress, { message, status: 2, position: { ...at, column }, length: 1 }, ownLine);
  if (line.startsWith('[') && !counted)
    wrong(`Bad line ${ownLine}: need ${!line.includes(']') ? ']' : line.includes(':') ? ']' : ':'}`, 1);
  if (!reader || (progress.failed && how.strict)) return;
  const words = restoreWords(line, counted ? counted[0].length : 0, file, at.line, (column) => {
    if (!how.strict) wrong('this quote is never closed', column);
  });
  const counters =
    counted && how.counters ? { packets: Number(counted[1]), bytes: Number(counted[2]) } : null;
  const command = parseCommand(words, words[0]?.position ?? at, counters ? { ...reader, counters } : reader);
  if (!command && !progress.failed) return;
  if (!command) {
    if (!how.strict) keepWords(state, words, counters, at);
    return;
  }
  if (command.letter === 'L' || command.letter === 'S') {
    list(state, command, how);
    return;
  }
  const odd = how.strict ? null : oddName(command);
  if (odd) {
    const { text, position } = odd;
    const message = `Invalid chain name \`${text}'`;
    failure(progress, { message, status: 2, position, length: Math.max(1, text.length) }, ownLine);
    return;
  }
  const position = command.chain?.position ?? at;
  const applying = { ...how, kernel: false, position: at };
  const failed = applyCommand(state, command, applying);
  if (!failed) return;
  failure(progress, failed, ownLine, position);
  if (!how.strict && 'AIR'.includes(command.letter) && command.chain)
    keepRule(state, chainFor(state, command.chain.text), command, at);
}

/** A name that no line of iptables-save text can bring back. */
function oddName({ letter, chain, argument }: Command): Word | null {
  const name = letter === 'E' ? argument : chain;
  return name && 'AIRNE'.includes(letter) && !isWritableName(name.text) ? name : null;
}

function isWritableName(name: string): boolean {
  return name.length < NAME_SIZE && /^[^\s!-]\S*$/.test(name);
}

function list(state: TableState, command: Command, how: Restoring): void {
  const options = { ...command, chain: command.chain?.text ?? null };
  const text = command.letter === 'L' ? printList(state.table, options) : printRules(state.table, options);
  how.voice.out(text ?? '');
}

function chainFor(state: TableState, name: string): Chain {
  return state.table.chains.get(name) ?? addChain(state, name);
}

/** A rule of which not even the command was understood: if it names its chain, its words are kept there. */
function keepWords(
  state: TableState,
  words: readonly Word[],
  counters: Command['counters'],
  at: Position,
): void {
  if (words.length < 3 || !/^(-A|--append|-I|--insert)$/.test(words[0].text)) return;
  if (!isWritableName(words[1].text)) return;
  const rest = stray(
    words[2],
    words.slice(2).map((w) => w.text),
  );
  const specification: Specification = {
    heads: [null],
    matches: [matchStep(rest, ANY_PROTOCOL, 4, () => undefined)],
    target: null,
    jump: null,
    goto: false,
  };
  keepRule(state, chainFor(state, words[1].text), { specification, counters }, at);
}
