import { u16, u8 } from '../packet/bytes.js';
import { Ipv4 } from '../packet/ipv4.js';
import type { Packet } from '../packet/packet.js';

/** The IPv4 type of service or the IPv6 traffic class: DSCP in the upper six bits, ECN in the lower two (RFC 2474, RFC 3168). */
export function trafficClass({ version, data }: Packet): number {
  return version === 4 ? u8(data, Ipv4.tos) : (u16(data, 0) >> 4) & 0xff;
}
