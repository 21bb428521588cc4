/** Builds and rewrites captures, byte by byte, for the tests. */

export const DATA = new URL('./data/', import.meta.url).pathname;

type Part = Uint8Array | number[];

export function concat(...parts: Part[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
}

function number(size: 1 | 2 | 4 | 8, value: number | bigint, little: boolean): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let i = 0; i < size; i++, rest >>= 8n) bytes[little ? i : size - 1 - i] = Number(rest & 255n);
  return bytes;
}

/** Writes numbers in one byte order. */
export function order(little: boolean): {
  u16: (value: number) => Uint8Array;
  u32: (value: number) => Uint8Array;
  u64: (value: number | bigint) => Uint8Array;
} {
  return {
    u16: (value) => number(2, value, little),
    u32: (value) => number(4, value, little),
    u64: (value) => number(8, value, little),
  };
}

export interface PcapOptions {
  readonly little?: boolean;
  readonly nanoseconds?: boolean;
  readonly linkType?: number;
  readonly version?: [number, number];
}

export function pcapHeader(options: PcapOptions = {}): Uint8Array {
  const { little = true, nanoseconds = false, linkType = 1, version = [2, 4] } = options;
  const { u16, u32 } = order(little);
  const magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  return concat(u32(magic), u16(version[0]), u16(version[1]), u32(0), u32(0), u32(262144), u32(linkType));
}

export interface Record {
  readonly seconds: number;
  readonly fraction: number;
  readonly data: Part;
  readonly captured?: number;
  readonly original?: number;
}

export function pcapRecord(record: Record, little = true): Uint8Array {
  const { u32 } = order(little);
  const { seconds, fraction, data, captured = data.length, original = data.length } = record;
  return concat(u32(seconds), u32(fraction), u32(captured), u32(original), data);
}

export function pcap(records: readonly Record[], options: PcapOptions = {}): Uint8Array {
  return concat(pcapHeader(options), ...records.map((record) => pcapRecord(record, options.little ?? true)));
}

/** The same pcap file in the other byte order. */
export function otherOrder(bytes: Uint8Array): Uint8Array {
  const out = Uint8Array.from(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const swap = (at: number, size: number): void => {
    out.subarray(at, at + size).reverse();
  };
  for (const [at, size] of [
    [0, 4],
    [4, 2],
    [6, 2],
    [8, 4],
    [12, 4],
    [16, 4],
    [20, 4],
  ])
    swap(at, size);
  const little = bytes[0] !== 0xa1;
  for (let at = 24; at + 16 <= bytes.length;) {
    const captured = view.getUint32(at + 8, little);
    for (let i = 0; i < 4; i++) swap(at + 4 * i, 4);
    at += 16 + captured;
  }
  return out;
}

/** Blocks of pcapng in one byte order. */
export function pcapng(little: boolean): {
  block: (type: number, ...body: Part[]) => Uint8Array;
  option: (code: number, value: Part) => Uint8Array;
  section: () => Uint8Array;
  device: (linkType: number, snaplen?: number, ...options: Part[]) => Uint8Array;
  packet: (device: number, stamp: bigint, data: Part, ...options: Part[]) => Uint8Array;
  oldPacket: (device: number, stamp: bigint, data: Part, ...options: Part[]) => Uint8Array;
  simple: (original: number, data: Part) => Uint8Array;
} {
  const { u16, u32, u64 } = order(little);
  const padded = (data: Part): Uint8Array => concat(data, new Uint8Array(-data.length & 3));
  const block = (type: number, ...body: Part[]): Uint8Array => {
    const inner = padded(concat(...body));
    return concat(u32(type), u32(inner.length + 12), inner, u32(inner.length + 12));
  };
  const option = (code: number, value: Part): Uint8Array =>
    concat(u16(code), u16(value.length), padded(value));
  const stamps = (stamp: bigint): Uint8Array =>
    concat(u32(Number(stamp >> 32n)), u32(Number(stamp & 0xffffffffn)));
  const lengths = (data: Part): Uint8Array => concat(u32(data.length), u32(data.length));
  return {
    block,
    option,
    section: () => block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(1), u16(0), u64(-1n)),
    device: (linkType, snaplen = 0, ...options) => block(1, u16(linkType), u16(0), u32(snaplen), ...options),
    packet: (device, stamp, data, ...options) =>
      block(6, u32(device), stamps(stamp), lengths(data), padded(data), ...options),
    oldPacket: (device, stamp, data, ...options) =>
      block(2, u16(device), u16(0), stamps(stamp), lengths(data), padded(data), ...options),
    simple: (original, data) => block(3, u32(original), data),
  };
}
