import { isLinkLocal6, isMulticast, isMulticast6 } from '../address/scope.js';
import { IpAddress } from '../address/ip.js';
import type { Device } from '../packet/device.js';
import { addressScope, Scope, type HostAddress } from './addresses.js';

/** Which of its own addresses the host uses. */
export class SourceAddresses {
  private readonly byDevice = new Map<Device, { v4: HostAddress[]; v6: HostAddress[] }>();
  private readonly v6: HostAddress[] = [];
  private readonly all4: readonly HostAddress[];

  /** @param addresses in the kernel's order: the first that suits is taken */
  constructor(
    addresses: readonly HostAddress[],
    private readonly routeLocalnet: (device: Device) => boolean,
  ) {
    this.all4 = addresses.filter((a) => a.address.version === 4);
    for (const address of addresses) {
      let mine = this.byDevice.get(address.device);
      if (!mine) this.byDevice.set(address.device, (mine = { v4: [], v6: [] }));
      (address.address.version === 4 ? mine.v4 : mine.v6).push(address);
      if (address.address.version === 6) this.v6.push(address);
    }
  }

  /**
   * The network, as a mask, that a broadcast address of a device is of; 0: it is none of its primary addresses'
   * (`nf_conntrack_broadcast_help()`).
   */
  broadcastMask(device: Device, address: IpAddress): number {
    const own = this.all4.find((a) => a.device === device && !a.secondary && a.broadcast?.equals(address));
    return own && own.prefixLength > 0 ? -1 << (32 - own.prefixLength) : 0;
  }

  /**
   * `inet_select_addr()` (net/ipv4/devinet.c): the first primary address of the device whose subnet holds
   * `destination` (the gateway, for MASQUERADE), else its first one, else one of another device.
   * @param scope the least far-reaching that will do
   */
  select4(device: Device, destination: IpAddress | null, scope: number): IpAddress | null {
    const limit = this.routeLocalnet(device) ? Scope.link : Scope.host;
    let first: IpAddress | null = null;
    for (const own of this.byDevice.get(device)?.v4 ?? []) {
      if (own.secondary || Math.min(own.scope, limit) > scope) continue;
      if (!destination || own.network.includes(destination)) return own.address;
      first ??= own.address;
    }
    if (first) return first;
    for (const own of this.all4)
      if (!own.secondary && own.scope !== Scope.link && own.scope <= scope) return own.address;
    return null;
  }

  /** REDIRECT in PREROUTING (`nf_nat_redirect_ipv4()`): the first address of the device it came in by. */
  first4(device: Device): IpAddress | null {
    return this.byDevice.get(device)?.v4[0]?.address ?? null;
  }

  /** REDIRECT in PREROUTING (`nf_nat_redirect_ipv6()`): the first usable one that reaches as far as `destination`. */
  first6(device: Device, destination: IpAddress): IpAddress | null {
    const wanted = addressScope(destination);
    for (const own of this.byDevice.get(device)?.v6 ?? [])
      if (!own.tentative && addressScope(own.address) === wanted) return own.address;
    return null;
  }

  /** Whether the address stands on any device (`inet_lookup_ifaddr_rcu()`, `ipv6_chk_addr()`). */
  isOwn(address: IpAddress, device: Device | null = null): boolean {
    const list =
      device === null
        ? address.version === 4
          ? this.all4
          : this.v6
        : (this.byDevice.get(device)?.[address.version === 4 ? 'v4' : 'v6'] ?? []);
    return list.some((own) => own.address.equals(address) && !own.tentative);
  }

  /** The same of an IPv4 address in a word. */
  isOwn4(address: number): boolean {
    for (const own of this.all4) if (own.address.a === address && !own.tentative) return true;
    return false;
  }

  /** The device that has the address (`__ip_dev_find()`). */
  deviceOf(address: IpAddress): Device | null {
    return this.all4.find((own) => own.address.equals(address))?.device ?? null;
  }

