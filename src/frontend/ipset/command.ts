import { parseUint } from '../../rules/integers.js';
import type { Word } from '../../rules/options.js';
import { jiffies } from '../../rules/jiffies.js';
import {
  type Element,
  expiryTick,
  IpSet,
  type IpSets,
  makeElement,
  type SetOptions,
  type SkbInfo,
} from '../../rules/sets/set.js';
import { SET_TYPES } from '../../rules/sets/type.js';
import { parseAddress } from '../../address/ip.js';
import { parseElement, plainKey } from './element.js';

/** Why a command failed: ipset's own words, and the word it is about. */
export interface IpsetProblem {
  readonly message: string;
  readonly at: Word | null;
}

const MAX_U32 = 0xffffffff;
/** IPSET_MAXNAMELEN less the end. */
const NAME_LENGTH = 31;
/** IPSET_BITMAP_MAX_RANGE */
const MOST_IN_BITMAP = 0xffff;
const DEFAULT_MAX_ELEMENTS = 65536;
const DEFAULT_LIST_SIZE = 8;

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

/** The words after an element or a type, taken one by one. */
function take(words: readonly Word[]): { next(): Word | undefined; argument(of: Word): Word | IpsetProblem } {
  let at = 0;
  return {
    next: () => words[at++],
    argument: (of) =>
      words[at++] ?? { message: `Missing mandatory argument of option \`${of.text}'`, at: of },
  };
}

function create(name: Word, words: readonly Word[], exist: boolean, sets: IpSets): IpsetProblem | null {
  const [typeWord, ...more] = words;
  if (name.text === '' || name.text.length > NAME_LENGTH)
    return {
      message: `Syntax error: setname '${name.text}' is longer than ${NAME_LENGTH} characters`,
      at: name,
    };
  if (!typeWord) return { message: 'Missing second mandatory argument to command create', at: name };
  const type = SET_TYPES.get(ALIASES.get(typeWord.text) ?? typeWord.text);
  if (!type) return { message: `Syntax error: typename '${typeWord.text}' is unknown`, at: typeWord };
  const options = parseOptions(more, type.name);
  if ('message' in options) return options;
  if (type.method === 'bitmap' && !options.range)
    return { message: "Mandatory option `range' is missing", at: typeWord };
  if (
    options.range &&
    (options.range[1] - options.range[0]) / 2 ** (32 - (options.netmask ?? 32)) > MOST_IN_BITMAP
  )
    return { message: 'The range you specified exceeds the size limit of the set type', at: typeWord };
  if (sets.has(name.text))
    return exist
      ? null
      : { message: 'Set cannot be created: set with the same name already exists', at: name };
  sets.set(name.text, new IpSet(name.text, type, options));
  return null;
}

/** Names of ipset 4 that still work. */
const ALIASES = new Map([
  ['iphash', 'hash:ip'],
  ['nethash', 'hash:net'],
  ['ipporthash', 'hash:ip,port'],
  ['ipportiphash', 'hash:ip,port,ip'],
  ['ipportnethash', 'hash:ip,port,net'],
  ['ipmap', 'bitmap:ip'],
  ['macipmap', 'bitmap:ip,mac'],
  ['portmap', 'bitmap:port'],
  ['setlist', 'list:set'],
  ['machash', 'hash:mac'],
]);

