import { decodePacket, type Packet } from '../../packet/packet.js';
import { Icmp } from '../../packet/transport.js';

/** What an ICMP error quotes, as far as a tuple can be read of it: `nf_ct_get_tuplepr()`. null: no such packet. */
export function quotedPacket(error: Packet): Packet | null {
  const at = error.transport + Icmp.headerLength;
  const inner = decodePacket(error.data.subarray(Math.min(at, error.data.length)));
  if (typeof inner === 'string' || inner.version !== error.version || inner.fragmentOffset !== 0) return null;
  return inner;
}
