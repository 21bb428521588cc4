import type { MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { parseUintRange, printUintRange, type UintRange } from '../integers.js';
import { bang, type Negatable } from '../negatable.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_length_info` (linux/netfilter/xt_length.h): bytes from the IP header on. */
export type LengthMatch = Negatable<UintRange>;

const UINT16_MAX = 65535;

function hits({ value: { min, max }, negated }: LengthMatch, length: number): boolean {
  return (length >= min && length <= max) !== negated;
}

/** `length_mt()`, `length_mt6()` (net/netfilter/xt_length.c). */
export const length: MatchDefinition<LengthMatch, undefined> = {
  name: 'length',
  versions: [4, 6],
  options: [{ name: '--length', args: 1, negatable: true }],
  parse(options) {
    const given = options.find('--length');
    if (!given) options.error(refusal.missing('length', '--length'));
    const text = given?.args[0].text ?? '0:';
    const value = parseUintRange(text, UINT16_MAX);
    if (!value) options.error(refusal.badRange('length', '--length', text, UINT16_MAX), given?.args[0]);
    return { value: value ?? { min: 0, max: UINT16_MAX }, negated: given?.negated ?? false };
  },
  print: ({ value, negated }) => `${bang(negated)}--length ${printUintRange(value)}`,
  list: ({ value, negated }) => `length ${negated ? '!' : ''}${printUintRange(value)}`,
  reads: () => ['ip.length'],
  pure: true,
  common: false,
  start: () => undefined,
  test: (data, packet) => (hits(data, packet.length) ? Outcome.hit : Outcome.miss),
  explain: (data, packet) => {
    const wanted = printUintRange(data.value);
    const hit = hits(data, packet.length);
    return [condition('length', 'ip.length', data.negated, wanted, String(packet.length), hit)];
  },
};
