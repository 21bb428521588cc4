import type { IpAddress } from '../address/ip.js';
import { type MacAddress, macEquals } from '../address/mac.js';
import { addressOf } from '../packet/addresses.js';
import type { Device } from '../packet/device.js';
import type { LinkLayer } from '../packet/link.js';
import type { Packet } from '../packet/packet.js';

/** Addresses remembered at most. */
const MOST = 65_536;

/**
 * Tells direction by link addresses, where the capture keeps none (Ethernet without flags): what the host sends has
 * its own address, or its bridge's. Between the ports of a bridge it is the port where an address was heard first
 * that it is behind, as a bridge learns it (IEEE 802.1D, 7.8): the frame comes in there, and goes out elsewhere.
 */
export class LinkAddresses {
  /** Which port of a bridge an address was first heard on, by the address as a number. */
  private readonly home = new Map<number, Device>();
  /** The addresses of devices that the host was not told with: the one that goes with its IP addresses. */
  private readonly learned = new Map<Device, MacAddress>();

  /** @param isOwn whether the host has an IP address */
  constructor(private readonly isOwn: (address: IpAddress) => boolean) {}

  /** null: nothing tells. */
  direction(link: LinkLayer, device: Device, packet: Packet): 'in' | 'out' | null {
    if (link.sourceLength !== 6) return null;
    const mac = device.mac.length ? device.mac : this.learn(link, device, packet);
    const isOwn = link.isFrom(mac);
    if (link.isToGroup && !isOwn && !device.master) return 'in';
    if (mac.length === 0) return null;
    if (isOwn) return 'out';
    return device.master ? this.atPort(link, device, device.master) : 'in';
  }

  private learn({ source, destination }: LinkLayer, device: Device, packet: Packet): MacAddress {
    const known = this.learned.get(device);
    if (known) return known;
    const own = this.isOwn(addressOf(packet, 'source'))
      ? source
      : this.isOwn(addressOf(packet, 'destination'))
        ? destination
        : null;
    if (!own || own[0] & 1) return NO_ADDRESS;
    const mac = own.slice();
    this.learned.set(device, mac);
    return mac;
  }

  private atPort({ source, destination }: LinkLayer, port: Device, bridge: Device): 'in' | 'out' {
    if (macEquals(source, bridge.mac)) return 'out';
    const key = keyOf(source);
    const known = this.home.get(key);
    if (known) return known === port || known.master !== bridge ? 'in' : 'out';
    // A bridge sends no frame back to where it came from: the addressee is behind this port, so the sender is not.
    if (destination && this.home.get(keyOf(destination)) === port) return 'out';
    if (this.home.size < MOST) this.home.set(key, port);
    return 'in';
  }
}

const NO_ADDRESS = new Uint8Array(0);

function keyOf(mac: MacAddress): number {
  let key = 0;
  for (let i = 0; i < 6; i++) key = key * 256 + mac[i];
  return key;
}
