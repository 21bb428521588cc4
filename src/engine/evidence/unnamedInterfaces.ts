import { macNumber } from '../../address/mac.js';
import { addressOf } from '../../packet/addresses.js';
import type { Device } from '../../packet/device.js';
import type { LinkLayer } from '../../packet/link.js';
import { LinkKind, PacketType } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import type { Host } from '../../host/host.js';
import { interfaceTo } from './interfaceTo.js';

/** How long a bridge takes to hand a packet on, ns, and how many packets it may have at a time. */
const HANDING_ON = { time: 1e6, most: 256 } as const;
/** Addresses remembered at most. */
const MOST = 65_536;

/**
 * Which interface a frame was seen on whose header tells the direction and no interface: LINUX_SLL, of all interfaces as
 * tcpdump wrote them before 4.99. What left has the interface's own link address. What came in has its sender's: it is a
 * neighbour's, or the interface is the one that leads back to the packet's sender.
 */
export class UnnamedInterfaces {
  /** By link address: where a neighbour is; null: at several interfaces. */
  private readonly neighbours = new Map<number, Device | null>();
  /** By link address: where packets with a source that tells were from. */
  private readonly heard = new Map<number, Device>();
  /** What a bridge or its port had last, by what tells packets apart: when, ns. */
  private readonly handedOn = new Map<string, number>();
  private readonly candidates = new Map<number, readonly Device[]>();

  constructor(private readonly host: Host) {
    for (const { mac, device } of host.neighbours) {
      const known = this.neighbours.get(macNumber(mac));
      this.neighbours.set(macNumber(mac), known === undefined || known === device ? device : null);
    }
  }

  /**
   * @param time ns since capture start
   * @returns a string for a bridge's port that shows what the bridge shows too; null: nothing tells
   */
  deviceOf(link: LinkLayer, packet: Packet, time: number): Device | string | null {
    if (link.hardwareType === LinkKind.loopback) return this.host.routing.world.loopback;
    const candidates = this.ofKind(link.hardwareType ?? LinkKind.ethernet);
    const leaves = link.packetType === PacketType.outgoing;
    const device =
      candidates.length === 1
        ? candidates[0]
        : leaves
          ? this.sender(link, packet, candidates)
          : this.receiver(link, packet);
    if (!device) return null;
    if (candidates.length > 1)
      this.host.assumptions.record(
        'unnamed interfaces',
        'The capture tells no interfaces (LINUX_SLL): they were told by link addresses, neighbours and routes.',
        true,
      );
    if (device.isBridge) return this.atBridge(device, link, packet, time);
    return link.vlans.length > 0 ? this.below(device) : device;
  }

  /** Those that have addresses of their own: not the ports of a bridge. */
  private ofKind(kind: number): readonly Device[] {
    let devices = this.candidates.get(kind);
    if (!devices) {
      devices = this.host.devices.filter((d) => d.kind === kind && !d.isLoopback && !d.master);
      this.candidates.set(kind, devices);
    }
    return devices;
  }

  private sender(link: LinkLayer, packet: Packet, candidates: readonly Device[]): Device | null {
    const own = candidates.filter(({ mac }) => link.isFrom(mac));
    if (own.length === 1) return own[0];
    const leading = this.interfaceTo(packet, 'destination');
    return own.length === 0 || (leading && own.includes(leading)) ? leading : own[0];
  }

  private receiver(link: LinkLayer, packet: Packet): Device | null {
    const key = link.sourceLength === 6 ? macNumber(link.source) : null;
    const neighbour = key === null ? null : this.neighbours.get(key);
    if (neighbour) return neighbour.master ?? neighbour;
    const leading = this.interfaceTo(packet, 'source');
    if (key === null) return leading;
    if (!leading) return this.heard.get(key) ?? null;
    if (this.heard.size < MOST) this.heard.set(key, leading);
    return leading;
  }

  private interfaceTo(packet: Packet, side: 'source' | 'destination'): Device | null {
    return packet.etherType === 0 ? interfaceTo(this.host, addressOf(packet, side)) : null;
  }

  /** A tagged frame is one of the interface below that of the VLAN, which is told by its name where nothing else does. */
  private below(device: Device): Device {
    const link = this.host.links.find((l) => l.device === device);
    const below = link?.vlan?.below ?? device.name.slice(0, Math.max(0, device.name.lastIndexOf('.')));
    return this.host.deviceByName(below) ?? device;
  }

  /**
   * A bridge and a port of it show the same packets. What came in was at the port first, and addressed to the bridge it
   * was nobody's there (`eth_type_trans()`, net/ethernet/eth.c); what the host sends is at the bridge first.
   */
  private atBridge(bridge: Device, link: LinkLayer, packet: Packet, time: number): Device | string {
    if (!this.isAtPort(bridge, link, packet, time)) return bridge;
    const ports = this.host.devices.filter(({ master }) => master === bridge);
    return ports.length === 1 ? ports[0] : `seen on ${bridge.name} as well`;
  }

  private isAtPort(bridge: Device, link: LinkLayer, packet: Packet, time: number): boolean {
    const { packetType } = link;
    if (packetType === PacketType.otherHost) return true;
    if (packetType === PacketType.host) return false;
    const leaves = packetType === PacketType.outgoing;
    // It was bridged: the bridge itself never had it.
    if (leaves && bridge.mac.length > 0 && !link.isFrom(bridge.mac)) return true;
    const isSecond = this.isHandedOn(`${bridge.index} ${packetType} ${partsOf(packet)}`, time);
    return isSecond === leaves;
  }

  /** Whether a packet was seen just before. */
  private isHandedOn(key: string, time: number): boolean {
    const { handedOn } = this;
    const before = handedOn.get(key);
    handedOn.delete(key);
    if (before !== undefined && time - before <= HANDING_ON.time) return true;
    if (handedOn.size === HANDING_ON.most) handedOn.delete(handedOn.keys().next().value!);
    handedOn.set(key, time);
    return false;
  }
}

/** What tells packets apart: their headers, and where data begins. */
function partsOf({ data }: Packet): string {
  return Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, HEADERS)).toString('latin1');
}

const HEADERS = 80;
