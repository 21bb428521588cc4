import type { Device } from '../../packet/device.js';
import { ETHERNET_HEADER } from '../../packet/link.js';

/** What is put in front of a packet goes up in steps of this (HH_DATA_MOD, linux/netdevice.h). */
const HEADER_STEP = 16;
/** The headers that VXLAN puts in front of an IPv4 packet's link header (VXLAN_HEADROOM, net/vxlan.h), but for the latter. */
const VXLAN = 50;
const PAGE = 4096;
const CACHE_LINE = 64;
/** `struct skb_shared_info` of a 64-bit kernel, with the 17 fragments that it is built with. */
const SHARED_INFO = 320;

/** Devices that ask for room in front of a packet by what they are set to, which the snapshot does not tell. */
const ASKING: ReadonlySet<string> = new Set(
  'gre gretap ip6gre ip6gretap erspan ip6erspan ipip sit ip6tnl vti vti6 wireguard geneve macsec xfrm'.split(
    ' ',
  ),
);

/**
 * The mark that the kernel's own membership reports seem to have in the hooks: `skb->mark` shares its place with
 * `skb->reserved_tailroom`, which `skb_tailroom_reserve()` (linux/skbuff.h) sets for `igmpv3_newpack()` (net/ipv4/igmp.c)
 * and `mld_newpack()` (net/ipv6/mcast.c), and nobody clears. It is what an allocation for the MTU has too much.
 * @returns null: the device does not tell
 */
export function reservedTailroom({ mtu, linkKind }: Device, version: 4 | 6): number | null {
  if (linkKind && ASKING.has(linkKind)) return null;
  const header = linkKind === 'vxlan' ? ETHERNET_HEADER + VXLAN : 0;
  const headroom = header - (header % HEADER_STEP) + HEADER_STEP;
  const largest = version === 6 ? PAGE - SHARED_INFO : Infinity;
  const wanted = Math.min(mtu + headroom, largest);
  const allocated = 2 ** Math.ceil(Math.log2(Math.ceil(wanted / CACHE_LINE) * CACHE_LINE + SHARED_INFO));
  return Math.max(0, allocated - SHARED_INFO - headroom - mtu);
}
