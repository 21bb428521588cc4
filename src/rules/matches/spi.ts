import { u16, u32, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { negatableNumber, rangeArgument } from '../arguments.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { listHeaderRange, printHeaderRange, printUintRange, type UintRange } from '../integers.js';
import { findExtensionHeader } from '../ipv6Headers.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { outcomeOf } from '../outcomes.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { reach, transportHeader, withoutHeader } from './header.js';

/** `struct ip6t_ah`, `struct ipt_ah`, `struct xt_esp`: the last two have the SPI only. */
export interface SpiMatch {
  readonly spi: Negatable<UintRange> | null;
  /** Bytes of the AH header; IPv6 only. */
  readonly length: Negatable<number> | null;
  readonly reserved: boolean;
}

type Name = 'ah' | 'esp';

/** RFC 4302 section 2, RFC 4303 section 2. */
const LAYOUT = { ah: { length: 12, spi: 4 }, esp: { length: 8, spi: 0 } } as const;

function parse(name: Name, options: OptionList): SpiMatch {
  // ip6t_ah looks for its header itself.
  if (!(name === 'ah' && options.version === 6) && options.protocol !== Protocol[name])
    options.error(KERNEL_REFUSES);
  return {
    spi: rangeArgument(options, name, `--${name}spi`),
    length: negatableNumber(options, name, '--ahlen'),
    reserved: options.has('--ahres'),
  };
}

function print(name: Name, { spi, length, reserved }: SpiMatch): string {
  const parts = [printHeaderRange(`--${name}spi`, spi)];
  if (length) parts.push(`${bang(length.negated)}--ahlen ${length.value}`);
  if (reserved) parts.push('--ahres');
  return parts.filter(Boolean).join(' ');
}

function list(name: Name, { spi, length, reserved }: SpiMatch): string {
  const range = listHeaderRange('spi', spi);
  // libip6t_ah puts no blank before the length; both print one after a bare `ah`.
  const rest =
    (length ? `length:${length.negated ? '!' : ''}${length.value}` : '') + (reserved ? ' reserved' : '');
  return name === 'ah' ? `ah ${range}${rest}` : `esp${range && ` ${range}`}`;
}

/** Where the header begins, or why it cannot be read. */
function header(name: Name, packet: Packet): { readonly at: number } | Outcome {
  const { length } = LAYOUT[name];
  if (name === 'ah' && packet.version === 6) {
    const found = findExtensionHeader(packet, Protocol.ah);
    if (typeof found === 'number') return found;
    const there = reach(packet, found.at + length);
    return there === Outcome.hit ? found : there;
  }
  const there = transportHeader(packet, length);
  return there === Outcome.hit ? { at: packet.transport } : there;
}

function conditions(name: Name, data: SpiMatch, packet: Packet, at: number): Condition[] {
  const out: Condition[] = [];
  if (data.spi) {
    const { value, negated } = data.spi;
    const saw = u32(packet.data, at + LAYOUT[name].spi);
    const hit = (saw >= value.min && saw <= value.max) !== negated;
    out.push(condition(`${name}spi`, 'transport', negated, printUintRange(value), String(saw), hit));
  }
  if (data.length) {
    const { value, negated } = data.length;
    const saw = (u8(packet.data, at + 1) + 2) * 4;
    out.push(
      condition('ahlen', 'transport', negated, String(value), String(saw), (saw === value) !== negated),
    );
  }
  if (data.reserved) {
    const saw = u16(packet.data, at + 2);
    out.push(condition('ahres', 'transport', false, 'reserved bytes 0', String(saw), saw === 0));
  }
  return out;
}

function define(
  name: Name,
  versions: readonly (4 | 6)[],
  options: readonly OptionSpec[],
): MatchDefinition<SpiMatch, undefined> {
  return {
    name,
    protocols: [Protocol[name]],
    ...(name === 'ah' && versions.includes(6) ? { anyProtocol: true } : {}),
    versions,
    options,
    parse: (given) => parse(name, given),
    print: (data) => print(name, data),
    list: (data) => list(name, data),
    reads: () => ['ip.protocol', 'transport'],
    pure: true,
    common: false,
    start: () => undefined,
    // `ah_mt()` (net/ipv4/netfilter/ipt_ah.c), `ah_mt6()` (net/ipv6/netfilter/ip6t_ah.c), `esp_mt()` (net/netfilter/xt_esp.c).
    test: (data, packet) => {
      const found = header(name, packet);
      if (typeof found === 'number') return found;
      return outcomeOf(conditions(name, data, packet, found.at).every((c) => c.outcome === Outcome.hit));
    },
    explain: (data, packet) => {
      const found = header(name, packet);
      return typeof found === 'number'
        ? [withoutHeader(name.toUpperCase(), packet, found)]
        : conditions(name, data, packet, found.at);
    },
  };
}

const SPI = (name: Name): OptionSpec => ({ name: `--${name}spi`, args: 1, negatable: true });

export const ah = define('ah', [4], [SPI('ah')]);
export const ah6 = define(
  'ah',
  [6],
  [SPI('ah'), { name: '--ahlen', args: 1, negatable: true }, { name: '--ahres', args: 0 }],
);
export const esp = define('esp', [4, 6], [SPI('esp')]);
