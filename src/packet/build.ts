import type { IpAddress } from '../address/ip.js';
import { addressOf } from './addresses.js';
import { setU16, setU32, u16, u32, u8 } from './bytes.js';
import { fillTransportChecksum, ipv4HeaderChecksum } from './checksum.js';
import { Ipv4, Ipv4Fragment } from './ipv4.js';
import { Ipv6 } from './ipv6.js';
import { Protocol } from './numbers.js';
import { Packet } from './packet.js';
import { tosOf } from './rewrite.js';
import { Icmp, IcmpType, Icmpv6Type, Tcp, TcpFlag } from './transport.js';

/** net.ipv4.ip_default_ttl and the hop limit of IPv6, unless the host says otherwise. */
const DEFAULT_TTL = 64;
/** RFC 1812 section 4.3.2.3: an ICMP error is at most this long; RFC 4443 section 2.4(c) for IPv6. */
const LONGEST_ERROR = { 4: 576, 6: 1280 } as const;

function writeAddress(data: Uint8Array, at: number, address: IpAddress): void {
  setU32(data, at, address.a);
  if (address.version === 4) return;
  setU32(data, at + 4, address.b);
  setU32(data, at + 8, address.c);
  setU32(data, at + 12, address.d);
}

interface Header {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly tos: number;
  readonly ttl?: number;
  readonly dontFragment: boolean;
}

/** A packet with an IP header of the host's own and room for `length` bytes behind it. */
function emptyPacket(header: Header, length: number): Packet {
  const { version } = header.source;
  const transport = version === 4 ? Ipv4.minimumLength : Ipv6.length;
  const data = new Uint8Array(transport + length);
  if (version === 4) {
    data[0] = 0x45;
    data[Ipv4.tos] = header.tos;
    setU16(data, Ipv4.totalLength, data.length);
    if (header.dontFragment) setU16(data, Ipv4.fragment, Ipv4Fragment.dontFragment);
    data[Ipv4.ttl] = header.ttl ?? DEFAULT_TTL;
    data[Ipv4.protocol] = header.protocol;
    writeAddress(data, Ipv4.source, header.source);
    writeAddress(data, Ipv4.destination, header.destination);
    setU16(data, Ipv4.checksum, ipv4HeaderChecksum(data));
  } else {
    data[0] = 0x60 | (header.tos >> 4);
    data[1] = (header.tos & 15) << 4;
    setU16(data, Ipv6.payloadLength, length);
    data[Ipv6.nextHeader] = header.protocol;
    data[Ipv6.hopLimit] = header.ttl ?? DEFAULT_TTL;
    writeAddress(data, Ipv6.source, header.source);
    writeAddress(data, Ipv6.destination, header.destination);
  }
  const packet = new Packet(data, version, data.length);
  packet.protocol = header.protocol;
  packet.transport = transport;
  return packet;
}

/** The answer to an echo request: `icmp_echo()`, `icmpv6_echo_reply()`. */
export function echoReply(request: Packet, source: IpAddress): Packet {
  const type = request.version === 4 ? IcmpType.echoReply : Icmpv6Type.echoReply;
  return icmpReply(request, source, type, request.data.subarray(request.transport));
}

/** `icmp_timestamp()`: 12 bytes of times, which only the capture knows. */
export function timestampReply(request: Packet, source: IpAddress): Packet {
  const body = new Uint8Array(20);
  body.set(request.data.subarray(request.transport, request.transport + 12));
  return icmpReply(request, source, IcmpType.timestampReply, body);
}

function icmpReply(request: Packet, source: IpAddress, type: number, body: Uint8Array): Packet {
  const reply = emptyPacket(
    {
      source,
      destination: addressOf(request, 'source'),
      protocol: request.protocol,
      tos: request.version === 4 ? tosOf(request) : 0,
      dontFragment: false,
    },
    body.length,
  );
  reply.data.set(body, reply.transport);
  reply.data[reply.transport + Icmp.type] = type;
  fillTransportChecksum(reply);
  return reply;
}

/** An ICMP or ICMPv6 error about `offender`: `icmp_send()`, `icmp6_send()`. */
export function icmpError(
  offender: Packet,
  type: number,
  code: number,
  options: { readonly source: IpAddress; readonly mtu?: number },
): Packet {
  const { version } = offender;
  const head = (version === 4 ? Ipv4.minimumLength : Ipv6.length) + Icmp.headerLength;
  const quoted = offender.data.subarray(0, Math.min(offender.length, LONGEST_ERROR[version] - head));
  const error = emptyPacket(
    {
      source: options.source,
      destination: addressOf(offender, 'source'),
      protocol: version === 4 ? Protocol.icmp : Protocol.icmpv6,
      // RFC 1812 section 4.3.2.5: precedence internetwork control.
      tos: version === 4 ? (tosOf(offender) & 0x1e) | 0xc0 : 0,
      dontFragment: false,
    },
    Icmp.headerLength + quoted.length,
  );
  const { data, transport } = error;
  data[transport + Icmp.type] = type;
  data[transport + Icmp.code] = code;
  if (version === 4) setU16(data, transport + Icmp.mtu, options.mtu ?? 0);
  else if (type === Icmpv6Type.parameterProblem) setU32(data, transport + 4, Ipv6.nextHeader);
  else setU32(data, transport + Icmp.mtu6, options.mtu ?? 0);
  data.set(quoted, transport + Icmp.headerLength);
  fillTransportChecksum(error);
  return error;
}

/** The RST of a closed port: `tcp_v4_send_reset()`, `tcp_v6_send_response()` (RFC 9293 section 3.5.2). */
export function resetForClosedPort(offender: Packet): Packet {
  return reset(offender, tosOf(offender));
}

/** The RST of REJECT --reject-with tcp-reset: `nf_send_reset()`; null where the offender is an RST itself. */
export function rejectReset(offender: Packet): Packet | null {
  if (offender.protocol !== Protocol.tcp || offender.length - offender.transport < Tcp.minimumLength) return null;
  if (u8(offender.data, offender.transport + Tcp.flags) & TcpFlag.rst) return null;
  return reset(offender, 0);
}

function reset(offender: Packet, tos: number): Packet {
  const answer = emptyPacket(
    {
      source: addressOf(offender, 'destination'),
      destination: addressOf(offender, 'source'),
      protocol: Protocol.tcp,
      tos,
      dontFragment: true,
    },
    Tcp.minimumLength,
  );
  const from = offender.transport;
  const flags = u8(offender.data, from + Tcp.flags);
  const { data, transport } = answer;
  setU16(data, transport + Tcp.sourcePort, u16(offender.data, from + Tcp.destinationPort));
  setU16(data, transport + Tcp.destinationPort, u16(offender.data, from + Tcp.sourcePort));
  data[transport + Tcp.dataOffset] = 0x50;
  if (flags & TcpFlag.ack) {
    setU32(data, transport + Tcp.sequence, u32(offender.data, from + Tcp.acknowledgment));
    data[transport + Tcp.flags] = TcpFlag.rst;
  } else {
    const header = (u8(offender.data, from + Tcp.dataOffset) >> 4) * 4;
    const length =
      offender.length - from - header + (flags & TcpFlag.syn ? 1 : 0) + (flags & TcpFlag.fin ? 1 : 0);
    setU32(data, transport + Tcp.acknowledgment, u32(offender.data, from + Tcp.sequence) + length);
    data[transport + Tcp.flags] = TcpFlag.rst | TcpFlag.ack;
  }
  fillTransportChecksum(answer);
  return answer;
}
