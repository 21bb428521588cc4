import { MAX_U32, parseUint } from '../integers.js';
import type { Packet } from '../../packet/packet.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { bang } from '../negatable.js';
import type { GivenOption, OptionList, OptionSpec } from '../options.js';
import { outcomeOf } from '../outcomes.js';
import { RateEstimator, type Rates } from '../rateEstimator.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { cutToBytes } from '../targets/reading.js';
import { Outcome } from '../verdict.js';

/** What an estimator's rates are held against, or taken from with --rateest-delta. */
interface Limits {
  readonly bytes: number;
  readonly packets: number;
}

/** `struct xt_rateest_match_info` (linux/netfilter/xt_rateest.h). */
export interface RateestMatch {
  readonly one: string;
  /** null: the first is held against `second` alone. */
  readonly other: string | null;
  readonly delta: boolean;
  readonly mode: 'lt' | 'gt' | 'eq';
  readonly negated: boolean;
  readonly asksBytes: boolean;
  readonly asksPackets: boolean;
  readonly first: Limits;
  readonly second: Limits;
}

const NAME_BYTES = 15;
const MODES = ['eq', 'lt', 'gt'] as const;

const upright = (what: string): string => `rateest: ${what} can't be inverted`;
const twice = (what: string): string => `rateest: can't specify ${what} twice`;
const OPTIONS: readonly OptionSpec[] = [
  {
    name: '--rateest1',
    aliases: ['--rateest'],
    args: 1,
    refuses: { inverted: upright('rateest'), twice: twice('--rateest1') },
  },
  { name: '--rateest2', args: 1, refuses: { inverted: upright('rateest'), twice: twice('--rateest2') } },
  {
    name: '--rateest-delta',
    args: 0,
    refuses: { inverted: upright('rateest-delta'), twice: twice('--rateest-delta') },
  },
  ...MODES.map((mode): OptionSpec => ({
    name: `--rateest-${mode}`,
    args: 0,
    negatable: true,
    refuses: { twice: twice('lt/gt/eq') },
  })),
  ...['bps', 'pps'].flatMap((unit): OptionSpec[] => [
    {
      name: `--rateest-${unit}1`,
      args: 'optional',
      refuses: { inverted: upright(`rateest-${unit}`), twice: twice(`--rateest-${unit}1`) },
    },
    {
      name: `--rateest-${unit}2`,
      aliases: [`--rateest-${unit}`],
      args: 'optional',
      refuses: { inverted: upright(`rateest-${unit}`), twice: twice(`--rateest-${unit}2`) },
    },
  ]),
];

/** Bits a second of each unit of iproute2, in small letters. */
const UNITS: ReadonlyMap<string, number> = new Map(
  ['', 'k', 'm', 'g', 't'].flatMap((letter, power): [string, number][] => {
    const [binary, decimal] = [1024 ** power, 1000 ** power];
    const entries: [string, number][] = [
      [`${letter}bit`, decimal],
      [`${letter}bps`, 8 * decimal],
    ];
    return letter ? [...entries, [`${letter}ibit`, binary], [`${letter}ibps`, 8 * binary]] : entries;
  }),
);
const RATE = /^(0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-z]*)$/i;

/** Bytes a second, in the 32 bits that the kernel's field has; a number without a unit is bits. */
function parseRate(options: OptionList, name: string): number {
  const word = options.find(name)?.args[0];
  if (!word) return 0;
  const found = RATE.exec(word.text);
  const scale = found && (found[2] === '' ? 1 : UNITS.get(found[2].toLowerCase()));
  if (!found || !scale) {
    options.error(`rateest: could not parse rate \`${word.text}'`, word);
    return 0;
  }
  const rate = Math.floor((Number(found[1]) * scale) / 8);
  return Number.isFinite(rate) ? rate % 2 ** 32 : 0;
}

function parsePackets(options: OptionList, name: string): number {
  const word = options.find(name)?.args[0];
  if (!word) return 0;
  const value = parseUint(word.text, MAX_U32);
  if (value === undefined) options.error(`rateest: could not parse pps \`${word.text}'`, word);
  return value ?? 0;
}

function parse(options: OptionList): RateestMatch {
  const limits = (which: 1 | 2): Limits => ({
    bytes: parseRate(options, `--rateest-bps${which}`),
    packets: parsePackets(options, `--rateest-pps${which}`),
  });
  // Of several the last counts, and any `!` does.
  const modes = options.given.filter((o): o is GivenOption => MODES.some((m) => o.name === `--rateest-${m}`));
  const other = options.text('--rateest2');
  const asks = (unit: string): boolean =>
    options.has(`--rateest-${unit}1`) || options.has(`--rateest-${unit}2`);
  const [asksBytes, asksPackets] = [asks('bps'), asks('pps')];
  if (modes.length === 0 || !(asksBytes || asksPackets)) options.error(KERNEL_REFUSES);
  return {
    one: cutToBytes(options.text('--rateest1') ?? '', NAME_BYTES),
    other: other === undefined ? null : cutToBytes(other, NAME_BYTES),
    delta: options.has('--rateest-delta'),
    mode: MODES.find((m) => modes.at(-1)?.name === `--rateest-${m}`) ?? 'eq',
    negated: modes.some((m) => m.negated),
    asksBytes,
    asksPackets,
    first: limits(1),
    second: limits(2),
  };
}