  /** `inet_addr_onlink()`: a subnet of the device holds both; `other` null: it alone. */
  onLink(device: Device, address: IpAddress, other: IpAddress | null): boolean {
    const mine = this.byDevice.get(device)?.[address.version === 4 ? 'v4' : 'v6'] ?? [];
    return mine.some(
      (own) => own.network.includes(address) && (other === null || own.network.includes(other)),
    );
  }

  /** `ipv6_dev_get_saddr()` (net/ipv6/addrconf.c): RFC 6724 section 5 for a packet to `destination` through `device`. */
  select6(device: Device, destination: IpAddress): IpAddress | null {
    const scope = scope6(destination);
    // Multicast and link-local destinations are asked about the outgoing device only.
    const onDevice = isMulticast(destination) || scope <= 2;
    let best: HostAddress | null = null;
    for (const own of this.v6) {
      if (own.tentative || (onDevice && own.device !== device) || isMulticast(own.address)) continue;
      if (best === null || betterSource(own, best, destination, scope, device)) best = own;
    }
    return best?.address ?? null;
  }
}

function betterSource(
  own: HostAddress,
  best: HostAddress,
  destination: IpAddress,
  scope: number,
  device: Device,
): boolean {
  const mine = own.address;
  const other = best.address;
  // Rule 1: the destination itself.
  if (mine.equals(destination) !== other.equals(destination)) return mine.equals(destination);
  // Rule 2: the least scope that reaches the destination's.
  const s1 = scope6(mine);
  const s2 = scope6(other);
  if (s1 !== s2) return s1 < s2 ? s1 >= scope : s2 < scope;
  // Rule 3: not a deprecated one. Rule 5: the outgoing interface's.
  if (own.deprecated !== best.deprecated) return best.deprecated;
  if ((own.device === device) !== (best.device === device)) return own.device === device;
  // Rule 6: the same label. Rule 7: a public one, as use_tempaddr is by default.
  const label = label6(destination);
  if ((label6(mine) === label) !== (label6(other) === label)) return label6(mine) === label;
  if (own.secondary !== best.secondary) return best.secondary;
  // Rule 8: the longest common prefix, no longer than the address's own.
  return (
    Math.min(commonPrefix(mine, destination), own.prefixLength) >
    Math.min(commonPrefix(other, destination), best.prefixLength)
  );
}

/** Scopes of RFC 4291 section 2.7: 1 interface, 2 link, 5 site, 14 global. */
function scope6(address: IpAddress): number {
  if (isMulticast6(address.a)) return (address.a >>> 16) & 15;
  const { a, b, c, d } = address;
  if (isLinkLocal6(a) || (a === 0 && b === 0 && c === 0 && d === 1)) return 2;
  return a >>> 22 === 0x3fb ? 5 : 14;
}

/** The kernel's label table (net/ipv6/addrlabel.c), after RFC 6724 section 2.1. */
function label6({ a, b, c, d }: IpAddress): number {
  if (a === 0 && b === 0 && c === 0 && d === 1) return 0;
  if (a === 0 && b === 0 && c === 0xffff) return 4;
  if (a === 0 && b === 0 && c === 0) return 3;
  if (a >>> 25 === 0x7e) return 5;
  if (a >>> 16 === 0x2002) return 2;
  if (a === 0x20010000) return 6;
  if (a >>> 4 === 0x2001001) return 7;
  if (a >>> 22 === 0x3fb) return 11;
  if (a >>> 16 === 0x3ffe) return 12;
  return 1;
}

function commonPrefix(x: IpAddress, y: IpAddress): number {
  const words = [x.a ^ y.a, x.b ^ y.b, x.c ^ y.c, x.d ^ y.d];
  const at = words.findIndex((w) => w !== 0);
  return at < 0 ? 128 : at * 32 + Math.clz32(words[at]);
}
