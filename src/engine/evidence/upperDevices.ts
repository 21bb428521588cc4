import { addressOf } from '../../packet/addresses.js';
import type { Device } from '../../packet/device.js';
import type { LinkLayer } from '../../packet/link.js';
import { LinkKind } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import type { Host } from '../../host/host.js';
import type { Sight } from './sight.js';

/** The 12 bits of a VLAN tag that are its id (IEEE 802.1Q, 9.6); 0 tags a priority alone. */
const VLAN_ID = 0xfff;

/**
 * The device that a frame's packet is received on, or was sent by: for the IP hooks a tagged frame of eth0 is one of
 * eth0.10 (`vlan_do_receive()`, net/8021q/vlan_core.c), and one of a PPPoE session one of pppN (`pppoe_rcv()`).
 */
export class UpperDevices {
  constructor(
    private readonly host: Host,
    private readonly sight: Sight,
  ) {}

  /** @returns a string where no device takes it, or where the capture shows the packet on that device too */
  of(below: Device, link: LinkLayer, packet: Packet): Device | string {
    if (link.vlans.length === 0 && link.pppoeSession === null) return below;
    let device = below;
    for (const tag of link.vlans) {
      const id = tag & VLAN_ID;
      if (id === 0) continue;
      const upper = this.vlan(device, id) ?? (device.master ? this.vlan(device.master, id) : null);
      if (!upper) {
        if (
          device.master?.isBridge &&
          this.host.sysctlNumber('net.bridge.bridge-nf-filter-vlan-tagged', 0) !== 0
        )
          return device;
        return `tagged for VLAN ${id}, of which ${device.name} has no interface`;
      }
      device = upper;
    }
    if (link.pppoeSession !== null) {
      const ppp = this.ppp(packet);
      if (!ppp) return `of PPPoE session ${link.pppoeSession}, whose interface is not known`;
      device = ppp;
    }
    if (device === below) return device;
    if (this.sight.hasOwn(device)) return `seen on ${device.name} as well`;
    this.sight.addWithin(device);
    return device;
  }

  private vlan(below: Device, id: number): Device | null {
    const found = this.host.links.find(({ vlan }) => vlan?.below === below.name && vlan.id === id);
    return found?.device ?? this.host.deviceByName(`${below.name}.${id}`) ?? null;
  }

  /** The snapshot does not tell sessions apart: the interface with the packet's address, or the only one there is. */
  private ppp(packet: Packet): Device | null {
    const all = this.host.devices.filter(({ kind }) => kind === LinkKind.ppp);
    const ends = [addressOf(packet, 'source'), addressOf(packet, 'destination')];
    const own = all.find((device) =>
      this.host.addressesOf(device).some(({ address }) => ends.some((end) => address.equals(end))),
    );
    return own ?? (all.length === 1 ? all[0] : null);
  }
}
