import { setDscp } from '../../packet/rewrite.js';
import type { TargetDefinition } from '../definition.js';
import { parseDscpClass } from '../dscpClasses.js';
import { hex } from '../integers.js';
import type { OptionList } from '../options.js';
import { refuseTogether } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { uintOption } from './reading.js';

export interface DscpTarget {
  readonly dscp: number;
}

function parse(options: OptionList): DscpTarget {
  refuseTogether(options, 'DSCP', ['--set-dscp', '--set-dscp-class']);
  const word = options.find('--set-dscp-class')?.args[0];
  if (!word) {
    if (!options.has('--set-dscp')) options.error('DSCP target: Parameter --set-dscp is required');
    return { dscp: uintOption(options, 'DSCP', '--set-dscp', [0, 63], 0) };
  }
  const dscp = parseDscpClass(word.text);
  if (dscp === undefined) options.error(`Invalid DSCP value \`${word.text}'`, word);
  return { dscp: dscp ?? 0 };
}

/** `dscp_tg()`, `dscp_tg6()` (net/netfilter/xt_DSCP.c). */
export const dscp: TargetDefinition<DscpTarget, undefined> = {
  name: 'DSCP',
  versions: [4, 6],
  tables: ['mangle'],
  options: [
    { name: '--set-dscp', args: 1 },
    { name: '--set-dscp-class', args: 1 },
  ],
  parse,
  print: (data) => `--set-dscp ${hex(data.dscp, 2)}`,
  list: (data) => `DSCP set ${hex(data.dscp, 2)}`,
  writes: ['ip.tos'],
  terminal: false,
  common: false,
  start: () => undefined,
  run(data, packet) {
    setDscp(packet, data.dscp);
    return Verdict.continue;
  },
};
