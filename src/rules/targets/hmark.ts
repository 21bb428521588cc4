import { IpAddress, IpNetwork, parseAddress } from '../../address/ip.js';
import { i32, u16 } from '../../packet/bytes.js';
import { Ipv4, Ipv4Fragment } from '../../packet/ipv4.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { hasPorts, innerSite } from '../../packet/rewrite.js';
import type { Context } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { hex, parseUint } from '../integers.js';
import { jhash2, reciprocalScale } from '../jhash.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { ALL_BITS, uintOption, words } from './reading.js';

/** `struct xt_hmark_info` (linux/netfilter/xt_HMARK.h); null: not given, and not part of the hash. */
export interface HmarkTarget {
  readonly sourcePrefix: number | null;
  readonly destinationPrefix: number | null;
  readonly sourcePortMask: number | null;
  readonly destinationPortMask: number | null;
  readonly spiMask: number | null;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  readonly spi: number | null;
  readonly protocolMask: number | null;
  readonly seed: number;
  readonly modulus: number;
  readonly offset: number | null;
  /** Hash the connection's tuples, not the packet's header. */
  readonly connection: boolean;
}

/** What the hash is made over: `struct hmark_tuple`. */
interface Hashed {
  source: number;
  destination: number;
  protocol: number;
  /** Source port in the upper half. */
  ports: number | null;
}

const PARTS = ['ct', 'src', 'dst', 'sport', 'dport', 'proto', 'spi'] as const;

const OPTIONS = [
  '--hmark-tuple',
  '--hmark-src-prefix',
  '--hmark-dst-prefix',
  '--hmark-sport-mask',
  '--hmark-dport-mask',
  '--hmark-spi-mask',
  '--hmark-sport',
  '--hmark-dport',
  '--hmark-spi',
  '--hmark-proto-mask',
  '--hmark-rnd',
  '--hmark-mod',
  '--hmark-offset',
] as const;

function parsePrefix(options: OptionList, name: string, width: 32 | 128): number | null {
  const word = options.find(name)?.args[0];
  if (!word) return null;
  const mask = parseAddress(word.text);
  const fromMask = mask && new IpNetwork(mask, mask).prefixLength;
  const length = parseUint(word.text, ALL_BITS) ?? fromMask;
  if (length === undefined)
    options.error(
      `HMARK: bad value for option "${name}", neither a valid network mask nor valid CIDR (${word.text}).`,
      word,
    );
  return Math.min(length ?? width, width);
}

function parseTuple(options: OptionList): ReadonlySet<string> {
  const word = options.find('--hmark-tuple')?.args[0];
  const parts = new Set(word?.text.split(',') ?? []);
  const wrong = [...parts].find((part) => !(PARTS as readonly string[]).includes(part));
  if (wrong !== undefined) options.error(`Bad type "${wrong}"`, word);
  return parts;
}

function parse(options: OptionList): HmarkTarget {
  const tuple = parseTuple(options);
  const number = (name: string, max: number): number | null =>
    uintOption(options, 'HMARK', name, [0, max], null);
  const width = options.version === 4 ? 32 : 128;
  const data: HmarkTarget = {
    sourcePrefix: tuple.has('src') ? width : parsePrefix(options, '--hmark-src-prefix', width),
    destinationPrefix: tuple.has('dst') ? width : parsePrefix(options, '--hmark-dst-prefix', width),
    sourcePortMask: tuple.has('sport') ? 0xffff : number('--hmark-sport-mask', 0xffff),
    destinationPortMask: tuple.has('dport') ? 0xffff : number('--hmark-dport-mask', 0xffff),
    spiMask: tuple.has('spi') ? ALL_BITS : number('--hmark-spi-mask', ALL_BITS),
    sourcePort: number('--hmark-sport', 0xffff),
    destinationPort: number('--hmark-dport', 0xffff),
    spi: number('--hmark-spi', ALL_BITS),
    protocolMask: tuple.has('proto') ? 0xffff : number('--hmark-proto-mask', 0xffff),
    seed: number('--hmark-rnd', ALL_BITS) ?? 0,
    modulus: uintOption(options, 'HMARK', '--hmark-mod', [1, ALL_BITS], 1),
    offset: number('--hmark-offset', ALL_BITS),
    connection: tuple.has('ct'),
  };
  check(options, data);
  return data;
}

function check(options: OptionList, data: HmarkTarget): void {
  const { spiMask, spi, sourcePort, destinationPort, sourcePortMask, destinationPortMask } = data;
  for (const name of ['--hmark-mod', '--hmark-rnd'])
    if (!options.has(name)) options.error(`${name} is mandatory`);
  if (spiMask !== null && (sourcePortMask ?? destinationPortMask) !== null)
    options.error('you cannot use --hmark-spi-mask and --hmark-?port-mask,at the same time');
  if (spi !== null && (sourcePort ?? destinationPort) !== null) options.error(KERNEL_REFUSES);
  if (!options.given.some(({ name }) => !['--hmark-mod', '--hmark-rnd', '--hmark-offset'].includes(name)))
    options.error('you have to specify --hmark-tuple at least');
}

function print(data: HmarkTarget): string {
  const option = (name: string, value: number | null, digits = 0): string | null =>
    value === null ? null : `--hmark-${name} ${digits ? hex(value, digits) : value}`;
  return words(
    option('src-prefix', data.sourcePrefix),
    option('dst-prefix', data.destinationPrefix),
    option('sport-mask', data.sourcePortMask, 4),
    option('dport-mask', data.destinationPortMask, 4),
    option('spi-mask', data.spiMask, 8),
    option('sport', data.sourcePort, 4),
    option('dport', data.destinationPort, 4),
    option('spi', data.spi, 8),
    option('proto-mask', data.protocolMask, 2),
    option('rnd', data.seed, 8),
    option('mod', data.modulus),
    option('offset', data.offset),
    data.connection && '--hmark-tuple ct',
  );
}

