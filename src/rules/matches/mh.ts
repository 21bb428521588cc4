import { u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import type { MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { parseUint, printUintRange, type UintRange } from '../integers.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList } from '../options.js';
import { outcomeOf } from '../outcomes.js';
import { KERNEL_REFUSES, refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { transportHeader, withoutHeader } from './header.js';

/** `struct ip6t_mh` (linux/netfilter_ipv6/ip6t_mh.h); null: every type. */
export type MhMatch = Negatable<UintRange> | null;

/** RFC 6275 section 6.1: the message types by number. */
const TYPES = [
  ['binding-refresh-request', 'brr'],
  ['home-test-init', 'hoti'],
  ['careof-test-init', 'coti'],
  ['home-test', 'hot'],
  ['careof-test', 'cot'],
  ['binding-update', 'bu'],
  ['binding-acknowledgement', 'ba'],
  ['binding-error', 'be'],
] as const;

const TYPE_AT = 2;
const HEADER_LENGTH = 6;

function typeOf(text: string): number | undefined {
  const at = TYPES.findIndex((names) => names.some((name) => name === text.toLowerCase()));
  return at >= 0 ? at : parseUint(text, 255);
}

function parse(options: OptionList): MhMatch {
  if (options.protocol !== Protocol.mobility) options.error(KERNEL_REFUSES);
  const given = options.find('--mh-type');
  if (!given) return null;
  const word = given.args[0];
  const [low, high, more] = word.text.split(':');
  const min = low === '' && high !== undefined ? 0 : typeOf(low);
  const max = high === undefined ? min : high === '' ? 255 : typeOf(high);
  if (min === undefined || max === undefined || more !== undefined) {
    options.error(refusal.badValue('mh', '--mh-type', word.text), word);
    return null;
  }
  if (min > max) {
    options.error('Invalid MH type range (min > max)', word);
    return null;
  }
  return { value: { min, max }, negated: given.negated };
}

function isEveryType({ min, max }: UintRange): boolean {
  return min === 0 && max === 255;
}

function nameOf(type: number, numeric: boolean): string {
  return numeric || type >= TYPES.length ? String(type) : TYPES[type][0];
}

function list(data: MhMatch, numeric: boolean): string {
  if (!data || (isEveryType(data.value) && !data.negated)) return 'mh';
  const { min, max } = data.value;
  const range = min === max ? nameOf(min, numeric) : `${nameOf(min, numeric)}:${nameOf(max, numeric)}`;
  return `mh ${data.negated ? '!' : ''}${range}`;
}

/** `mh_mt6()` (net/ipv6/netfilter/ip6t_mh.c): something after a mobility header drops the packet. */
function test(data: MhMatch, packet: Packet): Outcome {
  const there = transportHeader(packet, HEADER_LENGTH);
  if (there !== Outcome.hit) return there;
  if (u8(packet.data, packet.transport) !== Protocol.none) return Outcome.hotdrop;
  const type = u8(packet.data, packet.transport + TYPE_AT);
  return outcomeOf(!data || (type >= data.value.min && type <= data.value.max) !== data.negated);
}

export const mh: MatchDefinition<MhMatch, undefined> = {
  name: 'mh',
  protocols: [Protocol.mobility],
  versions: [6],
  options: [{ name: '--mh-type', args: 1, negatable: true }],
  parse,
  print: (data) =>
    data && !isEveryType(data.value) ? `${bang(data.negated)}--mh-type ${printUintRange(data.value)}` : '',
  list,
  reads: () => ['ip.protocol', 'transport'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain: (data, packet, _, __, outcome) => {
    if (outcome !== Outcome.hit && outcome !== Outcome.miss)
      return [withoutHeader('mobility', packet, outcome)];
    const saw = nameOf(u8(packet.data, packet.transport + TYPE_AT), false);
    const wanted = data ? list({ ...data, negated: false }, false) : 'any type';
    return [condition('mh-type', 'transport', data?.negated ?? false, wanted, saw, outcome === Outcome.hit)];
  },
};
