import { IpAddress, parseAddress } from '../../../src/address/ip.js';
import { setU16 } from '../../../src/packet/bytes.js';
import type { Device } from '../../../src/packet/device.js';
import { decodePacket, type Packet } from '../../../src/packet/packet.js';
import { CtState, type Connection, CtStatus, Tuple } from '../../../src/rules/connection.js';
import type { Context } from '../../../src/rules/context.js';
import { jiffies } from '../../../src/rules/jiffies.js';

const address = (text: string): IpAddress => parseAddress(text)!;

function addressBytes({ version, a, b, c, d }: IpAddress): number[] {
  return (version === 4 ? [a] : [a, b, c, d]).flatMap((word) =>
    [24, 16, 8, 0].map((n) => (word >>> n) & 255),
  );
}

interface Ip {
  source?: string;
  destination?: string;
  tos?: number;
  ttl?: number;
  /** Offset of this fragment in bytes. */
  fragment?: number;
  /** Bytes kept of the packet. */
  snaplen?: number;
}

/** An IPv4 or IPv6 packet, by its source, with `payload` behind the header. */
export function packet(protocol: number, payload: readonly number[], ip: Ip = {}): Packet {
  const source = address(ip.source ?? '10.0.0.1');
  const destination = address(ip.destination ?? (source.version === 4 ? '10.0.0.2' : 'fe80::2'));
  const tos = ip.tos ?? 0;
  const ttl = ip.ttl ?? 64;
  const fragment = ip.fragment ?? 0;
  let header: number[];
  if (source.version === 4) {
    const length = 20 + payload.length;
    header = [
      0x45,
      tos,
      length >> 8,
      length & 255,
      0,
      0,
      fragment >> 11,
      (fragment >> 3) & 255,
      ttl,
      protocol,
      0,
      0,
    ];
  } else {
    header = [0x60 | (tos >> 4), (tos & 15) << 4, 0, 0, 0, payload.length, fragment ? 44 : protocol, ttl];
  }
  header.push(...addressBytes(source), ...addressBytes(destination));
  if (source.version === 6 && fragment) {
    header.push(protocol, 0, fragment >> 8, fragment & 255, 0, 0, 0, 1);
    header[5] += 8;
  }
  const bytes = Uint8Array.from([...header, ...payload]);
  const decoded = decodePacket(bytes);
  if (typeof decoded === 'string') throw new Error(decoded);
  if (ip.snaplen !== undefined) decoded.data = bytes.subarray(0, ip.snaplen);
  return decoded;
}

function ports(source: number, destination: number): number[] {
  const bytes = new Uint8Array(4);
  setU16(bytes, 0, source);
  setU16(bytes, 2, destination);
  return [...bytes];
}

export function udpPacket(source: number, destination: number, ip: Ip = {}): Packet {
  return packet(17, [...ports(source, destination), 0, 8, 0, 0], ip);
}

/** @param options padded to words by the caller */
export function tcpPacket(
  source: number,
  destination: number,
  {
    flags = 0x02,
    options = [] as readonly number[],
    ...ip
  }: Ip & { flags?: number; options?: readonly number[] } = {},
): Packet {
  const words = 5 + options.length / 4;
  const head = [...ports(source, destination), 0, 0, 0, 0, 0, 0, 0, 0, words << 4, flags, 0, 0, 0, 0, 0, 0];
  return packet(6, [...head, ...options], ip);
}

export function icmpPacket(type: number, code: number, ip: Ip = {}): Packet {
  const protocol = ip.source?.includes(':') ? 58 : 1;
  return packet(protocol, [type, code, 0, 0, 0, 1, 0, 1], ip);
}

export function device(name: string, more: Partial<Device> = {}): Device {
  return {
    index: 2,
    name,
    kind: 1,
    mac: new Uint8Array(6),
    master: null,
    isBridge: false,
    isLoopback: false,
    mtu: 1500,
    group: 0,
    ...more,
  };
}

export function tuple(
  source: string,
  sourcePort: number,
  destination: string,
  destinationPort: number,
  protocol = 6,
): Tuple {
  const made = new Tuple();
  made.version = address(source).version;
  made.source = address(source);
  made.destination = address(destination);
  made.sourcePort = sourcePort;
  made.destinationPort = destinationPort;
  made.protocol = protocol;
  return made;
}

/** A confirmed TCP connection from 192.168.0.2:40000, whose destination 203.0.113.1:80 was rewritten to 10.0.0.3:8080. */
export function connection(more: Partial<Connection> = {}): Connection {
  return {
    id: 1,
    original: tuple('192.168.0.2', 40000, '203.0.113.1', 80),
    reply: tuple('10.0.0.3', 8080, '192.168.0.2', 40000),
    status: CtStatus.confirmed | CtStatus.seenReply | CtStatus.dstNat | CtStatus.dstNatDone,
    mark: 0,
    labels: null,
    zone: 0,
    helper: null,
    packets: [1, 1],
    bytes: [60, 60],
    expires: 100e9,
    master: null,
    sourceRule: null,
    destinationRule: null,
    markRule: null,
    ...more,
  };
}

/** A context in which only `parts` may be asked for; anything else is undefined. */
export function context(parts: Partial<Context> = {}): Context {
  const tick = jiffies(parts.now ?? 0);
  return { now: 0, tick, connection: null, ctState: CtState.invalid, ctDirection: 0, ...parts } as Context;
}
