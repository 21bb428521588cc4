import { Arp, ETHERNET_IPV4 } from '../../packet/arp.js';
import { ETHERNET_HEADER } from '../../packet/link.js';
import { u16 } from '../../packet/bytes.js';
import type { Device } from '../../packet/device.js';
import { EtherType, PacketType } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import type { IpAddress } from '../../address/ip.js';
import { Hook } from '../../rules/hook.js';
import type { BridgeTables } from '../evidence/bridgeTables.js';
import type { Kernel } from '../kernel.js';
import { type Neighbourhood, senderOf, targetOf } from '../evidence/neighbourhood.js';
import type { Passage } from '../passage.js';

/** Runs what netfilter does with a frame below IP, as far as the capture shows the frame. */
export class LinkLevel {
  constructor(
    private readonly kernel: Kernel,
    private readonly bridges: BridgeTables,
    private readonly neighbourhood: Neighbourhood,
    /** Whether the host has the address. */
    private readonly isOwn: (address: IpAddress) => boolean,
    private readonly portsOf: (bridge: Device) => readonly Device[],
  ) {}

  /**
   * A frame has come in: `nf_ingress()`, then what a bridge or ARP does with it. False: a rule has ended it.
   * @param length bytes behind the link header on the wire, padding included (`skb->len`)
   * @param addressed whether the capture keeps to which link address it was sent
   */
  received(passage: Passage, device: Device, length: number, addressed: boolean): boolean {
    const { packet } = passage;
    this.neighbourhood.learn(packet);
    const target = addressed || !device.master ? null : targetOf(packet);
    if (target && device.master && this.bridges.heard(device.master, target))
      this.neighbourhood.correct(packet);
    return withLength(packet, length, () => {
      packet.in = device;
      const sender = senderOf(packet);
      const { master } = device;
      if (master?.isBridge && sender) this.bridges.hear(device, sender);
      else if (device.isBridge && sender && this.callsIptables(packet))
        packet.physIn = this.bridges.heard(device, sender);
      if (!this.kernel.ingress(passage, device)) return false;
      const { links } = this.kernel.hooks;
      if (device.master?.isBridge) return this.atPort(passage, device, device.master);
      if (!isArpForHost(packet)) return true;
      if (sender && this.isOurs(packet)) this.neighbourhood.meet(sender);
      return this.kernel.hooks.runLink(links.at('arp', Hook.input), Hook.input, passage);
    });
  }

  /** A frame that is no IP packet was seen to leave: no hook has dropped it. */
  left(passage: Passage, device: Device, length: number): void {
    const { packet } = passage;
    withLength(packet, length, () => {
      packet.out = device;
      packet.link = this.kernel.headerOf(passage, device);
      if (packet.etherType === EtherType.arp) this.sendArp(passage);
      this.kernel.egress(passage, device, packet.link);
      if (device.isBridge) this.throughBridge(passage, device);
      return true;
    });
  }

  /** A packet has left the host's IP, which may be into a bridge. */
  sent(passage: Passage): void {
    const { packet } = passage;
    if (!packet.out?.isBridge || packet.physOut || this.kernel.hooks.links.isEmpty) return;
    const { in: input, out, link } = packet;
    packet.in = null;
    packet.link = this.kernel.headerOf(passage, out);
    this.throughBridge(passage, out);
    Object.assign(packet, { in: input, out, link });
  }

  private throughBridge(passage: Passage, bridge: Device): void {
    const target = passage.route?.gateway ?? targetOf(passage.packet);
    for (const port of this.portsFor(passage.packet, bridge, null, target)) this.throughPort(passage, port);
  }

  /** ARP leaves with its link header: `arp_xmit()`. */
  private sendArp(passage: Passage): void {
    const { packet } = passage;
    const { link } = packet;
    // The header is there, and nobody is told where (`arp_create()` sets no MAC header).
    packet.link = NO_LINK;
    packet.length += ETHERNET_HEADER;
    this.kernel.hooks.runLink(this.kernel.hooks.links.at('arp', Hook.output), Hook.output, passage);
    packet.length -= ETHERNET_HEADER;
    packet.link = link;
  }

