import type { MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { hex, parseUint } from '../integers.js';
import { bang } from '../negatable.js';
import { refusal } from '../refusal.js';
import { trafficClass } from '../trafficClass.js';
import { Outcome } from '../verdict.js';

/** `struct xt_tos_match_info` (linux/netfilter/xt_dscp.h). */
export interface TosMatch {
  readonly value: number;
  readonly mask: number;
  readonly negated: boolean;
}

/** RFC 1349's names. */
const NAMES: readonly (readonly [string, number])[] = [
  ['Minimize-Delay', 0x10],
  ['Maximize-Throughput', 0x08],
  ['Maximize-Reliability', 0x04],
  ['Minimize-Cost', 0x02],
  ['Normal-Service', 0x00],
];
/** What a name stands for leaves out the two bits of ECN's predecessor. */
const NAME_MASK = 0x3f;

/** A name, or `value[/mask]`; a string is what iptables says is wrong. */
function parseTos(text: string): { value: number; mask: number } | string {
  const named = NAMES.find(([name]) => name.toLowerCase() === text.toLowerCase());
  if (named) return { value: named[1], mask: NAME_MASK };
  const [value, mask] = text.split(/\/(.*)/s, 2).map((part) => parseUint(part, 0xff));
  if (value === undefined) return `Symbolic name "${text}" is unknown`;
  if (!text.includes('/')) return { value, mask: 0xff };
  return mask === undefined ? `Illegal value: "${text}"` : { value, mask };
}

function words({ value, mask }: TosMatch): string {
  return `${hex(value, 2)}/${hex(mask, 2)}`;
}

/** `tos_mt()` (net/netfilter/xt_dscp.c). */
export const tos: MatchDefinition<TosMatch, undefined> = {
  name: 'tos',
  versions: [4, 6],
  options: [{ name: '--tos', args: 1, negatable: true }],
  parse(options) {
    const given = options.find('--tos');
    if (!given) options.error(refusal.missing('tos', '--tos'));
    const found = parseTos(given?.args[0].text ?? '0');
    if (typeof found === 'string') options.error(found, given?.args[0]);
    const { value, mask } = typeof found === 'string' ? { value: 0, mask: 0 } : found;
    return { value, mask, negated: given?.negated ?? false };
  },
  print: (data) => `${bang(data.negated)}--tos ${words(data)}`,
  list: (data, numeric) => {
    const name =
      numeric || data.mask !== NAME_MASK ? undefined : NAMES.find(([, value]) => value === data.value)?.[0];
    // libxt_tos puts no space before numbers.
    return `tos match${data.negated ? '!' : ''}${name ? ` ${name}` : words(data)}`;
  },
  reads: () => ['ip.tos'],
  pure: true,
  common: false,
  start: () => undefined,
  test: ({ value, mask, negated }, packet) =>
    ((trafficClass(packet) & mask) === value) !== negated ? Outcome.hit : Outcome.miss,
  explain: (data, packet, _context, _state, outcome) => {
    const saw = hex(trafficClass(packet), 2);
    return [condition('tos', 'ip.tos', data.negated, words(data), saw, outcome === Outcome.hit)];
  },
};
