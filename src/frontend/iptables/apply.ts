import type { Chain, MatchStep, Rule, Step } from '../../rules/model.js';
import type { Word } from '../../rules/options.js';
import { KERNEL_OUT_OF_RANGE } from '../../rules/refusal.js';
import type { Position } from '../../source/text.js';
import type { Command } from './scan.js';
import { hasEstimators, isVerdict, kernelRefuses, kernelRefusesWithout } from './kernelChecks.js';
import { printRuleLine } from './list.js';
import type { Problem } from './problem.js';
import { load, unknownTargetStep } from './specification.js';
import {
  addChain,
  findRule,
  flushChain,
  makeRule,
  placeRule,
  referenceCount,
  removeChain,
  removeRule,
  renameChain,
  type TableState,
} from './tables.js';

/** Why libiptc or the kernel did not do it: the sentence after `iptables: `. */
export interface Refused {
  readonly refused: string;
}
export type Failure = Problem | Refused;

const DMESG = ". Run `dmesg' for more information.";

/** The sentences of `TC_STRERROR()` (libiptc/libiptc.c) and strerror(3), as iptables-legacy 1.8.9 comes to print them. */
const SENTENCE = {
  noSuchChain: 'No chain/target/match by that name.',
  noSuchRule: 'Bad rule (does a matching rule exist in that chain?).',
  insertionTooBig: 'Index of insertion too big.',
  replacementTooBig: 'Index of replacement too big.',
  deletionTooBig: 'Index of deletion too big.',
  counterTooBig: 'Index of counter too big.',
  chainExists: 'Chain already exists.',
  fileExists: 'File exists.',
  hasReferences: 'Too many links.',
  notEmpty: 'Directory not empty.',
  noBaseChain: 'Bad built-in chain name.',
  badPolicy: `Bad policy name${DMESG}`,
  EINVAL: `Invalid argument${DMESG}`,
  ELOOP: 'Too many levels of symbolic links.',
  ENOENT: 'No chain/target/match by that name.',
  ERANGE: KERNEL_OUT_OF_RANGE,
} as const;

export function refuse(why: keyof typeof SENTENCE): Refused {
  return { refused: SENTENCE[why] };
}

/** Where a command's words to the user go. */
export interface Voice {
  out(text: string): void;
  err(text: string): void;
}

export interface Applying {
  readonly strict: boolean;
  /** Whether the kernel looks at the table after each command (it does not inside iptables-restore). */
  readonly kernel: boolean;
  /** Whether some table of the host has the rate estimator. */
  hasEstimator(name: string): boolean;
  readonly position: Position;
  readonly voice: Voice;
}

/**
 * Changes a table as one command asks (`do_command4()`, iptables/iptables.c, and libiptc/libiptc.c). Nothing
 * is changed where something is wrong; -L and -S are not commands of this kind.
 */
export function applyCommand(state: TableState, command: Command, how: Applying): Failure | null {
  const name = command.chain?.text ?? '';
  const chain = state.table.chains.get(name);
  switch (command.letter) {
    case 'A':
    case 'I':
    case 'R':
    case 'D':
    case 'C':
      return changeRules(state, command, chain, how);
    case 'd':
      if (!chain) return refuse('noSuchChain');
      if (command.number > chain.rules.length) return refuse('deletionTooBig');
      return takeOut(state, chain, command.number - 1, how);
    case 'F':
      return each(state, command, how, 'Flushing', (c) => flushChain(state, c));
    case 'Z':
      return each(state, command, how, 'Zeroing', zeroChain);
    case 'z':
      if (!chain) return refuse('noSuchChain');
      if (command.number > chain.rules.length) return refuse('counterTooBig');
      zeroRule(chain.rules[command.number - 1]);
      return null;
    case 'N':
      if (chain || isVerdict(name)) return refuse('chainExists');
      addChain(state, name);
      return null;
    case 'X':
      return deleteChains(state, command, how);
    case 'E': {
      const to = command.argument?.text ?? '';
      if (state.table.chains.has(to) || isVerdict(to)) return refuse('fileExists');
      if (!chain || chain.base) return refuse('noSuchChain');
      renameChain(state, chain, to);
      return null;
    }
    case 'P':
      return setPolicy(chain, command);
    case 'L':
    case 'S':
      return null;
  }
}

