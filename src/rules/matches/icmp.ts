import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { u8 } from '../../packet/bytes.js';
import { Icmp } from '../../packet/transport.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { ANY_TYPE, type IcmpTypeMatch, icmpTypeName, parseIcmpType } from '../icmpTypes.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES, refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { transportHeader, withoutHeader } from './header.js';

/** `struct ipt_icmp` (linux/netfilter_ipv4/ip_tables.h), `struct ip6t_icmp` (linux/netfilter_ipv6/ip6_tables.h). */
export type IcmpMatch = Negatable<IcmpTypeMatch>;

interface Dialect {
  readonly version: 4 | 6;
  readonly name: string;
  readonly option: string;
  readonly protocol: number;
  /** How -L begins. */
  readonly label: string;
}

const ICMP: Dialect = {
  version: 4,
  name: 'icmp',
  option: '--icmp-type',
  protocol: Protocol.icmp,
  label: 'icmp',
};
const ICMPV6: Dialect = {
  version: 6,
  name: 'icmp6',
  option: '--icmpv6-type',
  protocol: Protocol.icmpv6,
  label: 'ipv6-icmp',
};

function numbers({ type, code }: IcmpTypeMatch): string {
  return code === null ? String(type) : `${type}/${code}`;
}

function describe(value: IcmpTypeMatch, version: 4 | 6): string {
  const name = icmpTypeName(value, version);
  return name ? `${name} (${numbers(value)})` : numbers(value);
}

function define({ version, name, option, protocol, label }: Dialect): MatchDefinition<IcmpMatch, undefined> {
  /** ICMP's type 255 stands for all, ICMPv6's does not: `icmp_match()` (ip_tables.c), `icmp6_match()` (ip6_tables.c). */
  function hits({ value, negated }: IcmpMatch, type: number, code: number): boolean {
    const same = type === value.type && (value.code === null || code === value.code);
    return (same || (version === 4 && value.type === ANY_TYPE)) !== negated;
  }

  function parse(options: OptionList): IcmpMatch {
    const given = options.find(option);
    if (options.protocol !== protocol) options.error(KERNEL_REFUSES);
    if (!given) {
      options.error(refusal.missing(name, option));
      return { value: { type: ANY_TYPE, code: null }, negated: false };
    }
    const value = parseIcmpType(given.args[0].text, version);
    if (typeof value !== 'string') return { value, negated: given.negated };
    options.error(value, given.args[0]);
    return { value: { type: ANY_TYPE, code: null }, negated: given.negated };
  }

  function print({ value, negated }: IcmpMatch): string {
    const type = version === 4 && value.type === ANY_TYPE ? 'any' : numbers(value);
    return `${bang(negated)}${option} ${type}`;
  }

  function list({ value, negated }: IcmpMatch, numeric: boolean): string {
    const known = numeric ? undefined : icmpTypeName(value, version);
    if (known) return `${label} ${negated ? '!' : ''}${known}`;
    return `${label}${negated ? ' !' : ''}type ${value.type}${value.code === null ? '' : ` code ${value.code}`}`;
  }

  function test(data: IcmpMatch, packet: Packet): Outcome {
    const header = transportHeader(packet, Icmp.headerLength);
    const { transport } = packet;
    if (header === Outcome.miss || header === Outcome.hotdrop || packet.data.length < transport + 2)
      return header;
    return hits(data, u8(packet.data, transport), u8(packet.data, transport + 1))
      ? Outcome.hit
      : Outcome.miss;
  }

  function explain(
    data: IcmpMatch,
    packet: Packet,
    _context: unknown,
    _state: unknown,
    outcome: Outcome,
  ): Condition[] {
    const { transport } = packet;
    if (!packet.hasTransport || outcome === Outcome.hotdrop || packet.data.length < transport + 2)
      return [withoutHeader(label, packet, outcome)];
    const seen = { type: u8(packet.data, transport), code: u8(packet.data, transport + 1) };
    const hit = hits(data, seen.type, seen.code);
    const saw = `${icmpTypeName({ ...seen, code: null }, version) ?? 'type'} (${numbers(seen)})`;
    const wanted = describe(data.value, version);
    return [condition(option.slice(2), 'icmp.type', data.negated, wanted, saw, hit)];
  }

  return {
    name,
    ...(version === 6 ? { aliases: ['icmpv6', 'ipv6-icmp'] } : {}),
    protocols: [protocol],
    versions: [version],
    options: [{ name: option, args: 1, negatable: true }],
    parse,
    print,
    list,
    reads: () => ['transport', 'icmp.type'],
    pure: true,
    common: false,
    start: () => undefined,
    test,
    explain,
  };
}

export const icmp = define(ICMP);
export const icmp6 = define(ICMPV6);
