import type { IpAddress } from '../../address/ip.js';
import { addressText } from '../../packet/addresses.js';
import type { Device } from '../../packet/device.js';
import type { Packet } from '../../packet/packet.js';
import type { Host } from '../../host/host.js';

/** Addresses remembered at most. */
const MOST = 65_536;

/** Which port of a bridge leads to which IP address: learned from who sends through it, else the only one it has. */
export class BridgeTables {
  private readonly learned = new Map<string, Device>();

  constructor(private readonly host: Host) {}

  learn(port: Device, packet: Packet): void {
    if (this.learned.size < MOST) this.learned.set(addressText(packet, 'source'), port);
  }

  /** An address was heard behind a port. */
  hear(port: Device, address: IpAddress): void {
    if (this.learned.size < MOST) this.learned.set(address.toString(), port);
  }

  /** The other port of the bridge behind which the addressee was heard; null: it is not known to be there. */
  elsewhere(port: Device, packet: Packet): Device | null {
    if (this.learned.size === 0 || !port.master) return null;
    const known = this.learned.get(addressText(packet, 'destination'));
    return known && known !== port && known.master === port.master ? known : null;
  }

  /** The port of this bridge behind which an address was heard; null: none. */
  heard(bridge: Device, address: IpAddress): Device | null {
    const known = this.learned.get(address.toString());
    return known?.master === bridge ? known : null;
  }

  /** null: the bridge has several ports and nothing was heard from that address. */
  port(bridge: Device, address: IpAddress): Device | null {
    const known = this.learned.size > 0 ? this.learned.get(address.toString()) : undefined;
    if (known?.master === bridge) return known;
    let only: Device | null = null;
    for (const { device } of this.host.links) {
      if (device.master !== bridge) continue;
      if (only) return null;
      only = device;
    }
    return only;
  }
}
