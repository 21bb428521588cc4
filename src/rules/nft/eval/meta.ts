import { EtherType, PacketType, SocketKind } from '../../../packet/numbers.js';
import type { Device } from '../../../packet/device.js';
import type { Packet } from '../../../packet/packet.js';
import type { Context } from '../../context.js';
import { OWNER_ASSUMED } from '../../owners.js';
import type { Family } from '../../model.js';
import type { Meta } from '../model.js';
import type { Read, Scalar } from './value.js';

const DAY = 86_400;
/** `meta nfproto`: NFPROTO_IPV4 and NFPROTO_IPV6 (linux/netfilter.h). */
const NFPROTO = { 4: 2, 6: 10 } as const;

/** In tables of these families it is the family's own. */
const FAMILIES = new Map<Family, number>([
  ['arp', 3],
  ['netdev', 5],
  ['bridge', 7],
]);

/** `nft_meta_bridge_get_eval()` (net/bridge/netfilter/nft_meta_bridge.c): only in the bridge family. */
function bridgeOf(port: Device | null, { family }: Context): string | undefined {
  return family === 'bridge' ? port?.master?.name : undefined;
}

/** `nft_meta_store_ifkind()`: a device whose driver has no such name ends the rule. */
function kindOf(device: Device | null): Read {
  return device?.linkKind === undefined && device ? null : (device?.linkKind ?? undefined);
}

/** A SYN+ACK of the host belongs to the socket that listens (`skb_to_full_sk()`, include/net/inet_sock.h). */
function hasOwner({ socket }: Packet): boolean {
  return socket === SocketKind.request || socket === SocketKind.process;
}

/** Milliseconds since the epoch at the packet. */
function wallClock(context: Context): number {
  return Number((context.epoch + BigInt(Math.floor(context.now))) / 1_000_000n);
}

/** `nft_meta_get_eval()` (net/netfilter/nft_meta.c). Interfaces read as names, also where the kernel has indexes. */
export function readMeta({ key }: Meta, packet: Packet, context: Context): Read {
  switch (key) {
    case 'length':
      return packet.length;
    case 'protocol':
      return packet.etherType || (packet.version === 4 ? EtherType.ipv4 : EtherType.ipv6);
    case 'nfproto':
      return FAMILIES.get(context.family) ?? NFPROTO[packet.version];
    case 'l4proto':
      return packet.etherType === 0 ? packet.protocol : undefined;
    case 'mark':
      return packet.mark >>> 0;
    case 'priority':
      return packet.priority >>> 0;
    case 'nftrace':
      return packet.traced ? 1 : 0;
    case 'iif':
    case 'iifname':
      return packet.in?.name ?? '';
    case 'oif':
    case 'oifname':
      return packet.out?.name ?? '';
    case 'iiftype':
      return packet.in?.kind;
    case 'oiftype':
      return packet.out?.kind;
    case 'iifgroup':
      return packet.in?.group;
    case 'oifgroup':
      return packet.out?.group;
    case 'iifkind':
      return kindOf(packet.in);
    case 'oifkind':
      return kindOf(packet.out);
    case 'ibrname':
      return bridgeOf(packet.in, context);
    case 'obrname':
      return bridgeOf(packet.out, context);
    case 'sdif':
    case 'sdifname':
      return packet.in?.master && !packet.in.master.isBridge ? packet.in.name : '';
    case 'pkttype':
      return packet.packetType === PacketType.outgoing ? PacketType.host : packet.packetType;
    case 'skuid':
      if (packet.ownerAssumed) context.doubt?.(OWNER_ASSUMED);
      return hasOwner(packet) ? (packet.uid ?? context.socket(packet)?.uid ?? null) : undefined;
    case 'skgid':
      if (packet.ownerAssumed) context.doubt?.(OWNER_ASSUMED);
      return hasOwner(packet) ? (packet.gid ?? null) : undefined;
    case 'time':
      return wallClock(context);
    case 'day':
      // 1970-01-01 was a Thursday.
      return (4 + Math.floor(wallClock(context) / 1000 / DAY)) % 7;
    case 'hour':
      return Math.floor(wallClock(context) / 1000) % DAY;
    case 'random':
      return Math.floor(context.random() * 2 ** 32);
    case 'secpath':
    case 'ipsec':
      return 0;
    default:
      // cpu, cgroup, rtclassid, secmark…: nothing in the inputs tells.
      return null;
  }
}

/** `nft_meta_set_eval()`. False: it is not modelled. */
export function writeMeta({ key }: Meta, packet: Packet, value: Scalar): boolean {
  const number = typeof value === 'string' ? 0 : Number(value);
  switch (key) {
    case 'mark':
      packet.mark = number >>> 0;
      return true;
    case 'priority':
      packet.priority = number >>> 0;
      return true;
    case 'pkttype':
      // skb_pkt_type_ok(): only among host, broadcast, multicast and other.
      if (number <= PacketType.otherHost && packet.packetType <= PacketType.otherHost)
        packet.packetType = number as PacketType;
      return true;
    case 'nftrace':
      packet.traced = (number & 0xff) !== 0;
      return true;
    default:
      return false;
  }
}
