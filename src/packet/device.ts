import type { MacAddress } from '../address/mac.js';

/** A network interface as the rules and the log see it. */
export interface Device {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_* of linux/if_arp.h. */
  readonly kind: number;
  /** What made it: veth, bridge, vlan…; null: a driver that has no such name; undefined where nothing tells. */
  readonly linkKind?: string | null;
  readonly mac: MacAddress;
  /** The bridge that this is a port of. */
  readonly master: Device | null;
  readonly isBridge: boolean;
  readonly isLoopback: boolean;
  readonly mtu: number;
  readonly group: number;
}
