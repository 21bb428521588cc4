import type { Packet } from '../../packet/packet.js';
import { type Context, Manip, type NatRange } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { Hook } from '../hook.js';
import { refusal } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { parseNatRange, PERSISTENT, printAddresses, printFlags, RANDOM, RANDOM_FULLY } from './natRange.js';
import { words } from './reading.js';

/** DNAT and SNAT: one manipulation each, to what one option says (net/netfilter/xt_nat.c). */
function translation(
  name: 'DNAT' | 'SNAT',
  option: string,
  manip: Manip,
  hooks: readonly Hook[],
): TargetDefinition<NatRange, undefined> {
  return {
    name,
    versions: [4, 6],
    tables: ['nat'],
    hooks,
    options: [{ name: option, args: 1 }, RANDOM, ...(name === 'SNAT' ? [RANDOM_FULLY] : []), PERSISTENT],
    parse(options) {
      if (!options.has(option)) options.error(refusal.missing(name, option));
      return parseNatRange(options, option, name === 'DNAT' ? 'taken' : 'zeroed');
    },
    print: (range, version) => words(`${option} ${printAddresses(range, version)}`, printFlags(range, '--')),
    list: (range, _, version) => words(`to:${printAddresses(range, version)}`, printFlags(range, '')),
    writes: [],
    terminal: true,
    common: false,
    translates: [manip],
    start: () => undefined,
    run: (range, packet: Packet, context: Context) =>
      context.setupNat(packet, manip, range) ? Verdict.accept : Verdict.drop,
  };
}

export const dnat = translation('DNAT', '--to-destination', Manip.destination, [
  Hook.prerouting,
  Hook.output,
]);
export const snat = translation('SNAT', '--to-source', Manip.source, [Hook.postrouting, Hook.input]);