function parseOptions(words: readonly Word[], type: string): SetOptions | IpsetProblem {
  const options: { -readonly [K in keyof SetOptions]: SetOptions[K] } = {
    family: 4,
    hashSize: null,
    maxElements: DEFAULT_MAX_ELEMENTS,
    timeout: null,
    counters: false,
    comment: false,
    skbinfo: false,
    forceAdd: false,
    netmask: null,
    markMask: MAX_U32,
    range: null,
    bucketSize: null,
    initialValue: null,
    size: DEFAULT_LIST_SIZE,
  };
  const list = take(words);
  for (let word = list.next(); word; word = list.next()) {
    switch (word.text) {
      case 'counters':
        options.counters = true;
        continue;
      case 'comment':
        options.comment = true;
        continue;
      case 'skbinfo':
        options.skbinfo = true;
        continue;
      case 'forceadd':
        options.forceAdd = true;
        continue;
    }
    const argument = list.argument(word);
    if ('message' in argument) return argument;
    const { text } = argument;
    const number = parseUint(text, MAX_U32);
    const bad: IpsetProblem = { message: `Syntax error: '${text}' is invalid as number`, at: argument };
    switch (word.text) {
      case 'family':
        if (text !== 'inet' && text !== 'inet6' && text !== '-4' && text !== '-6')
          return { message: `Syntax error: unknown INET family ${text}`, at: argument };
        options.family = text === 'inet6' || text === '-6' ? 6 : 4;
        break;
      case 'range':
      case 'from': {
        const range = parseRange(text, type);
        if (!range) return { message: `Syntax error: cannot parse ${text} as a range`, at: argument };
        options.range = range;
        break;
      }
      case 'netmask':
        if (number === undefined || number < 1 || number > 128) return bad;
        options.netmask = number;
        break;
      case 'hashsize':
      case 'maxelem':
      case 'timeout':
      case 'markmask':
      case 'bucketsize':
      case 'initval':
      case 'size':
        if (number === undefined) return bad;
        options[NUMBERS[word.text]] = number;
        break;
      // Options of old versions that mean nothing any more.
      case 'probes':
      case 'resize':
      case 'gc':
        break;
      default:
        return { message: `Unknown argument: \`${word.text}'`, at: word };
    }
  }
  return options;
}

const NUMBERS = {
  hashsize: 'hashSize',
  maxelem: 'maxElements',
  timeout: 'timeout',
  markmask: 'markMask',
  bucketsize: 'bucketSize',
  initval: 'initialValue',
  size: 'size',
} as const;

/** The range of a bitmap: ports, or addresses as `a-b` or `a/length`. */
function parseRange(text: string, type: string): readonly [number, number] | undefined {
  const [low, high] = text.split('-');
  if (type === 'bitmap:port') {
    const [from, to] = [parseUint(low, 65535), parseUint(high ?? low, 65535)];
    return from === undefined || to === undefined ? undefined : [Math.min(from, to), Math.max(from, to)];
  }
  const [base, bits] = low.split('/');
  const from = parseAddress(base);
  const to = high === undefined ? from : parseAddress(high);
  const length = bits === undefined ? 32 : parseUint(bits, 32);
  if (from?.version !== 4 || to?.version !== 4 || length === undefined) return undefined;
  if (high !== undefined) return [from.a >>> 0, to.a >>> 0];
  const first = (from.a >>> 0) - ((from.a >>> 0) % 2 ** (32 - length));
  return [first, first + 2 ** (32 - length) - 1];
}

function change(
  set: IpSet,
  add: boolean,
  words: readonly Word[],
  name: Word,
  exist: boolean,
  sets: IpSets,
  now: number,
): IpsetProblem | null {
  const [elementWord, ...more] = words;
  if (!elementWord) return { message: 'Missing second mandatory argument to command add', at: name };
  const extras = parseExtras(set, more, now);
  if ('message' in extras) return extras;
  if (set.type.method === 'list') return changeMember(set, add, elementWord, extras, exist, sets);
  const parsed = parseElement(elementWord.text, set);
  if (typeof parsed === 'string') return { message: parsed, at: elementWord };
  const tick = jiffies(now);
  for (let i = 0; i < parsed.count; i++) {
    const key = parsed.key(i);
    const done = add
      ? set.add(makeElement(key, { ...extras.element, physdev: parsed.physdev }), exist, tick)
      : set.delete(key, tick);
    if (done === 'full') return { message: 'Hash is full, cannot add more elements', at: elementWord };
    if (done === 'exists')
      return { message: "Element cannot be added to the set: it's already added", at: elementWord };
    if (done === 'missing' && !exist)
      return { message: "Element cannot be deleted from the set: it's not added", at: elementWord };
  }
  return null;
}