function each(
  state: TableState,
  command: Command,
  how: Applying,
  what: string,
  act: (chain: Chain) => void,
): Failure | null {
  const one = command.chain ? state.table.chains.get(command.chain.text) : null;
  if (one === undefined) return refuse('noSuchChain');
  for (const chain of one ? [one] : inOrder(state)) {
    if (command.verbose) how.voice.out(`${what} chain \`${chain.name}'\n`);
    act(chain);
  }
  return null;
}

function inOrder(state: TableState): Chain[] {
  const all = [...state.table.chains.values()];
  const user = all.filter((c) => !c.base).sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...all.filter((c) => c.base), ...user];
}

function zeroChain(chain: Chain): void {
  if (chain.base) {
    chain.base.packets = 0;
    chain.base.bytes = 0;
  }
  for (const rule of chain.rules) zeroRule(rule);
}

function zeroRule(rule: Rule): void {
  rule.packets = 0;
  rule.bytes = 0;
}

/** Without a name all user chains go, or none: one that cannot go spoils the commit. */
function deleteChains(state: TableState, command: Command, how: Applying): Failure | null {
  const one = command.chain ? state.table.chains.get(command.chain.text) : null;
  if (one === undefined) return refuse('noSuchChain');
  let failure: Failure | null = null;
  const gone: Chain[] = [];
  for (const chain of one ? [one] : inOrder(state)) {
    if (!one && chain.base) continue;
    if (command.verbose) how.voice.out(`Deleting chain \`${chain.name}'\n`);
    if (chain.base) failure = refuse('EINVAL');
    else if (referenceCount(state, chain.name) > 0) failure = refuse('hasReferences');
    else if (chain.rules.length > 0) failure = refuse('notEmpty');
    else gone.push(chain);
  }
  if (!failure) for (const chain of gone) removeChain(state, chain);
  return failure;
}

function setPolicy(chain: Chain | undefined, command: Command): Failure | null {
  const policy = command.argument?.text;
  if (!chain?.base) return refuse('noBaseChain');
  if (policy !== 'ACCEPT' && policy !== 'DROP') return refuse('badPolicy');
  chain.base.policy = policy === 'ACCEPT' ? 'accept' : 'drop';
  chain.base.packets = command.counters?.packets ?? 0;
  chain.base.bytes = command.counters?.bytes ?? 0;
  return null;
}

/** -A, -I, -R, -D and -C, once for each pair of addresses. */
function changeRules(
  state: TableState,
  command: Command,
  chain: Chain | undefined,
  how: Applying,
): Failure | null {
  const { specification: said, letter } = command;
  const end = endStep(state, command, how);
  if (end && !('kind' in end)) return end;
  const place = chain ?? { name: command.chain?.text ?? '', table: state.table, base: null, rules: [] };
  const rules = said.heads.map((head) =>
    makeRule(place, stepsOf(head, said.matches, end), command.counters, how.position),
  );
  if (command.verbose) for (const rule of rules) how.voice.out(printRuleLine(rule));
  const looks = letter === 'D' || letter === 'C';
  if (!chain) return refuse(looks ? 'noSuchRule' : 'noSuchChain');
  if (letter === 'I' && command.number - 1 > chain.rules.length) return refuse('insertionTooBig');
  if (letter === 'R' && command.number > chain.rules.length) return refuse('replacementTooBig');
  // Base chains cannot be jumped to (`iptcc_map_target()`).
  if (end?.kind === 'jump' && state.table.chains.get(end.chain)?.base) return refuse('EINVAL');
  if (command.refusedByKernel && !looks) {
    if (how.kernel) return refuse(command.refusedByKernel);
    state.refused = true;
  }
  if (how.kernel && !looks && !rules.every((rule) => hasEstimators(rule, (name) => how.hasEstimator(name))))
    return refuse('ENOENT');
  const before = rules.length > 1 ? [...chain.rules] : null;
  for (const rule of rules) {
    const failure = changeRule(state, chain, rule, command, how);
    if (!failure) continue;
    if (before) restoreRules(state, chain, before);
    return failure;
  }
  return null;
}

