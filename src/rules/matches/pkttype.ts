import { Ipv4 } from '../../packet/ipv4.js';
import { u8 } from '../../packet/bytes.js';
import { PacketType } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import type { MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { bang, type Negatable } from '../negatable.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_pkttype_info` (linux/netfilter/xt_pkttype.h). */
export type PkttypeMatch = Negatable<PacketType>;

/** The first name of a type is the one that is printed. */
const NAMES: readonly (readonly [string, PacketType])[] = [
  ['unicast', PacketType.host],
  ['broadcast', PacketType.broadcast],
  ['multicast', PacketType.multicast],
  ['otherhost', PacketType.otherHost],
  ['host', PacketType.host],
  ['bcast', PacketType.broadcast],
  ['mcast', PacketType.multicast],
];

function nameOf(type: PacketType): string {
  return NAMES.find(([, value]) => value === type)?.[0] ?? `type ${type}`;
}

/** `pkttype_mt()` (net/netfilter/xt_pkttype.c): a packet looped back is what its destination says. */
function typeOf({ packetType, version, data }: Packet): PacketType {
  if (packetType !== PacketType.loopback) return packetType;
  return version === 6 || u8(data, Ipv4.destination) >> 4 === 0xe
    ? PacketType.multicast
    : PacketType.broadcast;
}

export const pkttype: MatchDefinition<PkttypeMatch, undefined> = {
  name: 'pkttype',
  versions: [4, 6],
  options: [{ name: '--pkt-type', args: 1, negatable: true }],
  parse(options) {
    const given = options.find('--pkt-type');
    if (!given) options.error(refusal.missing('pkttype', '--pkt-type'));
    const text = given?.args[0].text ?? 'unicast';
    const found = NAMES.find(([name]) => name === text.toLowerCase());
    if (!found) options.error(`Bad packet type '${text}'`, given?.args[0]);
    return { value: found?.[1] ?? PacketType.host, negated: given?.negated ?? false };
  },
  print: ({ value, negated }) => `${bang(negated)}--pkt-type ${nameOf(value)}`,
  list: ({ value, negated }) => `PKTTYPE ${negated ? '!=' : '='} ${nameOf(value)}`,
  reads: () => ['packetType'],
  pure: true,
  common: false,
  start: () => undefined,
  test: ({ value, negated }, packet) => ((typeOf(packet) === value) !== negated ? Outcome.hit : Outcome.miss),
  explain: ({ value, negated }, packet, _context, _state, outcome) => {
    const saw = nameOf(typeOf(packet));
    return [condition('pkt-type', 'packetType', negated, nameOf(value), saw, outcome === Outcome.hit)];
  },
};
