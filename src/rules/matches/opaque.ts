import { Protocol } from '../../packet/numbers.js';
import { numberArgument } from '../arguments.js';
import type { MatchDefinition } from '../definition.js';
import { bang } from '../negatable.js';
import { saveString } from '../quoting.js';
import type { OptionList, OptionSpec } from '../options.js';
import { KERNEL_REFUSES, refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** Matches on what a capture and a snapshot cannot tell; they are kept, printed, and answered `unknown`. */
export interface OpaqueMatch {
  /** In the order iptables-save prints them. */
  readonly given: readonly {
    readonly name: string;
    readonly negated: boolean;
    readonly values: readonly string[];
  }[];
}

function parse(
  extension: string,
  required: string,
  specs: readonly OptionSpec[],
  options: OptionList,
): OpaqueMatch {
  if (!options.has(required)) options.error(refusal.missing(extension, required));
  return {
    given: specs.flatMap(({ name }) => {
      const option = options.find(name);
      return option ? [{ name, negated: option.negated, values: option.args.map((word) => word.text) }] : [];
    }),
  };
}

function define(
  name: string,
  what: string,
  specs: readonly OptionSpec[],
  list: (data: OpaqueMatch) => string,
  check: (options: OptionList) => void = () => undefined,
  outcome: Outcome = Outcome.unknown,
  gap = ' ',
): MatchDefinition<OpaqueMatch, undefined> {
  return {
    name,
    versions: [4, 6],
    options: specs,
    parse: (options) => {
      check(options);
      return parse(name, specs[0].name, specs, options);
    },
    print: ({ given }) =>
      given.map((o) => [`${bang(o.negated)}${o.name}`, ...o.values.map(saveString)].join(gap)).join(' '),
    list,
    reads: () => ['random'],
    pure: true,
    common: true,
    start: () => undefined,
    test: () => outcome,
    explain: (data) => [{ name, field: 'random', wanted: list(data), saw: what, outcome }],
  };
}

function value(data: OpaqueMatch, name: string): string {
  return data.given.find((o) => o.name === name)?.values[0] ?? '';
}

/** Passive fingerprints, from a table that user space loads into the kernel. */
export const osf = define(
  'osf',
  'fingerprints that were not given',
  [
    { name: '--genre', args: 1, negatable: true },
    { name: '--ttl', args: 1 },
    { name: '--log', args: 1 },
  ],
  (data) => `OS fingerprint match ${bang(data.given[0]?.negated ?? false)}${value(data, '--genre')}`,
  (options) => {
    numberArgument(options, 'osf', '--ttl', 0, 2);
    numberArgument(options, 'osf', '--log', 0, 2);
    if (options.protocol !== Protocol.tcp) options.error(KERNEL_REFUSES);
  },
);

/** A counter that `nfacct` keeps; one without a quota always hits. */
export const nfacct = define(
  'nfacct',
  'a counter without a quota',
  [{ name: '--nfacct-name', args: 1 }],
  (data) => `nfacct-name  ${value(data, '--nfacct-name')}`,
  undefined,
  Outcome.hit,
  // `nfacct_print_name()` (extensions/libxt_nfacct.c) ends with a blank, and the name begins with one.
  '  ',
);