function restoreRules(state: TableState, chain: Chain, before: readonly Rule[]): void {
  flushChain(state, chain);
  for (const rule of before) placeRule(state, rule, chain.rules.length);
}

function changeRule(
  state: TableState,
  chain: Chain,
  rule: Rule,
  command: Command,
  how: Applying,
): Failure | null {
  switch (command.letter) {
    case 'D':
    case 'C': {
      const at = findRule(state, chain, rule.text);
      if (at < 0) return refuse(namesItself(rule) ? 'noSuchRule' : 'noSuchChain');
      return command.letter === 'D' ? takeOut(state, chain, at, how) : null;
    }
    case 'R': {
      const old = chain.rules[command.number - 1];
      placeRule(state, rule, command.number - 1, 1);
      const refusal = how.kernel ? (kernelRefuses(state, rule) ?? kernelRefusesWithout(state, old)) : null;
      if (refusal) placeRule(state, old, command.number - 1, 1);
      return refusal && refuse(refusal);
    }
    default: {
      const at = command.letter === 'A' ? chain.rules.length : command.number - 1;
      placeRule(state, rule, at);
      const refusal = how.kernel ? kernelRefuses(state, rule) : null;
      if (refusal) removeRule(state, chain, at);
      return refusal && refuse(refusal);
    }
  }
}

/**
 * For any other target libiptc asks last whether it is a base chain, and finds the sentence for that
 * (`iptcc_map_target()` calls `TC_BUILTIN()`, which `TC_STRERROR()` takes for the failing function).
 */
function namesItself(rule: Rule): boolean {
  const end = rule.steps[rule.steps.length - 1];
  return end.kind === 'counter' || (end.kind === 'target' && isVerdict(end.definition.name));
}

function takeOut(state: TableState, chain: Chain, at: number, how: Applying): Failure | null {
  const rule = chain.rules[at];
  removeRule(state, chain, at);
  const refusal = how.kernel ? kernelRefusesWithout(state, rule) : null;
  if (refusal) placeRule(state, rule, at);
  return refusal && refuse(refusal);
}

function stepsOf(head: MatchStep | null, matches: readonly MatchStep[], end: Step | null): Step[] {
  const steps: Step[] = head ? [head] : [];
  steps.push(...matches, { kind: 'counter' });
  if (end) steps.push(end);
  return steps;
}

/** What -j and -g come to in this table: a chain of it before an extension (`do_command4()`). */
function endStep(state: TableState, command: Command, how: Applying): Step | Failure | null {
  const { jump, goto, target } = command.specification;
  if (!jump) return null;
  const isChain = state.table.chains.has(jump.text);
  if (isChain && target && target.definition.name !== 'unknown')
    how.voice.err(`Warning: using chain ${jump.text}, not extension\n`);
  if (isChain) return { kind: 'jump', chain: jump.text, goto };
  if (target) return target;
  return noSuchTarget(jump, goto);
}

function noSuchTarget(jump: Word, goto: boolean): Problem {
  const message = goto
    ? `goto '${jump.text}' is not a chain`
    : `Couldn't load target \`${jump.text}':No such file or directory\n`;
  return { message, status: 2, position: jump.position, length: jump.text.length };
}

/**
 * A rule that could not be added as it stands, kept all the same: what it jumps to is not known.
 * For readers that go on.
 */
export function keepRule(
  state: TableState,
  chain: Chain,
  command: Pick<Command, 'specification' | 'counters'>,
  position: Position,
): void {
  const { specification: said } = command;
  const { jump } = said;
  let end: Step | null = said.target;
  if (jump && !end) {
    const loaded = load('target', null, jump);
    end = unknownTargetStep(said.goto ? { ...loaded, lead: ['-g', jump.text] } : loaded);
  }
  for (const head of said.heads)
    placeRule(
      state,
      makeRule(chain, stepsOf(head, said.matches, end), command.counters, position),
      chain.rules.length,
    );
}
