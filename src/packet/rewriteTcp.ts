import { setU16, u16, u8 } from './bytes.js';
import { isOffloaded, pseudoHeaderSum, replaceLong, replaceWord } from './checksum.js';
import type { Packet } from './packet.js';
import { setLength } from './rewrite.js';
import { Tcp, TcpFlag, TcpOption } from './transport.js';

const MSS_LENGTH = 4;
/** RFC 9293 section 3.7.1: what a sender without the option may assume. */
const DEFAULT_MSS = { 4: 536, 6: 1220 } as const;

/** The header's length by its data offset, in bytes; 0 where the fixed header was not captured or is said to be shorter. */
export function tcpHeaderLength(packet: Packet): number {
  const { data, transport } = packet;
  if (!packet.hasTransport || transport + Tcp.minimumLength > data.length) return 0;
  const length = (data[transport + Tcp.dataOffset] >> 4) * 4;
  return length < Tcp.minimumLength || packet.length - transport < length ? 0 : length;
}

/** The bytes of the option at `at`; one for END and NOP, and for a length of 0 as the kernel steps over it. */
function optionLength(data: Uint8Array, at: number): number {
  return data[at] <= TcpOption.nop ? 1 : u8(data, at + 1) || 1;
}

function patch(packet: Packet, before: number, after: number): void {
  const field = packet.transport + Tcp.checksum;
  setU16(packet.data, field, replaceWord(u16(packet.data, field), before, after));
}

/**
 * Lowers the MSS option to `mss`, or adds one where there is none, no data and room in the header:
 * `tcpmss_mangle_packet()` (net/netfilter/xt_TCPMSS.c). It is never raised; an added one is at most the default
 * of RFC 9293. Bytes that a snaplen took are left as they are.
 * @returns false where the kernel would drop the packet: its TCP header is broken
 */
export function clampTcpMss(packet: Packet, mss: number): boolean {
  if (packet.fragmentOffset !== 0) return true;
  if (packet.transport + Tcp.minimumLength > packet.data.length)
    return packet.length - packet.transport >= Tcp.minimumLength;
  const headerLength = tcpHeaderLength(packet);
  if (headerLength === 0) return false;
  const data = packet.own();
  const { transport } = packet;
  const end = Math.min(transport + headerLength, data.length);
  for (let at = transport + Tcp.minimumLength; at + MSS_LENGTH <= end; at += optionLength(data, at)) {
    if (data[at] !== TcpOption.mss || data[at + 1] !== MSS_LENGTH) continue;
    const before = u16(data, at + 2);
    if (before <= mss) return true;
    // csum_replace2() takes the word as it lies in memory, even where it straddles two words of the sum.
    if (!isOffloaded(packet)) patch(packet, before, mss);
    setU16(data, at + 2, mss);
    return true;
  }
  if (packet.length - transport > headerLength || headerLength === 60 || end > data.length) return true;
  if (data.length < packet.length) return true;
  addMss(packet, Math.min(mss, DEFAULT_MSS[packet.version]));
  return true;
}

/** Puts the option before all others. */
function addMss(packet: Packet, mss: number): void {
  const partial = isOffloaded(packet);
  const { transport, data: old } = packet;
  const at = transport + Tcp.minimumLength;
  const grown = new Uint8Array(old.length + MSS_LENGTH);
  grown.set(old.subarray(0, at));
  grown.set([TcpOption.mss, MSS_LENGTH, mss >>> 8, mss & 0xff], at);
  grown.set(old.subarray(at), at + MSS_LENGTH);
  packet.own();
  packet.data = grown;
  const before = packet.length - transport;
  const field = transport + Tcp.checksum;
  const word = u16(grown, transport + Tcp.dataOffset);
  setU16(grown, transport + Tcp.dataOffset, word + 0x1000);
  setLength(packet, packet.length + MSS_LENGTH);
  if (partial) {
    setU16(grown, field, pseudoHeaderSum(packet, before + MSS_LENGTH));
    return;
  }
  patch(packet, before, before + MSS_LENGTH);
  setU16(grown, field, replaceLong(u16(grown, field), 0, (TcpOption.mss << 24) | (MSS_LENGTH << 16) | mss));
  patch(packet, word, word + 0x1000);
}

/**
 * Overwrites TCP options with NOPs: `tcpoptstrip_mangle_packet()` (net/netfilter/xt_TCPOPTSTRIP.c).
 * @param kinds the option numbers to strip
 * @returns false where the kernel would drop the packet: its TCP header is broken
 */
export function stripTcpOptions(packet: Packet, kinds: ReadonlySet<number>): boolean {
  if (packet.fragmentOffset !== 0) return true;
  if (packet.transport + Tcp.minimumLength > packet.data.length)
    return packet.length - packet.transport >= Tcp.minimumLength;
  const headerLength = tcpHeaderLength(packet);
  if (headerLength === 0) return false;
  const data = packet.own();
  const { transport } = packet;
  const partial = isOffloaded(packet);
  const end = Math.min(transport + headerLength, data.length);
  let length = 1;
  for (let at = transport + Tcp.minimumLength; at < end - 1; at += length) {
    length = optionLength(data, at);
    if (at + length > end) break;
    if (!kinds.has(data[at])) continue;
    for (let i = at; i < at + length; i++) {
      const shift = (i - transport) % 2 === 0 ? 8 : 0;
      if (!partial) patch(packet, data[i] << shift, TcpOption.nop << shift);
      data[i] = TcpOption.nop;
    }
  }
  return true;
}

/** Sets or clears ECE and CWR (RFC 3168); null leaves a flag alone: `set_ect_tcp()` (net/ipv4/netfilter/ipt_ECN.c). */
export function setTcpEcn(packet: Packet, ece: boolean | null, cwr: boolean | null): void {
  const { transport } = packet;
  if (!packet.hasTransport || transport + Tcp.minimumLength > packet.data.length) return;
  const before = u16(packet.data, transport + Tcp.dataOffset);
  let after = before;
  if (ece !== null) after = ece ? after | TcpFlag.ece : after & ~TcpFlag.ece;
  if (cwr !== null) after = cwr ? after | TcpFlag.cwr : after & ~TcpFlag.cwr;
  if (after === before) return;
  packet.own();
  if (!isOffloaded(packet)) patch(packet, before, after);
  setU16(packet.data, transport + Tcp.dataOffset, after);
}
