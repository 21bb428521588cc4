import { isMulticast } from '../address/scope.js';
import type { IpAddress } from '../address/ip.js';
import { addressOf } from './addresses.js';
import { i32, setU16, setU32, u16, u8 } from './bytes.js';
import {
  fillTransportChecksum,
  ipv4HeaderChecksum,
  replaceWord,
  verifyForReject,
  verifyTransport,
} from './checksum.js';
import { Ipv4, Ipv4Fragment } from './ipv4.js';
import { Ipv6 } from './ipv6.js';
import { PacketType, Protocol } from './numbers.js';
import { Packet } from './packet.js';
import { isIcmpError, rewrite, tosOf } from './rewrite.js';
import { Icmp, IcmpType, Icmpv6Type, Tcp, TcpFlag } from './transport.js';

/** What the host chooses for a packet that it makes; what is left out is what an idle Linux host would take. */
export interface Origin {
  /** Whom the packet is from; by default the one that the answered packet was sent to. */
  readonly source?: IpAddress;
  /** Whom it goes to; by default the one that the answered packet was from. */
  readonly destination?: IpAddress;
  /** IPv4 identification: the kernel's counter depends on a secret, so only evidence can tell it. */
  readonly id?: number;
  /** net.ipv4.ip_default_ttl, net.ipv6.conf.*.hop_limit; 64 unless given. */
  readonly hopLimit?: number;
  /** IPv6: by default a hash with a secret, as for `id`. */
  readonly flowLabel?: number;
  /** IPv4 options, a multiple of four bytes; none unless given. */
  readonly options?: Uint8Array;
}

const NO_OPTIONS = new Uint8Array(0);
const DEFAULT_HOP_LIMIT = 64;
/** RFC 1812 section 4.3.2.3: an ICMP error is at most this long; RFC 4443 section 2.4 (c) for IPv6. */
const LONGEST_ERROR = { 4: 576, 6: 1280 } as const;
/** RFC 1812 section 4.3.2.5: precedence internetwork control. */
const INTERNETWORK_CONTROL = 0xc0;
/** RT_TOS(): the bits of the offender's TOS that an error keeps. */
const KEPT_TOS = 0x1e;
/** RFC 3168: the congestion bits are no business of a reset. */
const ECN_BITS = 0x03;
/** An ICMP or ICMPv6 error: `rest` is the second word (next-hop MTU, gateway, pointer). */
export interface IcmpErrorKind {
  readonly type: number;
  readonly code: number;
  readonly rest?: number;
}

/** The last type that the kernel knows (NR_ICMP_TYPES); it answers no later one with an error. */
const LAST_ICMP_TYPE = 18;
/** Errors, router discovery and types that nobody has given a meaning: no error about them (`icmp_pointers[].error`). */
const ICMP_NOT_ANSWERED: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12];
const TIMESTAMP_LENGTH = 20;

/** What the IP header of the host's own says of what is behind it. */
interface Header {
  readonly protocol: number;
  readonly tos: number;
  readonly dontFragment: boolean;
  /** Bytes of transport header and data that are known, and as many as are really sent. */
  readonly captured: number;
  readonly wire: number;
}

