import { markArgument } from '../arguments.js';
import type { MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { hex } from '../integers.js';
import { bang } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_mark_mtinfo1`, `struct xt_connmark_mtinfo1` (linux/netfilter/xt_mark.h, xt_connmark.h), as signed words. */
export interface MarkMatch {
  readonly mark: number;
  readonly mask: number;
  readonly negated: boolean;
}

const OPTIONS: readonly OptionSpec[] = [{ name: '--mark', args: 1, negatable: true }];

function parseFor(name: string, options: OptionList): MarkMatch {
  const given = options.find('--mark');
  if (!given) options.error(refusal.missing(name, '--mark'));
  const { value, mask } = markArgument(options, name, '--mark') ?? { value: 0, mask: 0 };
  return { mark: value | 0, mask: mask | 0, negated: given?.negated ?? false };
}

/** The value with its mask, where that leaves out a bit. */
function words({ mark, mask }: MarkMatch): string {
  return mask === -1 ? hex(mark) : `${hex(mark)}/${hex(mask)}`;
}

/** A mark with bits outside of the mask matches nothing. */
function hits({ mark, mask, negated }: MarkMatch, seen: number): boolean {
  return ((seen & mask) === mark) !== negated;
}

/** `mark_mt()` (net/netfilter/xt_mark.c). */
export const mark: MatchDefinition<MarkMatch, undefined> = {
  name: 'mark',
  versions: [4, 6],
  options: OPTIONS,
  parse: (options) => parseFor('mark', options),
  print: (data) => `${bang(data.negated)}--mark ${words(data)}`,
  list: (data) => `mark match ${bang(data.negated)}${words(data)}`,
  reads: () => ['mark'],
  pure: true,
  common: false,
  start: () => undefined,
  test: (data, packet) => (hits(data, packet.mark) ? Outcome.hit : Outcome.miss),
  explain: (data, packet) => [
    condition('mark', 'mark', data.negated, words(data), hex(packet.mark), hits(data, packet.mark)),
  ],
};

/** `connmark_mt()` (net/netfilter/xt_connmark.c): without a connection it never matches, `!` or not. */
export const connmark: MatchDefinition<MarkMatch, undefined> = {
  name: 'connmark',
  versions: [4, 6],
  options: OPTIONS,
  parse: (options) => parseFor('connmark', options),
  print: (data) => `${bang(data.negated)}--mark ${words(data)}`,
  list: (data) => `connmark match ${data.negated ? '!' : ''} ${words(data)}`,
  reads: () => ['ct.mark'],
  pure: true,
  common: false,
  tracks: true,
  start: () => undefined,
  test: (data, _packet, { connection }) =>
    connection !== null && hits(data, connection.mark) ? Outcome.hit : Outcome.miss,
  explain: (data, _packet, { connection }, _state, outcome) => {
    const saw = connection ? hex(connection.mark) : 'no connection';
    return [condition('mark', 'ct.mark', data.negated, words(data), saw, outcome === Outcome.hit)];
  },
};
