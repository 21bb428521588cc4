import { u8 } from '../../packet/bytes.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { requireOption } from '../arguments.js';
import type { MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { extensionLength, isExtensionHeader } from '../ipv6Headers.js';
import { bang } from '../negatable.js';
import type { OptionList } from '../options.js';
import { outcomeOf } from '../outcomes.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct ip6t_ipv6header_info` (linux/netfilter_ipv6/ip6t_ipv6header.h). */
export interface Ipv6headerMatch {
  /** Bits of the headers that must be there. */
  readonly headers: number;
  readonly negated: boolean;
  /** There may be others. */
  readonly soft: boolean;
}

/** MASK_* of the kernel: the bit, the printed name, the short name, the number. */
const HEADERS: readonly (readonly [bit: number, long: string, short: string, protocol: number])[] = [
  [128, 'hop-by-hop', 'hop', Protocol.hopByHop],
  [64, 'ipv6-opts', 'dst', Protocol.destination],
  [32, 'ipv6-route', 'route', Protocol.routing],
  [16, 'ipv6-frag', 'frag', Protocol.fragment],
  [8, 'ah', 'auth', Protocol.ah],
  [4, 'esp', 'esp', Protocol.esp],
  [2, 'ipv6-nonxt', 'none', Protocol.none],
  [1, 'protocol', 'prot', -1],
];
const NONE = 2;
const PROTOCOL = 1;

function bitOf(protocol: number): number {
  return HEADERS.find(([, , , number]) => number === protocol)?.[0] ?? 0;
}

function parse(options: OptionList): Ipv6headerMatch {
  const word = requireOption(options, 'ipv6header', '--header');
  let headers = 0;
  for (const text of word?.text.split(',') ?? []) {
    const found = HEADERS.find(([, long, short, number]) =>
      [long, short, String(number)].includes(text.toLowerCase()),
    );
    if (found) headers |= found[0];
    else options.error(refusal.badValue('ipv6header', '--header', text), word);
  }
  return { headers, negated: options.find('--header')?.negated ?? false, soft: options.has('--soft') };
}

function names(bits: number): string {
  return HEADERS.filter(([bit]) => bits & bit)
    .map(([, long]) => long)
    .join(',');
}

/** The bits of what is there; undefined where the packet breaks off, null where the capture does. */
function present(packet: Packet): number | undefined | null {
  let bits = 0;
  let next = u8(packet.data, Ipv6.nextHeader);
  let at: number = Ipv6.length;
  while (isExtensionHeader(next)) {
    if (next === Protocol.none) return bits | NONE;
    if (packet.length - at < 2) return undefined;
    bits |= bitOf(next);
    if (next === Protocol.esp) return bits;
    if (at + 2 > packet.data.length) return null;
    const length = extensionLength(packet, next, at);
    next = u8(packet.data, at);
    at += length;
    if (at > packet.length) break;
  }
  return next === Protocol.none || next === Protocol.esp ? bits : bits | PROTOCOL;
}

/** `ipv6header_mt6()` (net/ipv6/netfilter/ip6t_ipv6header.c) */
function test({ headers, negated, soft }: Ipv6headerMatch, packet: Packet): Outcome {
  const bits = present(packet);
  if (bits === undefined) return Outcome.miss;
  if (bits === null) return Outcome.unknown;
  if (soft) return outcomeOf(((bits ^ headers ^ (negated ? 0xff : 0)) & headers) === 0);
  return outcomeOf((bits === headers) !== negated);
}

export const ipv6header: MatchDefinition<Ipv6headerMatch, undefined> = {
  name: 'ipv6header',
  versions: [6],
  options: [
    { name: '--header', args: 1, negatable: true },
    { name: '--soft', args: 0 },
  ],
  parse,
  print: (data) => `${bang(data.negated)}--header ${names(data.headers)}${data.soft ? ' --soft' : ''}`,
  list: (data, numeric) =>
    `ipv6header flags:${data.negated ? '!' : ''}` +
    `${numeric ? `0x${data.headers.toString(16).toUpperCase().padStart(2, '0')}` : names(data.headers)}${data.soft ? ' soft' : ''}`,
  reads: () => ['ip.options', 'ip.protocol'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain: (data, packet, _, __, outcome) => {
    const bits = present(packet);
    const saw = typeof bits === 'number' ? names(bits) : 'a header that breaks off';
    const wanted = `${names(data.headers)}${data.soft ? ' among them' : ''}`;
    return [{ ...condition('header', 'ip.options', data.negated, wanted, saw, true), outcome }];
  },
};