  /** What the host sends through a port: `__br_forward()` with `local_orig`. */
  private throughPort(passage: Passage, port: Device): void {
    const { kernel } = this;
    passage.packet.out = port;
    for (const hook of [Hook.output, Hook.postrouting] as const)
      if (!kernel.hooks.runLink(kernel.hooks.links.at('bridge', hook), hook, passage)) return;
    kernel.egress(passage, port, passage.packet.link);
  }

  /** `br_handle_frame()`: on to other ports, to the host, or both. False: a rule has ended it before the host. */
  private atPort(passage: Passage, port: Device, bridge: Device): boolean {
    const { kernel } = this;
    const { links } = kernel.hooks;
    const { packet } = passage;
    packet.physIn = this.callsIptables(packet) ? port : null;
    packet.out = null;
    if (!kernel.hooks.runLink(links.at('bridge', Hook.prerouting), Hook.prerouting, passage)) return false;
    const toHost = this.isForHost(packet, bridge);
    const ports = toHost === 'only' ? [] : this.portsFor(packet, bridge, port);
    for (const out of ports) {
      const copy = passage.packet;
      copy.in = port;
      copy.out = out;
      if (!kernel.hooks.runLink(links.at('bridge', Hook.forward), Hook.forward, passage)) {
        passage.bridgeDrops = true;
        continue;
      }
      copy.in = null;
      if (kernel.hooks.runLink(links.at('bridge', Hook.postrouting), Hook.postrouting, passage))
        kernel.egress(passage, out, copy.link);
    }
    packet.in = port;
    packet.out = null;
    if (toHost === 'not') return true;
    return kernel.hooks.runLink(links.at('bridge', Hook.input), Hook.input, passage);
  }

  private isOurs(packet: Packet): boolean {
    const target = targetOf(packet);
    return target !== null && this.isOwn(target);
  }

  private callsIptables({ etherType, version }: Packet): boolean {
    if (etherType !== 0) return false;
    return this.kernel.host.sysctl(`net.bridge.bridge-nf-call-ip${version === 6 ? '6' : ''}tables`, 0) !== 0;
  }

  /** A group's frames go everywhere; others to the host unless their address is known to be behind a port. */
  private isForHost(packet: Packet, bridge: Device): 'only' | 'also' | 'not' {
    if (isToMany(packet)) return 'also';
    const target = targetOf(packet);
    if (!target || this.isOwn(target)) return 'only';
    return this.bridges.heard(bridge, target) ? 'not' : 'only';
  }

  /** The ports that a frame goes out of: its target's, or all but the one that it came in by. */
  private portsFor(
    packet: Packet,
    bridge: Device,
    from: Device | null,
    to: IpAddress | null = targetOf(packet),
  ): readonly Device[] {
    const target = isToMany(packet) || (from === null && asksAll(packet)) ? null : to;
    const known = target && this.bridges.heard(bridge, target);
    if (known) return known === from ? [] : [known];
    return this.portsOf(bridge).filter((port) => port !== from);
  }
}

/** The frame is as long as it was on the wire while hooks below IP count it. */
function withLength(packet: Packet, length: number, run: () => boolean): boolean {
  const before = packet.length;
  packet.length = length;
  const result = run();
  packet.length = before;
  return result;
}

const NO_LINK = new Uint8Array(0);

function isToMany({ packetType }: Packet): boolean {
  return packetType === PacketType.broadcast || packetType === PacketType.multicast;
}

/** A frame of the host's own: the group bit of its destination (IEEE 802). */
function asksAll({ etherType, link }: Packet): boolean {
  return etherType !== 0 && link.length > 0 && (link[0] & 1) !== 0;
}

/** `arp_rcv()` (net/ipv4/arp.c). */
function isArpForHost({ etherType, packetType, data }: Packet): boolean {
  if (etherType !== EtherType.arp || packetType === PacketType.otherHost) return false;
  return data.length >= Arp.end && u16(data, Arp.lengths) === ETHERNET_IPV4;
}
