import { u16, u32, u8 } from '../packet/bytes.js';
import { Tcp, TcpFlag, Udp } from '../packet/transport.js';
import { type Bytes, type Draft, presence, reach } from './draft.js';
import type { LineOptions } from './options.js';
import { Word, type WordBytes } from './words.js';

/** Bit 0 of byte 12: accurate ECN (linux/tcp.h since 6.15; RFC 3168's nonce sum before). */
const ACCURATE_ECN = 1;
/** The reserved bits of byte 12, printed two places to the left: TCP_RESERVED_BITS >> 22. */
const RESERVED = 0x0e;

/** From the high bit down, as the kernel prints them. */
const FLAGS = [
  [TcpFlag.cwr, Word.cwr],
  [TcpFlag.ece, Word.ece],
  [TcpFlag.urg, Word.urg],
  [TcpFlag.ack, Word.ackFlag],
  [TcpFlag.psh, Word.psh],
  [TcpFlag.rst, Word.rst],
  [TcpFlag.syn, Word.syn],
  [TcpFlag.fin, Word.fin],
] as const;

/** `nf_log_dump_tcp_header()`. */
export function describeTcp(
  packet: Bytes,
  at: number,
  fragment: boolean,
  options: LineOptions,
  draft: Draft,
): void {
  const { data } = packet;
  draft.flag(Word.tcp);
  if (fragment) return;
  if (!reach(packet, at, Tcp.minimumLength, draft)) {
    draft.ended = !draft.cutShort;
    return;
  }
  draft.number(Word.spt, u16(data, at + Tcp.sourcePort));
  draft.number(Word.dpt, u16(data, at + Tcp.destinationPort));
  if (options.tcpSequence) {
    draft.number(Word.seq, u32(data, at + Tcp.sequence));
    draft.number(Word.ack, u32(data, at + Tcp.acknowledgment));
  }
  const offsetAndReserved = u8(data, at + Tcp.dataOffset);
  draft.number(Word.window, u16(data, at + Tcp.window));
  draft.hex(Word.res, (offsetAndReserved & RESERVED) << 2, 2);
  if (offsetAndReserved & ACCURATE_ECN) draft.flag(Word.ae);
  const flags = u8(data, at + Tcp.flags);
  for (const [bit, name] of FLAGS) if (flags & bit) draft.flag(name);
  draft.number(Word.urgp, u16(data, at + Tcp.urgent));

  const size = (offsetAndReserved >> 4) * 4 - Tcp.minimumLength;
  if (!options.tcpOptions || size <= 0) return;
  const found = presence(packet, at + Tcp.minimumLength, size);
  const from = at + Tcp.minimumLength;
  if (found === 'whole') draft.options(data, from, from + size);
  else if (found === 'cut') draft.cutShort = true;
  else draft.endBare(Word.optTruncated);
}

/** `nf_log_dump_udp_header()`; UDP-Lite's header has the same places (RFC 3828). */
export function describeUdp(
  packet: Bytes,
  at: number,
  fragment: boolean,
  name: WordBytes,
  draft: Draft,
): void {
  const { data } = packet;
  draft.flag(name);
  if (fragment) return;
  if (!reach(packet, at, Udp.headerLength, draft)) {
    draft.ended = !draft.cutShort;
    return;
  }
  draft.number(Word.spt, u16(data, at + Udp.sourcePort));
  draft.number(Word.dpt, u16(data, at + Udp.destinationPort));
  draft.number(Word.len, u16(data, at + Udp.length));
}
