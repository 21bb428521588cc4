import type { Packet } from '../../packet/packet.js';
import { requireOption } from '../arguments.js';
import type { Context } from '../context.js';
import type { MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { bang } from '../negatable.js';
import { saveString } from '../quoting.js';
import { outcomeOf } from '../outcomes.js';
import { Outcome } from '../verdict.js';

/** `struct xt_helper_info` (linux/netfilter/xt_helper.h). */
export interface HelperMatch {
  /** Empty: any helper. */
  readonly name: string;
  readonly negated: boolean;
}

/** The helper of the connection that this one was expected by. */
function helperOf({ connection }: Context): string | null {
  return connection?.master?.helper ?? null;
}

/** `helper_mt()` (net/netfilter/xt_helper.c): a helper's name need only be the beginning of the rule's. */
function test({ name, negated }: HelperMatch, _: Packet, context: Context): Outcome {
  const helper = helperOf(context);
  return outcomeOf((helper !== null && (name === '' || name.startsWith(helper))) !== negated);
}

export const helper: MatchDefinition<HelperMatch, undefined> = {
  name: 'helper',
  versions: [4, 6],
  options: [{ name: '--helper', args: 1, negatable: true }],
  parse: (options) => ({
    name: requireOption(options, 'helper', '--helper')?.text ?? '',
    negated: options.find('--helper')?.negated ?? false,
  }),
  print: (data) => `${bang(data.negated)}--helper ${saveString(data.name)}`,
  list: (data) => `helper match ${bang(data.negated)}"${data.name}"`,
  reads: () => ['ct.helper'],
  pure: true,
  common: false,
  tracks: true,
  start: () => undefined,
  test,
  explain: (data, _, context, __, outcome) => [
    condition(
      'helper',
      'ct.helper',
      data.negated,
      data.name || 'any',
      helperOf(context) ?? 'none',
      outcome === Outcome.hit,
    ),
  ],
};
