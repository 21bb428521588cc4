import { EtherType, LinkKind } from '../../../packet/numbers.js';
import type { Packet } from '../../../packet/packet.js';
import type { Family } from '../../../rules/model.js';
import type { IntegerValue, Payload } from '../../../rules/nft/model.js';
import { bytesValue } from '../../../rules/nft/eval/value.js';
import { headerOf, payloadField, rawPayload } from '../headers.js';
import { wholeConstant } from '../read/rawFields.js';
import { modelValues } from './print.js';
import { printStatement } from './printStatement.js';

/*
 * What `nft monitor trace` of nft 1.0.6 prints (src/netlink.c, NFT_MSG_TRACE of Linux 6.18, net/netfilter/nf_tables_trace.c).
 */

/** Where the step is, and which packet it is about. */
export interface TracePlace {
  /** The kernel has a hash of the packet's place in memory here. */
  readonly id: number;
  readonly family: Family;
  readonly table: string;
  readonly chain: string;
}

function head({ id, family, table, chain }: TracePlace): string {
  return `trace id ${(id >>> 0).toString(16).padStart(8, '0')} ${family} ${table} ${chain} `;
}

/** @param rule its text @param verdict `accept`, `jump user`… */
export function traceRuleText(place: TracePlace, rule: string, verdict: string): string {
  return `${head(place)}rule ${rule} (verdict ${verdict})\n`;
}

export function tracePolicyText(place: TracePlace, policy: string, mark: number): string {
  const marked = mark === 0 ? '' : `meta mark 0x${mark.toString(16).padStart(8, '0')} `;
  return `${head(place)}policy ${policy} ${marked}\n`;
}

/** Most bytes of each header that the kernel tells (NFT_TRACETYPE_*_HSIZE). */
const MOST = { link: 20, network: 40, transport: 20 };

/** @param isLeaving at netdev's egress, where nft knows no header */
export function tracePacketText(place: TracePlace, packet: Packet, isLeaving: boolean): string {
  const { family } = place;
  const { in: input, out, data, transport, link } = packet;
  const words: string[] = [];
  if (input) words.push(`iif "${input.name}"`);
  if (out) words.push(`oif "${out.name}"`);
  const isEthernet = input?.kind === LinkKind.ethernet;
  if (!isLeaving && link.length > 0) {
    const known = isEthernet ? ['saddr', 'daddr'].map((f) => payloadField('ether', f)) : [];
    words.push(...fieldsOf('link', known, link.subarray(0, MOST.link), isEthernet ? link.length : 0));
  }
  const isArp = packet.etherType === EtherType.arp;
  const isOther = packet.etherType !== 0;
  const network =
    isLeaving || (isOther && !isArp) ? null : isArp ? 'arp' : packet.version === 4 ? 'ip' : 'ip6';
  const end = isOther ? data.length : transport;
  const header = network !== null && !isOther ? transportHeader(packet) : null;
  const bytes = data.subarray(0, Math.min(end, MOST.network));
  const ownFamily = family === 'ip' || family === 'ip6';
  words.push(...networkFields(network, bytes, ownFamily && header !== null));
  if (!isOther) {
    const rest = data.subarray(transport, transport + MOST.transport);
    words.push(...fieldsOf('transport', header?.fields ?? [], rest, header?.whole ?? 0));
  }
  return `${head(place)}packet: ${words.map((word) => `${word} `).join('')}\n`;
}

/** The fields in nft's order (`format.order`, src/proto.c), and how many bytes of the header have names. */
const NETWORKS = {
  ip: { fields: ['saddr', 'daddr', 'dscp', 'ecn', 'ttl', 'id', 'protocol', 'length'], whole: 20 },
  ip6: {
    fields: ['saddr', 'daddr', 'dscp', 'ecn', 'hoplimit', 'flowlabel', 'nexthdr', 'length'],
    whole: 40,
  },
  arp: { fields: ['operation'], whole: 40 },
};

