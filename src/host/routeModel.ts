import type { IpAddress, IpNetwork, IpVersion } from '../address/ip.js';
import type { Device } from '../packet/device.js';

/** RTN_* of linux/rtnetlink.h by the names that iproute2 uses. */
export type RouteType =
  | 'unicast'
  | 'local'
  | 'broadcast'
  | 'anycast'
  | 'multicast'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'throw';

/** The tables every host has (linux/rtnetlink.h, RT_TABLE_*). */
export const Table = { default: 253, main: 254, local: 255 } as const;

export interface Nexthop {
  readonly device: Device | null;
  readonly gateway: IpAddress | null;
  readonly weight: number;
}

/** An entry of a routing table, as `ip route` lists it. */
export interface RouteEntry {
  readonly version: IpVersion;
  readonly type: RouteType;
  readonly table: number;
  readonly destination: IpNetwork;
  readonly prefixLength: number;
  /** IPv6 only: `from`, the sources that it is for. */
  readonly source: IpNetwork | null;
  readonly metric: number;
  /** IPv4 only; 0 suits every packet. */
  readonly tos: number;
  readonly scope: number;
  readonly preferredSource: IpAddress | null;
  /** null: that of the device. */
  readonly mtu: number | null;
  /** The destination realm; 0 for none. */
  readonly realm: number;
  /** Made by the kernel for an address (`proto kernel`), not by hand. */
  readonly byKernel: boolean;
  /** Empty for types without a device; more than one for multipath. */
  readonly nexthops: readonly Nexthop[];
}

/** Where a packet goes: an entry and the nexthop taken. */
export interface Route {
  readonly type: RouteType;
  readonly device: Device | null;
  readonly gateway: IpAddress | null;
  /** `src` of the entry; null: chosen by `SourceAddresses`. */
  readonly preferredSource: IpAddress | null;
  readonly mtu: number | null;
  readonly table: number;
  readonly realm: number;
  readonly prefixLength: number;
  /** null for what a rule of `ip rule` refused. */
  readonly entry: RouteEntry | null;
  /**
   * All nexthops of a multipath entry, this one among them; empty otherwise. The kernel's choice hangs on a secret
   * hash seed, so this route is a choice made without evidence.
   */
  readonly alternatives: readonly Route[];
}

/** A range of ports, inclusive. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A routing policy rule (ip-rule(8)). */
export interface RoutingRule {
  readonly priority: number;
  readonly not: boolean;
  readonly source: IpNetwork | null;
  readonly destination: IpNetwork | null;
  readonly iif: string | null;
  readonly oif: string | null;
  readonly mark: number;
  /** 0: any mark. */
  readonly markMask: number;
  readonly tos: number;
  readonly protocol: number | null;
  readonly sourcePorts: PortRange | null;
  readonly destinationPorts: PortRange | null;
  readonly uids: PortRange | null;
  readonly action: 'lookup' | 'goto' | 'nop' | 'l3mdev' | 'unreachable' | 'blackhole' | 'prohibit';
  /** For `lookup`. */
  readonly table: number;
  /** For `goto`: the priority to go on at. */
  readonly target: number;
  /** A default route (0), or any with a prefix this short, does not count; -1: all count. */
  readonly suppressPrefixLength: number;
  /** Routes through devices of this group do not count; -1: all count. */
  readonly suppressGroup: number;
}

/** The rules that a host has from the start. IPv6 has no `default`. */
export function defaultRules(version: IpVersion): RoutingRule[] {
  const rule = (priority: number, table: number): RoutingRule => ({ ...ANY_RULE, priority, table });
  return [
    rule(0, Table.local),
    rule(32766, Table.main),
    ...(version === 4 ? [rule(32767, Table.default)] : []),
  ];
}

/** A rule that says nothing but which table to look up. */
export const ANY_RULE: RoutingRule = {
  priority: 0,
  not: false,
  source: null,
  destination: null,
  iif: null,
  oif: null,
  mark: 0,
  markMask: 0,
  tos: 0,
  protocol: null,
  sourcePorts: null,
  destinationPorts: null,
  uids: null,
  action: 'lookup',
  table: Table.main,
  target: 0,
  suppressPrefixLength: -1,
  suppressGroup: -1,
};
