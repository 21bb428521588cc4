import { u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { negatableNumber } from '../arguments.js';
import type { MatchDefinition } from '../definition.js';
import { parseUint } from '../integers.js';
import { extensionLength, findExtensionHeader } from '../ipv6Headers.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList } from '../options.js';
import { outcomeOf } from '../outcomes.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { reach } from './header.js';

/** `struct ip6t_opts` (linux/netfilter_ipv6/ip6t_opts.h): the hop-by-hop or destination options header. */
export interface Options6Match {
  readonly length: Negatable<number> | null;
  /** The options in their order; a length of null is any. */
  readonly options: readonly { readonly type: number; readonly length: number | null }[];
}

/** IP6T_OPTS_OPTSNR */
const MAX_OPTIONS = 16;
const PAD1 = 0;

type Name = 'hbh' | 'dst';

function parse(name: Name, given: OptionList): Options6Match {
  const word = given.find(`--${name}-opts`)?.args[0];
  const options: { type: number; length: number | null }[] = [];
  for (const text of word?.text.split(',') ?? []) {
    const [first, second] = text.split(':');
    const type = parseUint(first, 255);
    const length = second === undefined ? null : parseUint(second, 255);
    if (type === undefined || length === undefined || options.length === MAX_OPTIONS) {
      given.error(refusal.badValue(name, `--${name}-opts`, word!.text), word);
      break;
    }
    options.push({ type, length });
  }
  return { length: negatableNumber(given, name, `--${name}-len`), options };
}

function optionsText(data: Options6Match): string {
  return data.options.map((o) => (o.length === null ? String(o.type) : `${o.type}:${o.length}`)).join(',');
}

/** `hbh_mt6()` (net/ipv6/netfilter/ip6t_hbh.c) */
function test(name: Name, data: Options6Match, packet: Packet): Outcome {
  const protocol = name === 'hbh' ? Protocol.hopByHop : Protocol.destination;
  const found = findExtensionHeader(packet, protocol);
  if (typeof found === 'number') return found;
  const there = reach(packet, found.at + 2);
  if (there !== Outcome.hit) return there;
  const length = extensionLength(packet, protocol, found.at);
  if (packet.length - found.at < length) return Outcome.miss;
  if (data.length && (data.length.value === length) === data.length.negated) return Outcome.miss;
  const end = found.at + length;
  let at = found.at + 2;
  for (const option of data.options) {
    if (at >= end) return Outcome.miss;
    if (at + 2 > packet.data.length && packet.data.length < packet.length) return Outcome.unknown;
    if (u8(packet.data, at) !== option.type) return Outcome.miss;
    if (option.type === PAD1) at++;
    else {
      const size = u8(packet.data, at + 1);
      if (at + 2 > end || (option.length !== null && option.length !== 0xff && option.length !== size))
        return Outcome.miss;
      at += size + 2;
    }
  }
  return outcomeOf(true);
}

function define(name: Name): MatchDefinition<Options6Match, undefined> {
  const print = (data: Options6Match): string => {
    const parts: string[] = [];
    if (data.length) parts.push(`${bang(data.length.negated)}--${name}-len ${data.length.value}`);
    if (data.options.length) parts.push(`--${name}-opts ${optionsText(data)}`);
    return parts.join(' ');
  };
  const list = (data: Options6Match): string => {
    const parts: string[] = [name];
    if (data.length) parts.push(`length:${data.length.negated ? '!' : ''}${data.length.value}`);
    if (data.options.length) parts.push(`opts ${optionsText(data)}`);
    return parts.join(' ');
  };
  return {
    name,
    versions: [6],
    options: [
      { name: `--${name}-len`, args: 1, negatable: true },
      { name: `--${name}-opts`, args: 1 },
    ],
    parse: (options) => parse(name, options),
    print,
    list,
    reads: () => ['ip.options'],
    pure: true,
    common: false,
    start: () => undefined,
    test: (data, packet) => test(name, data, packet),
    explain: (data, packet, _, __, outcome) => {
      const protocol = name === 'hbh' ? Protocol.hopByHop : Protocol.destination;
      const found = findExtensionHeader(packet, protocol);
      const saw =
        typeof found === 'number'
          ? 'no such header'
          : `one of ${extensionLength(packet, protocol, found.at)} bytes`;
      return [{ name, field: 'ip.options', wanted: list(data), saw, outcome }];
    },
  };
}

export const hbh = define('hbh');
export const dst = define('dst');