/** A packet with an IP header of the host's own, back to whom `asked` came from, and room behind it. */
function answer(asked: Packet, header: Header, origin: Origin): Packet {
  const { version } = asked;
  const options = origin.options ?? NO_OPTIONS;
  const headerLength = version === 4 ? Ipv4.minimumLength + options.length : Ipv6.length;
  const data = new Uint8Array(headerLength + header.captured);
  const packet = new Packet(data, version, headerLength + header.wire);
  packet.takeOver();
  packet.protocol = header.protocol;
  packet.transport = headerLength;
  packet.time = asked.time;
  const hopLimit = origin.hopLimit ?? DEFAULT_HOP_LIMIT;
  if (version === 4) {
    data[Ipv4.versionIhl] = 0x40 | (headerLength / 4);
    data.set(options, Ipv4.minimumLength);
    data[Ipv4.tos] = header.tos;
    setU16(data, Ipv4.totalLength, packet.length);
    setU16(data, Ipv4.id, origin.id ?? 0);
    setU16(data, Ipv4.fragment, header.dontFragment ? Ipv4Fragment.dontFragment : 0);
    data[Ipv4.ttl] = hopLimit;
    data[Ipv4.protocol] = header.protocol;
  } else {
    setU32(data, Ipv6.versionClassLabel, (6 << 28) | (header.tos << 20) | (origin.flowLabel ?? 0));
    setU16(data, Ipv6.payloadLength, header.wire);
    data[Ipv6.nextHeader] = header.protocol;
    data[Ipv6.hopLimit] = hopLimit;
  }
  writeAddress(data, packet.sourceOffset, addressOf(asked, 'destination'));
  writeAddress(data, packet.destinationOffset, addressOf(asked, 'source'));
  if (version === 4) setU16(data, Ipv4.checksum, ipv4HeaderChecksum(data));
  return packet;
}

function writeAddress(data: Uint8Array, at: number, { version, a, b, c, d }: IpAddress): void {
  setU32(data, at, a);
  if (version === 4) return;
  setU32(data, at + 4, b);
  setU32(data, at + 8, c);
  setU32(data, at + 12, d);
}

/**
 * Gives the answer the ends that the host chose, where they are others; checksums are kept along. To that of a transport
 * header the first hop of a source route is nothing: it is made for who gets the packet in the end (RFC 9293 section 3.1).
 */
function from(packet: Packet, { source, destination }: Origin): Packet {
  if (source) rewrite(packet, { source });
  if (destination && packet.version === 4) {
    const { data } = packet;
    writeAddress(data, packet.destinationOffset, destination);
    setU16(data, Ipv4.checksum, 0);
    setU16(data, Ipv4.checksum, ipv4HeaderChecksum(data));
  }
  return packet;
}

function icmpOf(packet: Packet): number {
  return packet.version === 4 ? Protocol.icmp : Protocol.icmpv6;
}

/**
 * The answer to an echo request: `icmp_echo()`, `icmpv6_echo_reply()`. The data comes back and the TOS byte with
 * it.
 */
export function echoReply(request: Packet, origin: Origin = {}): Packet {
  const { version, data: asked, transport: start } = request;
  const wire = Math.max(Icmp.headerLength, request.length - start);
  const captured = Math.max(Icmp.headerLength, Math.min(asked.length, request.length) - start);
  const header = { protocol: icmpOf(request), tos: tosOf(request), dontFragment: false, captured, wire };
  const reply = answer(request, header, origin);
  const { data, transport } = reply;
  data.set(asked.subarray(start, start + captured), transport);
  const before = u16(data, transport);
  data[transport] = version === 4 ? IcmpType.echoReply : Icmpv6Type.echoReply;
  // The data may have been cut, so the checksum follows the type; addresses that change places leave it alone.
  const field = transport + Icmp.checksum;
  setU16(data, field, replaceWord(u16(data, field), before, u16(data, transport)));
  return from(reply, origin);
}

/**
 * The answer to an ICMP timestamp request: `icmp_timestamp()`.
 * @param midnight milliseconds since midnight UTC at the host (RFC 792); 0 where nothing tells
 * @returns null where the request holds no timestamp
 */
export function timestampReply(request: Packet, midnight: number, origin: Origin = {}): Packet | null {
  const { data: asked, transport: start } = request;
  if (request.length - start < Icmp.headerLength + 4) return null;
  const size = { captured: TIMESTAMP_LENGTH, wire: TIMESTAMP_LENGTH };
  const header = { protocol: Protocol.icmp, tos: tosOf(request), dontFragment: false, ...size };
  const reply = answer(request, header, origin);
  const { data, transport } = reply;
  data[transport + Icmp.type] = IcmpType.timestampReply;
  setU32(data, transport + Icmp.id, i32(asked, start + Icmp.id));
  setU32(data, transport + 8, i32(asked, start + 8));
  setU32(data, transport + 12, midnight);
  setU32(data, transport + 16, midnight);
  fillTransportChecksum(reply);
  return from(reply, origin);
}

