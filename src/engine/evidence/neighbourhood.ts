import { IpAddress } from '../../address/ip.js';
import type { MacAddress } from '../../address/mac.js';
import type { Host } from '../../host/host.js';
import { Arp, ArpOperation } from '../../packet/arp.js';
import { ETHERNET_HEADER } from '../../packet/link.js';
import { addressOf } from '../../packet/addresses.js';
import { i32, u16 } from '../../packet/bytes.js';
import type { Device } from '../../packet/device.js';
import { EtherType } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';

/** Addresses remembered at most. */
const MOST = 65_536;

/** Which link address an IP address has: by the snapshot, and by the frames that were seen. */
export class Neighbourhood {
  private readonly macs = new Map<string, MacAddress>();
  /** Those in the host's own table of neighbours. */
  private readonly met = new Set<string>();

  constructor(host: Host) {
    for (const { address, mac } of host.neighbours) {
      this.macs.set(address.toString(), mac);
      this.met.add(address.toString());
    }
  }

  /** A frame came in with its link header. */
  learn(packet: Packet): void {
    const { link } = packet;
    const sender = link.length >= ETHERNET_HEADER ? senderOf(packet) : null;
    if (sender && this.macs.size < MOST) this.macs.set(sender.toString(), link.slice(6, 12));
  }

  /** The host and this address have found each other by ARP: the host asks it again directly (`neigh_probe()`). */
  meet(address: IpAddress): void {
    if (this.met.size < MOST) this.met.add(address.toString());
  }

  /** The header was made up, since the capture does not keep it: what the frame was really addressed to, where that is known. */
  correct(packet: Packet): void {
    const { link } = packet;
    const target = link.length >= ETHERNET_HEADER ? targetOf(packet) : null;
    const mac = target && this.macs.get(target.toString());
    if (!mac) return;
    const corrected = link.slice();
    corrected.set(mac);
    packet.link = corrected;
  }

  /** The link header of what leaves through a device. */
  header(packet: Packet, device: Device, nextHop: IpAddress | null): Uint8Array {
    const header = new Uint8Array(ETHERNET_HEADER);
    const target = nextHop ?? targetOf(packet);
    const name = target?.toString() ?? '';
    const mac = isRequest(packet) && !this.met.has(name) ? EVERYBODY : this.macs.get(name);
    if (mac) header.set(mac);
    header.set(device.mac.subarray(0, 6), 6);
    const type = packet.etherType || (packet.version === 4 ? EtherType.ipv4 : EtherType.ipv6);
    header[12] = type >> 8;
    header[13] = type & 255;
    return header;
  }
}

const EVERYBODY = new Uint8Array(6).fill(0xff);

function isRequest({ etherType, data }: Packet): boolean {
  return (
    etherType === EtherType.arp && data.length >= Arp.end && u16(data, Arp.operation) === ArpOperation.request
  );
}

/** Whom a frame is for: the address in its packet, of ARP the one that is asked or told; null: it names none. */
export function targetOf(packet: Packet): IpAddress | null {
  return packet.etherType === 0 ? addressOf(packet, 'destination') : arpAddress(packet, Arp.targetIp);
}

/** Whom a frame is from, as `targetOf`. */
export function senderOf(packet: Packet): IpAddress | null {
  return packet.etherType === 0 ? addressOf(packet, 'source') : arpAddress(packet, Arp.senderIp);
}

function arpAddress({ etherType, data }: Packet, at: number): IpAddress | null {
  return etherType === EtherType.arp && data.length >= Arp.end ? new IpAddress(4, i32(data, at)) : null;
}
