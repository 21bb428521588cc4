import { closeSync, openSync, writeSync } from 'node:fs';

export interface TcpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly payload: number;
}

/** Writes a capture frame by frame, as `tcpdump -i any` would: each frame's head, then one body. */
export interface CaptureWriter {
  /** @param time ns since the start; `type`: 0 came in, 4 was sent; `mac`: of the sender */
  frame(time: number, index: number, type: number, mac: string): void;
  icmp(
    source: number,
    destination: number,
    ttl: number,
    id: number,
    type: number,
    echo: number,
    n: number,
  ): void;
  udp(
    source: number,
    destination: number,
    ttl: number,
    id: number,
    sport: number,
    dport: number,
    payload: number,
  ): void;
  tcp(source: number, destination: number, ttl: number, id: number, fields: TcpFields): void;
  close(): void;
}

/** 2026-01-01T00:00:00Z. */
const EPOCH_SECONDS = 1_767_225_600;
const CHUNK = 4 << 20;
/** pcap's record header, and the cooked header of Linux (SLL2, link type 276). */
const RECORD = 16;
const COOKED = 20;
const IPV4 = 20;

export function createCapture(path: string): CaptureWriter {
  const file = openSync(path, 'w');
  const buffer = Buffer.alloc(CHUNK);
  const macs = new Map<string, Buffer>();
  let at = 0;
  let start = 0;
  let length = 0;

  const flush = (): void => {
    for (let done = 0; done < at;) done += writeSync(file, buffer, done, at - done);
    at = 0;
  };
  /** The IPv4 header; returns where the transport header is. */
  const begin = (
    source: number,
    destination: number,
    ttl: number,
    id: number,
    protocol: number,
    size: number,
  ): number => {
    length = IPV4 + size;
    const ip = start + RECORD + COOKED;
    buffer.fill(0, ip, ip + length);
    buffer[ip] = 0x45;
    buffer.writeUInt16BE(length, ip + 2);
    buffer.writeUInt16BE(id, ip + 4);
    buffer[ip + 6] = 0x40;
    buffer[ip + 8] = ttl;
    buffer[ip + 9] = protocol;
    buffer.writeUInt32BE(source, ip + 12);
    buffer.writeUInt32BE(destination, ip + 16);
    buffer.writeUInt16BE(checksum(buffer, ip, IPV4, 0), ip + 10);
    return ip + IPV4;
  };
  const end = (): void => {
    const whole = COOKED + length;
    buffer.writeUInt32LE(whole, start + 8);
    buffer.writeUInt32LE(whole, start + 12);
    at = start + RECORD + whole;
  };
  /** The sum of addresses, protocol and length that the checksums of TCP and UDP begin with. */
  const pseudo = (protocol: number, size: number): number => {
    const ip = start + RECORD + COOKED;
    let sum = protocol + size;
    for (let i = 12; i < 20; i += 2) sum += buffer.readUInt16BE(ip + i);
    return sum;
  };

  buffer.writeUInt32LE(0xa1b23c4d, 0);
  buffer.writeUInt16LE(2, 4);
  buffer.writeUInt16LE(4, 6);
  buffer.writeUInt32LE(262_144, 16);
  buffer.writeUInt32LE(276, 20);
  at = 24;
  return {
    frame(time, index, type, mac) {
      if (at > CHUNK - 512) flush();
      start = at;
      let bytes = macs.get(mac);
      if (!bytes) macs.set(mac, (bytes = Buffer.from(mac.replace(/:/g, ''), 'hex')));
      buffer.writeUInt32LE(EPOCH_SECONDS + Math.floor(time / 1e9), start);
      buffer.writeUInt32LE(time % 1e9, start + 4);
      const cooked = start + RECORD;
      buffer.fill(0, cooked, cooked + COOKED);
      buffer.writeUInt16BE(0x0800, cooked);
      buffer.writeUInt32BE(index, cooked + 4);
      buffer.writeUInt16BE(1, cooked + 8);
      buffer[cooked + 10] = type;
      buffer[cooked + 11] = 6;
      bytes.copy(buffer, cooked + 12);
    },
    icmp(source, destination, ttl, id, type, echo, n) {
      const size = 16;
      const l4 = begin(source, destination, ttl, id, 1, size);
      buffer[l4] = type;
      buffer.writeUInt16BE(echo, l4 + 4);
      buffer.writeUInt16BE(n & 0xffff, l4 + 6);
      buffer.writeUInt16BE(checksum(buffer, l4, size, 0), l4 + 2);
      end();
    },
    udp(source, destination, ttl, id, sport, dport, payload) {
      const size = 8 + payload;
      const l4 = begin(source, destination, ttl, id, 17, size);
      buffer.writeUInt16BE(sport, l4);
      buffer.writeUInt16BE(dport, l4 + 2);
      buffer.writeUInt16BE(size, l4 + 4);
      buffer.writeUInt16BE(checksum(buffer, l4, size, pseudo(17, size)) || 0xffff, l4 + 6);
      end();
    },
    tcp(source, destination, ttl, id, f) {
      const size = 20 + f.payload;
      const l4 = begin(source, destination, ttl, id, 6, size);
      buffer.writeUInt16BE(f.sourcePort, l4);
      buffer.writeUInt16BE(f.destinationPort, l4 + 2);
      buffer.writeUInt32BE(f.sequence >>> 0, l4 + 4);
      buffer.writeUInt32BE(f.acknowledgment >>> 0, l4 + 8);
      buffer[l4 + 12] = 0x50;
      buffer[l4 + 13] = f.flags;
      buffer.writeUInt16BE(0xffff, l4 + 14);
      buffer.writeUInt16BE(checksum(buffer, l4, size, pseudo(6, size)), l4 + 16);
      end();
    },
    close() {
      flush();
      closeSync(file);
    },
  };
}

/** RFC 1071; `size` is even. */
function checksum(bytes: Buffer, from: number, size: number, initial: number): number {
  let sum = initial;
  for (let i = from; i < from + size; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
