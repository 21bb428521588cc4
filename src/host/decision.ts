import type { IpVersion } from '../address/ip.js';
import type { Device } from '../packet/device.js';
import type { Fib } from './fib.js';
import type { Groups } from './groups.js';
import type { Route } from './routeModel.js';
import type { SourceAddresses } from './sourceAddress.js';

/** Where routing sends a packet that came in, and why it ends there where it does. */
export interface InputDecision {
  readonly action: 'local' | 'forward' | 'drop';
  /** What the destination is to this host. */
  readonly type: 'unicast' | 'local' | 'broadcast' | 'multicast' | 'anycast' | 'none';
  readonly route: Route | null;
  /** For `drop`: the reason as net/dropreason-core.h names it, or NOT_FORWARDING where ip6_forward() names none. */
  readonly reason: string | null;
  /** The ICMP error that the sender gets, destination unreachable of this code; sent from the host's own OUTPUT. */
  readonly unreachableCode: number | null;
  /** Forwarded back through the device it came by, to a gateway that the sender could reach itself: an ICMP redirect follows. */
  readonly redirect: boolean;
  /** What had to be assumed for this; null for nothing. */
  readonly doubt: string | null;
}

/** What the answers depend on. */
export interface RoutingWorld {
  readonly fib4: Fib;
  readonly fib6: Fib;
  readonly sources: SourceAddresses;
  readonly groups: Groups;
  readonly loopback: Device;
  readonly conf: (device: Device) => DeviceConf;
  readonly forwarding6: boolean;
  /** Called before a lookup that no earlier answer serves, for the assumptions behind it. */
  readonly asked: (version: IpVersion) => void;
}

/** Sysctls of a device, combined with `all` as the kernel does. */
export interface DeviceConf {
  readonly forwarding: boolean;
  /** 0 off, 1 strict, 2 loose. */
  readonly rpFilter: number;
  readonly routeLocalnet: boolean;
  readonly acceptLocal: boolean;
  readonly validMark: boolean;
  readonly sendRedirects: boolean;
  readonly sharedMedia: boolean;
  readonly broadcastForwarding: boolean;
  readonly hasIpv4: boolean;
}

/** A packet that ends here without a word; the members that differ are given with it. */
export const DROPPED: InputDecision = {
  action: 'drop',
  type: 'none',
  route: null,
  reason: null,
  unreachableCode: null,
  redirect: false,
  doubt: null,
};
