import type { MatchDefinition } from '../definition.js';
import { parseDscpClass } from '../dscpClasses.js';
import { condition } from '../explaining.js';
import { hex, parseUint } from '../integers.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList } from '../options.js';
import { refusal, refuseTogether } from '../refusal.js';
import { trafficClass } from '../trafficClass.js';
import { Outcome } from '../verdict.js';

/** `struct xt_dscp_info` (linux/netfilter/xt_dscp.h): a code point. */
export type DscpMatch = Negatable<number>;

const MAX = 63;

function parse(options: OptionList): DscpMatch {
  refuseTogether(options, 'dscp', ['--dscp', '--dscp-class']);
  const given = options.given.at(0);
  if (!given) {
    options.error('DSCP match: Parameter --dscp is required');
    return { value: 0, negated: false };
  }
  const { text } = given.args[0];
  const value = given.name === '--dscp' ? parseUint(text, MAX) : parseDscpClass(text);
  if (value === undefined)
    options.error(
      given.name === '--dscp'
        ? refusal.outOfRange('dscp', '--dscp', 0, MAX)
        : `Invalid DSCP value \`${text}'`,
      given.args[0],
    );
  return { value: value ?? 0, negated: given.negated };
}

/** `dscp_mt()`, `dscp_mt6()` (net/netfilter/xt_dscp.c). */
export const dscp: MatchDefinition<DscpMatch, undefined> = {
  name: 'dscp',
  versions: [4, 6],
  options: [
    { name: '--dscp', args: 1, negatable: true },
    { name: '--dscp-class', args: 1, negatable: true },
  ],
  parse,
  print: ({ value, negated }) => `${bang(negated)}--dscp ${hex(value, 2)}`,
  list: ({ value, negated }) => `DSCP match ${negated ? '!' : ''}${hex(value, 2)}`,
  reads: () => ['ip.tos'],
  pure: true,
  common: false,
  start: () => undefined,
  test: ({ value, negated }, packet) =>
    (trafficClass(packet) >> 2 === value) !== negated ? Outcome.hit : Outcome.miss,
  explain: ({ value, negated }, packet, _context, _state, outcome) => {
    const saw = hex(trafficClass(packet) >> 2, 2);
    return [condition('dscp', 'ip.tos', negated, hex(value, 2), saw, outcome === Outcome.hit)];
  },
};
