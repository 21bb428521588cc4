import { u8 } from '../../../packet/bytes.js';
import { Protocol } from '../../../packet/numbers.js';
import type { Packet } from '../../../packet/packet.js';
import { Tcp, TcpFlag } from '../../../packet/transport.js';
import type { Context } from '../../context.js';
import type { Read } from './value.js';

/**
 * `nft_osf_eval()` (net/netfilter/nft_osf.c): only what has the bit of a SYN tells of a system, in a whole header of TCP over
 * IPv4; what stands there in a later fragment is read for it (asked of Linux 6.18). Which fingerprints were loaded into the
 * kernel is in no listing; without any, every system is "unknown".
 */
export function readFingerprint(packet: Packet, context: Context): Read {
  const { data, transport, length } = packet;
  if (packet.version !== 4 || packet.etherType !== 0 || packet.protocol !== Protocol.tcp) return undefined;
  if (transport + Tcp.minimumLength > length) return undefined;
  const isCut = transport + Tcp.flags >= data.length;
  if (!isCut && !(u8(data, transport + Tcp.flags) & TcpFlag.syn)) return undefined;
  context.note('osf: the fingerprints that the kernel was given are in no listing');
  return null;
}
