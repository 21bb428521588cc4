import { i32, u16, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { transportHeaderLength } from '../../packet/transport.js';
import { Outcome } from '../verdict.js';
import { reach } from '../matches/header.js';
import type { IpSet } from './set.js';

/** Cuts four address words at `at` to their first `bits` bits. */
export function maskWords(words: Int32Array, at: number, bits: number): void {
  for (let i = 0; i < 4; i++) {
    const kept = Math.min(32, Math.max(0, bits - 32 * i));
    words[at + i] &= kept === 0 ? 0 : -1 << (32 - kept);
  }
}

/**
 * The protocol * 65536 + port of a packet, as sets with ports see it (`ip_set_get_ip4_port()`, `get_port()` in
 * net/netfilter/ipset/ip_set_getport.c): for ICMP type * 256 + code, for protocols without ports 0.
 */
function putPort(packet: Packet, source: boolean, key: Int32Array, at: number, tcpUdpOnly: boolean): Outcome {
  const { protocol } = packet;
  if (tcpUdpOnly && protocol !== Protocol.tcp && protocol !== Protocol.udp) return Outcome.miss;
  if (protocol === 0 && packet.version === 4) return Outcome.miss;
  // Of DCCP sets know no ports.
  const length = protocol === Protocol.dccp ? 0 : transportHeaderLength(protocol);
  if (packet.fragmentOffset !== 0) {
    // An ICMPv6 number in an IPv4 fragment has no port that anybody looks for.
    if (packet.version === 6 || (length !== 0 && protocol !== Protocol.icmpv6)) return Outcome.miss;
    key[at] = protocol << 16;
    return Outcome.hit;
  }
  const there = reach(packet, packet.transport + length);
  if (there !== Outcome.hit) return there === Outcome.unknown ? there : Outcome.miss;
  const icmp = protocol === Protocol.icmp || protocol === Protocol.icmpv6;
  const port =
    length === 0
      ? 0
      : icmp
        ? (u8(packet.data, packet.transport) << 8) | u8(packet.data, packet.transport + 1)
        : source
          ? packet.sourcePort
          : packet.destinationPort;
  key[at] = tcpUdpOnly ? port : (protocol << 16) | port;
  return Outcome.hit;
}

function putMac(packet: Packet, source: boolean, key: Int32Array, at: number): Outcome {
  if (packet.link.length < 12) return Outcome.miss;
  const from = source ? 6 : 0;
  key[at] = i32(packet.link, from);
  key[at + 1] = u16(packet.link, from + 4);
  return key[at] === 0 && key[at + 1] === 0 ? Outcome.miss : Outcome.hit;
}

/**
 * Fills `key` with what an element must be to hold this packet: the `kadt` functions of net/netfilter/ipset.
 * Networks get the whole address with prefix length 32 or 128.
 * @param dimensions by position: true is src
 * @returns a miss where the packet has no such part, unknown where the capture lost it
 */
export function putPacketKey(
  set: IpSet,
  packet: Packet,
  dimensions: readonly boolean[],
  key: Int32Array,
): Outcome {
  const { type, options } = set;
  const { data } = packet;
  const addressWords = packet.version === 4 ? 1 : 4;
  for (let i = 0; i < type.fields.length; i++) {
    const at = type.offsets[i];
    const source = dimensions[i];
    let outcome: Outcome = Outcome.hit;
    switch (type.fields[i]) {
      case 'ip':
      case 'net': {
        const from = source ? packet.sourceOffset : packet.destinationOffset;
        for (let w = 0; w < 4; w++) key[at + w] = w < addressWords ? i32(data, from + 4 * w) : 0;
        if (type.fields[i] === 'net') key[at + 4] = addressWords * 32;
        else if (options.netmask !== null) maskWords(key, at, options.netmask);
        // hash:ip has no element for the zero address.
        if (type.name === 'hash:ip' && (key[at] | key[at + 1] | key[at + 2] | key[at + 3]) === 0)
          return Outcome.miss;
        break;
      }
      case 'port':
        outcome = putPort(packet, source, key, at, false);
        break;
      case 'tcpUdpPort':
        outcome = putPort(packet, source, key, at, true);
        break;
      case 'mac':
        outcome = putMac(packet, source, key, at);
        break;
      case 'mark':
        key[at] = packet.mark & options.markMask;
        break;
      case 'iface': {
        const name = (source ? packet.in : packet.out)?.name ?? '';
        if (name === '') return Outcome.miss;
        key[at] = set.interfaceId(name, false) ?? -1;
        break;
      }
    }
    if (outcome !== Outcome.hit) return outcome;
  }
  if (type.method === 'bitmap' && options.range) {
    const value = key[0] >>> 0;
    if (value < options.range[0] || value > options.range[1]) return Outcome.miss;
  }
  return Outcome.hit;
}
