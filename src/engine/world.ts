import type { IpAddress } from '../address/ip.js';
import type { Routing } from '../host/routes.js';
import type { Device } from '../packet/device.js';
import type { Packet } from '../packet/packet.js';
import type { Tuple } from '../rules/connection.js';
import type { LocalSocket, Manip, RouteView, SetView } from '../rules/context.js';
import type { Hook } from '../rules/hook.js';
import type { HostClock } from '../rules/jiffies.js';
import type { Rule, Ruleset } from '../rules/model.js';
import type { ConnectionEntry } from './conntrack/entry.js';
import type { PredictedLine, TraceStep } from './events.js';
import type { Observer } from './observer.js';
import type { Passage } from './passage.js';
import type { AskedMessage, Share } from './share/share.js';

/** What the simulation needs to know of the host. */
export interface KernelHost {
  readonly routing: Routing;
  /** Is told what limits of the host's own messages were asked. */
  askedMessage?(message: AskedMessage): void;
  readonly routes: RouteView;
  readonly loopback: Device;
  deviceByName(name: string): Device | undefined;
  sysctl(name: string, fallback: number): number;
  /** One that is several numbers. */
  sysctls(name: string, fallback: readonly number[]): readonly number[];
  /** The TTL or hop limit of the host's own packets that leave by a device. */
  hopLimit(version: 4 | 6, device: Device | null): number;
  /** net.ipv6.icmp.ratemask: whether ICMPv6 messages of a type are limited. */
  limitsIcmpv6(type: number): boolean;
  /** A listening socket that would take this packet; undefined: not known. */
  listens(packet: Packet): boolean | undefined;
  /** The port of a bridge behind which an address is, as far as neighbours and frames tell. */
  bridgePort(bridge: Device | null, address: IpAddress): Device | null;
  /** The link header with which a packet leaves through a device. */
  linkHeader?(packet: Packet, device: Device, nextHop: IpAddress | null): Uint8Array;
  /** A packet got through INPUT. */
  delivered?(packet: Packet): void;
  /** tproxy takes the packet for a proxy on this host; false where none listens there. */
  divert?(packet: Packet, address: IpAddress | null, port: number | null): boolean;
  socketFor(packet: Packet): LocalSocket | null | undefined;
}

/** Where the simulation's results go. */
export interface Sinks {
  line(line: PredictedLine): void;
  /** A message to a group of nfnetlink, as the line that LOG would have written. */
  grouped?(line: PredictedLine, group: number): void;
  /**
   * A packet leaves through `passage.packet.out`; what is behind the wire is not the host's doing. Without it, there is no
   * passage of most packets of known connections.
   */
  sent?(passage: Passage): void;
  /** The capture shows a packet leave. @param isPredicted the simulation accounts for it */
  seen?(packet: Packet, device: Device, isPredicted: boolean): void;
  /** A bridge was handed a packet for one of its ports: its copy on the bridge itself shows before any hook. */
  bridged?(passage: Passage): void;
  created?(entry: ConnectionEntry, now: number): void;
  updated?(entry: ConnectionEntry, events: number, now: number): void;
  destroyed?(entry: ConnectionEntry, now: number): void;
  note?(passage: Passage, rule: Rule, text: string): void;
  /** What `nft monitor trace` would show. */
  traced?(step: TraceStep): void;
}

/** What the capture tells beyond the packets that came in (design decision 7). */
export interface Evidence {
  /**
   * A packet that the host makes by itself is about to go through OUTPUT: takes over what only its captured copy
   * tells (the IP identification). False: no copy was captured.
   */
  adopt(passage: Passage): boolean;
  /** Whether the capture shows this answer of the host, to be adopted. */
  answered(answer: Packet): boolean;
  /** Whether packets that cross a hook may be missing in the capture. */
  lacks(hook: Hook): boolean;
  /**
   * A segment that was seen to leave about now between two ends, of which a translation may have changed the first.
   * @param of a packet with those ends; @param way as that one, or back
   * @param isSo which one it is
   */
  segment(of: Packet, way: 'on' | 'back', isSo: (seen: Packet, device: Device) => boolean): Packet | null;
  /** Whether the capture shows what leaves by a device. */
  shows(device: Device): boolean;
  /** The port, or ICMP id, with which a packet that is being translated to `tuple` was seen to leave. */
  port(packet: Packet, tuple: Tuple, manip: Manip): number | undefined;
  /** The captured copy of a packet as it left, translated or not; null: none was captured. */
  left(packet: Packet): Packet | null;
  /** The captured copy of a packet, translated already, of which a helper changes the payload; null: none was captured. */
  mangled(packet: Packet): Packet | null;
}

export interface KernelOptions {
  readonly ruleset: Ruleset;
  readonly host: KernelHost;
  readonly sets: SetView;
  /** Wall-clock time of ns 0, ns since the epoch. */
  readonly epoch: bigint;
  readonly clock: HostClock;
  readonly sinks: Sinks;
  readonly evidence: Evidence;
  readonly observer?: Observer | null;
  /** Seeds the choices that nothing tells; the same seed gives the same run. */
  readonly seed?: number;
  /** The connections that it is to run, where others run elsewhere. */
  readonly share?: Share | null;
}
