import { u16 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { rangeArgument } from '../arguments.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { listHeaderRange, printHeaderRange, printUintRange, type UintRange } from '../integers.js';
import type { Negatable } from '../negatable.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { transportHeader, withoutHeader } from './header.js';

/** `struct xt_ipcomp` (linux/netfilter/xt_ipcomp.h). */
export interface IpcompMatch {
  readonly spi: Negatable<UintRange> | null;
  /** Kept and printed; the kernel does not look at it. */
  readonly reserved: boolean;
}

/** RFC 3173 section 3: next header, flags, then the compression parameter index. */
const HEADER_LENGTH = 4;
const INDEX_AT = 2;

function conditions({ spi }: IpcompMatch, packet: Packet): Condition[] {
  if (!spi) return [];
  const { value, negated } = spi;
  const saw = u16(packet.data, packet.transport + INDEX_AT);
  const hit = (saw >= value.min && saw <= value.max) !== negated;
  return [condition('ipcompspi', 'transport', negated, printUintRange(value), String(saw), hit)];
}

/** `comp_mt()` (net/netfilter/xt_ipcomp.c) */
export const ipcomp: MatchDefinition<IpcompMatch, undefined> = {
  name: 'ipcomp',
  protocols: [Protocol.ipcomp],
  versions: [4, 6],
  options: [
    { name: '--ipcompspi', args: 1, negatable: true },
    { name: '--compres', args: 0 },
  ],
  parse(options) {
    if (options.protocol !== Protocol.ipcomp) options.error(KERNEL_REFUSES);
    return { spi: rangeArgument(options, 'ipcomp', '--ipcompspi'), reserved: options.has('--compres') };
  },
  print: ({ spi, reserved }) =>
    [printHeaderRange('--ipcompspi', spi), reserved ? '--compres' : ''].filter(Boolean).join(' '),
  list: ({ spi, reserved }) => `comp ${listHeaderRange('spi', spi)}${reserved ? ' reserved' : ''}`,
  reads: () => ['ip.protocol', 'transport'],
  pure: true,
  common: false,
  start: () => undefined,
  test: (data, packet) => {
    const there = transportHeader(packet, HEADER_LENGTH);
    if (there !== Outcome.hit) return there;
    return conditions(data, packet).every((c) => c.outcome === Outcome.hit) ? Outcome.hit : Outcome.miss;
  },
  explain: (data, packet) => {
    const there = transportHeader(packet, HEADER_LENGTH);
    return there === Outcome.hit ? conditions(data, packet) : [withoutHeader('IPComp', packet, there)];
  },
};