interface Extras {
  readonly element: Partial<Omit<Element, 'key'>>;
  /** list:set: where the member goes. */
  readonly place: { readonly before: boolean; readonly reference: Word } | null;
}

function parseExtras(set: IpSet, words: readonly Word[], now: number): Extras | IpsetProblem {
  const { options } = set;
  let timeout = options.timeout;
  const element: { -readonly [K in keyof Omit<Element, 'key'>]?: Element[K] } = {};
  const skb: { -readonly [K in keyof SkbInfo]: SkbInfo[K] } = { mark: null, priority: null, queue: null };
  let place: Extras['place'] = null;
  const list = take(words);
  for (let word = list.next(); word; word = list.next()) {
    if (word.text === 'nomatch') element.nomatch = true;
    else if (word.text === 'wildcard') element.wildcard = true;
    else {
      const argument = list.argument(word);
      if ('message' in argument) return argument;
      const { text } = argument;
      const needs = { timeout: options.timeout !== null, packets: options.counters, bytes: options.counters }[
        word.text
      ];
      if (needs === false)
        return {
          message: `\`${word.text}' cannot be used: the set was created without support for it`,
          at: word,
        };
      const number = /^\d{1,16}$/.test(text) ? Number(text) : undefined;
      const bad: IpsetProblem = { message: `Syntax error: '${text}' is invalid as number`, at: argument };
      switch (word.text) {
        case 'timeout':
          if (number === undefined) return bad;
          timeout = number;
          break;
        case 'packets':
        case 'bytes':
          if (number === undefined) return bad;
          element[word.text] = number;
          break;
        case 'comment':
          element.comment = text;
          break;
        case 'skbmark': {
          const [value, mask] = text.split('/').map((part) => parseUint(part, MAX_U32));
          if (value === undefined) return bad;
          skb.mark = [value, mask ?? MAX_U32];
          break;
        }
        case 'skbprio': {
          const [major, minor] = text
            .split(':')
            .map((part) => (/^[0-9a-f]{1,4}$/i.test(part) ? parseInt(part, 16) : undefined));
          if (major === undefined || minor === undefined) return bad;
          skb.priority = ((major << 16) | minor) >>> 0;
          break;
        }
        case 'skbqueue':
          if (number === undefined) return bad;
          skb.queue = number;
          break;
        case 'before':
        case 'after':
          place = { before: word.text === 'before', reference: argument };
          break;
        default:
          return { message: `Unknown argument: \`${word.text}'`, at: word };
      }
    }
  }
  element.expires = timeout === null ? Infinity : expiryTick(timeout, now);
  if (skb.mark ?? skb.priority ?? skb.queue) element.skb = skb;
  return { element, place };
}

function changeMember(
  set: IpSet,
  add: boolean,
  word: Word,
  { element, place }: Extras,
  exist: boolean,
  sets: IpSets,
): IpsetProblem | null {
  const { members } = set;
  const at = members.findIndex((member) => member.name === word.text);
  if (!add) {
    if (at >= 0) members.splice(at, 1);
    else if (!exist) return { message: "Element cannot be deleted from the set: it's not added", at: word };
    return null;
  }
  const member = sets.get(word.text);
  if (!member) return { message: 'Set to be added/deleted/tested as element does not exist.', at: word };
  if (member.type.method === 'list')
    return { message: 'Set of list:set type cannot be added to a list:set', at: word };
  if (at >= 0)
    return exist ? null : { message: "Element cannot be added to the set: it's already added", at: word };
  if (members.length >= set.options.size && !exist)
    return { message: 'List of sets is full, cannot add more elements', at: word };
  const reference = place ? members.findIndex((m) => m.name === place.reference.text) : -1;
  if (place && reference < 0)
    return { message: 'Reference setname for before/after does not exist in the set', at: place.reference };
  const index = place ? reference + (place.before ? 0 : 1) : members.length;
  members.splice(index, 0, { name: word.text, element: makeElement([], element) });
  return null;
}
