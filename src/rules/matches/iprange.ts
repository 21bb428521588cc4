import { type IpAddress, parseAddress } from '../../address/ip.js';
import { addressText, type Side } from '../../packet/addresses.js';
import { u32 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

interface AddressRange {
  readonly first: IpAddress;
  readonly last: IpAddress;
}

/** `struct xt_iprange_mtinfo` (linux/netfilter/xt_iprange.h). */
export interface IprangeMatch {
  readonly source: Negatable<AddressRange> | null;
  readonly destination: Negatable<AddressRange> | null;
}

const OPTIONS: readonly OptionSpec[] = [
  { name: '--src-range', args: 1, negatable: true },
  { name: '--dst-range', args: 1, negatable: true },
];

function parse(options: OptionList): IprangeMatch {
  const take = (name: string): Negatable<AddressRange> | null => {
    const given = options.find(name);
    if (!given) return null;
    const [low, high = low] = given.args[0].text.split(/-(.*)/s, 2);
    const [first, last] = [low, high].map((text) => {
      const address = parseAddress(text);
      return address?.version === options.version ? address : undefined;
    });
    if (first && last) return { value: { first, last }, negated: given.negated };
    options.error(refusal.badValue('iprange', name, first ? high : low), given.args[0]);
    return null;
  };
  if (!options.has('--src-range') && !options.has('--dst-range'))
    options.error("iprange match: You must specify `--src-range' or `--dst-range'");
  return { source: take('--src-range'), destination: take('--dst-range') };
}

function words({ first, last }: AddressRange): string {
  return `${first.toString()}-${last.toString()}`;
}

/** Negative where the address at `at` is below `other`, in the order of its bytes. */
function compare(packet: Packet, at: number, other: IpAddress): number {
  const { data } = packet;
  return (
    u32(data, at) - (other.a >>> 0) ||
    (other.version === 6
      ? u32(data, at + 4) - (other.b >>> 0) ||
        u32(data, at + 8) - (other.c >>> 0) ||
        u32(data, at + 12) - (other.d >>> 0)
      : 0)
  );
}

/** `iprange_mt4()`, `iprange_mt6()` (net/netfilter/xt_iprange.c). A range whose first is above its last holds nothing. */
function hits({ value, negated }: Negatable<AddressRange>, packet: Packet, at: number): boolean {
  return (compare(packet, at, value.first) >= 0 && compare(packet, at, value.last) <= 0) !== negated;
}

function explain({ source, destination }: IprangeMatch, packet: Packet): Condition[] {
  const side = (name: string, which: Side, range: Negatable<AddressRange> | null, at: number): Condition[] =>
    range
      ? [
          condition(
            name,
            `ip.${which}`,
            range.negated,
            words(range.value),
            addressText(packet, which),
            hits(range, packet, at),
          ),
        ]
      : [];
  return [
    ...side('src-range', 'source', source, packet.sourceOffset),
    ...side('dst-range', 'destination', destination, packet.destinationOffset),
  ];
}

export const iprange: MatchDefinition<IprangeMatch, undefined> = {
  name: 'iprange',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print: ({ source, destination }) =>
    [
      ...(source ? [`${bang(source.negated)}--src-range ${words(source.value)}`] : []),
      ...(destination ? [`${bang(destination.negated)}--dst-range ${words(destination.value)}`] : []),
    ].join(' '),
  list: ({ source, destination }) =>
    [
      ...(source ? [`source IP range ${bang(source.negated)}${words(source.value)}`] : []),
      ...(destination
        ? [`destination IP range ${bang(destination.negated)}${words(destination.value)}`]
        : []),
    ].join(' '),
  reads: ({ source, destination }) => [
    ...(source ? (['ip.source'] as const) : []),
    ...(destination ? (['ip.destination'] as const) : []),
  ],
  pure: true,
  common: false,
  start: () => undefined,
  test: ({ source, destination }, packet) =>
    (source && !hits(source, packet, packet.sourceOffset)) ||
    (destination && !hits(destination, packet, packet.destinationOffset))
      ? Outcome.miss
      : Outcome.hit,
  explain,
};
