import { EventEmitter } from 'node:events';
import { parse, type PacketHeader } from 'pcap-parser';
import { cutRecord, type PcapFormat, PcapRecord } from './pcap.js';
import { type Complaints, CurrentFrame, DAMAGED, FRAME_LIMIT, type FrameReader, tooLong } from './reader.js';
import type { ByteWindow } from './window.js';

/** The input that pcap-parser is given: it is fed by hand, so that reading waits for whoever takes the frames. */
class Feed extends EventEmitter {
  pause(): void {}
  resume(): void {}
}

/**
 * Reads a pcap stream (standard input, a pipe, a growing file) through pcap-parser. The package is given a plain
 * microsecond 2.4 header, whole records only, and no length above the limit; nanoseconds, link type bits, cut ends
 * and damage are judged here. It is fed what was read and no more is read until its packets are taken.
 */
export class StreamedPcapReader implements FrameReader {
  readonly frame = new CurrentFrame();
  private readonly feed = new Feed();
  private headers: PacketHeader[] = [];
  private packets: Buffer[] = [];
  private taken = 0;
  private damaged = false;

  /** @param window stands after the file header */
  constructor(
    private readonly window: ByteWindow,
    private readonly format: PcapFormat,
    private readonly complaints: Complaints,
  ) {
    this.frame.linkType = format.linkType;
    parse(this.feed)
      .on('packetHeader', (header) => this.headers.push(header))
      .on('packetData', (data) => this.packets.push(data));
    this.feed.emit('data', plainHeader(format.littleEndian));
  }

  next(): boolean {
    if (this.taken === this.packets.length) return false;
    const header = this.headers[this.taken];
    const { frame } = this;
    frame.seconds = header.timestampSeconds;
    frame.nanoseconds = header.timestampMicroseconds * this.format.unit;
    frame.originalLength = header.originalLength;
    // No Buffer goes out: its slice() is a view where that of Uint8Array is a copy.
    const data = this.packets[this.taken++];
    frame.bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
    return true;
  }

  async fill(): Promise<boolean> {
    this.headers = [];
    this.packets = [];
    this.taken = 0;
    const { window } = this;
    for (;;) {
      const whole = this.wholeRecords();
      if (whole > 0) {
        this.feed.emit('data', Buffer.from(window.bytes.slice(window.start, window.start + whole)));
        window.start += whole;
        return true;
      }
      if (this.damaged) return false;
      if (await window.fill()) continue;
      if (window.length > 0) this.complaints.warning(cutRecord(window, this.format));
      return false;
    }
  }

  /**
   * How many bytes of the window are whole records. pcap-parser copies all it holds for every chunk that leaves a
   * record unfinished, and believes any length: so it is never given either.
   */
  private wholeRecords(): number {
    const { window } = this;
    let at = window.start;
    while (window.end - at >= PcapRecord.length) {
      const captured = window.view.getUint32(at + PcapRecord.captured, this.format.littleEndian);
      if (captured > FRAME_LIMIT) {
        if (at === window.start) {
          this.damaged = true;
          const message = tooLong('record', window.offset, captured, FRAME_LIMIT);
          this.complaints.error('bad record', message, DAMAGED);
        }
        break;
      }
      const next = at + PcapRecord.length + captured;
      if (next > window.end) break;
      at = next;
    }
    return at - window.start;
  }

  close(): Promise<void> {
    return this.window.close();
  }
}

/** A file header that pcap-parser takes; the link type is not read from it. */
function plainHeader(littleEndian: boolean): Buffer {
  const header = Buffer.alloc(24);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  view.setUint32(0, 0xa1b2c3d4, littleEndian);
  view.setUint16(4, 2, littleEndian);
  view.setUint16(6, 4, littleEndian);
  return header;
}
