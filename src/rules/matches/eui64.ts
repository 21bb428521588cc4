import { formatMac } from '../../address/mac.js';
import { u16, u8 } from '../../packet/bytes.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { EtherType } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { addressText } from '../../packet/addresses.js';
import type { MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { outcomeOf } from '../outcomes.js';
import { Outcome } from '../verdict.js';

const ETHERNET_LENGTH = 14;

/** The interface identifier that a MAC gives: RFC 4291 appendix A. */
function identifier(mac: Uint8Array): number[] {
  return [mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]];
}

/** `eui64_mt6()` (net/ipv6/netfilter/ip6t_eui64.c) */
function test(_: null, packet: Packet): Outcome {
  const { link, data } = packet;
  if (link.length < ETHERNET_LENGTH) return packet.fragmentOffset !== 0 ? Outcome.hotdrop : Outcome.miss;
  if (u16(link, 12) !== EtherType.ipv6) return Outcome.miss;
  return outcomeOf(
    identifier(link.subarray(6, 12)).every((byte, i) => u8(data, Ipv6.source + 8 + i) === byte),
  );
}

export const eui64: MatchDefinition<null, undefined> = {
  name: 'eui64',
  versions: [6],
  options: [],
  parse: () => null,
  print: () => '',
  // libip6t_eui64 prints a blank after its name, not before it.
  listedTight: true,
  list: () => 'eui64 ',
  reads: () => ['ip.source', 'link'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain: (_, packet, __, ___, outcome) => {
    const mac = packet.link.subarray(6, 12);
    const wanted = mac.length ? `a source address made from ${formatMac(mac)}` : 'a link header';
    return [
      condition('eui64', 'link', false, wanted, addressText(packet, 'source'), outcome === Outcome.hit),
    ];
  },
};
