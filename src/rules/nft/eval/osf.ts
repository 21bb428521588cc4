import { u8 } from '../../../packet/bytes.js';
import { Protocol } from '../../../packet/numbers.js';
import type { Packet } from '../../../packet/packet.js';
import { Tcp, TcpFlag } from '../../../packet/transport.js';
import type { Context } from '../../context.js';
import type { Read } from './value.js';

/**
 * `nft_osf_eval()` (net/netfilter/nft_osf.c): only the SYN of TCP tells of a system. Which fingerprints were loaded into
 * the kernel is in no listing.
 */
export function readFingerprint(packet: Packet, context: Context): Read {
  if (packet.protocol !== Protocol.tcp || !packet.hasTransport) return undefined;
  if (!(u8(packet.data, packet.transport + Tcp.flags) & TcpFlag.syn)) return undefined;
  context.note('osf: the fingerprints that the kernel was given are in no listing');
  return null;
}
