import type { ByteWindow } from './window.js';
import { type Complaints, CurrentFrame, DAMAGED, FRAME_LIMIT, type FrameReader, tooLong } from './reader.js';

/** The file header of pcap (draft-ietf-opsawg-pcap section 4): offsets. */
export const PcapHeader = { magic: 0, major: 4, minor: 6, snaplen: 16, linkType: 20, length: 24 } as const;
/** The record header (section 5). */
export const PcapRecord = { seconds: 0, fraction: 4, captured: 8, original: 12, length: 16 } as const;

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;

export interface PcapFormat {
  readonly littleEndian: boolean;
  /** What one unit of a record's fraction is, ns. */
  readonly unit: 1 | 1000;
  readonly major: number;
  readonly minor: number;
  readonly linkType: number;
}

/** The byte order and unit that the first four bytes tell; null: no pcap file. */
export function pcapMagic(bytes: Uint8Array): { littleEndian: boolean; unit: 1 | 1000 } | null {
  if (bytes.length < 4) return null;
  const big = ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
  const little = ((bytes[3] << 24) | (bytes[2] << 16) | (bytes[1] << 8) | bytes[0]) >>> 0;
  if (big === MICROSECONDS) return { littleEndian: false, unit: 1000 };
  if (big === NANOSECONDS) return { littleEndian: false, unit: 1 };
  if (little === MICROSECONDS) return { littleEndian: true, unit: 1000 };
  if (little === NANOSECONDS) return { littleEndian: true, unit: 1 };
  return null;
}

/**
 * Takes the file header out of the window.
 * @returns null where it is cut or of another version; the complaint is made
 */
export async function takePcapHeader(window: ByteWindow, complaints: Complaints): Promise<PcapFormat | null> {
  if (!(await window.have(PcapHeader.length))) {
    complaints.error('header cut', `the pcap file header is cut at ${window.length} of 24 bytes`);
    return null;
  }
  const { view, start } = window;
  const magic = pcapMagic(window.bytes.subarray(start, start + 4));
  if (!magic) {
    complaints.error('not a capture', 'this is no pcap file');
    return null;
  }
  const { littleEndian } = magic;
  const major = view.getUint16(start + PcapHeader.major, littleEndian);
  const minor = view.getUint16(start + PcapHeader.minor, littleEndian);
  if (major !== 2 || minor !== 4) {
    const advice = 'convert it: editcap -F pcap OLD NEW';
    complaints.error('not a capture', `pcap of version ${major}.${minor} is not read, only 2.4`, advice);
    return null;
  }
  // The upper half holds the length of the frame check sequence and reserved bits.
  const linkType = view.getUint32(start + PcapHeader.linkType, littleEndian) & 0xffff;
  window.start += PcapHeader.length;
  return { ...magic, major, minor, linkType };
}

/** Reads the records of a pcap file as views of the window. */
export class PcapReader implements FrameReader {
  readonly frame = new CurrentFrame();
  private damaged = false;

  constructor(
    private readonly window: ByteWindow,
    private readonly format: PcapFormat,
    private readonly complaints: Complaints,
  ) {
    this.frame.linkType = format.linkType;
  }

  next(): boolean {
    const { window, format, frame } = this;
    const { start, view } = window;
    const available = window.end - start - PcapRecord.length;
    if (available < 0 || this.damaged) return false;
    const { littleEndian } = format;
    const captured = view.getUint32(start + PcapRecord.captured, littleEndian);
    if (captured > FRAME_LIMIT) {
      this.damaged = true;
      this.complaints.error('bad record', tooLong('record', window.offset, captured, FRAME_LIMIT), DAMAGED);
      return false;
    }
    if (captured > available) return false;
    frame.seconds = view.getUint32(start, littleEndian);
    frame.nanoseconds = view.getUint32(start + PcapRecord.fraction, littleEndian) * format.unit;
    frame.originalLength = view.getUint32(start + PcapRecord.original, littleEndian);
    const data = start + PcapRecord.length;
    frame.place(view, data, captured);
    window.start = data + captured;
    return true;
  }

  async fill(): Promise<boolean> {
    if (this.damaged) return false;
    if (await this.window.fill()) return true;
    if (this.window.length > 0) this.complaints.warning(cutRecord(this.window, this.format));
    return false;
  }

  close(): Promise<void> {
    return this.window.close();
  }
}

/** What to say of the bytes after the last whole record. */
export function cutRecord(window: ByteWindow, format: PcapFormat): string {
  const { length } = window;
  if (length < PcapRecord.length)
    return `the last record is cut: ${length} of its header's 16 bytes are there`;
  const captured = window.view.getUint32(window.start + PcapRecord.captured, format.littleEndian);
  return `the last record is cut: ${length - PcapRecord.length} of its ${captured} bytes are there`;
}