/** Bytes a second, as bits. */
function rateText(rate: number): string {
  const bits = rate * 8;
  if (bits >= 1e9) return `${(bits / 1e6).toFixed(0)}Mbit`;
  return bits >= 1e6 ? `${(bits / 1e3).toFixed(0)}Kbit` : `${bits}bit`;
}

function print(data: RateestMatch): string {
  const { one, other, delta, first, second } = data;
  const mode = `${bang(data.negated)}--rateest-${data.mode}`;
  const asked = (unit: string, here: string, there: string): string[] => {
    if (delta) return [`--rateest-${unit}1 ${here} ${mode} --rateest-${unit}2 ${there}`];
    return [other === null ? `${mode} --rateest-${unit} ${there}` : `${mode} --rateest-${unit}`];
  };
  return [
    ...(delta ? ['--rateest-delta'] : []),
    `${other === null ? '--rateest' : '--rateest1'} ${one}`,
    ...(data.asksBytes ? asked('bps', rateText(first.bytes), rateText(second.bytes)) : []),
    ...(data.asksPackets ? asked('pps', String(first.packets), String(second.packets)) : []),
    ...(other === null ? [] : [`--rateest2 ${other}`]),
  ].join(' ');
}

function list(data: RateestMatch, numeric: boolean): string {
  const { one, other, delta, first, second } = data;
  const rate = numeric ? String : rateText;
  const mode = `${bang(data.negated)}${data.mode}`;
  const absolute = other === null;
  const side = (limits: Limits, isFirst: boolean): string[] => {
    const shown = delta ? [rate(limits.bytes)] : [];
    const bytes = [...shown, ...(absolute && isFirst ? [rate(second.bytes), mode] : [])];
    const packets = [
      ...(delta ? [String(limits.packets)] : []),
      ...(absolute && isFirst ? [mode, String(second.packets)] : []),
    ];
    return [...(data.asksBytes ? ['bps', ...bytes] : []), ...(data.asksPackets ? ['pps', ...packets] : [])];
  };
  return [
    `rateest match ${one}`,
    ...(delta ? ['delta'] : []),
    ...side(first, true),
    ...(absolute ? [] : [mode, other, ...side(second, false)]),
  ].join(' ');
}

/** `xt_rateest_mt()` (net/netfilter/xt_rateest.c). */
function matches(data: RateestMatch, one: Rates, other: Rates | null): boolean {
  const { first, second, delta, mode } = data;
  const left = delta ? below(first, one) : one;
  const right = !other ? second : delta ? below(second, other) : other;
  const compare = (a: number, b: number): boolean =>
    mode === 'lt' ? a < b : mode === 'gt' ? a > b : a === b;
  const holds =
    (!data.asksBytes || compare(left.bytes, right.bytes)) &&
    (!data.asksPackets || compare(left.packets, right.packets));
  return holds !== data.negated;
}

/** By how much the rates stay below the limits; 0 where they do not. */
function below(limits: Limits, rates: Rates): Rates {
  return {
    bytes: Math.max(0, limits.bytes - rates.bytes),
    packets: Math.max(0, limits.packets - rates.packets),
  };
}

/** The estimators that were there when the rule was asked last. */
interface RateestState {
  one: RateEstimator | undefined;
  other: RateEstimator | undefined;
}

/**
 * The kernel's timers tick since the rules were loaded, of which nothing tells. Where the phases that they may have agree,
 * that is the answer; else what left decides, or chance, and the phases that say otherwise are out of it.
 */
function test(data: RateestMatch, _: Packet, context: Context, state: RateestState): Outcome {
  const { shared } = context;
  const one = (state.one ??= shared.find<RateEstimator>('rateest', data.one));
  const other = data.other === null ? null : (state.other ??= shared.find('rateest', data.other));
  // The kernel would have refused a rule that asks an estimator which no -j RATEEST has made.
  if (!one || other === undefined) return Outcome.unknown;
  const { now } = context;
  const answers = one.rates(now).map((a) => (other?.rates(now) ?? [null]).map((b) => matches(data, a, b)));
  const all = answers.flat();
  const hits = all.filter(Boolean).length;
  const isHit = hits === all.length || (hits > 0 && context.random() < hits / all.length);
  if (hits > 0 && hits < all.length) {
    one.keep((i) => answers[i].includes(isHit));
    other?.keep((j) => answers.some((row) => row[j] === isHit));
  }
  return outcomeOf(isHit);
}

function explain(
  data: RateestMatch,
  _: Packet,
  context: Context,
  { one, other }: RateestState,
  outcome: Outcome,
): Condition[] {
  const wanted = list(data, false);
  const told = (name: string, estimator: RateEstimator | undefined): string => {
    if (!estimator) return `no rule makes ${name}`;
    const [rates] = estimator.rates(context.now);
    return `${name} ${rateText(rates.bytes)}, ${rates.packets} packets a second`;
  };
  const saw = [told(data.one, one), ...(data.other === null ? [] : [told(data.other, other)])].join('; ');
  return [{ name: 'rateest', field: 'random', wanted, saw, outcome }];
}

export const rateest: MatchDefinition<RateestMatch, RateestState> = {
  name: 'rateest',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list,
  reads: () => ['random', 'count'],
  pure: false,
  common: true,
  start: () => ({ one: undefined, other: undefined }),
  test,
  explain,
};