/**
 * Whether the kernel would tell anybody about this packet: not about an error, a later fragment (IPv4) or what went
 * to many, and not to an address that is nobody's. `icmp_send()` (net/ipv4/icmp.c), `icmp6_send()` (net/ipv6/icmp.c).
 */
export function mayAnswerWithError(offender: Packet, { type, code }: IcmpErrorKind): boolean {
  const destination = addressOf(offender, 'destination');
  const source = addressOf(offender, 'source');
  if ((source.a | source.b | source.c | source.d) === 0 || isMulticast(source)) return false;
  const { packetType } = offender;
  const toMany =
    isMulticast(destination) || packetType === PacketType.broadcast || packetType === PacketType.multicast;
  if (offender.version === 4) {
    if (toMany || destination.a === -1 || offender.fragmentOffset !== 0) return false;
    if (offender.protocol !== Protocol.icmp) return true;
    const about = u8(offender.data, offender.transport);
    return !ICMP_NOT_ANSWERED.includes(about) && about <= LAST_ICMP_TYPE;
  }
  // Path MTU discovery and unknown options are answered to multicast too (RFC 4443 section 2.4 (e.3)).
  const always = type === Icmpv6Type.packetTooBig || (type === Icmpv6Type.parameterProblem && code === 2);
  if (toMany && !always) return false;
  return !isIcmpError(offender);
}

/**
 * The ICMP or ICMPv6 error that tells the sender about its packet, quoting as much of it as the kernel does. Where a
 * snaplen cut the quotation short, `length` is right and the checksum stays 0, since it cannot be known.
 * @returns null where the kernel stays silent; its rate limits are the caller's
 */
export function icmpError(offender: Packet, kind: IcmpErrorKind, origin: Origin = {}): Packet | null {
  if (!mayAnswerWithError(offender, kind)) return null;
  const { version } = offender;
  const own = version === 4 ? Ipv4.minimumLength + (origin.options?.length ?? 0) : Ipv6.length;
  const headers = own + Icmp.headerLength;
  const quoted = Math.min(offender.length, LONGEST_ERROR[version] - headers);
  const known = Math.min(offender.data.length, quoted);
  const header = {
    protocol: icmpOf(offender),
    tos: version === 4 ? (tosOf(offender) & KEPT_TOS) | INTERNETWORK_CONTROL : 0,
    dontFragment: false,
    captured: Icmp.headerLength + known,
    wire: Icmp.headerLength + quoted,
  };
  const error = from(answer(offender, header, origin), origin);
  const { data, transport } = error;
  data[transport + Icmp.type] = kind.type;
  data[transport + Icmp.code] = kind.code;
  setU32(data, transport + Icmp.id, kind.rest ?? 0);
  data.set(offender.data.subarray(0, known), transport + Icmp.headerLength);
  setU16(data, transport + Icmp.checksum, 0);
  if (known === quoted) fillTransportChecksum(error);
  return error;
}

/**
 * A TCP reset for a segment that nobody wants.
 * @param by `reject`: `nf_send_reset()`, `nf_send_reset6()` (net/ipv4/netfilter/nf_reject_ipv4.c and its sibling);
 *   `stack`: the host's own for a closed port, `tcp_v4_send_reset()`, `tcp_v6_send_response()`
 * @returns null where the kernel stays silent: for a reset, a wrong checksum, a later fragment
 */
