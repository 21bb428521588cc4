import { type IpAddress, parseAddress } from '../../address/ip.js';
import { i32, u32, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { negatableNumber, rangeArgument } from '../arguments.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { listHeaderRange, printHeaderRange, printUintRange, type UintRange } from '../integers.js';
import { extensionLength, findExtensionHeader, lookInto } from '../ipv6Headers.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList } from '../options.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { reach } from './header.js';

/** `struct ip6t_rt` (linux/netfilter_ipv6/ip6t_rt.h). */
export interface RtMatch {
  readonly type: Negatable<number> | null;
  readonly segmentsLeft: Negatable<UintRange> | null;
  readonly length: Negatable<number> | null;
  /** Type 0 only (RFC 2460 section 4.4). */
  readonly reserved: boolean;
  readonly addresses: readonly IpAddress[];
  readonly notStrict: boolean;
}

/** IP6T_RT_HOPS */
const MAX_ADDRESSES = 16;
const ADDRESSES_AT = 8;
const ADDRESS_LENGTH = 16;

function parse(options: OptionList): RtMatch {
  const type = negatableNumber(options, 'rt', '--rt-type');
  const word = options.find('--rt-0-addrs')?.args[0];
  const addresses: IpAddress[] = [];
  for (const text of word?.text.split(',') ?? []) {
    const address = parseAddress(text);
    if (address?.version !== 6 || addresses.length === MAX_ADDRESSES) {
      options.error(refusal.badValue('rt', '--rt-0-addrs', word!.text), word);
      break;
    }
    addresses.push(address);
  }
  const data: RtMatch = {
    type,
    segmentsLeft: rangeArgument(options, 'rt', '--rt-segsleft'),
    length: negatableNumber(options, 'rt', '--rt-len'),
    reserved: options.has('--rt-0-res'),
    addresses,
    notStrict: options.has('--rt-0-not-strict'),
  };
  const zero = type !== null && type.value === 0 && !type.negated;
  if (!zero && (data.reserved || addresses.length > 0 || data.notStrict))
    options.error("`--rt-type 0' required before `--rt-0-*'");
  if (data.notStrict && addresses.length === 0)
    options.error("`--rt-0-addr ...' required before `--rt-0-not-strict'");
  return data;
}

function print(data: RtMatch): string {
  const parts: string[] = [];
  if (data.type) parts.push(`${bang(data.type.negated)}--rt-type ${data.type.value}`);
  parts.push(printHeaderRange('--rt-segsleft', data.segmentsLeft));
  if (data.length) parts.push(`${bang(data.length.negated)}--rt-len ${data.length.value}`);
  if (data.reserved) parts.push('--rt-0-res');
  if (data.addresses.length) parts.push(`--rt-0-addrs ${data.addresses.join(',')}`);
  if (data.notStrict) parts.push('--rt-0-not-strict');
  return parts.filter(Boolean).join(' ');
}

function list(data: RtMatch): string {
  const parts = ['rt'];
  const mark = (n: Negatable<unknown>): string => (n.negated ? '!' : '');
  if (data.type) parts.push(`type:${mark(data.type)}${data.type.value}`);
  parts.push(listHeaderRange('segsleft', data.segmentsLeft));
  if (data.length) parts.push(`length:${mark(data.length)}${data.length.value}`);
  if (data.reserved) parts.push('reserved');
  if (data.addresses.length) parts.push(`0-addrs ${data.addresses.join(',')}`);
  if (data.notStrict) parts.push('0-not-strict');
  return parts.filter(Boolean).join(' ');
}

/** Whether the hops stand in the header: all of them and no others, or (not strict) in this order among others. */
function sameHops(data: RtMatch, packet: Packet, at: number, hops: number): boolean {
  const is = (hop: number, address: IpAddress): boolean => {
    const from = at + ADDRESSES_AT + hop * ADDRESS_LENGTH;
    return (
      i32(packet.data, from) === address.a &&
      i32(packet.data, from + 4) === address.b &&
      i32(packet.data, from + 8) === address.c &&
      i32(packet.data, from + 12) === address.d
    );
  };
  if (!data.notStrict) return hops === data.addresses.length && data.addresses.every((a, i) => is(i, a));
  let next = 0;
  for (let hop = 0; hop < hops && next < data.addresses.length; hop++)
    if (is(hop, data.addresses[next])) next++;
  return next === data.addresses.length;
}

/** `rt_mt6()` (net/ipv6/netfilter/ip6t_rt.c) */
function examine(data: RtMatch, packet: Packet): Condition[] | Outcome {
  const found = findExtensionHeader(packet, Protocol.routing);
  if (typeof found === 'number') return found;
  const { at } = found;
  const there = reach(packet, at + 4);
  if (there !== Outcome.hit) return there;
  const length = extensionLength(packet, Protocol.routing, at);
  if (packet.length - at < length) return Outcome.miss;
  const out: Condition[] = [];
  const add = (name: string, negated: boolean, wanted: string, saw: string, hit: boolean): number =>
    out.push(condition(name, 'ip.options', negated, wanted, saw, hit));
  if (data.segmentsLeft) {
    const { value, negated } = data.segmentsLeft;
    const left = u8(packet.data, at + 3);
    const hit = (left >= value.min && left <= value.max) !== negated;
    add('rt-segsleft', negated, printUintRange(value), String(left), hit);
  }
  if (data.length) {
    const { value, negated } = data.length;
    add('rt-len', negated, String(value), String(length), (value === length) !== negated);
  }
  if (data.type) {
    const { value, negated } = data.type;
    const type = u8(packet.data, at + 2);
    add('rt-type', negated, String(value), String(type), (value === type) !== negated);
  }
  if (data.reserved || data.addresses.length) {
    const whole = reach(packet, at + length);
    if (whole !== Outcome.hit && out.every((c) => c.outcome === Outcome.hit)) return whole;
  }
  if (data.reserved) {
    const zero = u32(packet.data, at + 4) === 0;
    add('rt-0-res', false, 'reserved bytes 0', zero ? '0' : 'set', zero);
  }
  if (data.addresses.length) {
    const hops = Math.floor((length - ADDRESSES_AT) / ADDRESS_LENGTH);
    const hit = sameHops(data, packet, at, hops);
    add('rt-0-addrs', false, data.addresses.join(','), `${hops} addresses${hit ? '' : ', others'}`, hit);
  }
  return out;
}

export const rt: MatchDefinition<RtMatch, undefined> = {
  name: 'rt',
  versions: [6],
  options: [
    { name: '--rt-type', args: 1, negatable: true },
    { name: '--rt-segsleft', args: 1, negatable: true },
    { name: '--rt-len', args: 1, negatable: true },
    { name: '--rt-0-res', args: 0 },
    { name: '--rt-0-addrs', args: 1 },
    { name: '--rt-0-not-strict', args: 0 },
  ],
  parse,
  print,
  list,
  reads: () => ['ip.options'],
  pure: true,
  common: false,
  start: () => undefined,
  ...lookInto('routing', examine),
};
