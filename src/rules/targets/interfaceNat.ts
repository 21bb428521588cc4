import { addressOf } from '../../packet/addresses.js';
import type { Packet } from '../../packet/packet.js';
import { type Context, Manip, type NatRange } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { Hook } from '../hook.js';
import { Verdict } from '../verdict.js';
import { parsePortsOnly, printFlags, printPorts, RANDOM, RANDOM_FULLY } from './natRange.js';
import { words } from './reading.js';

/** 0.0.0.0: what a host sends before it has an address is let through as it is (`nf_nat_masquerade_ipv4()`). */
function sourceIsUnset(packet: Packet): boolean {
  return packet.version === 4 && addressOf(packet, 'source').a === 0;
}

/**
 * MASQUERADE and REDIRECT: the new address is an interface's own, and only the ports are told
 * (net/netfilter/nf_nat_masquerade.c, nf_nat_redirect.c). Without an address the packet is dropped.
 */
function interfaceNat(
  name: 'MASQUERADE' | 'REDIRECT',
  manip: Manip,
  hooks: readonly Hook[],
  listed: string,
): TargetDefinition<NatRange, undefined> {
  return {
    name,
    versions: [4, 6],
    tables: ['nat'],
    hooks,
    options: [{ name: '--to-ports', args: 1 }, RANDOM, ...(name === 'MASQUERADE' ? [RANDOM_FULLY] : [])],
    parse: parsePortsOnly,
    print: (range) =>
      words(range.minPort !== null && `--to-ports ${printPorts(range)}`, printFlags(range, '--')),
    list: (range) => words(range.minPort !== null && `${listed} ${printPorts(range)}`, printFlags(range, '')),
    writes: [],
    terminal: true,
    common: false,
    translates: [manip],
    start: () => undefined,
    run(range, packet, context: Context) {
      if (name === 'MASQUERADE' && sourceIsUnset(packet)) return Verdict.accept;
      const address = context.interfaceAddress(packet, name);
      if (!address) return Verdict.drop;
      const whole = {
        ...range,
        minAddress: address,
        maxAddress: address,
        masquerade: name === 'MASQUERADE',
      };
      return context.setupNat(packet, manip, whole) ? Verdict.accept : Verdict.drop;
    },
  };
}

export const masquerade = interfaceNat('MASQUERADE', Manip.source, [Hook.postrouting], 'masq ports:');
export const redirect = interfaceNat(
  'REDIRECT',
  Manip.destination,
  [Hook.prerouting, Hook.output],
  'redir ports',
);
