import { formatMac } from '../address/mac.js';
import type { Device } from '../packet/device.js';
import { EtherType, LinkKind } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import { Hook } from '../rules/hook.js';
import { describeArp } from './arp.js';
import { type Bytes, type Draft, finish, newDraft } from './draft.js';
import { emit } from './emit.js';
import { describeIpv4 } from './ipv4.js';
import { describeIpv6 } from './ipv6.js';
import type { LineOptions } from './options.js';
import type { LogRecord, MacLog } from './record.js';

/**
 * What the kernel would print about this packet now. Where a snaplen cut the capture, what its bytes would say
 * is left out, and `cutShort` says so.
 * @param hook where the rule stands; only POSTROUTING makes a difference, to `MAC=`
 * @param framed at netdev's egress: the link header counts as the packet's
 */
export function describe(packet: Packet, options: LineOptions, hook?: Hook, framed = false): LogRecord {
  const draft = describePacket(packet, options, framed);
  const { in: input, out, physIn, physOut, uid, gid, mark } = packet;
  const mac = macOf(packet, hook, options);
  // In a frame the IP header is not the first one, which is told the owner and the mark.
  const ended = draft.ended || framed;
  const owned = !ended && options.uid === true && packet.fromSocket;
  return {
    prefix: options.prefix,
    in: input?.name ?? '',
    out: out?.name ?? '',
    ...(physIn && physIn.index !== input?.index && { physIn: physIn.name }),
    ...(physOut && physOut.index !== out?.index && { physOut: physOut.name }),
    ...(mac && { mac }),
    ...(draft.tokens.length > 0 && { packet: finish(draft) }),
    ...(owned && uid !== undefined && gid !== undefined && { uid, gid }),
    ...(!ended && packet.etherType === 0 && mark !== 0 && { mark: mark >>> 0 }),
    ...(draft.bare && { bare: true as const }),
    ...(draft.cutShort && { cutShort: true as const }),
  };
}

/** The whole LOG line, trailing space included, without level and time stamp. Parameters as in `describe`. */
export function formatLine(packet: Packet, options: LineOptions, hook?: Hook, framed = false): string {
  return fitBuffer(emit(describe(packet, options, hook, framed)));
}

/** `nf_log_netdev_packet()`: what is neither IP nor ARP has only devices and link header. */
function describePacket(packet: Packet, options: LineOptions, framed: boolean): Draft {
  if (packet.etherType !== 0) return isArp(packet) ? describeArp(packet) : newDraft();
  const at = framed ? ETHERNET_HEADER : 0;
  const bytes = framed ? asFrame(packet) : packet;
  return packet.version === 4 ? describeIpv4(bytes, options, at) : describeIpv6(bytes, options, at);
}

function isArp({ etherType }: Packet): boolean {
  return etherType === EtherType.arp || etherType === RARP;
}

/** RFC 903. */
const RARP = 0x8035;

function asFrame({ data, length }: Packet): Bytes {
  const whole = new Uint8Array(ETHERNET_HEADER + data.length);
  whole.set(data, ETHERNET_HEADER);
  return { data: whole, length };
}

/** Of ARP the link header is told only where it is decoded, and then wherever it goes. */
function macOf(packet: Packet, hook: Hook | undefined, options: LineOptions): MacLog | null | undefined {
  const { in: input, out } = packet;
  if (packet.etherType === 0) return input && describeMac(packet, input, hook, options);
  const device = input ?? out;
  if (!device || (isArp(packet) && !options.macDecode)) return null;
  return describeMac(packet, device, hook, options);
}

/** S_SIZE of net/netfilter/nf_log.c less the closing 0 and the two bytes of the level: a longer line is cut. */
const LONGEST_LINE = 1016;

/** Cuts a line as the kernel's buffer does; only long chains of IPv6 extension headers come to it. */
export function fitBuffer(line: string): string {
  if (line.length * 3 <= LONGEST_LINE) return line;
  const bytes = Buffer.from(line);
  return bytes.length <= LONGEST_LINE ? line : bytes.toString('utf8', 0, LONGEST_LINE);
}

/** Bytes of an Ethernet header, `hard_header_len` of Ethernet and loopback devices. */
const ETHERNET_HEADER = 14;
const NO_MAC: MacLog = { kind: 'raw', text: '' };
const LOOPBACK_HEADER = '00:00:00:00:00:00:00:00:00:00:00:00:';

/**
 * `dump_mac_header()`: the header is the received one, its form that of the device that the packet is at
 * (`skb->dev`). Nothing is printed where a header that never was shall be decoded.
 */
function describeMac(
  packet: Packet,
  input: Device,
  hook: Hook | undefined,
  options: LineOptions,
): MacLog | undefined {
  const device = hook === Hook.postrouting && packet.out ? packet.out : input;
  const { link } = packet;
  if (device.kind === LinkKind.loopback && link.length === 0)
    return { kind: 'raw', text: `${LOOPBACK_HEADER}${packet.version === 4 ? '08:00' : '86:dd'}` };
  if (options.macDecode && device.kind === LinkKind.ethernet) {
    if (link.length < ETHERNET_HEADER) return undefined;
    return {
      kind: 'decoded',
      source: formatMac(link.subarray(6, 12)),
      destination: formatMac(link.subarray(0, 6)),
      protocol: formatMac(link.subarray(12, 14)).replace(':', ''),
    };
  }
  if (device.kind !== LinkKind.ethernet && device.kind !== LinkKind.loopback) return NO_MAC;
  if (link.length < ETHERNET_HEADER) return NO_MAC;
  return { kind: 'raw', text: formatMac(link.subarray(0, ETHERNET_HEADER)) };
}
