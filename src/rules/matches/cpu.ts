import { negatableNumber, requireOption } from '../arguments.js';
import type { MatchDefinition } from '../definition.js';
import { bang, type Negatable } from '../negatable.js';
import { Outcome } from '../verdict.js';

/** `struct xt_cpu_info` (linux/netfilter/xt_cpu.h): the processor that took the packet in, which no capture tells. */
export type CpuMatch = Negatable<number>;

const SAW = 'a processor that no capture tells';

export const cpu: MatchDefinition<CpuMatch, undefined> = {
  name: 'cpu',
  versions: [4, 6],
  options: [{ name: '--cpu', args: 1, negatable: true }],
  parse(options) {
    requireOption(options, 'cpu', '--cpu');
    return negatableNumber(options, 'cpu', '--cpu') ?? { value: 0, negated: false };
  },
  print: ({ value, negated }) => `${bang(negated)}--cpu ${value}`,
  list: ({ value, negated }) => `cpu ${bang(negated)}${value}`,
  reads: () => ['random'],
  pure: true,
  common: false,
  start: () => undefined,
  test: () => Outcome.unknown,
  explain: ({ value, negated }) => [
    {
      name: 'cpu',
      field: 'random',
      wanted: `${negated ? 'not ' : ''}${value}`,
      saw: SAW,
      outcome: Outcome.unknown,
    },
  ],
};
