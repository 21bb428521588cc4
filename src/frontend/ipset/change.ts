import { MAX_U32, parseUint } from '../../rules/integers.js';
import { jiffies } from '../../rules/jiffies.js';
import type { Word } from '../../rules/options.js';
import {
  type Element,
  expiryTick,
  type IpSet,
  type IpSets,
  makeElement,
  type SkbInfo,
} from '../../rules/sets/set.js';
import { parseElement } from './element.js';
import { type IpsetProblem, take } from './words.js';

/** `add NAME ELEMENT OPTION…` and `del NAME ELEMENT`: `words` are those after the name. */
export function change(
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
