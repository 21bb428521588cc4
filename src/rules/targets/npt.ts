import { type IpAddress, IpNetwork } from '../../address/ip.js';
import { i32, setU16, setU32, u16, u8 } from '../../packet/bytes.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Icmp } from '../../packet/transport.js';
import type { TargetDefinition } from '../definition.js';
import { Hook } from '../hook.js';
import { badHostMask, parseHostMask } from '../hostMask.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES, refusal } from '../refusal.js';
import { Verdict } from '../verdict.js';

/** `struct ip6t_npt_tginfo` (linux/netfilter_ipv6/ip6t_NPT.h): RFC 6296, network prefix translation without state. */
export interface NptTarget {
  readonly source: IpNetwork;
  readonly destination: IpNetwork;
  /** What is added to one 16-bit word of the address so that its sum stays as it was. */
  readonly adjustment: number;
}

/** ip6t_npt_checkentry() */
const LONGEST_PREFIX = 64;
/** A word that is this is never the one that is adjusted. */
const ALL_ONES = 0xffff;

/** Adds in one's complement (RFC 1071). */
function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

function sumOf({ a, b, c, d }: IpAddress): number {
  return fold([a, b, c, d].reduce((sum, word) => sum + (word >>> 16) + (word & 0xffff), 0));
}

function prefix(options: OptionList, extension: string, name: string): IpNetwork {
  const word = options.find(name)?.args[0];
  if (!word) options.error(refusal.missing(extension, name));
  const network = word && parseHostMask(word.text, 6);
  if (word && !network) options.error(badHostMask(word.text, extension, name, 6), word);
  if (!network) return IpNetwork.ofPrefix(EVERYTHING.address, 0);
  const { prefixLength } = network;
  const isPrefix = prefixLength !== undefined && prefixLength <= LONGEST_PREFIX;
  if (!isPrefix || !IpNetwork.ofPrefix(network.address, prefixLength).address.equals(network.address))
    options.error(KERNEL_REFUSES, word);
  return network;
}

const EVERYTHING = parseHostMask('::/0', 6)!;

/** `ip6t_npt_map_pfx()` (net/ipv6/netfilter/ip6t_NPT.c): writes the address at `at`; false where no word can be adjusted. */
function mapPrefix({ source, destination, adjustment }: NptTarget, data: Uint8Array, at: number): boolean {
  const length = Math.max(source.prefixLength ?? 0, destination.prefixLength ?? 0);
  const { mask } = IpNetwork.ofPrefix(source.address, length);
  const { address } = destination;
  for (const [i, word] of [mask.a, mask.b, mask.c, mask.d].entries()) {
    const to = [address.a, address.b, address.c, address.d][i];
    setU32(data, at + 4 * i, (i32(data, at + 4 * i) & ~word) | (to & word));
  }
  let index = 3;
  if (length > 48) {
    index = 4;
    while (index < 8 && u16(data, at + 2 * index) === ALL_ONES) index++;
    if (index === 8) return false;
  }
  const sum = fold(u16(data, at + 2 * index) + adjustment);
  setU16(data, at + 2 * index, sum === ALL_ONES ? 0 : sum);
  return true;
}

/** Where the packet begins that an ICMPv6 error quotes; null where there is none: `icmpv6_bounced...()` of ip6t_NPT.c. */
function quoted(packet: Packet): number | null {
  const { data, transport, protocol, fragmentOffset } = packet;
  if (protocol !== Protocol.icmpv6 || fragmentOffset !== 0) return null;
  const at = transport + Icmp.headerLength;
  return at + Ipv6.length <= data.length && u8(data, transport) < 128 ? at : null;
}

function within({ address, mask }: IpNetwork, data: Uint8Array, at: number): boolean {
  return (
    ((i32(data, at) ^ address.a) & mask.a) === 0 &&
    ((i32(data, at + 4) ^ address.b) & mask.b) === 0 &&
    ((i32(data, at + 8) ^ address.c) & mask.c) === 0 &&
    ((i32(data, at + 12) ^ address.d) & mask.d) === 0
  );
}

function define(name: 'SNPT' | 'DNPT'): TargetDefinition<NptTarget, undefined> {
  const [own, other] =
    name === 'SNPT' ? (['source', 'destination'] as const) : (['destination', 'source'] as const);
  const text = ({ source, destination }: NptTarget, dashes: '--' | ''): string =>
    `${dashes}src-pfx ${source.toString()} ${dashes}dst-pfx ${destination.toString()}`;
  return {
    name,
    versions: [6],
    tables: ['mangle'],
    hooks: name === 'SNPT' ? [Hook.input, Hook.postrouting] : [Hook.prerouting, Hook.output],
    options: [
      { name: '--src-pfx', args: 1 },
      { name: '--dst-pfx', args: 1 },
    ],
    parse(options) {
      const source = prefix(options, name, '--src-pfx');
      const destination = prefix(options, name, '--dst-pfx');
      const adjustment = fold(sumOf(source.address) + (~sumOf(destination.address) & 0xffff));
      return { source, destination, adjustment };
    },
    print: (data) => text(data, '--'),
    list: (data) => `${name} ${text(data, '')}`,
    writes: [own === 'source' ? 'ip.source' : 'ip.destination'],
    terminal: false,
    // Its packets leave as no connection says.
    common: true,
    start: () => undefined,
    // `ip6t_snpt_tg()`, `ip6t_dnpt_tg()`: the address, and the one it was in a packet that an error sends back.
    run(data, packet, context) {
      packet.own();
      if (!mapPrefix(data, packet.data, Ipv6[own])) {
        context.note(`${name}: no part of the address can be adjusted, a parameter problem is sent back`);
        return Verdict.drop;
      }
      const inner = quoted(packet);
      if (inner !== null && within(data.source, packet.data, inner + Ipv6[other]))
        mapPrefix(data, packet.data, inner + Ipv6[other]);
      return Verdict.continue;
    },
  };
}

export const snpt = define('SNPT');
export const dnpt = define('DNPT');
