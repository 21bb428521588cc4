import type { FrameDirection } from './frame.js';
import { BlockType, BYTE_ORDER_MAGIC, DirectionFlag, Option } from './pcapngFormat.js';

export interface PcapngPacket {
  /** What `addInterface` gave. */
  readonly interface: number;
  /** ns since the epoch. */
  readonly time: bigint;
  readonly bytes: Uint8Array;
  /** Length on the wire, bytes; not less than `bytes`. */
  readonly originalLength?: number;
  readonly direction?: FrameDirection;
  readonly comment?: string;
}

export interface PcapngWriter {
  /** Describes an interface; its packets name it by the number returned. */
  addInterface(name: string, linkType: number): number;
  addPacket(packet: PcapngPacket): void;
}

const utf8 = new TextEncoder();
/** An option's length is 16 bits wide. */
const OPTION_LIMIT = 0xffff;
const NANOSECONDS = 9;

/**
 * Writes pcapng (draft-ietf-opsawg-pcapng): one little-endian section, times in ns. The section header goes out at once.
 * @param application the program's name, for the section header
 * @param write takes each block, whole, in order; the bytes are its own
 */
export function pcapngWriter(application: string, write: (block: Uint8Array) => void): PcapngWriter {
  let interfaces = 0;
  write(sectionHeader(application));
  return {
    addInterface(name, linkType) {
      write(interfaceDescription(name, linkType));
      return interfaces++;
    },
    addPacket(packet) {
      write(enhancedPacket(packet));
    },
  };
}

function sectionHeader(application: string): Uint8Array {
  const name = optionText(application);
  const block = new Block(BlockType.sectionHeader, 16 + optionsLength(name));
  block.u32(BYTE_ORDER_MAGIC);
  block.u16(1);
  block.u16(0);
  // The section's length is not known yet.
  block.u32(0xffffffff);
  block.u32(0xffffffff);
  block.option(Option.application, name);
  return block.end();
}

function interfaceDescription(name: string, linkType: number): Uint8Array {
  const text = optionText(name);
  const resolution = Uint8Array.of(NANOSECONDS);
  const block = new Block(BlockType.interfaceDescription, 8 + optionsLength(text, resolution));
  block.u16(linkType);
  block.u16(0);
  // No limit to the length of a packet.
  block.u32(0);
  block.option(Option.interfaceName, text);
  block.option(Option.timeResolution, resolution);
  return block.end();
}

function enhancedPacket(packet: PcapngPacket): Uint8Array {
  const { bytes, originalLength = bytes.length, direction = '', comment = '' } = packet;
  const text = optionText(comment);
  const flags = flagsOf(direction);
  const block = new Block(BlockType.enhancedPacket, 20 + padded(bytes.length) + optionsLength(text, flags));
  block.u32(packet.interface);
  block.u32(Number(BigInt.asUintN(64, packet.time) >> 32n));
  block.u32(Number(BigInt.asUintN(32, packet.time)));
  block.u32(bytes.length);
  block.u32(originalLength);
  block.padded(bytes);
  block.option(Option.comment, text);
  block.option(Option.flags, flags);
  return block.end();
}

function flagsOf(direction: FrameDirection): Uint8Array {
  if (direction === '') return new Uint8Array(0);
  return Uint8Array.of(direction === 'in' ? DirectionFlag.inbound : DirectionFlag.outbound, 0, 0, 0);
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

/** The room that options need with their end mark; empty ones are left out. */
function optionsLength(...values: Uint8Array[]): number {
  const used = values.filter((value) => value.length > 0);
  return used.length === 0 ? 0 : used.reduce((total, value) => total + 4 + padded(value.length), 4);
}

/** UTF-8, cut between characters where an option cannot hold it all. */
function optionText(text: string): Uint8Array {
  const bytes = utf8.encode(text.slice(0, OPTION_LIMIT));
  if (bytes.length <= OPTION_LIMIT) return bytes;
  let end = OPTION_LIMIT;
  while ((bytes[end] & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** One block being written; new bytes are 0, so padding and the end-of-options mark need no writing. */
class Block {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 8;

  constructor(type: number, bodyLength: number) {
    this.bytes = new Uint8Array(bodyLength + 12);
    this.view = new DataView(this.bytes.buffer);
    this.view.setUint32(0, type, true);
    this.view.setUint32(4, this.bytes.length, true);
  }

  u16(value: number): void {
    this.view.setUint16(this.at, value, true);
    this.at += 2;
  }

  u32(value: number): void {
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  padded(value: Uint8Array): void {
    this.bytes.set(value, this.at);
    this.at += padded(value.length);
  }

  option(code: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.u16(code);
    this.u16(value.length);
    this.padded(value);
  }

  end(): Uint8Array {
    this.view.setUint32(this.bytes.length - 4, this.bytes.length, true);
    return this.bytes;
  }
}
