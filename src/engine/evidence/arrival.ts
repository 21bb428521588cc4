import type { IpAddress } from '../../address/ip.js';
import { addressOf } from '../../packet/addresses.js';
import { verifyIpv4Header } from '../../packet/checksum.js';
import type { Device } from '../../packet/device.js';
import { decodeLink, LinkLayer, ETHERNET_HEADER } from '../../packet/link.js';
import { EtherType, LinkKind, PacketType } from '../../packet/numbers.js';
import { decodePacket, otherPacket, type Packet } from '../../packet/packet.js';
import { Hook } from '../../rules/hook.js';
import type { Frame } from '../../capture/frame.js';
import type { Host } from '../../host/host.js';
import { Arena } from './arena.js';
import { InterfaceNumbers } from './interfaceNumbers.js';
import { LinkAddresses } from './linkAddresses.js';
import type { Message } from './messages.js';
import type { Sight } from './sight.js';
import { UnnamedInterfaces } from './unnamedInterfaces.js';
import { UpperDevices } from './upperDevices.js';

/** A frame as the host met it. */
export interface Arrival {
  readonly packet: Packet;
  readonly direction: 'in' | 'out';
  readonly device: Device;
  /** The one that was captured, where a tag or session leads from it to `device`. */
  readonly below: Device;
  /** Bytes behind the link header on the wire, padding included. */
  readonly wireLength: number;
  /** The capture keeps to which link address it was sent. */
  readonly addressed: boolean;
  /** What NFLOG told of it; null: it was captured on the wire. */
  readonly message: Message | null;
  /** An egress frame that a prediction accounts for. */
  claimed: boolean;
  /** It is of another share: only where its sender is, behind which port of a bridge, is learned from it. */
  readonly isForeign?: true;
}

/** Why a frame takes no part in the replay; counted by these words. */
export type Skipped = string;

/** Makes packets of frames: which device, which direction, which link header. */
export class Arrivals {
  private readonly link = new LinkLayer();
  private readonly arena = new Arena();
  private readonly addresses: LinkAddresses;
  private readonly upper: UpperDevices;
  private readonly numbers: InterfaceNumbers;
  private readonly unnamed: UnnamedInterfaces;
  /** The host's interface where it has one; null: several. */
  private readonly only: Device | null;
  private readonly linkless = new Set<Device>();

  constructor(
    private readonly host: Host,
    /** The device of frames whose capture names none. */
    private readonly fallback: Device | null,
    private readonly sight: Sight,
    /** Whether anybody wants frames that hold no IP packet. */
    private readonly wantsOthers: () => boolean = () => false,
  ) {
    this.upper = new UpperDevices(host, sight);
    this.numbers = new InterfaceNumbers(host);
    this.unnamed = new UnnamedInterfaces(host);
    const wired = host.devices.filter((device) => !device.isLoopback && !device.master);
    this.only = wired.length === 1 ? wired[0] : null;
    this.addresses = new LinkAddresses(host, (address) => this.isOwn(address));
  }

  private isOwn(address: IpAddress): boolean {
    return this.host.addresses.some((own) => own.address.equals(address));
  }

  /** @returns a string where the frame has no IP packet, or nothing tells whose it is */
  read(frame: Frame): Arrival | Skipped {
    const link = decodeLink(frame.linkType, frame.bytes, this.link);
    if (typeof link === 'string') return link;
    const isIp = link.etherType === EtherType.ipv4 || link.etherType === EtherType.ipv6;
    if (!isIp && (link.etherType < ETHERTYPE_MIN || !this.wantsOthers()))
      return `EtherType 0x${link.etherType.toString(16).padStart(4, '0')}`;
    const at = this.arena.copy(frame.bytes);
    const { chunk } = this.arena;
    const end = at + frame.bytes.length;
    const wireLength = frame.originalLength - link.network;
    const packet = isIp
      ? decodePacket(chunk, at + link.network, end)
      : otherPacket(chunk, at + link.network, end, link.etherType, wireLength);
    if (typeof packet === 'string') return packet;
    if (isIp && (packet.version === 4) !== (link.etherType === EtherType.ipv4))
      return 'IP version and EtherType differ';
    const below = this.deviceOf(frame, link, packet);
    if (!below) return 'no interface known';
    if (typeof below === 'string') return below;
    packet.takeOver();
    packet.time = frame.time;
    packet.frame = frame.number;
    const direction = this.directionOf(frame, link, below, packet);
    if (!direction) return 'direction not known';
    this.sight.note(frame, below, direction);
    const device = this.upper.of(below, link, packet);
    if (typeof device === 'string') return device;
    if (direction === 'in') {
      if (isIp && packet.version === 4 && verifyIpv4Header(packet) === 'bad')
        return 'bad IPv4 header checksum';
      packet.packetType = this.packetTypeOf(link, below);
      this.addLinkHeader(packet, at + link.network - ETHERNET_HEADER, link, device);
    }
    return {
      packet,
      direction,
      device,
      below,
      wireLength,
      addressed: link.destinationLength > 0,
      message: messageOf(link),
      claimed: false,
    };
  }

