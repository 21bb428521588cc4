import { isMulticast6 } from '../../address/scope.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { i32 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';

/**
 * Whether IPv6 takes no packet with such addresses from outside, before any hook (`ip6_rcv_core()`, net/ipv6/ip6_input.c;
 * RFC 4291 sections 2.5.3 and 2.7): loopback is not on a wire, a group sends nothing, and groups of scope 0 and 1 do
 * not leave the interface.
 */
export function isRefusedOnReceipt({ version, data, in: device }: Packet): boolean {
  if (version !== 6 || data.length < Ipv6.length || device?.isLoopback) return false;
  const source = i32(data, Ipv6.source);
  const destination = i32(data, Ipv6.destination);
  if (isMulticast6(source) || isLoopback(data, Ipv6.source)) return true;
  if (isMulticast6(destination)) return ((destination >>> 16) & 15) <= 1;
  return isLoopback(data, Ipv6.destination);
}

function isLoopback(data: Uint8Array, at: number): boolean {
  return (
    i32(data, at) === 0 && i32(data, at + 4) === 0 && i32(data, at + 8) === 0 && i32(data, at + 12) === 1
  );
}
