import type { Packet } from '../../packet/packet.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { parseUint } from '../integers.js';
import { bang } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_statistic_info` (linux/netfilter/xt_statistic.h). */
export type StatisticMatch =
  | {
      readonly mode: 'random';
      /** Of 2^31: what the kernel compares its random number with. */
      readonly probability: number;
      readonly negated: boolean;
    }
  | { readonly mode: 'nth'; readonly every: number; readonly packet: number; readonly negated: boolean };

export interface StatisticState {
  /** Packets since the last one that was picked: 0 right after it. */
  count: number;
}

const OPTIONS: readonly OptionSpec[] = [
  { name: '--mode', args: 1 },
  { name: '--probability', args: 1, negatable: true },
  { name: '--every', args: 1, negatable: true },
  { name: '--packet', args: 1 },
];
const ONE = 2 ** 31;
const UINT32_MAX = 0xffffffff;
const NOTHING: StatisticMatch = { mode: 'random', probability: 0, negated: false };

function parse(options: OptionList): StatisticMatch {
  const mode = options.text('--mode');
  const [probability, every, packet] = ['--probability', '--every', '--packet'].map((n) => options.find(n));
  const fail = (message: string, at: Parameters<OptionList['error']>[1] = null): StatisticMatch => {
    options.error(message, at);
    return NOTHING;
  };
  if (mode !== undefined && mode !== 'random' && mode !== 'nth')
    return fail(`Bad mode "${mode}"`, options.find('--mode')?.args[0]);
  const other = every ?? packet;
  if (probability && other) {
    return fail(refusal.together('statistic', '--probability', other.name), probability);
  }
  if (mode !== 'nth') {
    if (!probability) return fail('--probability must be specified when using random mode');
    const word = probability.args[0];
    const value = /^\+?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?$/i.test(word.text) ? Number(word.text) : NaN;
    if (!(value <= 1)) return fail(refusal.outOfRange('statistic', '--probability', 0, 1), word);
    if (mode === undefined) return fail(refusal.missing('statistic', '--mode'));
    return { mode: 'random', probability: Math.round(value * ONE), negated: probability.negated };
  }
  if (!every && !packet) return fail('--every and --packet must be specified when using nth mode');
  const n = every ? (parseUint(every.args[0].text, UINT32_MAX) ?? 0) : 0;
  if (every && n < 1) return fail(refusal.outOfRange('statistic', '--every', 1, UINT32_MAX), every.args[0]);
  if (every && !packet) return fail('statistic: option "--every" also requires "--packet".', every);
  const first = parseUint(packet!.args[0].text, UINT32_MAX);
  if (first === undefined)
    return fail(refusal.outOfRange('statistic', '--packet', 0, UINT32_MAX), packet!.args[0]);
  if (first >= n) return fail('the --packet p must be 0 <= p <= n-1', packet);
  return { mode: 'nth', every: n, packet: first, negated: every?.negated ?? false };
}

function probabilityText(probability: number): string {
  return (probability / ONE).toFixed(11);
}

function print(data: StatisticMatch): string {
  return data.mode === 'random'
    ? `--mode random ${bang(data.negated)}--probability ${probabilityText(data.probability)}`
    : `--mode nth ${bang(data.negated)}--every ${data.every} --packet ${data.packet}`;
}

function list(data: StatisticMatch): string {
  if (data.mode === 'random')
    return `statistic mode random ${bang(data.negated)}probability ${probabilityText(data.probability)}`;
  const first = data.packet ? ` packet ${data.packet}` : '';
  return `statistic mode nth ${bang(data.negated)}every ${data.every}${first}`;
}

/** `statistic_mt()` (net/netfilter/xt_statistic.c). A chance of 0 or 1 is not drawn. */
function test(data: StatisticMatch, _packet: Packet, context: Context, state: StatisticState): Outcome {
  let picked: boolean;
  if (data.mode === 'random') {
    const { probability } = data;
    picked = probability === ONE || (probability > 0 && Math.floor(context.random() * ONE) < probability);
  } else {
    state.count = state.count >= data.every - 1 ? 0 : state.count + 1;
    picked = state.count === 0;
  }
  return picked !== data.negated ? Outcome.hit : Outcome.miss;
}

function explain(
  data: StatisticMatch,
  _packet: Packet,
  _context: Context,
  state: StatisticState,
  outcome: Outcome,
): Condition[] {
  const not = data.negated ? 'not ' : '';
  if (data.mode === 'random') {
    const picked = (outcome === Outcome.hit) !== data.negated;
    const wanted = `${not}a chance of ${probabilityText(data.probability)}`;
    return [{ name: 'probability', field: 'random', wanted, saw: picked ? 'picked' : 'not picked', outcome }];
  }
  const wanted = `${not}each ${data.every}th packet`;
  const saw = `packet ${state.count} of 0 to ${data.every - 1}, 0 is picked`;
  return [{ name: 'every', field: 'count', wanted, saw, outcome }];
}

export const statistic: MatchDefinition<StatisticMatch, StatisticState> = {
  name: 'statistic',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list,
  reads: ({ mode }) => [mode === 'random' ? 'random' : 'count'],
  pure: false,
  common: true,
  // libxt_statistic loads the counter so that `packet` packets are let by before the first is picked.
  start: (data) => ({ count: data.mode === 'nth' ? data.every - 1 - data.packet : 0 }),
  test,
  explain,
};
