import { u16, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Tcp, TcpOption } from '../../packet/transport.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { parseUintRange, printUintRange, type UintRange } from '../integers.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES, refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { reach, withoutHeader } from './header.js';

/** `struct xt_tcpmss_match_info` (linux/netfilter/xt_tcpmss.h). */
export type TcpmssMatch = Negatable<UintRange>;

const UINT16_MAX = 65535;
/** RFC 9293 section 3.2: kind, length and value. */
const MSS_LENGTH = 4;

function parse(options: OptionList): TcpmssMatch {
  const given = options.find('--mss');
  if (!given) options.error(refusal.missing('tcpmss', '--mss'));
  else if (options.protocol !== Protocol.tcp) options.error(KERNEL_REFUSES);
  const text = given?.args[0].text ?? '0:';
  const value = parseUintRange(text, UINT16_MAX);
  if (!value) options.error(refusal.badRange('tcpmss', '--mss', text, UINT16_MAX), given?.args[0]);
  else if (value.min > value.max) options.error('tcpmss: invalid range given', given?.args[0]);
  return { value: value ?? { min: 0, max: UINT16_MAX }, negated: given?.negated ?? false };
}

const NONE = -1;
const TOO_SHORT = -2;
const NOT_CAPTURED = -3;

/** The value of the MSS option; below 0: there is none, or it cannot be looked for. */
function mssOf(packet: Packet): number {
  const { data, transport } = packet;
  const fixed = reach(packet, transport + Tcp.minimumLength);
  if (fixed !== Outcome.hit) return fixed === Outcome.hotdrop ? TOO_SHORT : NOT_CAPTURED;
  const end = transport + (u8(data, transport + Tcp.dataOffset) >> 4) * 4;
  if (end < transport + Tcp.minimumLength || end > packet.length) return TOO_SHORT;
  for (let at = transport + Tcp.minimumLength; at < end;) {
    if (at + MSS_LENGTH > data.length && end > data.length) return NOT_CAPTURED;
    const kind = data[at];
    if (kind === TcpOption.mss && end - at >= MSS_LENGTH && data[at + 1] === MSS_LENGTH)
      return u16(data, at + 2);
    at += kind < 2 ? 1 : u8(data, at + 1) || 1;
  }
  return NONE;
}

/** `tcpmss_mt()` (net/netfilter/xt_tcpmss.c): without the option only `!` matches. Later fragments are read like first ones. */
function test({ value, negated }: TcpmssMatch, packet: Packet): Outcome {
  const mss = mssOf(packet);
  if (mss === TOO_SHORT) return Outcome.hotdrop;
  if (mss === NOT_CAPTURED) return Outcome.unknown;
  return (mss >= value.min && mss <= value.max) !== negated ? Outcome.hit : Outcome.miss;
}

function explain(
  { value, negated }: TcpmssMatch,
  packet: Packet,
  _context: unknown,
  _state: unknown,
  outcome: Outcome,
): Condition[] {
  if (outcome === Outcome.hotdrop || outcome === Outcome.unknown)
    return [withoutHeader('tcp', packet, outcome)];
  const mss = mssOf(packet);
  const saw = mss === NONE ? 'no MSS option' : String(mss);
  return [condition('mss', 'tcp.options', negated, printUintRange(value), saw, outcome === Outcome.hit)];
}

export const tcpmss: MatchDefinition<TcpmssMatch, undefined> = {
  name: 'tcpmss',
  versions: [4, 6],
  options: [{ name: '--mss', args: 1, negatable: true }],
  parse,
  print: ({ value, negated }) => `${bang(negated)}--mss ${printUintRange(value)}`,
  list: ({ value, negated }) => `tcpmss match ${negated ? '!' : ''}${printUintRange(value)}`,
  reads: () => ['transport', 'tcp.options'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
