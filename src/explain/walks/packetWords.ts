import { type IpAddress, parseAddress } from '../../address/ip.js';
import { framesAtHand } from '../../capture/atHand.js';
import type { Frame, FrameSource } from '../../capture/frame.js';
import { setU16, setU32 } from '../../packet/bytes.js';
import {
  checksumOffset,
  fillTransportChecksum,
  ipv4HeaderChecksum,
  verifyTransport,
} from '../../packet/checksum.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { LinkType } from '../../packet/linkType.js';
import { Protocol } from '../../packet/numbers.js';
import { Packet } from '../../packet/packet.js';
import { hasPorts } from '../../packet/rewrite.js';
import {
  Icmp,
  IcmpType,
  Icmpv6Type,
  Tcp,
  TcpFlag,
  transportHeaderLength,
  Udp,
} from '../../packet/transport.js';
import { parsePort } from '../../rules/ports.js';
import { parseProtocol, protocolName } from '../../rules/protocols.js';
import { parseFlags } from '../../rules/tcpFlags.js';

/** A packet told in words. */
export interface WordedPacket {
  readonly protocol: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** ICMP. */
  readonly type: number;
  readonly code: number;
  /** Bits of the TCP header. */
  readonly flags: number;
  readonly ttl: number;
  /** Bytes of payload. */
  readonly payload: number;
  /** The mark that it has before the first rule: of tc, or of what it came out of. */
  readonly mark: number;
  /** What connection tracking is to make of it; null: what follows from the packets before it. */
  readonly state: WordedState | null;
  /** The interface it comes in by; null: the host sends it. */
  readonly in: string | null;
  /** The interface the host sends it by. */
  readonly out: string | null;
}

const STATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'] as const;
export type WordedState = (typeof STATES)[number];

/** What cannot be read, in a sentence. */
export interface WordsProblem {
  readonly message: string;
}

const USAGE = 'a packet is written like: tcp 203.0.113.5:4000 > 198.51.100.2:10000 in eth0';
const LARGEST_PAYLOAD = 1400;

/**
 * Reads a packet such as `tcp 203.0.113.5:4000 > 198.51.100.2:10000 in eth0 flags SYN`, the words that `packetText`
 * writes. What follows the addresses: `in IF` or `out IF`, `flags F,G` (SYN unless given; ACK of what is ESTABLISHED), `type T/C` (an echo request
 * unless given), `ttl N` (64), `payload N` bytes (0), `mark N` (0), and `state S`: NEW, ESTABLISHED and RELATED are of a
 * connection that NAT leaves alone, unless packets before have opened it.
 */
export function readPacketWords(text: string): WordedPacket | WordsProblem {
  const words = text.trim().split(/\s+/);
  const [protocolWord, from, arrow, to] = words;
  if (arrow !== '>' || to === undefined) return { message: `${USAGE}; the addresses stand around a >` };
  const protocol = parseProtocol(protocolWord);
  if (protocol === undefined) return { message: `${protocolWord} is no protocol; ${USAGE}` };
  const source = readEnd(from, protocol);
  const destination = readEnd(to, protocol);
  if ('message' in source) return source;
  if ('message' in destination) return destination;
  if (source.address.version !== destination.address.version)
    return { message: `${from} and ${to} are of two IP versions` };
  const options = readOptions(words.slice(4));
  if ('message' in options) return options;
  if ((options.in === null) === (options.out === null))
    return { message: `say by which interface it comes: in eth0, or out eth0 for the host's own; ${USAGE}` };
  if (options.state === 'INVALID' && (options.in === null || !isSummed(protocol)))
    return { message: 'state INVALID can be had for TCP, UDP and ICMP that come in: by a wrong checksum' };
  const echo = source.address.version === 4 ? IcmpType.echo : Icmpv6Type.echoRequest;
  return {
    protocol,
    source: source.address,
    destination: destination.address,
    sourcePort: source.port ?? 40000,
    destinationPort: destination.port ?? 0,
    ...options,
    flags: options.flags ?? (options.state === 'ESTABLISHED' ? TcpFlag.ack : TcpFlag.syn),
    type: options.type ?? echo,
  };
}

function readEnd(text: string, protocol: number): { address: IpAddress; port: number | null } | WordsProblem {
  const found = /^\[([^\]]*)\](?::(\S+))?$/.exec(text) ?? /^([^:]+)(?::([^:]+))?$/.exec(text) ?? [text, text];
  const address = parseAddress(found[1] ?? text) ?? parseAddress(text);
  if (!address) return { message: `${text} is no address; ${USAGE}` };
  const portWord = parseAddress(text) ? undefined : (found[2] as string | undefined);
  if (portWord === undefined) return { address, port: null };
  const port = parsePort(portWord, protocol);
  if (port === undefined || !hasPorts(protocol))
    return { message: `${portWord} is no port of ${protocolName(protocol)}` };
  return { address, port };
}

interface Options {
  in: string | null;
  out: string | null;
  flags: number | null;
  type: number | null;
  code: number;
  ttl: number;
  payload: number;
  mark: number;
  state: WordedState | null;
}

const NAMES: readonly string[] = ['in', 'out', 'flags', 'type', 'ttl', 'payload', 'mark', 'state'];

