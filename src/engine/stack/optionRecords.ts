import { IpAddress } from '../../address/ip.js';
import type { InputDecision } from '../../host/decision.js';
import { addressOf } from '../../packet/addresses.js';
import { u32 } from '../../packet/bytes.js';
import {
  echoOptions,
  forwardOptions,
  type IpOptions,
  hopsOf,
  receiveOptions,
  type Recorder,
  returnRoute,
  routePointerAt,
} from '../../packet/ipOptions.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { setAddress } from '../../packet/rewrite.js';
import type { Passage } from '../passage.js';
import type { Evidence, KernelHost } from '../world.js';

const DAY = 86_400_000n;
/** 1 << RTN_UNICAST of linux/rtnetlink.h. */
const UNICAST = 2;

const NO_SOURCE_ROUTES =
  'its source routes it, which the host does not take (net.ipv4.conf.*.accept_source_route)';

/** Why a packet goes no further, and what its sender is told is wrong; 0: it is told nothing. */
export interface OptionRefusal {
  readonly refusal: string;
  readonly problem: number;
}

/** What this host writes into the IP options of packets: addresses that they met, and times. */
export class OptionRecords {
  /** @param epoch wall-clock time of ns 0, ns since the epoch */
  constructor(
    private readonly host: KernelHost,
    private readonly epoch: bigint,
    private readonly evidence: Evidence,
  ) {}

  /**
   * A packet that came in has its route: `ip_rcv_options()` (net/ipv4/ip_input.c).
   * @returns where it goes with its options
   */
  receive(passage: Passage, decision: InputDecision): InputDecision | OptionRefusal {
    const options = (passage.options = receiveOptions(passage.packet, this.recorder(passage)));
    if (options.problem !== 0) return { refusal: 'its IP options are wrong', problem: options.problem };
    if (options.route === 0) return decision;
    const { in: device } = passage.packet;
    if (!this.takesSourceRoutes('all') || (device && !this.takesSourceRoutes(device.name)))
      return { refusal: NO_SOURCE_ROUTES, problem: 0 };
    return this.alongRoute(passage, options, decision);
  }

  private takesSourceRoutes(name: string): boolean {
    return this.host.sysctl(`net.ipv4.conf.${name}.accept_source_route`, 0) !== 0;
  }

  /** `ip_options_rcv_srr()` (net/ipv4/ip_options.c): on to the next hop, where the packet has come to the one it names. */
  private alongRoute(
    passage: Passage,
    options: IpOptions,
    decision: InputDecision,
  ): InputDecision | OptionRefusal {
    const { packet } = passage;
    if (decision.action === 'forward' && options.isStrict)
      return { refusal: 'its strict source route does not name this host', problem: Ipv4.destination };
    if (decision.action !== 'local') return decision;
    const hops = hopsOf(packet, options);
    let here = decision;
    for (const { address } of hops ?? []) {
      const beyond = packet.clone();
      setAddress(beyond, 'destination', new IpAddress(4, address | 0));
      const further = this.host.routing.input(beyond);
      if (further.action !== 'forward' && further.action !== 'local')
        return { refusal: 'its source route leads to no host', problem: 0 };
      passage.route = further.route;
      if (further.action === 'forward') {
        options.nextHop = address;
        return further;
      }
      // This host again, by another of its addresses.
      setAddress(packet, 'destination', new IpAddress(4, address | 0));
      options.isChanged = true;
      here = further;
    }
    if (!hops) return { refusal: 'its source route ends amid an address', problem: routePointerAt(options) };
    return here;
  }

  /** A packet has passed FORWARD: `ip_forward_finish()`, `ip_rt_get_source()`. */
  forward(passage: Passage, options: IpOptions): void {
    const { packet, route } = passage;
    forwardOptions(packet, options, () => this.sourceTo(addressOf(packet, 'destination'), route));
  }

  /**
   * Of an answer to a packet.
   * @returns null where none is sent
   */
  echo(passage: Passage, options: IpOptions, from: IpAddress): Uint8Array | null {
    return echoOptions(passage.packet, options, this.recorder(passage), from.a);
  }

  /** Where an answer to a packet goes: to its sender, or first to the last one that its source route came by. */
  wayBack({ packet, options }: Passage): IpAddress {
    const route = options && returnRoute(packet, options);
    return route ? new IpAddress(4, route.firstHop | 0) : addressOf(packet, 'source');
  }

  private recorder(passage: Passage): Recorder {
    const { packet } = passage;
    return {
      address: () => this.metAddress(passage),
      isElsewhere: (address) => this.host.routes.addressType(new IpAddress(4, address | 0), null) === UNICAST,
      midnight: (at) => {
        const seen = at === 0 || passage.route?.type === 'local' ? null : this.evidence.left(packet);
        if (seen?.transport === packet.transport && seen.data.length >= packet.transport)
          return u32(seen.data, at);
        return Number(((this.epoch + BigInt(Math.floor(packet.time))) / 1_000_000n) % DAY);
      },
    };
  }

  /** `fib_compute_spec_dst()`: the one that was asked, or the one that the answer would have. */
  private metAddress({ packet, route }: Passage): number {
    if (route?.type === 'local') return addressOf(packet, 'destination').a;
    return this.sourceTo(addressOf(packet, 'source'), null);
  }

  private sourceTo(destination: IpAddress, known: Passage['route']): number {
    const { routing } = this.host;
    const route = known ?? routing.lookup({ destination });
    return (route && routing.sourceAddress(destination, route)?.a) ?? 0;
  }
}
