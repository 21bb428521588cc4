import { fileURLToPath } from 'node:url';
import { type IpAddress, parseAddress } from '../../src/address/ip.js';
import { setU32 } from '../../src/packet/bytes.js';
import type { Device } from '../../src/packet/device.js';
import { Packet } from '../../src/packet/packet.js';
import { type Host } from '../../src/host/host.js';
import { readHost } from '../../src/host/snapshot.js';
import { Diagnostics } from '../../src/source/diagnostic.js';

/** A snapshot of test/host/data that nothing is wrong with. */
export function snapshot(name: string): Host {
  const diagnostics = new Diagnostics();
  const host = readHost(dataPath(name), diagnostics);
  if (diagnostics.list.length > 0) throw new Error(JSON.stringify(diagnostics.list));
  return host;
}

export function dataPath(name: string): string {
  return fileURLToPath(new URL(`data/${name}`, import.meta.url));
}

export function ip(text: string): IpAddress {
  const address = parseAddress(text);
  if (!address) throw new Error(`no address: ${text}`);
  return address;
}

/** A packet that has nothing but what routing looks at. */
export function packet(flow: {
  from?: string;
  to: string;
  in?: Device;
  mark?: number;
  tos?: number;
}): Packet {
  const to = ip(flow.to);
  const from = ip(flow.from ?? (to.version === 4 ? '0.0.0.0' : '::'));
  const bytes = new Uint8Array(to.version === 4 ? 20 : 40);
  bytes[0] = to.version === 4 ? 0x45 : 0x60;
  if (to.version === 4) bytes[1] = flow.tos ?? 0;
  const result = new Packet(bytes, to.version, bytes.length);
  write(bytes, result.sourceOffset, from);
  write(bytes, result.destinationOffset, to);
  result.in = flow.in ?? null;
  result.mark = flow.mark ?? 0;
  return result;
}

function write(bytes: Uint8Array, at: number, { version, a, b, c, d }: IpAddress): void {
  setU32(bytes, at, a);
  if (version === 6) [b, c, d].forEach((word, i) => setU32(bytes, at + 4 * (i + 1), word));
}
