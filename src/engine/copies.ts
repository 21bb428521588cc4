import type { IpAddress } from '../address/ip.js';
import { setU16, u16 } from '../packet/bytes.js';
import { ipv4HeaderChecksum } from '../packet/checksum.js';
import { Ipv4, Ipv4Fragment } from '../packet/ipv4.js';
import { SocketKind } from '../packet/numbers.js';
import type { Device } from '../packet/device.js';
import type { Packet } from '../packet/packet.js';
import { setTtl, tosOf, ttlOf } from '../packet/rewrite.js';
import { CtState } from '../rules/connection.js';
import { Hook } from '../rules/hook.js';
import { Passage } from './passage.js';
import type { RuleContext } from './walk/ruleContext.js';
import type { KernelHost } from './world.js';

/** What a copy needs of the spine. */
interface Spine {
  /** Runs OUTPUT; false: the packet is gone. */
  output(passage: Passage): boolean;
  /** The rest of the way, from POSTROUTING on. */
  leave(passage: Passage): void;
  /** The chains of a device that a frame leaves by; false: it is gone. @param framed the link header that it has already */
  egress(passage: Passage, device: Device, framed: Uint8Array): boolean;
  sent(passage: Passage): void;
}

/** Sends copies of the packet at hand beside it. */
export class Copies {
  /** A copy is on its way (`nf_skb_duplicated`): it is not copied again. */
  private isCopying = false;

  constructor(
    private readonly host: KernelHost,
    private readonly context: RuleContext,
    private readonly spine: Spine,
  ) {}

  /** -j TEE and dup of IP: `nf_dup_ipv4()`, `nf_dup_ipv6()` (net/ipv4/netfilter/nf_dup_ipv4.c and its sibling). */
  duplicate(passage: Passage, packet: Packet, gateway: IpAddress, name: string, hook: Hook): void {
    const device = name === '' ? null : this.host.deviceByName(name);
    if (this.isCopying || device === undefined) return;
    const route = this.host.routing.toGateway(gateway, tosOf(packet), device);
    if (!route) return;
    const copy = copyOf(passage, packet, hook);
    copy.route = { ...route, gateway: route.gateway ?? gateway };
    this.isCopying = true;
    this.send(copy);
    this.isCopying = false;
  }

  /** A copy that has its route: `ip_local_out()`. */
  private send(copy: Passage): void {
    const { packet } = copy;
    packet.out = copy.route?.device ?? null;
    this.context.aside(() => {
      if (!this.spine.output(copy)) return;
      // `ip_output()` takes what it is at for where it came from, which is where it goes.
      packet.in = packet.out;
      this.spine.leave(copy);
    });
  }

  /** dup and fwd of netdev tables: `nf_dup_netdev_egress()`, `nf_fwd_netdev_egress()`, past the hooks of IP. */
  through(passage: Passage, name: string, neighbour: IpAddress | null): void {
    const device = this.host.deviceByName(name);
    if (!device) return;
    const copy = new Passage(passage.packet.clone());
    copy.packet.in = null;
    copy.doubt = passage.doubt;
    const route = neighbour && this.host.routing.toGateway(neighbour, tosOf(copy.packet), device);
    if (route) copy.route = { ...route, gateway: neighbour };
    copy.packet.out = device;
    this.context.aside(() => {
      if (this.spine.egress(copy, device, copy.packet.link)) this.spine.sent(copy);
    });
  }
}

/**
 * The copy of a packet that -j TEE sends (`nf_dup_ipv4()`, `nf_dup_ipv6()`, net/ipv4/netfilter/nf_dup_ipv4.c and its sibling):
 * nobody tracks it, what has just come in is a hop further on, and IPv4 must not fragment it.
 */
function copyOf(passage: Passage, packet: Packet, hook: Hook): Passage {
  const copy = new Passage(packet.clone());
  copy.packet.own();
  copy.packet.in = null;
  copy.packet.physIn = null;
  copy.packet.socket = SocketKind.none;
  if (packet.version === 4) forbidFragments(copy.packet);
  if (hook === Hook.prerouting || hook === Hook.input) setTtl(copy.packet, (ttlOf(packet) - 1) & 0xff);
  copy.state = CtState.untracked;
  copy.doubt = passage.doubt;
  copy.guessed = passage.guessed;
  copy.uncaptured = passage.uncaptured;
  return copy;
}

function forbidFragments(packet: Packet): void {
  const data = packet.own();
  setU16(data, Ipv4.fragment, u16(data, Ipv4.fragment) | Ipv4Fragment.dontFragment);
  setU16(data, Ipv4.checksum, 0);
  setU16(data, Ipv4.checksum, ipv4HeaderChecksum(data));
}
