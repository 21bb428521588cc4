import { readLines } from '../../source/lines.js';
import type { Position } from '../../source/text.js';
import type { Shell } from './shell.js';
import { type List, type Node, shellPieces } from './syntax.js';
import { shellTokens } from './lexer.js';
import { changesNothing } from './test.js';
import { bareWord, type ShellToken } from './token.js';
import { forget, textOf, valueOf } from './variables.js';

/** Functions that call each other, looked into this deep. */
const DEEPEST = 8;
const ASSIGNED = /^([A-Za-z_]\w*)\+?=/;
/** What a shell does itself and shows to nobody but who called the script. */
const SHOWN = /^(?:echo|printf|:|true|false|\[|\[\[|test|which|type)$/;
const TURNS = /^(?:continue|break)$/;

/** Where in what is left out one is: how deep in functions and structures, and whether in a loop that is left out. */
export interface Place {
  readonly depth: number;
  readonly isInLoop: boolean;
}

const OUTERMOST: Place = { depth: 0, isInLoop: false };
export const TURN_OF_LOOP: Place = { depth: 0, isInLoop: true };

/**
 * Leaves nodes out of which nobody knows whether they are run: what they set is not known from then on.
 * @returns whether they may do more than that, as run a command of the host's or end the script
 */
export function leftOut(shell: Shell, nodes: List, place = OUTERMOST): boolean {
  let matters = false;
  // All of them, for what each one sets.
  for (const node of nodes) if (mayMatter(shell, node, place)) matters = true;
  return matters;
}

function mayMatter(shell: Shell, node: Node, place: Place): boolean {
  const depth = place.depth + 1;
  if (depth > DEEPEST) return true;
  const inner = (nodes: List, isInLoop = place.isInLoop): boolean =>
    leftOut(shell, nodes, { depth, isInLoop });
  switch (node.kind) {
    case 'simple':
      return commandMayMatter(shell, node.words, { ...place, depth });
    case 'pipeline':
      return inner(node.parts);
    case 'and-or':
      // As where it is run, what is behind `||` is for a failure that is not taken for granted.
      return inner([node.first, ...node.rest.filter((r) => r.isAnd).map((r) => r.node)]);
    case 'if':
      return inner([...node.clauses.flatMap((c) => [...c.condition, ...c.body]), ...(node.otherwise ?? [])]);
    case 'for':
      forget(shell.variables, node.name, `$${node.name} is not known here`);
      return inner(node.body, true);
    case 'while':
      return inner([...node.condition, ...node.body], true);
    case 'case':
      return inner(node.arms.flatMap((arm) => arm.body));
    case 'group':
      return inner(node.body);
    default:
      return true;
  }
}

function commandMayMatter(shell: Shell, words: readonly ShellToken[], place: Place): boolean {
  for (const { parts, position } of words)
    for (const part of parts)
      if (part.kind === 'command' && substitutionMayMatter(shell, part.text, position, place)) return true;
  let at = 0;
  for (; at < words.length; at++) {
    const first = words[at].parts.at(0);
    const name = first?.kind === 'text' && !first.quoted ? ASSIGNED.exec(first.text)?.[1] : undefined;
    if (name === undefined) break;
    forget(shell.variables, name, `$${name} is not known here`);
  }
  if (at === words.length) return false;
  const name = nameOf(shell, words[at]);
  if (name === undefined) return true;
  const called = shell.functions.get(name);
  if (called) return leftOut(shell, [called], { depth: place.depth, isInLoop: false });
  return !SHOWN.test(name) && !(place.isInLoop && TURNS.test(name)) && !changesNothing(name);
}

function substitutionMayMatter(shell: Shell, text: string, at: Position, place: Place): boolean {
  let isClear = true;
  const complain = (): void => void (isClear = false);
  const pieces = [...shellPieces(shellTokens(readLines(text, at.file), complain), complain)];
  return !isClear || leftOut(shell, pieces, place);
}

/** Whether a command changes nothing whatever its words are, so that nothing is lost where they are not known. */
export function onlyReads(shell: Shell, word: ShellToken): boolean {
  const name = nameOf(shell, word);
  return name !== undefined && !shell.functions.has(name) && changesNothing(name);
}

/** What is called, by its name or a variable. */
function nameOf(shell: Shell, word: ShellToken): string | undefined {
  const bare = bareWord(word);
  if (bare !== null) return bare;
  const [only, ...others] = word.parts.filter((part) => part.kind !== 'text' || part.text !== '');
  if (others.length > 0 || only?.kind !== 'parameter' || only.operator) return undefined;
  const value = valueOf(shell.variables, only.name);
  return value === undefined ? undefined : textOf(value);
}

/** Says that what hangs on a status is left out, since nobody knows the status here, where that may matter. */
export function undecided(shell: Shell, at: Position | null, nodes: List, place?: Place): null {
  if (at && leftOut(shell, nodes, place))
    shell.host.complain(
      'how this ends is not known here: what hangs on it is left out',
      shell.place ?? at,
      1,
    );
  return null;
}
