import type { TargetDefinition } from '../definition.js';
import { Verdict } from '../verdict.js';

/** `trace_tg()` (net/netfilter/xt_TRACE.c): from here on every rule that the packet meets writes a line. */
export const trace: TargetDefinition<undefined, undefined> = {
  name: 'TRACE',
  versions: [4, 6],
  tables: ['raw'],
  options: [],
  parse: () => undefined,
  print: () => '',
  list: () => '',
  writes: [],
  terminal: false,
  common: false,
  start: () => undefined,
  run(_, packet) {
    packet.traced = true;
    return Verdict.continue;
  },
};