export function tcpReset(offender: Packet, by: 'reject' | 'stack', origin: Origin = {}): Packet | null {
  if (offender.protocol !== Protocol.tcp || !offender.hasTransport) return null;
  if (offender.length - offender.transport < Tcp.minimumLength) return null;
  if (u8(offender.data, offender.transport + Tcp.flags) & TcpFlag.rst) return null;
  if ((by === 'reject' ? verifyForReject : verifyTransport)(offender) === 'bad') return null;
  if (isMulticast(addressOf(offender, 'source')) || isMulticast(addressOf(offender, 'destination')))
    return null;
  return by === 'reject'
    ? reset(offender, 0, { ...origin, flowLabel: 0 })
    : reset(offender, tosOf(offender) & ~ECN_BITS, origin);
}

function reset(offender: Packet, tos: number, origin: Origin): Packet {
  const { data: bytes, transport: start } = offender;
  const size = { captured: Tcp.minimumLength, wire: Tcp.minimumLength };
  const header = { protocol: Protocol.tcp, tos, dontFragment: true, ...size };
  const packet = answer(offender, header, { ...origin, id: 0 });
  const { data, transport } = packet;
  setU16(data, transport + Tcp.sourcePort, u16(bytes, start + Tcp.destinationPort));
  setU16(data, transport + Tcp.destinationPort, u16(bytes, start + Tcp.sourcePort));
  data[transport + Tcp.dataOffset] = 0x50;
  const flags = u8(bytes, start + Tcp.flags);
  if (flags & TcpFlag.ack) {
    setU32(data, transport + Tcp.sequence, i32(bytes, start + Tcp.acknowledgment));
    data[transport + Tcp.flags] = TcpFlag.rst;
  } else {
    // What was sent is acknowledged; SYN and FIN count as one each.
    const headerLength = (u8(bytes, start + Tcp.dataOffset) >> 4) * 4;
    const flagged = (flags & TcpFlag.syn ? 1 : 0) + (flags & TcpFlag.fin ? 1 : 0);
    const sent = offender.length - start - headerLength + flagged;
    setU32(data, transport + Tcp.acknowledgment, i32(bytes, start + Tcp.sequence) + sent);
    data[transport + Tcp.flags] = TcpFlag.rst | TcpFlag.ack;
  }
  fillTransportChecksum(packet);
  return from(packet, origin);
}

/** What a TCP header says, ports and checksum aside. */
export interface SegmentFields {
  /** Any 32 bits, as the next one. */
  readonly sequence: number;
  readonly acknowledgment: number;
  /** Bits of TcpFlag. */
  readonly flags: number;
  /** As in the header, unscaled. */
  readonly window: number;
  /** A multiple of four bytes. */
  readonly options: Uint8Array;
}

/**
 * A segment of the host's own without data, between the ends of another one; it must not be fragmented.
 * @param way back to who sent that one, or on to whom it was sent
 */
export function tcpSegment(
  other: Packet,
  way: 'back' | 'on',
  fields: SegmentFields,
  origin: Omit<Origin, 'source'> = {},
): Packet {
  const length = Tcp.minimumLength + fields.options.length;
  const header = { protocol: Protocol.tcp, tos: 0, dontFragment: true, captured: length, wire: length };
  const packet = answer(other, header, { ...origin, id: 0 });
  const { data, transport } = packet;
  const ports = [Tcp.sourcePort, Tcp.destinationPort];
  if (way === 'on') {
    writeAddress(data, packet.sourceOffset, addressOf(other, 'source'));
    writeAddress(data, packet.destinationOffset, addressOf(other, 'destination'));
  } else ports.reverse();
  setU16(data, transport + Tcp.sourcePort, u16(other.data, other.transport + ports[0]));
  setU16(data, transport + Tcp.destinationPort, u16(other.data, other.transport + ports[1]));
  setU32(data, transport + Tcp.sequence, fields.sequence);
  setU32(data, transport + Tcp.acknowledgment, fields.acknowledgment);
  data[transport + Tcp.dataOffset] = (length / 4) << 4;
  data[transport + Tcp.flags] = fields.flags;
  setU16(data, transport + Tcp.window, fields.window);
  data.set(fields.options, transport + Tcp.minimumLength);
  fillTransportChecksum(packet);
  return packet;
}
