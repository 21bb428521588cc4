import { fillTransportChecksum, isOffloaded } from '../../packet/checksum.js';
import type { TargetDefinition } from '../definition.js';
import { refusal } from '../refusal.js';
import { Verdict } from '../verdict.js';

/** `checksum_tg()` (net/netfilter/xt_CHECKSUM.c): finishes a checksum that was left to the device. */
export const checksum: TargetDefinition<undefined, undefined> = {
  name: 'CHECKSUM',
  versions: [4, 6],
  tables: ['mangle'],
  options: [{ name: '--checksum-fill', args: 0 }],
  parse(options) {
    if (!options.has('--checksum-fill')) options.error(refusal.missing('CHECKSUM', '--checksum-fill'));
    return undefined;
  },
  print: () => '--checksum-fill',
  list: () => 'CHECKSUM fill',
  writes: [],
  terminal: false,
  common: false,
  start: () => undefined,
  run(_, packet) {
    // What a snaplen took would be missing from the sum.
    if (packet.data.length >= packet.length && isOffloaded(packet)) fillTransportChecksum(packet);
    return Verdict.continue;
  },
};
