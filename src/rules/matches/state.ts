import type { MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { bang, type Negatable } from '../negatable.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { formatStates, parseStates, statesOf } from './ctState.js';

/** The states that -m state --state names; the kernel's conntrack match tests them. */
export type StateMatch = Negatable<number>;

export const state: MatchDefinition<StateMatch, undefined> = {
  name: 'state',
  versions: [4, 6],
  options: [{ name: '--state', args: 1, negatable: true }],
  parse(options) {
    const given = options.find('--state');
    if (!given) options.error(refusal.missing('state', '--state'));
    const bits = given ? parseStates(given.args[0].text, false) : 0;
    if (typeof bits !== 'number')
      options.error(
        bits.bad === ''
          ? '"--state" requires a list of states with no spaces, e.g. ESTABLISHED,RELATED'
          : `Bad state "${bits.bad}"`,
        given?.args[0],
      );
    return { value: typeof bits === 'number' ? bits : 0, negated: given?.negated ?? false };
  },
  print: ({ value, negated }) => `${bang(negated)}--state ${formatStates(value)}`,
  list: ({ value, negated }) => `${bang(negated)}state ${formatStates(value)}`,
  reads: () => ['ct.state'],
  pure: true,
  common: false,
  tracks: true,
  start: () => undefined,
  test: ({ value, negated }, _packet, context) =>
    ((statesOf(context) & value) !== 0) !== negated ? Outcome.hit : Outcome.miss,
  explain: ({ value, negated }, _packet, context, _state, outcome) => [
    condition(
      'state',
      'ct.state',
      negated,
      formatStates(value),
      formatStates(statesOf(context)),
      outcome === Outcome.hit,
    ),
  ],
};