  private deviceOf(frame: Frame, link: LinkLayer, packet: Packet): Device | Skipped | null {
    if (link.interfaceIndex) {
      if (!this.host.isNumbered) return this.numbers.deviceOf(link, packet);
      const known = this.host.deviceByIndex(link.interfaceIndex);
      if (known) return known;
      return this.host.deviceFor(`if${link.interfaceIndex}`);
    }
    if (frame.interface && frame.interface !== 'any') return this.host.deviceFor(frame.interface);
    if (link.packetType !== null && !this.fallback) return this.unnamed.deviceOf(link, packet, frame.time);
    for (const { device } of this.host.links) {
      if (device.mac.length === 0 || device.isLoopback) continue;
      if (link.isTo(device.mac) || link.isFrom(device.mac)) return device;
    }
    return this.fallback ?? this.only;
  }

  private directionOf(frame: Frame, link: LinkLayer, device: Device, packet: Packet): 'in' | 'out' | null {
    // A packet socket sees what loops only as it comes in; for the host it is a packet that it sent.
    if (device.isLoopback) return 'out';
    if (link.nflog) return link.nflog.in === 0 ? 'out' : 'in';
    if (link.packetType !== null) return link.packetType === PacketType.outgoing ? 'out' : 'in';
    if (frame.direction) return frame.direction;
    if (packet.etherType !== 0) return link.isFrom(device.mac) ? 'out' : 'in';
    if (link.sourceLength) return this.addresses.direction(link, device, packet);
    return this.isOwn(addressOf(packet, 'source')) ? 'out' : 'in';
  }

  private packetTypeOf(link: LinkLayer, device: Device): PacketType {
    if (link.packetType !== null) {
      // A bridge takes what is addressed to itself; its port sees that as somebody else's.
      if (link.packetType === PacketType.otherHost && device.master?.isBridge) return PacketType.host;
      return link.packetType;
    }
    if (link.destinationLength === 0) return PacketType.host;
    if (link.isToGroup) return link.isTo(EVERYBODY) ? PacketType.broadcast : PacketType.multicast;
    // What a bridge passes on counts as its own in the IP hooks (`br_nf_pre_routing()`).
    const isOwn = device.mac.length === 0 || device.master?.isBridge === true || link.isTo(device.mac);
    return isOwn ? PacketType.host : PacketType.otherHost;
  }

  /**
   * The Ethernet header as received, in front of the packet; what a cooked capture left out follows from the packet type.
   * @param at where it is to stand in the chunk; what the frame had there is not needed any more
   */
  private addLinkHeader(packet: Packet, at: number, link: LinkLayer, device: Device): void {
    const { bytes, sourceAt, destinationAt } = link;
    if (device.kind === LinkKind.ppp) return;
    if (link.sourceLength !== 6 || link.network < ETHERNET_HEADER) return this.lackLink(device, '');
    const { chunk } = this.arena;
    if (link.destinationLength === 6) {
      for (let i = 0; i < 6; i++) chunk[at + i] = bytes[destinationAt + i];
    } else {
      const stack = device.master?.isBridge ? device.master : device;
      const destination = destinationOf(packet, stack);
      if (destination.length !== 6) return this.lackLink(stack, ` (--link ${stack.name}=MAC tells its own)`);
      for (let i = 0; i < 6; i++) chunk[at + i] = destination[i];
    }
    for (let i = 0; i < 6; i++) chunk[at + 6 + i] = bytes[sourceAt + i];
    chunk[at + 12] = link.etherType >> 8;
    chunk[at + 13] = link.etherType & 255;
    packet.setLink(chunk, at, ETHERNET_HEADER);
  }

  /** The kernel has an Ethernet header, the capture does not. */
  private lackLink(device: Device, advice: string): void {
    if (device.kind !== LinkKind.ethernet || this.linkless.has(device)) return;
    this.linkless.add(device);
    this.host.assumptions.record(
      `link header of ${device.name}`,
      `The capture does not keep the link addresses of what came in by ${device.name}: MAC= of its lines is left empty, and not compared${advice}.`,
      true,
    );
  }
}

/** The smallest EtherType (ETH_P_802_3_MIN): below it stands what a socket calls other things. */
const ETHERTYPE_MIN = 0x600;
const EVERYBODY = new Uint8Array(6).fill(0xff);

/** The address a frame was sent to, by its packet type: RFC 1112 section 6.4, RFC 2464 section 7 for groups. */
function destinationOf(packet: Packet, device: Device): Uint8Array {
  const { data } = packet;
  if (packet.packetType === PacketType.broadcast) return EVERYBODY;
  if (packet.packetType === PacketType.multicast)
    return packet.version === 4
      ? Uint8Array.from([0x01, 0x00, 0x5e, data[17] & 0x7f, data[18], data[19]])
      : Uint8Array.from([0x33, 0x33, ...data.subarray(36, 40)]);
  return device.mac;
}

function messageOf({ nflog }: LinkLayer): Message | null {
  if (!nflog) return null;
  const { hook, prefix } = nflog;
  return { hook: hook !== null && hook <= Hook.postrouting ? (hook as Hook) : Hook.prerouting, prefix };
}
