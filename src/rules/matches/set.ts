import type { Packet } from '../../packet/packet.js';
import { addressText } from '../../packet/addresses.js';
import type { Context, CounterCondition, SetMatchOptions } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { bang } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { negate } from '../outcomes.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_set_info_match_v4` (linux/netfilter/xt_set.h). */
export interface SetMatch {
  readonly name: string;
  /** By position: true is src. */
  readonly dimensions: readonly boolean[];
  readonly negated: boolean;
  readonly options: SetMatchOptions;
}

/** IPSET_DIM_MAX */
const MAX_DIMENSIONS = 6;
const NAME_LENGTH = 31;
const COUNTERS = ['packets', 'bytes'] as const;
const OPERATORS = ['eq', 'lt', 'gt'] as const;

const OPTIONS: readonly OptionSpec[] = [
  { name: '--match-set', aliases: ['--set'], args: 2, negatable: true },
  { name: '--return-nomatch', args: 0 },
  { name: '--update-counters', args: 0, negatable: true },
  { name: '--update-subcounters', args: 0, negatable: true },
  ...COUNTERS.flatMap((counter) =>
    OPERATORS.map((op) => ({ name: `--${counter}-${op}`, args: 1, negatable: op === 'eq' }) as const),
  ),
];

function parse(options: OptionList): SetMatch {
  const given = options.find('--match-set');
  if (!given) options.error("You must specify `--match-set' with proper arguments");
  const [name, flags] = given?.args ?? [];
  if (name && (name.text === '' || name.text.length > NAME_LENGTH))
    options.error(`setname \`${name.text}' too long, max ${NAME_LENGTH} characters.`, name);
  else if (name && options.names?.hasSet(name.text) === false)
    options.error(refusal.noSuchSet(name.text), name);
  const words = flags?.text.split(',') ?? [];
  if (flags && (words.length > MAX_DIMENSIONS || words.some((word) => word !== 'src' && word !== 'dst')))
    options.error("You must spefify (the comma separated list of) `src' or `dst'.", flags);
  return {
    name: name?.text ?? '',
    dimensions: words.map((word) => word === 'src'),
    negated: given?.negated ?? false,
    options: {
      returnNomatch: options.has('--return-nomatch'),
      updateCounters: !options.find('--update-counters')?.negated,
      updateSubcounters: !options.find('--update-subcounters')?.negated,
      packets: parseCounter(options, 'packets'),
      bytes: parseCounter(options, 'bytes'),
    },
  };
}

function parseCounter(options: OptionList, counter: 'packets' | 'bytes'): CounterCondition | null {
  for (const op of OPERATORS) {
    const given = options.find(`--${counter}-${op}`);
    if (!given) continue;
    const { text } = given.args[0];
    if (/^\d{1,16}$/.test(text)) return { op: given.negated ? 'ne' : op, value: Number(text) };
    options.error(refusal.badValue('set', given.name, text), given.args[0]);
  }
  return null;
}

function print(data: SetMatch, dashes: string): string {
  const { name, dimensions, negated, options } = data;
  const parts = [`${bang(negated)}${dashes}match-set ${name} ${sides(dimensions)}`];
  if (options.returnNomatch) parts.push(`${dashes}return-nomatch`);
  if (!options.updateCounters) parts.push(`! ${dashes}update-counters`);
  if (!options.updateSubcounters) parts.push(`! ${dashes}update-subcounters`);
  for (const counter of COUNTERS) {
    const condition = options[counter];
    if (!condition) continue;
    const not = condition.op === 'ne';
    parts.push(`${bang(not)}${dashes}${counter}-${not ? 'eq' : condition.op} ${condition.value}`);
  }
  return parts.join(' ');
}

function sides(dimensions: readonly boolean[]): string {
  return dimensions.map((source) => (source ? 'src' : 'dst')).join(',');
}

/** `set_match_v4()` (net/netfilter/xt_set.c). */
function test(data: SetMatch, packet: Packet, context: Context): Outcome {
  return negate(context.sets.test(data.name, packet, data.dimensions, data.options), data.negated);
}

function explain(data: SetMatch, packet: Packet, _: Context, __: undefined, outcome: Outcome): Condition[] {
  const who = `${addressText(packet, 'source')} -> ${addressText(packet, 'destination')}`;
  const found = negate(outcome, data.negated);
  const saw =
    found === Outcome.unknown
      ? `${who}: the set, or the part of the packet it asks for, was not given`
      : `${who}, ${found === Outcome.hit ? 'which is' : 'which is not'}`;
  const wanted = `${data.negated ? 'not ' : ''}in ${data.name} by ${sides(data.dimensions)}`;
  return [{ name: 'match-set', field: 'set', wanted, saw, outcome }];
}

export const set: MatchDefinition<SetMatch, undefined> = {
  name: 'set',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print: (data) => print(data, '--'),
  list: (data) => print(data, ''),
  reads: () => [
    'ip.source',
    'ip.destination',
    'ip.protocol',
    'sourcePort',
    'destinationPort',
    'in',
    'out',
    'set',
  ],
  pure: false,
  common: true,
  start: () => undefined,
  test,
  explain,
};
