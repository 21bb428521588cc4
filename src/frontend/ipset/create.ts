import { parseAddress } from '../../address/ip.js';
import { MAX_U32, parseUint } from '../../rules/integers.js';
import type { Word } from '../../rules/options.js';
import { IpSet, type IpSets, type SetOptions } from '../../rules/sets/set.js';
import { SET_TYPES } from '../../rules/sets/type.js';
import { type IpsetProblem, take } from './words.js';

/** IPSET_MAXNAMELEN less the end. */
const NAME_LENGTH = 31;
/** IPSET_BITMAP_MAX_RANGE */
const MOST_IN_BITMAP = 0xffff;
const DEFAULT_MAX_ELEMENTS = 65536;
const DEFAULT_LIST_SIZE = 8;

/** `create NAME TYPE OPTION…` */
export function create(
  name: Word,
  words: readonly Word[],
  exist: boolean,
  sets: IpSets,
): IpsetProblem | null {
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
