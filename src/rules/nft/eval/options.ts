import { setU16, u16, u8 } from '../../../packet/bytes.js';
import { isOffloaded, replaceWord } from '../../../packet/checksum.js';
import { Ipv4 } from '../../../packet/ipv4.js';
import { Ipv6 } from '../../../packet/ipv6.js';
import { Protocol } from '../../../packet/numbers.js';
import type { Packet } from '../../../packet/packet.js';
import { tcpHeaderLength } from '../../../packet/rewriteTcp.js';
import { Sctp, Tcp, TcpOption as TcpKind } from '../../../packet/transport.js';
import type { ExtensionHeader, IpOption, SctpChunk, TcpOption } from '../model.js';
import { readBits } from './payload.js';
import type { Read } from './value.js';

/** Where an option stands and how long it says it is; -1: nowhere. */
interface Found {
  readonly at: number;
  readonly length: number;
}

/** The first option of this kind: the loop of `nft_exthdr_tcp_eval()` (net/netfilter/nft_exthdr.c). */
function findTcpOption(packet: Packet, kind: number): Found | null {
  if (packet.protocol !== Protocol.tcp || !packet.hasTransport) return null;
  const headerLength = tcpHeaderLength(packet);
  const { data, transport } = packet;
  if (headerLength === 0) return null;
  let length = 1;
  for (let at = Tcp.minimumLength; at < headerLength - 1; at += length) {
    const there = u8(data, transport + at);
    length = there <= TcpKind.nop ? 1 : u8(data, transport + at + 1) || 1;
    if (there === kind) return at + length > headerLength ? null : { at: transport + at, length };
  }
  return null;
}

/** What a field of an option, or whether the option is there, reads as. */
function readField(
  packet: Packet,
  found: Found | null,
  { field, offset, bits }: { field: string | null; offset: number; bits: number },
): Read {
  if (field === null) return found ? 1 : 0;
  if (!found) return undefined;
  const end = (offset + bits + 7) >> 3;
  if (end > found.length) return undefined;
  if (found.at + end > packet.data.length) return null;
  return readBits(packet.data, found.at, offset, bits);
}

export function readTcpOption(option: TcpOption, packet: Packet): Read {
  const cut = packet.protocol === Protocol.tcp && packet.transport + Tcp.minimumLength > packet.data.length;
  if (cut && packet.length > packet.data.length) return null;
  return readField(packet, findTcpOption(packet, option.number), option);
}

/**
 * `nft_exthdr_tcp_set_eval()`: a maximum segment size is never raised. False: the option is shorter than the field,
 * which ends the rule.
 */
export function writeTcpOption(option: TcpOption, packet: Packet, value: number): boolean {
  if (packet.protocol !== Protocol.tcp || !packet.hasTransport || tcpHeaderLength(packet) === 0) return false;
  const found = findTcpOption(packet, option.number);
  if (!found) return true;
  const first = found.at + (option.offset >> 3);
  if ((option.offset + option.bits) >> 3 > found.length) return false;
  if (option.bits !== 16 && option.bits !== 32) return true;
  const partial = isOffloaded(packet);
  const data = packet.own();
  if (option.number === TcpKind.mss && u16(data, first) <= value) return true;
  const field = packet.transport + Tcp.checksum;
  const words = option.bits === 16 ? [value & 0xffff] : [value >>> 16, value & 0xffff];
  words.forEach((word, i) => {
    const at = first + 2 * i;
    // csum_replace2() takes the word as it lies in memory, even where it straddles two words of the sum.
    if (!partial) setU16(data, field, replaceWord(u16(data, field), u16(data, at), word));
    setU16(data, at, word);
  });
  return true;
}

/** `nft_exthdr_ipv4_eval()`: source routes, record route and router alert. */
export function readIpOption(option: IpOption, packet: Packet): Read {
  const missing = option.field === null ? 0 : undefined;
  if (packet.version !== 4 || packet.etherType !== 0) return missing;
  const { data } = packet;
  const end = (u8(data, Ipv4.versionIhl) & 15) * 4;
  for (let at: number = Ipv4.minimumLength; at < end;) {
    const kind = u8(data, at);
    if (kind === 0) break;
    const length = kind === 1 ? 1 : u8(data, at + 1);
    if (length === 0 || at + length > end || (kind !== 1 && length < 2)) break;
    if (kind === option.number) return readField(packet, { at, length }, option);
    at += length;
  }
  return missing;
}

/** `nft_exthdr_sctp_eval()`: the first chunk of this type. */
export function readSctpChunk(chunk: SctpChunk, packet: Packet): Read {
  const missing = chunk.field === null ? 0 : undefined;
  if (packet.protocol !== Protocol.sctp || packet.fragmentOffset !== 0) return missing;
  const { data } = packet;
  const end = packet.length;
  for (let at = packet.transport + Sctp.headerLength; at + CHUNK_HEADER <= end;) {
    if (at + CHUNK_HEADER > data.length) return null;
    const length = u16(data, at + 2);
    if (length === 0) break;
    if (u8(data, at) === chunk.number) return readField(packet, { at, length: end - at }, chunk);
    at += (length + 3) & ~3;
  }
  return missing;
}

/** Type, flags and length of an SCTP chunk, bytes (RFC 9260, section 3.2). */
const CHUNK_HEADER = 4;

/** `nft_exthdr_ipv6_eval()`: the first extension header of this number (`ipv6_find_hdr()`). */
export function readExtensionHeader(header: ExtensionHeader, packet: Packet): Read {
  if (packet.version !== 6) return header.field === null ? 0 : undefined;
  const { data } = packet;
  let next = u8(data, Ipv6.nextHeader);
  let at: number = Ipv6.length;
  for (let n = 0; n < 64 && at + 2 <= data.length; n++) {
    const extends6 =
      next === Protocol.hopByHop ||
      next === Protocol.routing ||
      next === Protocol.destination ||
      next === Protocol.fragment ||
      next === Protocol.ah ||
      next === Protocol.mobility;
    if (!extends6) break;
    const length =
      next === Protocol.fragment ? 8 : next === Protocol.ah ? (data[at + 1] + 2) * 4 : (data[at + 1] + 1) * 8;
    if (next === header.number) return readField(packet, { at, length }, header);
    if (next === Protocol.mobility || (next === Protocol.fragment && packet.fragmentOffset !== 0)) break;
    next = data[at];
    at += length;
  }
  return header.field === null ? 0 : undefined;
}
