import { addressOf } from '../../packet/addresses.js';
import type { Device } from '../../packet/device.js';
import type { LinkLayer } from '../../packet/link.js';
import { LinkKind, PacketType } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import type { Host } from '../../host/host.js';
import { interfaceTo } from './interfaceTo.js';

/**
 * Which interface a number in the capture stands for, where no snapshot numbers them: the one that its packets' ends are
 * routed through. Of several numbers that lead to a bridge, one is the bridge and the others are its ports.
 */
export class InterfaceNumbers {
  private readonly known = new Map<number, Device | string>();
  private readonly taken = new Set<Device>();

  constructor(private readonly host: Host) {}

  /** @returns a string for a port that shows what its bridge shows too */
  deviceOf(link: LinkLayer, packet: Packet): Device | string {
    const { interfaceIndex: index } = link;
    const known = this.known.get(index);
    if (known !== undefined) return known;
    const found =
      link.hardwareType === LinkKind.loopback ? this.host.routing.world.loopback : this.routed(link, packet);
    if (found === null) return this.host.deviceFor(`if${index}`);
    const device = this.portOf(found, link) ?? found;
    if (this.taken.has(found) && device === found) return this.host.deviceFor(`if${index}`);
    if (typeof device !== 'string') this.taken.add(device);
    this.known.set(index, device);
    this.host.assumptions.record(
      `interface ${index}`,
      typeof device === 'string'
        ? `Interface ${index} of the capture was taken for a port of ${found.name}.`
        : `Interface ${index} of the capture was taken for ${device.name}, by the addresses of its packets.`,
      true,
    );
    return device;
  }

  /** Where the sender of what came in, or the addressee of what left, is reached. */
  private routed({ packetType }: LinkLayer, packet: Packet): Device | null {
    const side = packetType === PacketType.outgoing ? 'destination' : 'source';
    return interfaceTo(this.host, addressOf(packet, side));
  }

  /** A frame for a bridge is nobody's at its port, by the address: `eth_type_trans()` (net/ethernet/eth.c). */
  private portOf(bridge: Device, { packetType }: LinkLayer): Device | string | null {
    if (!bridge.isBridge) return null;
    if (packetType !== PacketType.otherHost && !this.taken.has(bridge)) return null;
    const told = this.host.devices.filter((d) => d.master === bridge && !this.taken.has(d));
    return told.length === 1 ? told[0] : `seen on ${bridge.name} as well`;
  }
}
