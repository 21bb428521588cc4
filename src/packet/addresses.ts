import { formatIpv4, formatIpv6, IpAddress } from '../address/ip.js';
import { i32 } from './bytes.js';
import type { Packet } from './packet.js';

export type Side = 'source' | 'destination';

function offset(packet: Packet, side: Side): number {
  return side === 'source' ? packet.sourceOffset : packet.destinationOffset;
}

export function addressOf(packet: Packet, side: Side): IpAddress {
  const at = offset(packet, side);
  const { data } = packet;
  return packet.version === 4
    ? new IpAddress(4, i32(data, at))
    : new IpAddress(6, i32(data, at), i32(data, at + 4), i32(data, at + 8), i32(data, at + 12));
}

export function addressText(packet: Packet, side: Side): string {
  const at = offset(packet, side);
  const { data } = packet;
  return packet.version === 4
    ? formatIpv4(i32(data, at))
    : formatIpv6(i32(data, at), i32(data, at + 4), i32(data, at + 8), i32(data, at + 12));
}
