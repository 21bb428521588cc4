import { readFileSync } from 'node:fs';
import type { Disturb } from './disturbance.js';

const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** A classic pcap file without its first third of packets. */
export function withoutFirstThird(file: Buffer): Buffer {
  const isLittle = file.readUInt32LE(0) >>> 24 === 0xa1;
  const at: number[] = [];
  for (let i = FILE_HEADER; i < file.length;) {
    at.push(i);
    i += RECORD_HEADER + (isLittle ? file.readUInt32LE(i + 8) : file.readUInt32BE(i + 8));
  }
  return Buffer.concat([file.subarray(0, FILE_HEADER), file.subarray(at[Math.floor(at.length / 3)])]);
}

/** ns since 1970 of the first packet of a classic pcap file of a little-endian machine. */
export function startOf(file: Buffer): bigint {
  const unit = file.readUInt32LE(0) === 0xa1b23c4d ? 1n : 1000n;
  return (
    BigInt(file.readUInt32LE(FILE_HEADER)) * 1_000_000_000n +
    BigInt(file.readUInt32LE(FILE_HEADER + 4)) * unit
  );
}

export const begunLate: Disturb = ({ capture }) => ({
  what: 'the first third of the capture cut',
  // What the host counted meanwhile is of packets that are not there.
  contents: { 'any.pcap': withoutFirstThird(readFileSync(capture)), after: null },
  isNamed: ({ kind }) => kind === 'olderConnections' || kind === 'captureIncomplete',
});
