import { u16, u32, u8 } from './bytes.js';
import type { Packet } from './packet.js';
import { tcpHeaderLength } from './rewriteTcp.js';
import { Tcp, TcpOption } from './transport.js';

/** What TCP agrees on in its options when a connection is opened. */
export interface TcpOptions {
  readonly mss: number | null;
  readonly windowScale: number | null;
  readonly sackPermitted: boolean;
  readonly timestamps: Timestamps | null;
}

/** RFC 7323 section 3: the sender's clock, and what it saw last of the other one; unsigned 32 bits each. */
export interface Timestamps {
  readonly value: number;
  readonly echo: number;
}

/** Bytes of each, kind and length included. */
const Length = { mss: 4, windowScale: 3, sackPermitted: 2, timestamps: 10 } as const;
/** RFC 7323 section 2.3: a greater one is taken for this. */
export const MAX_SCALE = 14;

/**
 * Visits the options of a segment in order, up to the first that is broken; END and NOP are passed over.
 * @param visit is told the kind, the length in bytes, and where it stands from the transport header on
 */
export function forEachTcpOption(
  { data, transport }: Pick<Packet, 'data' | 'transport'>,
  visit: (kind: number, length: number, offsetInHeader: number) => void,
): void {
  const end = (u8(data, transport + Tcp.dataOffset) >> 4) * 4;
  for (let at: number = Tcp.minimumLength; at < end;) {
    const kind = u8(data, transport + at);
    if (kind === TcpOption.end) return;
    if (kind === TcpOption.nop) {
      at++;
      continue;
    }
    if (end - at < 2) return;
    const length = u8(data, transport + at + 1);
    if (length < 2 || length > end - at) return;
    visit(kind, length, at);
    at += length;
  }
}

/** What a segment says of the connection that it opens; null where its header is broken. */
export function readTcpOptions(packet: Packet): TcpOptions | null {
  if (tcpHeaderLength(packet) === 0) return null;
  const { data, transport } = packet;
  let mss: number | null = null;
  let windowScale: number | null = null;
  let sackPermitted = false;
  let timestamps: Timestamps | null = null;
  forEachTcpOption(packet, (kind, length, offset) => {
    const at = transport + offset + 2;
    if (kind === TcpOption.mss && length === Length.mss) mss = u16(data, at);
    else if (kind === TcpOption.windowScale && length === Length.windowScale)
      windowScale = Math.min(u8(data, at), MAX_SCALE);
    else if (kind === TcpOption.sackPermitted && length === Length.sackPermitted) sackPermitted = true;
    else if (kind === TcpOption.timestamps && length === Length.timestamps)
      timestamps = { value: u32(data, at), echo: u32(data, at + 4) };
  });
  return { mss, windowScale, sackPermitted, timestamps };
}

/** Where the two timestamps of a segment stand, from the network header on; 0: it has none. */
export function timestampsOffset(packet: Packet): number {
  let found = 0;
  forEachTcpOption(packet, (kind, length, offset) => {
    if (found === 0 && kind === TcpOption.timestamps && length === Length.timestamps)
      found = packet.transport + offset + 2;
  });
  return found;
}

/** As Linux writes them, in whole words: `tcp_options_write()` (net/ipv4/tcp_output.c), `synproxy_build_options()`. */
export function tcpOptionBytes({ mss, windowScale, sackPermitted, timestamps }: TcpOptions): Uint8Array {
  const { nop } = TcpOption;
  const sack = [TcpOption.sackPermitted, Length.sackPermitted];
  const bytes: number[] = [];
  if (mss !== null) bytes.push(TcpOption.mss, Length.mss, mss >>> 8, mss & 0xff);
  if (timestamps) {
    bytes.push(...(sackPermitted ? sack : [nop, nop]), TcpOption.timestamps, Length.timestamps);
    for (const word of [timestamps.value, timestamps.echo])
      bytes.push(word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
  } else if (sackPermitted) bytes.push(nop, nop, ...sack);
  if (windowScale !== null) bytes.push(nop, TcpOption.windowScale, Length.windowScale, windowScale);
  return Uint8Array.from(bytes);
}
