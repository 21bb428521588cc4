import { u16, u32, u8 } from '../../packet/bytes.js';
import { Ipv6FragmentHeader } from '../../packet/ipv6.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { negatableNumber, rangeArgument } from '../arguments.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { listHeaderRange, printHeaderRange, printUintRange, type UintRange } from '../integers.js';
import { findExtensionHeader, lookInto } from '../ipv6Headers.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList } from '../options.js';
import { refuseTogether } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { reach } from './header.js';

/** `struct ip6t_frag` (linux/netfilter_ipv6/ip6t_frag.h). */
export interface FragMatch {
  readonly id: Negatable<UintRange> | null;
  /** Kept and printed; the kernel does not look at it. */
  readonly length: Negatable<number> | null;
  readonly reserved: boolean;
  readonly first: boolean;
  readonly more: boolean;
  readonly last: boolean;
}

function parse(options: OptionList): FragMatch {
  refuseTogether(options, 'frag', ['--fragmore', '--fraglast']);
  return {
    id: rangeArgument(options, 'frag', '--fragid'),
    length: negatableNumber(options, 'frag', '--fraglen'),
    reserved: options.has('--fragres'),
    first: options.has('--fragfirst'),
    more: options.has('--fragmore'),
    last: options.has('--fraglast'),
  };
}

function print(data: FragMatch): string {
  const parts = [printHeaderRange('--fragid', data.id)];
  if (data.length) parts.push(`${bang(data.length.negated)}--fraglen ${data.length.value}`);
  if (data.reserved) parts.push('--fragres');
  if (data.first) parts.push('--fragfirst');
  if (data.more) parts.push('--fragmore');
  if (data.last) parts.push('--fraglast');
  return parts.filter(Boolean).join(' ');
}

/** The blank before the id stands there without one, too. */
function list(data: FragMatch): string {
  const parts = [`frag ${listHeaderRange('id', data.id)}`];
  if (data.length) parts.push(`length:${data.length.negated ? '!' : ''}${data.length.value}`);
  if (data.reserved) parts.push('reserved');
  if (data.first) parts.push('first');
  if (data.more) parts.push('more');
  if (data.last) parts.push('last');
  return parts.join(' ');
}

/** `frag_mt6()` (net/ipv6/netfilter/ip6t_frag.c) */
function examine(data: FragMatch, packet: Packet): Condition[] | Outcome {
  const found = findExtensionHeader(packet, Protocol.fragment);
  if (typeof found === 'number') return found;
  const { at } = found;
  const there = reach(packet, at + Ipv6FragmentHeader.length);
  if (there !== Outcome.hit) return there;
  const out: Condition[] = [];
  const field = u16(packet.data, at + Ipv6FragmentHeader.offset);
  const add = (name: string, negated: boolean, wanted: string, saw: string, hit: boolean): number =>
    out.push(condition(name, 'ip.fragment', negated, wanted, saw, hit));
  if (data.id) {
    const { value, negated } = data.id;
    const id = u32(packet.data, at + Ipv6FragmentHeader.id);
    const hit = (id >= value.min && id <= value.max) !== negated;
    add('fragid', negated, printUintRange(value), String(id), hit);
  }
  if (data.reserved) {
    const zero = u8(packet.data, at + 1) === 0 && (field & 6) === 0;
    add('fragres', false, 'reserved bits 0', zero ? '0' : 'set', zero);
  }
  if (data.first) add('fragfirst', false, 'offset 0', String(field & 0xfff8), (field & 0xfff8) === 0);
  const more = (field & 1) !== 0;
  if (data.more) add('fragmore', false, 'more fragments', more ? 'more' : 'the last', more);
  if (data.last) add('fraglast', false, 'the last fragment', more ? 'more' : 'the last', !more);
  return out;
}

export const frag: MatchDefinition<FragMatch, undefined> = {
  name: 'frag',
  versions: [6],
  options: [
    { name: '--fragid', args: 1, negatable: true },
    { name: '--fraglen', args: 1, negatable: true },
    { name: '--fragres', args: 0 },
    { name: '--fragfirst', args: 0 },
    { name: '--fragmore', args: 0 },
    { name: '--fraglast', args: 0 },
  ],
  parse,
  print,
  list,
  reads: () => ['ip.fragment'],
  pure: true,
  common: false,
  start: () => undefined,
  ...lookInto('fragment', examine),
};