function readOptions(words: readonly string[]): Options | WordsProblem {
  const options: Options = {
    in: null,
    out: null,
    flags: null,
    type: null,
    code: 0,
    ttl: 64,
    payload: 0,
    mark: 0,
    state: null,
  };
  for (let i = 0; i < words.length; i += 2) {
    const [name, value] = [words[i], words[i + 1] as string | undefined];
    if (value === undefined) return { message: `${name} is not followed by a value` };
    const number = /^\d{1,5}$/.test(value) ? Number(value) : NaN;
    const pair = /^(\d{1,3})\/(\d{1,3})$/.exec(value);
    const flags = parseFlags(value);
    if (name === 'in' || name === 'out') options[name] = value;
    else if (name === 'flags' && flags !== undefined) options.flags = flags;
    else if (name === 'type' && pair)
      [options.type, options.code] = [Number(pair[1]) & 255, Number(pair[2]) & 255];
    else if (name === 'type' && number <= 255) options.type = number;
    else if (name === 'ttl' && number <= 255) options.ttl = number;
    else if (name === 'payload' && number <= LARGEST_PAYLOAD) options.payload = number;
    else if (name === 'mark' && /^(\d{1,10}|0x[0-9a-f]{1,8})$/i.test(value) && Number(value) < 2 ** 32)
      options.mark = Number(value) | 0;
    else if (name === 'state') {
      const state = STATES.find((s) => s === value.toUpperCase());
      if (!state) return { message: `${value} is no state; there are ${STATES.join(', ')}` };
      options.state = state;
    } else if (NAMES.includes(name)) return { message: `${name} ${value} is not understood; ${USAGE}` };
    else return { message: `${name} is not understood; what can be said is ${NAMES.join(', ')}; ${USAGE}` };
  }
  return options;
}

/** The packet's bytes from the IP header on, with right checksums; with a wrong one where it is to be INVALID. */
export function packetBytes(worded: WordedPacket): Uint8Array {
  const { protocol, source, destination, payload } = worded;
  const version = source.version;
  const header = version === 4 ? Ipv4.minimumLength : Ipv6.length;
  const data = new Uint8Array(header + transportHeaderLength(protocol) + payload);
  const packet = new Packet(data, version, data.length);
  packet.protocol = protocol;
  packet.transport = header;
  if (version === 4) {
    data[Ipv4.versionIhl] = 0x45;
    setU16(data, Ipv4.totalLength, data.length);
    data[Ipv4.ttl] = worded.ttl;
    data[Ipv4.protocol] = protocol;
  } else {
    setU32(data, Ipv6.versionClassLabel, 6 << 28);
    setU16(data, Ipv6.payloadLength, data.length - header);
    data[Ipv6.nextHeader] = protocol;
    data[Ipv6.hopLimit] = worded.ttl;
  }
  putAddress(data, packet.sourceOffset, source);
  putAddress(data, packet.destinationOffset, destination);
  if (version === 4) setU16(data, Ipv4.checksum, ipv4HeaderChecksum(data));
  putTransport(data, header, worded);
  fillTransportChecksum(packet);
  if (worded.state === 'INVALID') spoilChecksum(packet);
  return packet.data;
}

/** Whether a wrong checksum makes it INVALID: `nf_conntrack_in()` looks at no others. */
function isSummed(protocol: number): boolean {
  return protocol !== Protocol.dccp && checksumOffset(protocol) !== undefined;
}

/** The field has values that pass for right although they are not: the pseudo header's sum, and 0 in UDP. */
function spoilChecksum(packet: Packet): void {
  const { data, transport, protocol } = packet;
  const field = transport + (checksumOffset(protocol) ?? 0);
  for (let i = 0; i < 3 && verifyTransport(packet) !== 'bad'; i++) data[field]++;
}

function isIcmp(protocol: number): boolean {
  return protocol === Protocol.icmp || protocol === Protocol.icmpv6;
}

function putAddress(data: Uint8Array, at: number, { version, a, b, c, d }: IpAddress): void {
  (version === 4 ? [a] : [a, b, c, d]).forEach((word, i) => setU32(data, at + 4 * i, word));
}

function putTransport(data: Uint8Array, at: number, worded: WordedPacket): void {
  const { protocol } = worded;
  if (isIcmp(protocol)) {
    data[at + Icmp.type] = worded.type;
    data[at + Icmp.code] = worded.code;
    setU16(data, at + Icmp.id, 1);
    setU16(data, at + Icmp.sequence, 1);
    return;
  }
  if (!hasPorts(protocol)) return;
  setU16(data, at + Tcp.sourcePort, worded.sourcePort);
  setU16(data, at + Tcp.destinationPort, worded.destinationPort);
  if (protocol === Protocol.tcp) {
    data[at + Tcp.dataOffset] = 0x50;
    data[at + Tcp.flags] = worded.flags;
    // Both sides begin with 1, so that one packet after the other makes a conversation.
    setU32(data, at + Tcp.sequence, worded.flags & TcpFlag.syn ? 1 : 2);
    if (worded.flags & TcpFlag.ack) setU32(data, at + Tcp.acknowledgment, 2);
    setU16(data, at + Tcp.window, 64240);
  } else if (protocol === Protocol.udp || protocol === Protocol.udplite)
    setU16(data, at + Udp.length, data.length - at);
}

/** Whether an argument is a packet in words rather than a file or a rule. */
export function looksLikePacket(text: string): boolean {
  return /^\s*\S+\s+\S*[.:]\S*\s+>/.test(text);
}

/** Packets in words as a capture: one after the other, a millisecond apart. */
export function wordedSource(packets: readonly WordedPacket[]): FrameSource {
  const made = packets.map((packet, i): Frame => {
    const bytes = packetBytes(packet);
    return {
      number: i + 1,
      time: i * 1e6,
      linkType: LinkType.raw,
      bytes,
      originalLength: bytes.length,
      interface: packet.in ?? packet.out ?? '',
      direction: packet.in === null ? 'out' : 'in',
      comment: '',
      file: 0,
    };
  });
  return framesAtHand(made, 0n);
}
