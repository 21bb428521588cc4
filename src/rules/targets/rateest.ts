import type { Context } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import type { OptionList } from '../options.js';
import { RateEstimator } from '../rateEstimator.js';
import { refusal } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { cutToBytes, requiredText } from './reading.js';

/** `struct xt_rateest_target_info` (linux/netfilter/xt_RATEEST.h). */
export interface RateestTarget {
  readonly name: string;
  /** The estimator counts over 2^interval quarters of a second. */
  readonly interval: number;
  /** A new value weighs 2^-weight in the average. */
  readonly weight: number;
}

const NAME_BYTES = 15;
const UNITS: ReadonlyMap<string, number> = new Map([
  ['s', 1_000_000],
  ['sec', 1_000_000],
  ['secs', 1_000_000],
  ['ms', 1_000],
  ['msec', 1_000],
  ['msecs', 1_000],
  ['us', 1],
  ['usec', 1],
  ['usecs', 1],
  ['', 1],
]);

/** Microseconds; a number without a unit is that. */
function parseTime(options: OptionList, name: string, what: string): number {
  const word = options.find(name)?.args[0];
  if (!word) return 0;
  const found = /^(\d*\.?\d+)([a-z]*)$/i.exec(word.text);
  const unit = UNITS.get((found?.[2] ?? '').toLowerCase());
  if (!found || unit === undefined) {
    options.error(`RATEEST: bad ${what} value "${word.text}"`, word);
    return 0;
  }
  return Number(found[1]) * unit;
}

/** As tc rounds its estimators: the interval up to a power of two, the weight down to one that averages over less. */
function parse(options: OptionList): RateestTarget {
  const name = cutToBytes(requiredText(options, 'RATEEST', '--rateest-name'), NAME_BYTES);
  if (!options.has('--rateest-interval')) options.error(refusal.missing('RATEEST', '--rateest-interval'));
  const time = parseTime(options, '--rateest-interval', 'interval');
  const average = parseTime(options, '--rateest-ewmalog', 'ewmalog');
  let interval = 0;
  while (interval <= 5 && time > 2 ** interval * 250_000) interval++;
  if (interval > 5) options.error('RATEEST: interval value is too large');
  let weight = 1;
  while (weight < 32 && time / -Math.log(1 - 2 ** -weight) <= average) weight++;
  weight--;
  if (weight === 0 || weight >= 31) options.error('RATEEST: ewmalog value is out of range');
  return { name, interval: Math.min(interval, 5), weight };
}

/** @param microseconds a quarter of a second or more */
function printTime(microseconds: number): string {
  return microseconds >= 1_000_000
    ? `${(microseconds / 1_000_000).toFixed(1)}s`
    : `${(microseconds / 1_000).toFixed(1)}ms`;
}

function show({ name, interval, weight }: RateestTarget, prefix: string): string {
  const time = 2 ** interval * 250_000;
  return `${prefix}name ${name} ${prefix}interval ${printTime(time)} ${prefix}ewmalog ${printTime(time * 2 ** weight)}`;
}

/** `xt_rateest_tg_checkentry()`: rules of one name share an estimator, which the first of them makes. */
function start(
  { name, interval, weight }: RateestTarget,
  context: Pick<Context, 'shared' | 'now'>,
): RateEstimator {
  return context.shared.get('rateest', name, () => new RateEstimator(interval, weight, context.now));
}

export const rateest: TargetDefinition<RateestTarget, RateEstimator> = {
  name: 'RATEEST',
  versions: [4, 6],
  options: ['--rateest-name', '--rateest-interval', '--rateest-ewmalog'].map((name) => ({
    name,
    args: 1 as const,
  })),
  parse,
  print: (data) => show(data, '--rateest-'),
  list: (data) => show(data, ''),
  writes: ['count'],
  terminal: false,
  common: true,
  start,
  run(_, packet, context, state) {
    state.count(packet.length, context.now);
    return Verdict.continue;
  },
};
