import type { IpAddress } from '../../address/ip.js';
import { formatMac, type MacAddress, macEquals, macNumber } from '../../address/mac.js';
import { addressOf } from '../../packet/addresses.js';
import type { Device } from '../../packet/device.js';
import type { LinkLayer } from '../../packet/link.js';
import type { Packet } from '../../packet/packet.js';
import type { Host } from '../../host/host.js';
import { interfaceTo } from './interfaceTo.js';

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
  /** The addresses of devices that the host was not told with. */
  private readonly learned = new Map<Device, MacAddress>();

  /** @param isOwn whether the host has an IP address */
  constructor(
    private readonly host: Host,
    private readonly isOwn: (address: IpAddress) => boolean,
  ) {}

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

  private learn(link: LinkLayer, device: Device, packet: Packet): MacAddress {
    const known = this.learned.get(device);
    if (known) return known;
    const own = this.ownOf(link, device, packet);
    if (!own || own.length !== 6 || own[0] & 1) return NO_ADDRESS;
    const mac = own.slice();
    this.learned.set(device, mac);
    this.host.assumptions.record(
      `link address of ${device.name}`,
      `The link address of ${device.name} was taken to be ${formatMac(mac)}, by the addresses of its packets.`,
      true,
    );
    return mac;
  }

  /** The one that goes with the host's IP addresses, or that packets have on their way through the host. */
  private ownOf({ source, destination }: LinkLayer, device: Device, packet: Packet): MacAddress | null {
    const from = addressOf(packet, 'source');
    const to = addressOf(packet, 'destination');
    if (this.isOwn(from)) return source;
    if (this.isOwn(to)) return destination;
    const isSenderHere = interfaceTo(this.host, from) === device;
    const isTargetHere = interfaceTo(this.host, to) === device;
    return isSenderHere === isTargetHere ? null : isSenderHere ? destination : source;
  }

  private atPort({ source, destination }: LinkLayer, port: Device, bridge: Device): 'in' | 'out' {
    if (macEquals(source, bridge.mac)) return 'out';
    const key = macNumber(source);
    const known = this.home.get(key);
    if (known) return known === port || known.master !== bridge ? 'in' : 'out';
    // A bridge sends no frame back to where it came from: the addressee is behind this port, so the sender is not.
    if (destination && this.home.get(macNumber(destination)) === port) return 'out';
    if (this.home.size < MOST) this.home.set(key, port);
    return 'in';
  }
}

const NO_ADDRESS = new Uint8Array(0);
