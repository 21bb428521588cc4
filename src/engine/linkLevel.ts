import { addressOf } from '../packet/addresses.js';
import { i32 } from '../packet/bytes.js';
import type { Device } from '../packet/device.js';
import { EtherType, PacketType } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import { IpAddress } from '../address/ip.js';
import { Hook } from '../rules/hook.js';
import type { BridgeTables } from './bridgeTables.js';
import type { Kernel } from './kernel.js';
import { Passage } from './passage.js';

/** Runs what netfilter does with a frame below IP, as far as the capture shows the frame. */
export class LinkLevel {
  constructor(
    private readonly kernel: Kernel,
    private readonly bridges: BridgeTables,
    /** Whether the host has the address. */
    private readonly isOwn: (address: IpAddress) => boolean,
    private readonly portsOf: (bridge: Device) => readonly Device[],
  ) {}

  /**
   * A frame has come in: `nf_ingress()`, then what a bridge or ARP does with it. False: a rule has ended it.
   * @param length bytes behind the link header on the wire, padding included (`skb->len`)
   */
  received(passage: Passage, device: Device, length: number): boolean {
    const { packet } = passage;
    return withLength(packet, length, () => {
      packet.in = device;
      const sender = senderOf(packet);
      const { master } = device;
      if (master?.isBridge && sender) this.bridges.hear(device, sender);
      else if (device.isBridge && sender && this.callsIptables(packet))
        packet.physIn = this.bridges.heard(device, sender);
      if (!this.kernel.ingress(passage, device)) return false;
      const { links } = this.kernel;
      if (device.master?.isBridge) return !links.has('bridge') || this.atPort(passage, device, device.master);
      if (packet.etherType !== EtherType.arp || packet.packetType === PacketType.otherHost) return true;
      return this.kernel.runLink(links.at('arp', Hook.input), Hook.input, passage);
    });
  }

  /** A frame that is no IP packet, or leaves through a bridge, was seen to leave: no hook has dropped it. */
  left(passage: Passage, device: Device, length: number): void {
    const { packet } = passage;
    const { links } = this.kernel;
    withLength(packet, length, () => {
      packet.in = null;
      packet.out = device;
      if (packet.etherType !== 0) {
        if (packet.etherType === EtherType.arp)
          this.kernel.runLink(links.at('arp', Hook.output), Hook.output, passage);
        this.kernel.egress(passage, device);
      }
      if (device.isBridge && links.has('bridge'))
        for (const port of this.portsFor(packet, device, null)) this.throughPort(passage, port);
      return true;
    });
  }

  /** What the host sends through a port: `__br_forward()` with `local_orig`. */
  private throughPort(passage: Passage, port: Device): void {
    const { kernel } = this;
    passage.packet.out = port;
    for (const hook of [Hook.output, Hook.postrouting] as const)
      if (!kernel.runLink(kernel.links.at('bridge', hook), hook, passage)) return;
    kernel.egress(passage, port);
  }

  /** `br_handle_frame()`: on to other ports, to the host, or both. False: a rule has ended it before the host. */
  private atPort(passage: Passage, port: Device, bridge: Device): boolean {
    const { kernel } = this;
    const { links } = kernel;
    const { packet } = passage;
    packet.physIn = this.callsIptables(packet) ? port : null;
    packet.out = null;
    if (!kernel.runLink(links.at('bridge', Hook.prerouting), Hook.prerouting, passage)) return false;
    const toHost = this.isForHost(packet, bridge);
    const ports = toHost === 'only' ? [] : this.portsFor(packet, bridge, port);
    for (const out of ports) {
      const copy = passage.packet;
      copy.in = port;
      copy.out = out;
      if (!kernel.runLink(links.at('bridge', Hook.forward), Hook.forward, passage)) continue;
      copy.in = null;
      if (kernel.runLink(links.at('bridge', Hook.postrouting), Hook.postrouting, passage))
        kernel.egress(passage, out);
    }
    packet.in = port;
    packet.out = null;
    if (toHost === 'not') return true;
    return kernel.runLink(links.at('bridge', Hook.input), Hook.input, passage);
  }

  private callsIptables({ etherType, version }: Packet): boolean {
    if (etherType !== 0) return false;
    return this.kernel.host.sysctl(`net.bridge.bridge-nf-call-ip${version === 6 ? '6' : ''}tables`, 0) !== 0;
  }

  /** A group's frames go everywhere; others to the host unless their address is known to be behind a port. */
  private isForHost(packet: Packet, bridge: Device): 'only' | 'also' | 'not' {
    if (packet.packetType === PacketType.broadcast || packet.packetType === PacketType.multicast)
      return 'also';
    const target = targetOf(packet);
    if (!target || this.isOwn(target)) return 'only';
    return this.bridges.heard(bridge, target) ? 'not' : 'only';
  }

  /** The ports that a frame goes out of: its target's, or all but the one that it came in by. */
  private portsFor(packet: Packet, bridge: Device, from: Device | null): readonly Device[] {
    const toMany = packet.packetType === PacketType.broadcast || packet.packetType === PacketType.multicast;
    const target = toMany ? null : targetOf(packet);
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

/** Whom a frame is for: the address in its packet, of ARP the one that is asked or told; null: it names none. */
function targetOf(packet: Packet): IpAddress | null {
  if (packet.etherType === 0) return addressOf(packet, 'destination');
  if (packet.etherType !== EtherType.arp || packet.data.length < 28) return null;
  return new IpAddress(4, i32(packet.data, 24));
}

/** Whom a frame is from, as `targetOf`. */
function senderOf(packet: Packet): IpAddress | null {
  if (packet.etherType === 0) return addressOf(packet, 'source');
  if (packet.etherType !== EtherType.arp || packet.data.length < 28) return null;
  return new IpAddress(4, i32(packet.data, 14));
}
