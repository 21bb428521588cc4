import type { IpNetwork } from '../../address/ip.js';
import { parseNetwork } from '../../address/ip.js';
import { InterfacePattern } from '../../address/interface.js';
import { i32 } from '../../packet/bytes.js';
import { addressText } from '../../packet/addresses.js';
import type { Packet } from '../../packet/packet.js';
import { parseProtocol, protocolName } from '../protocols.js';
import { condition } from '../explaining.js';
import type { Condition, Field, MatchDefinition } from '../definition.js';
import type { OptionList, OptionSpec } from '../options.js';
import { Outcome } from '../verdict.js';
import type { Wanted } from '../wanted.js';

/** What every rule may say without -m: `struct ipt_ip` (linux/netfilter_ipv4/ip_tables.h). */
export interface IpMatch {
  readonly source: Negatable<IpNetwork> | null;
  readonly destination: Negatable<IpNetwork> | null;
  readonly in: Negatable<InterfacePattern> | null;
  readonly out: Negatable<InterfacePattern> | null;
  readonly protocol: Negatable<number> | null;
  /** -f: second and further fragments; IPv4 only. */
  readonly fragment: { readonly negated: boolean } | null;
}

interface Negatable<T> {
  readonly value: T;
  readonly negated: boolean;
}

const OPTIONS: readonly OptionSpec[] = [
  { name: '-s', aliases: ['--source', '--src'], args: 1, negatable: true },
  { name: '-d', aliases: ['--destination', '--dst'], args: 1, negatable: true },
  { name: '-i', aliases: ['--in-interface'], args: 1, negatable: true },
  { name: '-o', aliases: ['--out-interface'], args: 1, negatable: true },
  { name: '-p', aliases: ['--protocol', '--proto'], args: 1, negatable: true },
  { name: '-f', aliases: ['--fragment'], args: 0, negatable: true },
];

function parse(options: OptionList): IpMatch {
  function take<T>(name: string, read: (text: string) => T | undefined, what: string): Negatable<T> | null {
    const given = options.find(name);
    if (!given) return null;
    const word = given.args[0];
    const value = read(word.text);
    if (value === undefined) {
      options.error(`${what} "${word.text}" is not understood`, word);
      return null;
    }
    return { value, negated: given.negated };
  }
  const network = (text: string): IpNetwork | undefined => {
    const found = parseNetwork(text);
    return found?.version === options.version ? found : undefined;
  };
  const fragment = options.find('-f');
  const anywhere = (n: Negatable<IpNetwork> | null): Negatable<IpNetwork> | null =>
    n && !n.negated && n.value.prefixLength === 0 ? null : n;
  const protocol = take('-p', parseProtocol, 'protocol');
  return {
    source: anywhere(take('-s', network, 'source')),
    destination: anywhere(take('-d', network, 'destination')),
    in: take('-i', (text) => new InterfacePattern(text), 'interface'),
    out: take('-o', (text) => new InterfacePattern(text), 'interface'),
    // Protocol 0 in iptables is `all` (iptables(8)).
    protocol: protocol && protocol.value === 0 && !protocol.negated ? null : protocol,
    fragment: fragment ? { negated: fragment.negated } : null,
  };
}

/** iptables-save keeps this order: save_ip of libxtables (iptables-save(8) shows it). */
function print(data: IpMatch): string {
  const part = (option: string, n: Negatable<{ toString(): string }> | null): string[] =>
    n ? [`${n.negated ? '! ' : ''}${option} ${n.value.toString()}`] : [];
  // `+` alone has an empty mask, so save_iface() (iptables/xshared.c) leaves it out.
  const device = (option: string, n: Negatable<InterfacePattern> | null): string[] =>
    n?.value.text === '+' ? [] : part(option, n);
  return [
    ...part('-s', data.source),
    ...part('-d', data.destination),
    ...device('-i', data.in),
    ...device('-o', data.out),
    ...(data.protocol ? [`${data.protocol.negated ? '! ' : ''}-p ${protocolName(data.protocol.value)}`] : []),
    ...(data.fragment ? [`${data.fragment.negated ? '! ' : ''}-f`] : []),
  ].join(' ');
}