function list(data: HmarkTarget, _: boolean, version: 4 | 6): string {
  // iptables 1.8.9 shows nothing for a whole IPv6 address.
  const prefix = (name: string, length: number | null): string | null =>
    length === null ? null : `${name} ${version === 6 && length === 128 ? '' : length}`;
  const bits = (name: string, value: number | null): string | null =>
    value === null ? null : `${name} ${hex(value)}`;
  const parts = [
    `HMARK mod ${data.modulus}`,
    data.offset === null ? null : `+ ${hex(data.offset)}`,
    data.connection ? 'ct,' : null,
    prefix('src-prefix', data.sourcePrefix),
    prefix('dst-prefix', data.destinationPrefix),
    bits('sport-mask', data.sourcePortMask),
    bits('dport-mask', data.destinationPortMask),
    bits('spi-mask', data.spiMask),
    bits('sport', data.sourcePort),
    bits('dport', data.destinationPort),
    bits('spi', data.spi),
    bits('proto-mask', data.protocolMask),
    bits('rnd', data.seed),
  ];
  return `${words(...parts)} `;
}

/** An address under a prefix; IPv6 is folded into one word (`hmark_addr6_mask()`). */
function maskedAddress(version: 4 | 6, words4: readonly number[], prefix: number | null): number {
  const { mask } = IpNetwork.ofPrefix(new IpAddress(version, 0), prefix ?? 0);
  const [a, b, c, d] = words4;
  return ((a & mask.a) ^ (b & mask.b) ^ (c & mask.c) ^ (d & mask.d)) >>> 0;
}

/** `hmark_ct_set_htuple()`: who began, and who answers. */
function ofConnection(data: HmarkTarget, context: Context): Hashed | null {
  const { connection } = context;
  if (!connection) return null;
  const { original, reply } = connection;
  const ports = original.protocol === Protocol.icmp ? null : (original.sourcePort << 16) | reply.sourcePort;
  return {
    source: maskedAddress(
      original.version,
      [original.s0, original.s1, original.s2, original.s3],
      data.sourcePrefix,
    ),
    destination: maskedAddress(
      original.version,
      [reply.s0, reply.s1, reply.s2, reply.s3],
      data.destinationPrefix,
    ),
    protocol: original.protocol,
    ports,
  };
}

/** `hmark_pkt_set_htuple_ipv4()`, `hmark_pkt_set_htuple_ipv6()`: of an ICMP error, the packet that it quotes. */
function ofPacket(data: HmarkTarget, packet: Packet): Hashed {
  const bytes = packet.data;
  const { version } = packet;
  const inner = innerSite(packet);
  const network = inner?.network ?? 0;
  const transport = inner?.transport ?? packet.transport;
  const protocol = inner?.protocol ?? packet.protocol;
  const address = (at: number, prefix: number | null): number =>
    version === 4
      ? maskedAddress(4, [i32(bytes, at), 0, 0, 0], prefix)
      : maskedAddress(
          6,
          [i32(bytes, at), i32(bytes, at + 4), i32(bytes, at + 8), i32(bytes, at + 12)],
          prefix,
        );
  const header = version === 4 ? Ipv4 : Ipv6;
  const fragment = inner
    ? version === 4 &&
      (u16(bytes, network + Ipv4.fragment) & (Ipv4Fragment.moreFragments | Ipv4Fragment.offset)) !== 0
    : packet.fragmentOffset !== 0 || packet.moreFragments;
  // proto_ports_offset(): AH has its SPI behind four other bytes.
  const at = protocol === Protocol.ah ? transport + 4 : transport;
  const known = hasPorts(protocol) || protocol === Protocol.esp || protocol === Protocol.ah;
  return {
    source: address(network + header.source, data.sourcePrefix),
    destination: address(network + header.destination, data.destinationPrefix),
    protocol,
    ports: known && !fragment && at + 4 <= bytes.length ? i32(bytes, at) : null,
  };
}

/** `hmark_swap_ports()`: both directions give the same word. */
function hashedPorts(data: HmarkTarget, ports: number | null): number {
  if (ports === null) return 0;
  const mask = data.spiMask ?? ((data.sourcePortMask ?? 0) << 16) | (data.destinationPortMask ?? 0);
  const set = data.spi ?? ((data.sourcePort ?? 0) << 16) | (data.destinationPort ?? 0);
  const both = (ports & mask) | set;
  const source = both >>> 16;
  const destination = both & 0xffff;
  return destination > source ? (destination << 16) | source : (source << 16) | destination;
}

/** `hmark_hash()` (net/netfilter/xt_HMARK.c). */
function run(data: HmarkTarget, packet: Packet, context: Context): Verdict {
  const hashed = data.connection ? ofConnection(data, context) : ofPacket(data, packet);
  if (!hashed) return Verdict.continue;
  const low = Math.min(hashed.source, hashed.destination);
  const high = Math.max(hashed.source, hashed.destination);
  const hash = jhash2([low, high, hashedPorts(data, hashed.ports)], data.seed);
  const mixed = (hash ^ (hashed.protocol & (data.protocolMask ?? 0))) >>> 0;
  packet.mark = (reciprocalScale(mixed, data.modulus) + (data.offset ?? 0)) >>> 0;
  return Verdict.continue;
}

export const hmark: TargetDefinition<HmarkTarget, undefined> = {
  name: 'HMARK',
  versions: [4, 6],
  options: OPTIONS.map((name) => ({ name, args: 1 as const })),
  parse,
  print,
  list,
  writes: ['mark'],
  terminal: false,
  common: false,
  start: () => undefined,
  run,
};
