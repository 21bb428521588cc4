import { condition } from '../explaining.js';
import { numberArgument } from '../arguments.js';
import type { Condition, MatchDefinition } from '../definition.js';
import type { Context } from '../context.js';
import { HZ } from '../jiffies.js';
import type { OptionList, OptionSpec } from '../options.js';
import { parseRate, printRate } from '../rate.js';
import type { Packet } from '../../packet/packet.js';
import { Outcome } from '../verdict.js';

/** `struct xt_rateinfo` (linux/netfilter/xt_limit.h). */
export interface LimitMatch {
  /** Time between two packets in 1/10,000 s. */
  readonly period: number;
  readonly burst: number;
}

/** A token bucket; credits are counted in 32 bits as the kernel's are. */
export interface LimitState {
  readonly cap: number;
  readonly cost: number;
  credit: number;
  /** The tick of the last packet. */
  last: number;
}

const SCALE = 10_000;
const DEFAULT_PERIOD = 12_000_000;
const DEFAULT_BURST = 5;

/** The power of two below what lets a day's ticks fit 32 bits (net/netfilter/xt_limit.c: CREDITS_PER_JIFFY). */
const CREDITS_PER_JIFFY = 2 ** Math.floor(Math.log2(0xffffffff / (HZ * 86400)));
const CREDITS_PER_SECOND = HZ * CREDITS_PER_JIFFY;

const OPTIONS: readonly OptionSpec[] = [
  { name: '--limit', args: 1 },
  { name: '--limit-burst', args: 1 },
];

function parse(options: OptionList): LimitMatch {
  const given = options.find('--limit');
  const rate = given && parseRate(given.args[0].text, SCALE);
  if (given && !rate)
    options.error(`"${given.args[0].text}" is no rate such as 3/hour, at most 10000/second`, given.args[0]);
  const period = rate?.period ?? DEFAULT_PERIOD;
  const burst = numberArgument(options, 'limit', '--limit-burst', DEFAULT_BURST, 10_000);
  if (burst === 0 || credits((period * burst) >>> 0) < credits(period))
    options.error(
      'the rate is too low for this burst: the kernel cannot count so many credits',
      given ?? null,
    );
  return { period, burst };
}

/** `user2credits()`: in 32 bits; what would overflow is divided first. */
function credits(user: number): number {
  return user > Math.floor(0xffffffff / CREDITS_PER_SECOND)
    ? Math.imul(Math.floor(user / SCALE), CREDITS_PER_SECOND) >>> 0
    : Math.floor((user * CREDITS_PER_SECOND) / SCALE);
}

function start({ period, burst }: LimitMatch, { tick }: Pick<Context, 'tick'>): LimitState {
  const cap = credits((period * burst) >>> 0);
  return { cap, cost: credits(period), credit: cap, last: tick };
}

/** The credit at tick `now`, before anything is paid. */
function creditAt(state: LimitState, now: number): number {
  const more = Math.imul(now - state.last, CREDITS_PER_JIFFY) >>> 0;
  return Math.min((state.credit + more) >>> 0, state.cap);
}

/** `limit_mt()` (net/netfilter/xt_limit.c). */
function test(_: LimitMatch, __: Packet, context: Context, state: LimitState): Outcome {
  const now = context.tick;
  state.credit = creditAt(state, now);
  state.last = now;
  if (state.credit < state.cost) return Outcome.miss;
  state.credit -= state.cost;
  return Outcome.hit;
}

function explain(
  { period, burst }: LimitMatch,
  _: Packet,
  __: Context,
  state: LimitState,
  outcome: Outcome,
): Condition[] {
  const hit = outcome === Outcome.hit;
  const left = (state.credit + (hit ? state.cost : 0)) / state.cost;
  const wanted = `a packet left of ${burst}, refilled ${printRate(period, SCALE).text}`;
  return [condition('limit', 'count', false, wanted, `${left.toFixed(3)} left`, hit)];
}

export const limit: MatchDefinition<LimitMatch, LimitState> = {
  name: 'limit',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print: ({ period, burst }) =>
    `--limit ${printRate(period, SCALE).text}${burst === DEFAULT_BURST ? '' : ` --limit-burst ${burst}`}`,
  list: ({ period, burst }) => `limit: avg ${printRate(period, SCALE).text} burst ${burst}`,
  reads: () => ['time', 'count'],
  pure: false,
  common: true,
  start,
  test,
  explain,
};
