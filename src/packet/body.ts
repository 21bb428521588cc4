import { u16 } from './bytes.js';
import { Ipv4 } from './ipv4.js';
import { Protocol } from './numbers.js';
import type { Packet } from './packet.js';
import { hasPorts } from './rewrite.js';
import { Tcp, Udp } from './transport.js';

/** Bytes of the payload by which packets are told apart. */
const SAMPLE = 32;
const ICMP_HEADER = 8;

/**
 * What NAT leaves alone of a packet, hashed to 32 bits: version, protocol, length, IPv4 identification, the beginning of what
 * follows the ports.
 */
export function bodyHash(packet: Packet): number {
  const { data, protocol, length, version, transport, fragmentOffset } = packet;
  const from = transport + (hasPorts(protocol) ? 4 : ICMP_HEADER);
  const checksum = transport + (protocol === Protocol.tcp ? Tcp.checksum : Udp.checksum);
  const end = Math.min(from + SAMPLE, data.length);
  let hash = version === 4 ? u16(data, Ipv4.id) : 0;
  hash = Math.imul(hash, 31) ^ (protocol | (version << 8));
  hash = Math.imul(hash, 0x9e3779b1) ^ length ^ (fragmentOffset << 16);
  for (let i = from; i < end; i++)
    if (i !== checksum && i !== checksum + 1) hash = (Math.imul(hash, 31) + data[i]) | 0;
  return hash ^ (hash >>> 15);
}
