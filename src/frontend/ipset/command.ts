import { jiffies } from '../../rules/jiffies.js';
import type { Word } from '../../rules/options.js';
import { type IpSet, type IpSets, makeElement } from '../../rules/sets/set.js';
import { change } from './change.js';
import { create } from './create.js';
import { plainKey } from './element.js';
import type { IpsetProblem } from './words.js';

const COMMANDS = new Map<string, 'create' | 'add' | 'del' | 'flush' | 'destroy' | 'rename' | 'swap' | 'none'>(
  Object.entries({
    create: 'create',
    '-N': 'create',
    n: 'create',
    '--create': 'create',
    add: 'add',
    '-A': 'add',
    '--add': 'add',
    del: 'del',
    '-D': 'del',
    '--del': 'del',
    flush: 'flush',
    '-F': 'flush',
    '--flush': 'flush',
    destroy: 'destroy',
    '-X': 'destroy',
    x: 'destroy',
    '--destroy': 'destroy',
    rename: 'rename',
    '-E': 'rename',
    e: 'rename',
    '--rename': 'rename',
    swap: 'swap',
    '-W': 'swap',
    w: 'swap',
    '--swap': 'swap',
    // What only shows something, or ends a restore.
    COMMIT: 'none',
    quit: 'none',
    save: 'none',
    list: 'none',
    '-L': 'none',
    '-S': 'none',
    test: 'none',
    '-T': 'none',
    version: 'none',
    help: 'none',
  } as const),
);

const EXIST = new Set(['-exist', '-!', '--exist']);
const QUIET = new Set(['-quiet', '-q', '--quiet', '-q!', '-sorted', '-s', '-resolve', '-r']);

/**
 * Runs one `ipset` command (without the program's name) on a host's sets, or one line of `ipset restore`.
 * @param now ns since capture start: from when timeouts run
 * @returns what went wrong, or null
 */
export function runIpset(words: readonly Word[], sets: IpSets, now: number): IpsetProblem | null {
  const exist = words.some((word) => EXIST.has(word.text));
  const rest = words.filter((word) => !EXIST.has(word.text) && !QUIET.has(word.text));
  const [first, name, ...more] = rest;
  if (!first) return null;
  const command = COMMANDS.get(first.text);
  if (!command) return { message: `No command specified: unknown argument ${first.text}`, at: first };
  if (command === 'none') return null;
  if (!name) {
    if (command === 'flush') for (const set of sets.values()) set.flush();
    else if (command === 'destroy') sets.clear();
    else return { message: `Missing mandatory argument to command ${first.text}`, at: first };
    return null;
  }
  if (command === 'create') return create(name, more, exist, sets);
  const set = sets.get(name.text);
  if (!set) return { message: 'The set with the given name does not exist', at: name };
  switch (command) {
    case 'add':
    case 'del':
      return change(set, command === 'add', more, name, exist, sets, now);
    case 'flush':
      set.flush();
      return null;
    case 'destroy':
      sets.delete(name.text);
      return null;
    case 'rename':
    case 'swap': {
      const other = more[0];
      if (!other) return { message: `Missing second mandatory argument to command ${first.text}`, at: first };
      return command === 'rename' ? rename(set, other, sets) : swap(set, other, sets);
    }
  }
}

/**
 * `add NAME ELEMENT` where nothing is odd, as most lines of a saved set are.
 * @returns false: nothing was done; `runIpset` reads it whole, and says what is wrong
 */
export function addPlain(line: string, sets: IpSets): boolean {
  const space = line.indexOf(' ', 4);
  if (!line.startsWith('add ') || space < 0) return false;
  const set = sets.get(line.slice(4, space));
  if (!set || set.options.timeout !== null) return false;
  const key = plainKey(line.slice(space + 1), set);
  return key !== null && set.add(makeElement(key), false, START) === 'done';
}

/** The tick at which a capture begins. */
const START = jiffies(0);

function rename(set: IpSet, to: Word, sets: IpSets): IpsetProblem | null {
  if (sets.has(to.text))
    return { message: 'Set cannot be renamed: a set with the new name already exists', at: to };
  for (const list of sets.values())
    for (const member of list.members) if (member.name === set.name) member.name = to.text;
  sets.delete(set.name);
  set.name = to.text;
  sets.set(to.text, set);
  return null;
}

/** The sets trade names; lists go on holding the sets, whatever they are called. */
function swap(set: IpSet, other: Word, sets: IpSets): IpsetProblem | null {
  const second = sets.get(other.text);
  if (!second) return { message: 'Sets cannot be swapped: the second set does not exist', at: other };
  if (second.type !== set.type || second.options.family !== set.options.family)
    return { message: 'The sets cannot be swapped: their type does not match', at: other };
  [set.name, second.name] = [second.name, set.name];
  sets.set(set.name, set);
  sets.set(second.name, second);
  return null;
}
