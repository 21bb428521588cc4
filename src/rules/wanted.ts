import type { IpNetwork } from '../address/ip.js';
import type { PortRange } from './ports.js';

/**
 * What a packet must have in one field, or a test misses: what an index of rules is built over. Of several networks or
 * ranges it must be in one.
 */
export type Wanted =
  | {
      readonly field: 'ip.source' | 'ip.destination';
      readonly networks: readonly IpNetwork[];
      /** It must be in none of them. */
      readonly isNot?: boolean;
    }
  /** Of a protocol that has ports. */
  | { readonly field: 'sourcePort' | 'destinationPort'; readonly ranges: readonly PortRange[] }
  | { readonly field: 'ip.protocol'; readonly protocol: number }
  | { readonly field: 'in' | 'out'; readonly name: string; readonly isNot?: boolean };

/** What tcp, udp and the like want by their options. */
export function wantedPorts(
  source: { readonly value: PortRange; readonly negated: boolean } | null,
  destination: { readonly value: PortRange; readonly negated: boolean } | null,
): Wanted[] {
  const wanted: Wanted[] = [];
  if (source && !source.negated) wanted.push({ field: 'sourcePort', ranges: [source.value] });
  if (destination && !destination.negated)
    wanted.push({ field: 'destinationPort', ranges: [destination.value] });
  return wanted;
}
