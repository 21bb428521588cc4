import { i32, u8 } from '../../packet/bytes.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { PacketType } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { addressText } from '../../packet/addresses.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import type { OptionSpec } from '../options.js';
import { outcomeOf } from '../outcomes.js';
import { Outcome } from '../verdict.js';

/** `struct xt_rpfilter_info` (linux/netfilter/xt_rpfilter.h). */
export interface RpfilterMatch {
  readonly loose: boolean;
  readonly validMark: boolean;
  readonly acceptLocal: boolean;
  readonly invert: boolean;
}

const OPTIONS: readonly OptionSpec[] = [
  { name: '--loose', args: 0 },
  { name: '--validmark', args: 0 },
  { name: '--accept-local', args: 0 },
  { name: '--invert', args: 0 },
];

/** `rpfilter_mt()` (net/ipv4/netfilter/ipt_rpfilter.c, net/ipv6/netfilter/ip6t_rpfilter.c). */
function passes(data: RpfilterMatch, packet: Packet, context: Context): boolean {
  if (packet.packetType === PacketType.loopback || packet.in?.isLoopback) return true;
  const { data: bytes, version, sourceOffset, destinationOffset } = packet;
  const source = i32(bytes, sourceOffset);
  if (version === 4) {
    // From the 0.0.0.0/8 network to a multicast address: only to the local network's groups, 224.0.0.0/24.
    if (u8(bytes, Ipv4.destination) >>> 4 === 14 && source >>> 24 === 0)
      return (i32(bytes, destinationOffset) & 0xffffff00) >>> 0 === 0xe0000000;
  } else if (
    (source | i32(bytes, sourceOffset + 4) | i32(bytes, sourceOffset + 8) | i32(bytes, sourceOffset + 12)) ===
    0
  )
    return true;
  return context.routes.reversePath(packet, data);
}

function test(data: RpfilterMatch, packet: Packet, context: Context): Outcome {
  return outcomeOf(passes(data, packet, context) !== data.invert);
}

function explain(
  data: RpfilterMatch,
  packet: Packet,
  context: Context,
  _: undefined,
  outcome: Outcome,
): Condition[] {
  const back = passes(data, packet, context);
  const place = data.loose ? 'anywhere' : `through ${packet.in?.name ?? '(none)'}`;
  const wanted = `an answer to ${addressText(packet, 'source')} routed ${place}`;
  const saw = back ? 'it would be' : 'it would not';
  return [condition('rpfilter', 'routing', data.invert, wanted, saw, outcome === Outcome.hit)];
}

function flags(data: RpfilterMatch): string[] {
  return [
    ...(data.loose ? ['loose'] : []),
    ...(data.validMark ? ['validmark'] : []),
    ...(data.acceptLocal ? ['accept-local'] : []),
    ...(data.invert ? ['invert'] : []),
  ];
}

export const rpfilter: MatchDefinition<RpfilterMatch, undefined> = {
  name: 'rpfilter',
  versions: [4, 6],
  options: OPTIONS,
  parse: (options) => ({
    loose: options.has('--loose'),
    validMark: options.has('--validmark'),
    acceptLocal: options.has('--accept-local'),
    invert: options.has('--invert'),
  }),
  print: (data) =>
    flags(data)
      .map((flag) => `--${flag}`)
      .join(' '),
  list: (data) => ['rpfilter', ...flags(data)].join(' '),
  reads: (data) => ['ip.source', 'in', 'routing', ...(data.validMark ? (['mark'] as const) : [])],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
