import { formatMac } from '../address/mac.js';
import type { Device } from '../packet/device.js';
import { LinkKind } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import { Hook } from '../rules/hook.js';
import { finish } from './draft.js';
import { emit } from './emit.js';
import { describeIpv4 } from './ipv4.js';
import { describeIpv6 } from './ipv6.js';
import type { LineOptions } from './options.js';
import type { LogRecord, MacLog } from './record.js';

/**
 * What the kernel would print about this packet now. Where a snaplen cut the capture, what its bytes would say
 * is left out, and `cutShort` says so.
 * @param hook where the rule stands; only POSTROUTING makes a difference, to `MAC=`
 */
export function describe(packet: Packet, options: LineOptions, hook?: Hook): LogRecord {
  const draft = packet.version === 4 ? describeIpv4(packet, options, 0) : describeIpv6(packet, options, 0);
  const { in: input, out, physIn, physOut, uid, gid, mark } = packet;
  const mac = input && describeMac(packet, input, hook, options);
  const owned = !draft.ended && options.uid === true && packet.fromSocket;
  return {
    prefix: options.prefix,
    in: input?.name ?? '',
    out: out?.name ?? '',
    ...(physIn && physIn.index !== input?.index && { physIn: physIn.name }),
    ...(physOut && physOut.index !== out?.index && { physOut: physOut.name }),
    ...(mac && { mac }),
    ...(draft.tokens.length > 0 && { packet: finish(draft) }),
    ...(owned && uid !== undefined && gid !== undefined && { uid, gid }),
    ...(!draft.ended && mark !== 0 && { mark: mark >>> 0 }),
    ...(draft.bare && { bare: true as const }),
    ...(draft.cutShort && { cutShort: true as const }),
  };
}

/** The whole LOG line, trailing space included, without level and time stamp. Parameters as in `describe`. */
export function formatLine(packet: Packet, options: LineOptions, hook?: Hook): string {
  return fitBuffer(emit(describe(packet, options, hook)));
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
