import { isMulticast6 } from '../../address/scope.js';
import { IpAddress } from '../../address/ip.js';
import { addressOf, addressText, type Side } from '../../packet/addresses.js';
import type { Device } from '../../packet/device.js';
import type { Packet } from '../../packet/packet.js';
import { AddressType, type Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { KERNEL_REFUSES, refuseTogether } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_addrtype_info_v1` (linux/netfilter/xt_addrtype.h). */
export interface AddrtypeMatch {
  readonly source: Negatable<number> | null;
  readonly destination: Negatable<number> | null;
  readonly limit: 'in' | 'out' | null;
}

const OPTIONS: readonly OptionSpec[] = [
  { name: '--src-type', args: 1, negatable: true },
  { name: '--dst-type', args: 1, negatable: true },
  { name: '--limit-iface-in', args: 0 },
  { name: '--limit-iface-out', args: 0 },
];

const TYPES = Object.entries(AddressType).map(([name, bit]) => [name.toUpperCase(), bit] as const);
/** What ip6tables cannot ask for: `addrtype_mt_checkentry_v1()`. */
const NOT_IPV6 =
  AddressType.blackhole |
  AddressType.broadcast |
  AddressType.prohibit |
  AddressType.throw |
  AddressType.nat |
  AddressType.xresolve;

function parseTypes(text: string): number | { readonly bad: string } {
  let bits = 0;
  for (const word of text.split(',')) {
    const found = word === '' ? undefined : TYPES.find(([name]) => name.startsWith(word.toUpperCase()));
    if (!found) return { bad: word };
    bits |= found[1];
  }
  return bits;
}

function formatTypes(bits: number): string {
  return TYPES.filter(([, bit]) => bits & bit)
    .map(([name]) => name)
    .join(',');
}

function parse(options: OptionList): AddrtypeMatch {
  const take = (name: string): Negatable<number> | null => {
    const given = options.find(name);
    if (!given) return null;
    const bits = parseTypes(given.args[0].text);
    if (typeof bits !== 'number') options.error(`addrtype: bad type "${bits.bad}"`, given.args[0]);
    else if (options.version === 6 && bits & NOT_IPV6) options.error(KERNEL_REFUSES, given.args[0]);
    else return { value: bits, negated: given.negated };
    return null;
  };
  if (!options.has('--src-type') && !options.has('--dst-type'))
    options.error('addrtype: you must specify --src-type or --dst-type');
  refuseTogether(options, 'addrtype', ['--limit-iface-in', '--limit-iface-out']);
  const limit = options.has('--limit-iface-in') ? 'in' : options.has('--limit-iface-out') ? 'out' : null;
  return { source: take('--src-type'), destination: take('--dst-type'), limit };
}

function print({ source, destination, limit }: AddrtypeMatch): string {
  return [
    ...(source ? [`${bang(source.negated)}--src-type ${formatTypes(source.value)}`] : []),
    ...(destination ? [`${bang(destination.negated)}--dst-type ${formatTypes(destination.value)}`] : []),
    ...(limit ? [`--limit-iface-${limit}`] : []),
  ].join(' ');
}

function list({ source, destination, limit }: AddrtypeMatch): string {
  const part = (side: string, types: Negatable<number> | null): string =>
    types ? ` ${side}-type ${types.negated ? '!' : ''}${formatTypes(types.value)}` : '';
  return `ADDRTYPE match${part('src', source)}${part('dst', destination)}${limit ? ` limit-${limit}` : ''}`;
}

/** Which of UNSPEC, UNICAST and MULTICAST an IPv6 address is by its bits: `__ipv6_addr_type()` (net/ipv6/addrconf_core.c). */
function classOf({ a, b, c, d }: IpAddress): number {
  if (isMulticast6(a)) return AddressType.multicast;
  if ((a | b) === 0 && c === 0 && d === 0) return AddressType.unspec;
  // An IPv4-mapped address is neither.
  return (a | b) === 0 && c === 0xffff ? 0 : AddressType.unicast;
}

const BY_ADDRESS = AddressType.multicast | AddressType.unicast | AddressType.unspec;
const BY_ROUTE = AddressType.local | AddressType.anycast | AddressType.unreachable;

/** IPv4 asks for one of the types; IPv6 for each kind of them: `match_type6()` (net/netfilter/xt_addrtype.c). */
function isOf(types: number, address: IpAddress, device: Device | null, context: Context): boolean {
  if (address.version === 4) return (types & context.routes.addressType(address, device)) !== 0;
  const asked = types & BY_ADDRESS;
  if ((asked & classOf(address)) !== asked) return false;
  return (types & BY_ROUTE) === 0 || (types & BY_ROUTE & context.routes.addressType(address, device)) !== 0;
}

function limitedTo({ limit }: AddrtypeMatch, packet: Packet): Device | null {
  return limit === null ? null : packet[limit];
}

/** `addrtype_mt_v1()` (net/netfilter/xt_addrtype.c). */
function test(data: AddrtypeMatch, packet: Packet, context: Context): Outcome {
  const { source, destination } = data;
  const device = limitedTo(data, packet);
  if (source && isOf(source.value, addressOf(packet, 'source'), device, context) === source.negated)
    return Outcome.miss;
  if (
    destination &&
    isOf(destination.value, addressOf(packet, 'destination'), device, context) === destination.negated
  )
    return Outcome.miss;
  return Outcome.hit;
}

function explain(data: AddrtypeMatch, packet: Packet, context: Context): Condition[] {
  const device = limitedTo(data, packet);
  const side = (name: string, which: Side, types: Negatable<number> | null): Condition[] => {
    if (!types) return [];
    const address = addressOf(packet, which);
    const type = formatTypes(context.routes.addressType(address, device)) || 'of no type';
    const saw = `${addressText(packet, which)}, ${type}${device ? ` on ${device.name}` : ''}`;
    const hit = isOf(types.value, address, device, context) !== types.negated;
    return [condition(name, 'routing', types.negated, formatTypes(types.value), saw, hit)];
  };
  return [...side('src-type', 'source', data.source), ...side('dst-type', 'destination', data.destination)];
}

export const addrtype: MatchDefinition<AddrtypeMatch, undefined> = {
  name: 'addrtype',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list,
  reads: (data) => [
    'routing',
    ...(data.source ? (['ip.source'] as const) : []),
    ...(data.destination ? (['ip.destination'] as const) : []),
    ...(data.limit ? [data.limit] : []),
  ],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
