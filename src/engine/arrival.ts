import type { IpAddress } from '../address/ip.js';
import { macEquals } from '../address/mac.js';
import { addressOf } from '../packet/addresses.js';
import { verifyIpv4Header } from '../packet/checksum.js';
import type { Device } from '../packet/device.js';
import { decodeLink, LinkLayer } from '../packet/link.js';
import { EtherType, LinkKind, PacketType } from '../packet/numbers.js';
import { decodePacket, type Packet } from '../packet/packet.js';
import type { Frame } from '../capture/frame.js';
import type { Host } from '../host/host.js';
import { LinkAddresses } from './linkAddresses.js';
import type { Sight } from './sight.js';
import { UpperDevices } from './upperDevices.js';

/** A frame as the host met it. */
export interface Arrival {
  readonly packet: Packet;
  readonly direction: 'in' | 'out';
  readonly device: Device;
  /** An egress frame that a prediction accounts for. */
  claimed: boolean;
}

/** Why a frame takes no part in the replay; counted by these words. */
export type Skipped = string;

/** Makes packets of frames: which device, which direction, which link header. */
export class Arrivals {
  private readonly link = new LinkLayer();
  private readonly addresses: LinkAddresses;
  private readonly upper: UpperDevices;

  constructor(
    private readonly host: Host,
    /** The device of frames whose capture names none. */
    private readonly fallback: Device | null,
    private readonly sight: Sight,
  ) {
    this.upper = new UpperDevices(host, sight);
    this.addresses = new LinkAddresses((address) => this.isOwn(address));
  }

  private isOwn(address: IpAddress): boolean {
    return this.host.addresses.some((own) => own.address.equals(address));
  }

  /** @returns a string where the frame has no IP packet, or nothing tells whose it is */
  read(frame: Frame): Arrival | Skipped {
    const link = decodeLink(frame.linkType, frame.bytes, this.link);
    if (typeof link === 'string') return link;
    if (link.etherType !== EtherType.ipv4 && link.etherType !== EtherType.ipv6)
      return `EtherType 0x${link.etherType.toString(16).padStart(4, '0')}`;
    const below = this.deviceOf(frame, link);
    if (!below) return 'no interface known';
    const packet = decodePacket(frame.bytes.slice(link.network));
    if (typeof packet === 'string') return packet;
    if ((packet.version === 4) !== (link.etherType === EtherType.ipv4))
      return 'IP version and EtherType differ';
    packet.time = frame.time;
    packet.frame = frame.number;
    const direction = this.directionOf(frame, link, below, packet);
    if (!direction) return 'direction not known';
    this.sight.note(frame, below);
    const device = this.upper.of(below, link, packet);
    if (typeof device === 'string') return device;
    if (direction === 'in') {
      if (packet.version === 4 && verifyIpv4Header(packet) === 'bad') return 'bad IPv4 header checksum';
      packet.packetType = this.packetTypeOf(link, below);
      packet.link = this.linkHeader(link, device, packet);
    }
    return { packet, direction, device, claimed: false };
  }

  private deviceOf(frame: Frame, link: LinkLayer): Device | null {
    if (link.interfaceIndex) {
      const known = this.host.deviceByIndex(link.interfaceIndex);
      if (known) return known;
      return this.host.deviceFor(`if${link.interfaceIndex}`);
    }
    if (frame.interface && frame.interface !== 'any') return this.host.deviceFor(frame.interface);
    const destination = link.destination;
    for (const device of this.host.devices) {
      if (device.mac.length === 0 || device.isLoopback) continue;
      if (destination && macEquals(device.mac, destination)) return device;
      if (link.source.length && macEquals(device.mac, link.source)) return device;
    }
    return this.fallback;
  }

  private directionOf(frame: Frame, link: LinkLayer, device: Device, packet: Packet): 'in' | 'out' | null {
    // A packet socket sees what loops only as it comes in; for the host it is a packet that it sent.
    if (device.isLoopback) return 'out';
    if (link.packetType !== null) return link.packetType === PacketType.outgoing ? 'out' : 'in';
    if (frame.direction) return frame.direction;
    if (link.source.length) return this.addresses.direction(link, device, packet);
    return this.isOwn(addressOf(packet, 'source')) ? 'out' : 'in';
  }

  private packetTypeOf(link: LinkLayer, device: Device): PacketType {
    if (link.packetType !== null) {
      // A bridge takes what is addressed to itself; its port sees that as somebody else's.
      if (link.packetType === PacketType.otherHost && device.master?.isBridge) return PacketType.host;
      return link.packetType;
    }
    const to = link.destination;
    if (!to) return PacketType.host;
    if (to[0] & 1) return to.every((b) => b === 0xff) ? PacketType.broadcast : PacketType.multicast;
    // What a bridge passes on counts as its own in the IP hooks (`br_nf_pre_routing()`).
    const isOwn = device.mac.length === 0 || device.master?.isBridge === true || macEquals(to, device.mac);
    return isOwn ? PacketType.host : PacketType.otherHost;
  }

  /** The Ethernet header as received; what a cooked capture left out follows from the packet type. */
  private linkHeader(link: LinkLayer, device: Device, packet: Packet): Uint8Array {
    if (device.kind === LinkKind.ppp) return NO_LINK;
    const source = link.source;
    const stack = device.master?.isBridge ? device.master : device;
    const destination = link.destination ?? destinationOf(packet, stack);
    if (source.length !== 6 || destination.length !== 6) return NO_LINK;
    const header = new Uint8Array(14);
    header.set(destination);
    header.set(source, 6);
    header[12] = link.etherType >> 8;
    header[13] = link.etherType & 255;
    return header;
  }
}

const NO_LINK = new Uint8Array(0);

/** The address a frame was sent to, by its packet type: RFC 1112 section 6.4, RFC 2464 section 7 for groups. */
function destinationOf(packet: Packet, device: Device): Uint8Array {
  const { data } = packet;
  if (packet.packetType === PacketType.broadcast) return new Uint8Array(6).fill(0xff);
  if (packet.packetType === PacketType.multicast)
    return packet.version === 4
      ? Uint8Array.from([0x01, 0x00, 0x5e, data[17] & 0x7f, data[18], data[19]])
      : Uint8Array.from([0x33, 0x33, ...data.subarray(36, 40)]);
  return device.mac;
}
