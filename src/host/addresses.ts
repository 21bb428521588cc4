import { isLinkLocal6, isLoopback4 } from '../address/scope.js';
import { IpAddress, IpNetwork, parseAddress } from '../address/ip.js';
import type { Device } from '../packet/device.js';
import { has, integerIn, isObject, objectsIn, stringIn, type JsonObject } from './json.js';

/** RT_SCOPE_* of linux/rtnetlink.h: a greater number reaches less far. */
export const Scope = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

/** One address of an interface (`struct in_ifaddr`, `struct inet6_ifaddr`). */
export interface HostAddress {
  readonly device: Device;
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** What is on the link: the subnet of the address, or of the peer on a point-to-point link. */
  readonly network: IpNetwork;
  readonly peer: IpAddress | null;
  readonly broadcast: IpAddress | null;
  readonly scope: number;
  /** A further address of a subnet (IFA_F_SECONDARY); for IPv6 the same bit means temporary. */
  readonly secondary: boolean;
  readonly deprecated: boolean;
  /** Duplicate address detection has not ended, or has failed: nobody may use it yet. */
  readonly tentative: boolean;
  /** `noprefixroute`: no connected route was made for it. */
  readonly noPrefixRoute: boolean;
}

/** Makes an address of an interface; a broadcast address is the subnet's last one unless given. */
export function makeHostAddress(
  given: Pick<HostAddress, 'device' | 'address' | 'prefixLength'> & Partial<HostAddress>,
): HostAddress {
  return {
    network: IpNetwork.ofPrefix(given.peer ?? given.address, given.prefixLength),
    peer: null,
    broadcast: null,
    scope: addressScope(given.address),
    secondary: false,
    deprecated: false,
    tentative: false,
    noPrefixRoute: false,
    ...given,
  };
}

/** The scope that iproute2 gives an address without a word: host for loopback, link for fe80::/10. */
export function addressScope(address: IpAddress): number {
  if (address.version === 4) return isLoopback4(address.a) ? Scope.host : Scope.universe;
  if (address.a === 0 && address.b === 0 && address.c === 0 && address.d === 1) return Scope.host;
  return isLinkLocal6(address.a) ? Scope.link : Scope.universe;
}

const SCOPE_NAMES: ReadonlyMap<string, number> = new Map([
  ['global', Scope.universe],
  ['site', Scope.site],
  ['link', Scope.link],
  ['host', Scope.host],
  ['nowhere', Scope.nowhere],
]);

/** A scope as iproute2 prints it, by name or number. */
export function parseScope(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return SCOPE_NAMES.get(text) ?? (/^\d{1,3}$/.test(text) ? Number(text) & 255 : undefined);
}

/** `ip -j addr`, in the kernel's order, which decides between addresses that suit equally. */
export function parseAddresses(json: unknown, devices: ReadonlyMap<string, Device>): HostAddress[] {
  const addresses: HostAddress[] = [];
  for (const row of Array.isArray(json) ? json.filter(isObject) : []) {
    const device = devices.get(stringIn(row, 'ifname') ?? '');
    if (!device) continue;
    for (const info of objectsIn(row, 'addr_info')) {
      const address = parseHostAddress(device, info);
      if (address) addresses.push(address);
    }
  }
  return addresses;
}

function parseHostAddress(device: Device, info: JsonObject): HostAddress | undefined {
  const address = parseAddress(stringIn(info, 'local') ?? '');
  if (!address) return undefined;
  const width = address.version === 4 ? 32 : 128;
  const prefixLength = Math.min(width, Math.max(0, integerIn(info, 'prefixlen') ?? width));
  // iproute2 calls the peer of a point-to-point address `address` in JSON.
  const peer = parseAddress(stringIn(info, 'address') ?? '');
  return makeHostAddress({
    device,
    address,
    prefixLength,
    peer: peer?.version === address.version ? peer : null,
    broadcast: parseAddress(stringIn(info, 'broadcast') ?? '') ?? null,
    scope: parseScope(stringIn(info, 'scope')) ?? addressScope(address),
    secondary: has(info, 'secondary') || has(info, 'temporary'),
    deprecated: has(info, 'deprecated'),
    tentative: (has(info, 'tentative') && !has(info, 'optimistic')) || has(info, 'dadfailed'),
    noPrefixRoute: has(info, 'noprefixroute'),
  });
}
