import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import type { Condition, Field, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { bang } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { badPort, inRange, parsePort, type PortRange, printPortRange } from '../ports.js';
import { refusal } from '../refusal.js';
import { serviceName } from '../services.js';
import { Outcome } from '../verdict.js';
import { transportHeader, withoutHeader } from './header.js';
import type { Wanted } from '../wanted.js';

/** `struct xt_multiport_v1` (linux/netfilter/xt_multiport.h). */
export interface MultiportMatch {
  readonly side: 'sports' | 'dports' | 'ports';
  readonly ranges: readonly PortRange[];
  readonly negated: boolean;
  /** For the service names of -L. */
  readonly protocol: number;
}

const OPTIONS: readonly OptionSpec[] = [
  { name: '--sports', aliases: ['--source-ports'], args: 1, negatable: true },
  { name: '--dports', aliases: ['--destination-ports'], args: 1, negatable: true },
  { name: '--ports', args: 1, negatable: true },
];
/** The spelling that iptables uses in its own errors. */
function longName({ name, aliases }: OptionSpec): string {
  return aliases?.[0] ?? name;
}
const PROTOCOLS: readonly number[] = [
  Protocol.tcp,
  Protocol.udp,
  Protocol.udplite,
  Protocol.sctp,
  Protocol.dccp,
];
/** XT_MULTI_PORTS: a range takes two of these. */
const PLACES = 15;

/** One port or `first:last`; iptables takes no open ends here. */
function parseRange(text: string, protocol: number): PortRange | string {
  const [low, high] = text.split(/:(.*)/s, 2);
  const ports = [low, high ?? low].map((part) => parsePort(part, protocol));
  const bad = ports.indexOf(undefined);
  if (bad >= 0) return badPort(bad === 0 ? low : high);
  const [min, max] = ports as number[];
  return high !== undefined && min >= max ? 'invalid portrange specified' : { min, max };
}

function parse(options: OptionList): MultiportMatch {
  const { protocol } = options;
  const given = options.given.filter((option) => OPTIONS.some((spec) => spec.name === option.name));
  const none: MultiportMatch = { side: 'ports', ranges: [], negated: false, protocol: protocol ?? 0 };
  if (given.length === 0) {
    options.error('multiport expection an option');
    return none;
  }
  if (given.length > 1) {
    const [first, second] = OPTIONS.filter((spec) => options.has(spec.name)).map(longName);
    options.error(refusal.together('multiport', first, second), given[1]);
  }
  const [option] = given;
  if (protocol === null && options.negatedProtocol === null) {
    options.error("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'", option);
    return none;
  }
  if (protocol === null || !PROTOCOLS.includes(protocol)) {
    options.error('multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP', option);
    return none;
  }
  const ranges: PortRange[] = [];
  let places = 0;
  for (const text of option.args[0].text.split(',')) {
    const range = parseRange(text, protocol);
    places += typeof range !== 'string' && range.min !== range.max ? 2 : 1;
    const wrong = places > PLACES ? 'too many ports specified' : range;
    if (typeof wrong === 'string') {
      options.error(wrong, option.args[0]);
      break;
    }
    ranges.push(wrong);
  }
  const side = option.name.slice(2) as MultiportMatch['side'];
  return { side, ranges, negated: option.negated, protocol };
}

function print({ side, ranges, negated }: MultiportMatch): string {
  return `${bang(negated)}--${side} ${ranges.map(printPortRange).join(',')}`;
}

function list({ side, ranges, negated, protocol }: MultiportMatch, numeric: boolean): string {
  const name = (port: number): string => (numeric ? String(port) : serviceName(port, protocol));
  const words = ranges.map(({ min, max }) => (min === max ? name(min) : `${name(min)}:${name(max)}`));
  return `multiport ${side} ${negated ? ' !' : ''}${words.join(',')}`;
}

/** `multiport_mt()` (net/netfilter/xt_multiport.c): it reads the first four bytes, whatever the protocol. */
function test({ side, ranges, negated }: MultiportMatch, packet: Packet): Outcome {
  const header = transportHeader(packet, 4);
  if (header !== Outcome.hit) return header;
  const source = packet.sourcePort;
  const destination = packet.destinationPort;
  for (const range of ranges) {
    if ((side !== 'dports' && inRange(range, source)) || (side !== 'sports' && inRange(range, destination)))
      return negated ? Outcome.miss : Outcome.hit;
  }
  return negated ? Outcome.hit : Outcome.miss;
}

function wanted({ side, ranges, negated }: MultiportMatch): Wanted[] {
  if (negated || side === 'ports') return [];
  return [{ field: side === 'sports' ? 'sourcePort' : 'destinationPort', ranges }];
}

function explain(
  data: MultiportMatch,
  packet: Packet,
  _context: unknown,
  _state: unknown,
  outcome: Outcome,
): Condition[] {
  if (transportHeader(packet, 4) !== Outcome.hit) return [withoutHeader('transport', packet, outcome)];
  const { sourcePort, destinationPort } = packet;
  const saw =
    data.side === 'sports'
      ? String(sourcePort)
      : data.side === 'dports'
        ? String(destinationPort)
        : `${sourcePort} to ${destinationPort}`;
  const field: Field = data.side === 'sports' ? 'sourcePort' : 'destinationPort';
  const wanted = data.ranges.map(printPortRange).join(',');
  return [condition(data.side, field, data.negated, wanted, saw, outcome === Outcome.hit)];
}

function reads({ side }: MultiportMatch): Field[] {
  const fields: Field[] = ['transport'];
  if (side !== 'dports') fields.push('sourcePort');
  if (side !== 'sports') fields.push('destinationPort');
  return fields;
}

export const multiport: MatchDefinition<MultiportMatch, undefined> = {
  name: 'multiport',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list,
  wants: wanted,
  reads,
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
