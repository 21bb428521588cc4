import { u16, u8 } from './bytes.js';
import { Ipv4 } from './ipv4.js';
import { Protocol } from './numbers.js';
import type { Packet } from './packet.js';
import { hasPorts } from './rewrite.js';
import { Tcp, Udp } from './transport.js';

/** Bytes of the payload by which packets are told apart. */
const SAMPLE = 32;
const ICMP_HEADER = 8;

/** What NAT leaves alone of a packet: length, IPv4 identification, the beginning of what follows the ports. */
export function bodyKey(packet: Packet): string {
  const { data, protocol, length, version, transport, fragmentOffset } = packet;
  const from = transport + (hasPorts(protocol) ? 4 : ICMP_HEADER);
  const checksum = transport + (protocol === Protocol.tcp ? Tcp.checksum : Udp.checksum);
  let hash = 0;
  for (let i = from; i < from + SAMPLE && i < data.length; i++)
    if (i !== checksum && i !== checksum + 1) hash = (Math.imul(hash, 31) + u8(data, i)) | 0;
  const id = version === 4 ? u16(data, Ipv4.id) : 0;
  return `${version} ${protocol} ${length} ${id} ${fragmentOffset} ${hash}`;
}
