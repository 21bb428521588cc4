import { setU16, u16, u8 } from './bytes.js';
import { fillTransportChecksum, isOffloaded, pseudoHeaderSum } from './checksum.js';
import { Protocol } from './numbers.js';
import type { Packet } from './packet.js';
import { setLength } from './rewrite.js';
import { Tcp, transportHeaderLength, Udp } from './transport.js';

/** The largest IP packet (RFC 791). */
const MOST = 0xffff;

/** Where the payload begins, behind the transport header with its options; it may be beyond the packet's end. */
export function payloadOffset({ data, transport, protocol }: Packet): number {
  if (protocol === Protocol.tcp) return transport + (u8(data, transport + Tcp.dataOffset) >> 4) * 4;
  return transport + transportHeaderLength(protocol);
}

/** The payload up to the packet's end, as its length says; null: it was not captured whole. */
export function wholePayload(packet: Packet): Uint8Array | null {
  const { data, length } = packet;
  return data.length < length ? null : data.subarray(Math.min(payloadOffset(packet), length), length);
}

/**
 * Puts other bytes in the place of some of the payload, and makes lengths and checksums right:
 * `__nf_nat_mangle_tcp_packet()`, `nf_nat_mangle_udp_packet()` (net/netfilter/nf_nat_helper.c). The packet was captured whole.
 * @param from where they begin, from the network header on
 * @param to where they end
 * @returns false where the packet would become too long; nothing was changed
 */
export function replacePayload(packet: Packet, from: number, to: number, bytes: Uint8Array): boolean {
  const { transport, protocol, data: old } = packet;
  const length = packet.length + bytes.length - (to - from);
  if (bytes.length > to - from && length > MOST) return false;
  const isPartial = isOffloaded(packet);
  const data = new Uint8Array(length);
  data.set(old.subarray(0, from));
  data.set(bytes, from);
  data.set(old.subarray(to, packet.length), from + bytes.length);
  packet.data = data;
  packet.takeOver();
  setLength(packet, length);
  if (protocol === Protocol.udp) {
    setU16(data, transport + Udp.length, length - transport);
    // No checksum stays none.
    if (u16(data, transport + Udp.checksum) === 0) return true;
  }
  if (!isPartial) fillTransportChecksum(packet);
  else
    setU16(
      data,
      transport + (protocol === Protocol.udp ? Udp.checksum : Tcp.checksum),
      pseudoHeaderSum(packet, length - transport),
    );
  return true;
}

/** The same for what is text. */
export function replaceText(packet: Packet, from: number, to: number, text: string): boolean {
  return replacePayload(
    packet,
    from,
    to,
    Uint8Array.from(text, (letter) => letter.charCodeAt(0)),
  );
}
