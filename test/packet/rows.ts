import { readFileSync } from 'node:fs';
import { decodePacket, Packet } from '../../src/packet/packet.js';

/** A block of a file of kernel answers: a head line, then indented lines of a word and a value. */
export interface Block {
  readonly head: string;
  readonly values: ReadonlyMap<string, string>;
}

export function readBlocks(path: string): Block[] {
  const blocks: { head: string; values: Map<string, string> }[] = [];
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const value = /^ {3}(\S+) +(.*)$/.exec(line);
    if (value) blocks.at(-1)!.values.set(value[1], value[2]);
    else if (line !== '' && !line.startsWith('#')) blocks.push({ head: line, values: new Map() });
  }
  return blocks;
}

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A packet from its bytes; bytes that are none are a defect of the test. */
export function packetOf(bytes: Uint8Array | string): Packet {
  const packet = decodePacket(typeof bytes === 'string' ? bytesOf(bytes) : bytes);
  if (packet instanceof Packet) return packet;
  throw new Error(packet);
}
