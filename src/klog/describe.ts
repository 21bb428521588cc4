import type { Device } from '../packet/device.js';
import { EtherType, LinkKind, SocketKind } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import { Hook } from '../rules/hook.js';
import type { KeptText } from '../source/keptText.js';
import { describeArp } from './arp.js';
import { type Bytes, Draft } from './draft.js';
import { describeIpv4 } from './ipv4.js';
import { describeIpv6 } from './ipv6.js';
import type { LineOptions } from './options.js';
import { Word } from './words.js';

/** The line that is being written: one at a time. */
const draft = new Draft();

/**
 * The LOG line that the kernel would print about this packet now, trailing space included, without level and time stamp:
 * nf_log_syslog.c of Linux 6.18. Where a snaplen cut the capture, what its bytes would say is left out.
 * @param hook where the rule stands; only POSTROUTING makes a difference, to `MAC=`
 * @param framed at netdev's egress: the link header counts as the packet's
 */
export function formatLine(packet: Packet, options: LineOptions, hook?: Hook, framed = false): string {
  describe(packet, options, hook, framed);
  return draft.toString();
}

/** The same, for a line that may never be read: of a million lines most are only compared. */
export function keepLine(packet: Packet, options: LineOptions, hook: Hook, framed: boolean): KeptText {
  describe(packet, options, hook, framed);
  return draft.keep();
}

function describe(packet: Packet, options: LineOptions, hook: Hook | undefined, framed: boolean): void {
  const { in: input, out, physIn, physOut } = packet;
  draft.begin();
  draft.text(options.prefix);
  draft.named(Word.input, input?.name ?? '');
  draft.named(Word.output, out?.name ?? '');
  if (physIn && physIn.index !== input?.index) draft.named(Word.physIn, physIn.name);
  if (physOut && physOut.index !== out?.index) draft.named(Word.physOut, physOut.name);
  describeLink(packet, hook, options);
  describePacket(packet, options, framed);
  // In a frame the IP header is not the first one, which is told the owner and the mark.
  if (!draft.ended && !framed) describeSocket(packet, options);
}

/** `nf_log_dump_sk_uid_gid()`, and the mark. */
function describeSocket({ socket, uid, gid, mark, etherType }: Packet, options: LineOptions): void {
  if (options.uid === true && socket === SocketKind.process && uid !== undefined && gid !== undefined) {
    draft.number(Word.uid, uid);
    draft.number(Word.gid, gid);
  }
  if (etherType === 0 && mark !== 0) draft.hex(Word.mark, mark);
}

/** `nf_log_netdev_packet()`: what is neither IP nor ARP has only devices and link header. */
function describePacket(packet: Packet, options: LineOptions, framed: boolean): void {
  if (packet.etherType !== 0) {
    if (isArp(packet)) describeArp(packet, draft);
    return;
  }
  const at = framed ? ETHERNET_HEADER : 0;
  const bytes = framed ? asFrame(packet) : packet;
  if (packet.version === 4) describeIpv4(bytes, options, at, draft);
  else describeIpv6(bytes, options, at, draft);
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
function describeLink(packet: Packet, hook: Hook | undefined, options: LineOptions): void {
  const { in: input, out } = packet;
  if (packet.etherType === 0) {
    if (input) describeMac(packet, input, hook, options);
    return;
  }
  const device = input ?? out;
  if (device && (!isArp(packet) || options.macDecode)) describeMac(packet, device, hook, options);
}

/** Bytes of an Ethernet header, `hard_header_len` of Ethernet and loopback devices. */
const ETHERNET_HEADER = 14;
/** Of those the type of what follows is not the same everywhere. */
const LOOPBACK_ADDRESSES = '00:00:00:00:00:00:00:00:00:00:00:00:';

/**
 * `dump_mac_header()`: the header is the received one, its form that of the device that the packet is at
 * (`skb->dev`). Nothing is printed where a header that never was shall be decoded.
 */
function describeMac(packet: Packet, input: Device, hook: Hook | undefined, options: LineOptions): void {
  const device = hook === Hook.postrouting && packet.out ? packet.out : input;
  const { link } = packet;
  if (device.kind === LinkKind.loopback && link.length === 0) {
    draft.named(Word.mac, `${LOOPBACK_ADDRESSES}${packet.version === 4 ? '08:00' : '86:dd'}`);
    return;
  }
  const isWhole = link.length >= ETHERNET_HEADER;
  if (options.macDecode && device.kind === LinkKind.ethernet) {
    if (!isWhole) return;
    draft.mac(Word.macSrc, link, 6, 12);
    draft.mac(Word.macDst, link, 0, 6);
    draft.hex(Word.macProto, (link[12] << 8) | link[13], 4);
    return;
  }
  const isShown = isWhole && (device.kind === LinkKind.ethernet || device.kind === LinkKind.loopback);
  draft.mac(Word.mac, link, 0, isShown ? ETHERNET_HEADER : 0);
}
