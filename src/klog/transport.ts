import { u16, u32, u8 } from '../packet/bytes.js';
import { Tcp, TcpFlag, Udp } from '../packet/transport.js';
import { type Bytes, type Draft, presence, pushOptions, reach } from './draft.js';
import type { LineOptions } from './options.js';

/** Bit 0 of byte 12: accurate ECN (linux/tcp.h since 6.15; RFC 3168's nonce sum before). */
const ACCURATE_ECN = 1;
/** The reserved bits of byte 12, printed two places to the left: TCP_RESERVED_BITS >> 22. */
const RESERVED = 0x0e;

/** From the high bit down, as the kernel prints them. */
const FLAGS = [
  [TcpFlag.cwr, 'CWR'],
  [TcpFlag.ece, 'ECE'],
  [TcpFlag.urg, 'URG'],
  [TcpFlag.ack, 'ACK'],
  [TcpFlag.psh, 'PSH'],
  [TcpFlag.rst, 'RST'],
  [TcpFlag.syn, 'SYN'],
  [TcpFlag.fin, 'FIN'],
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
  const { tokens } = draft;
  tokens.push(['PROTO', 'TCP']);
  if (fragment) return;
  if (!reach(packet, at, Tcp.minimumLength, draft)) {
    draft.ended = !draft.cutShort;
    return;
  }
  tokens.push(
    ['SPT', `${u16(data, at + Tcp.sourcePort)}`],
    ['DPT', `${u16(data, at + Tcp.destinationPort)}`],
  );
  if (options.tcpSequence)
    tokens.push(['SEQ', `${u32(data, at + Tcp.sequence)}`], ['ACK', `${u32(data, at + Tcp.acknowledgment)}`]);
  const offsetAndReserved = u8(data, at + Tcp.dataOffset);
  const reserved = (offsetAndReserved & RESERVED) << 2;
  tokens.push(['WINDOW', `${u16(data, at + Tcp.window)}`]);
  tokens.push(['RES', `0x${reserved.toString(16).padStart(2, '0')}`]);
  if (offsetAndReserved & ACCURATE_ECN) tokens.push(['AE', null]);
  const flags = u8(data, at + Tcp.flags);
  for (const [bit, name] of FLAGS) if (flags & bit) tokens.push([name, null]);
  tokens.push(['URGP', `${u16(data, at + Tcp.urgent)}`]);

  const size = (offsetAndReserved >> 4) * 4 - Tcp.minimumLength;
  if (!options.tcpOptions || size <= 0) return;
  const found = presence(packet, at + Tcp.minimumLength, size);
  if (found === 'whole') pushOptions(packet, at + Tcp.minimumLength, size, draft);
  else if (found === 'cut') draft.cutShort = true;
  else {
    tokens.push(['OPT', '(TRUNCATED)']);
    draft.ended = draft.bare = true;
  }
}

/** `nf_log_dump_udp_header()`; UDP-Lite's header has the same places (RFC 3828). */
export function describeUdp(packet: Bytes, at: number, fragment: boolean, name: string, draft: Draft): void {
  const { data } = packet;
  draft.tokens.push(['PROTO', name]);
  if (fragment) return;
  if (!reach(packet, at, Udp.headerLength, draft)) {
    draft.ended = !draft.cutShort;
    return;
  }
  draft.tokens.push(
    ['SPT', `${u16(data, at + Udp.sourcePort)}`],
    ['DPT', `${u16(data, at + Udp.destinationPort)}`],
    ['LEN', `${u16(data, at + Udp.length)}`],
  );
}