function contains(network: IpNetwork, packet: Packet, at: number): boolean {
  const { data } = packet;
  return network.version === 4
    ? ((i32(data, at) ^ network.address.a) & network.mask.a) === 0
    : network.contains(i32(data, at), i32(data, at + 4), i32(data, at + 8), i32(data, at + 12));
}

/** `ip_packet_match()` (net/ipv4/netfilter/ip_tables.c), `ip6_packet_match()` (net/ipv6/netfilter/ip6_tables.c). */
function test(data: IpMatch, packet: Packet): Outcome {
  const { source, destination, protocol, fragment } = data;
  if (source && contains(source.value, packet, packet.sourceOffset) === source.negated) return Outcome.miss;
  if (destination && contains(destination.value, packet, packet.destinationOffset) === destination.negated)
    return Outcome.miss;
  if (data.in && data.in.value.matches(packet.in?.name ?? '') === data.in.negated) return Outcome.miss;
  if (data.out && data.out.value.matches(packet.out?.name ?? '') === data.out.negated) return Outcome.miss;
  if (protocol && (packet.protocol === protocol.value) === protocol.negated) return Outcome.miss;
  if (fragment && (packet.fragmentOffset !== 0) === fragment.negated) return Outcome.miss;
  return Outcome.hit;
}

function wanted({ source, destination, in: input, out, protocol }: IpMatch): Wanted[] {
  const all: Wanted[] = [];
  if (source) all.push({ field: 'ip.source', networks: [source.value], isNot: source.negated });
  if (destination)
    all.push({ field: 'ip.destination', networks: [destination.value], isNot: destination.negated });
  if (protocol && !protocol.negated) all.push({ field: 'ip.protocol', protocol: protocol.value });
  if (input && !input.value.isOpen) all.push({ field: 'in', name: input.value.text, isNot: input.negated });
  if (out && !out.value.isOpen) all.push({ field: 'out', name: out.value.text, isNot: out.negated });
  return all;
}

function explain(data: IpMatch, packet: Packet): Condition[] {
  const { source, destination, protocol, fragment } = data;
  const out: Condition[] = [];
  if (source) {
    const hit = contains(source.value, packet, packet.sourceOffset) !== source.negated;
    out.push(
      condition(
        'source',
        'ip.source',
        source.negated,
        source.value.toString(),
        addressText(packet, 'source'),
        hit,
      ),
    );
  }
  if (destination) {
    const hit = contains(destination.value, packet, packet.destinationOffset) !== destination.negated;
    const saw = addressText(packet, 'destination');
    out.push(
      condition('destination', 'ip.destination', destination.negated, destination.value.toString(), saw, hit),
    );
  }
  for (const side of ['in', 'out'] as const) {
    const wanted = data[side];
    if (!wanted) continue;
    const name = packet[side]?.name ?? '';
    const hit = wanted.value.matches(name) !== wanted.negated;
    out.push(condition(`${side}-interface`, side, wanted.negated, wanted.value.text, name || '(none)', hit));
  }
  if (protocol) {
    const hit = (packet.protocol === protocol.value) !== protocol.negated;
    const saw = protocolName(packet.protocol);
    out.push(condition('protocol', 'ip.protocol', protocol.negated, protocolName(protocol.value), saw, hit));
  }
  if (fragment) {
    const later = packet.fragmentOffset !== 0;
    const saw = later ? `fragment at ${packet.fragmentOffset}` : 'first fragment or whole';
    out.push(
      condition(
        'fragment',
        'ip.fragment',
        fragment.negated,
        'later fragment',
        saw,
        later !== fragment.negated,
      ),
    );
  }
  return out;
}

function reads(data: IpMatch): Field[] {
  const fields: Field[] = [];
  if (data.source) fields.push('ip.source');
  if (data.destination) fields.push('ip.destination');
  if (data.in) fields.push('in');
  if (data.out) fields.push('out');
  if (data.protocol) fields.push('ip.protocol');
  if (data.fragment) fields.push('ip.fragment');
  return fields;
}

export const ip: MatchDefinition<IpMatch, undefined> = {
  name: 'ip',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  // -L shows these in columns of their own; only -f stands among the rest.
  list: (data) => (data.fragment ? `${data.fragment.negated ? '!' : '-'}f` : ''),
  wants: wanted,
  reads,
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