function networkFields(
  network: keyof typeof NETWORKS | null,
  bytes: Uint8Array,
  isImplied: boolean,
): string[] {
  if (network === null) return fieldsOf('network', [], bytes, 0);
  const { fields, whole } = NETWORKS[network];
  // What the header that follows says itself.
  const shown = fields.filter((f) => !isImplied || (f !== 'protocol' && f !== 'nexthdr'));
  return fieldsOf(
    'network',
    shown.map((f) => payloadField(network, f)),
    bytes,
    whole,
  );
}

/** What nft shows of transport headers, and where what it has no names for begins; a checksum is never shown but of UDP-Lite. */
const TRANSPORTS = new Map<string, { readonly fields: readonly string[]; readonly whole: number }>([
  ['icmp', { fields: ['type', 'code', 'id', 'sequence'], whole: 8 }],
  ['icmpv6', { fields: ['type', 'code', 'parameter-problem'], whole: 8 }],
  ['igmp', { fields: ['type', 'mrt'], whole: 2 }],
  ['tcp', { fields: ['sport', 'dport', 'flags', 'window'], whole: 20 }],
  ['udp', { fields: ['sport', 'dport', 'length'], whole: 8 }],
  ['udplite', { fields: ['sport', 'dport', 'csumcov', 'checksum'], whole: 8 }],
  ['sctp', { fields: ['sport', 'dport', 'vtag'], whole: 12 }],
  ['dccp', { fields: ['sport', 'dport'], whole: 4 }],
  ['esp', { fields: ['spi', 'sequence'], whole: 8 }],
]);

interface Shown {
  readonly fields: readonly (Payload | undefined)[];
  readonly whole: number;
}

/** nft takes the protocol from the IP header itself: behind an extension header it knows none. */
function transportHeader({ data, version }: Packet): Shown | null {
  const name = headerOf(data[version === 4 ? 9 : 6] ?? 0);
  const known = name === undefined ? undefined : TRANSPORTS.get(name);
  if (name === undefined || !known) return null;
  return { fields: known.fields.map((field) => payloadField(name, field)), whole: known.whole };
}

/** @param whole bytes that have names; what is behind them is shown as it is */
function fieldsOf(
  base: 'link' | 'network' | 'transport',
  fields: readonly (Payload | undefined)[],
  bytes: Uint8Array,
  whole: number,
): string[] {
  const shown = fields
    .filter((field) => field !== undefined)
    .filter(({ offset, bits }) => offset + bits <= bytes.length * 8)
    .map((field) => matchText(field, wholeConstant(bitsOf(bytes, field), field)));
  if (bytes.length <= whole) return shown;
  const rest = rawPayload(base, whole * 8, (bytes.length - whole) * 8);
  const hex = BigInt(bytesValue(bytes.subarray(whole))).toString(16);
  return [
    ...shown,
    `@${{ link: 'll', network: 'nh', transport: 'th' }[base]},${rest.offset},${rest.bits} 0x${hex}`,
  ];
}

function bitsOf(bytes: Uint8Array, { offset, bits }: Payload): bigint {
  const end = (offset + bits + 7) >> 3;
  const value = BigInt(bytesValue(bytes.subarray(offset >> 3, end)));
  return (value >> BigInt(end * 8 - offset - bits)) & ((1n << BigInt(bits)) - 1n);
}

function matchText(left: Payload, right: ReturnType<typeof wholeConstant>): string {
  if (left.type === 'tcp_flag') return `tcp flags == ${flagText(left, right as IntegerValue)}`;
  return printStatement({ kind: 'match', left, operator: '==', right }, 'inet', modelValues);
}

function flagText(left: Payload, right: IntegerValue): string {
  if (right.value === 0) return '0x0';
  return printStatement({ kind: 'match', left, operator: '==', right }, 'inet', modelValues).replace(
    /^tcp flags (?:== )?/,
    '',
  );
}
