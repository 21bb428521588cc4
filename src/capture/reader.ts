import type { CaptureErrorKind, Frame, FrameDirection } from './frame.js';

/** The frame that a reader stands at, with the time as the file has it. */
export class CurrentFrame implements Frame {
  number = 0;
  time = 0;
  linkType = 0;
  memory: DataView | null = null;
  at = 0;
  captured = 0;
  private view: Uint8Array | null = null;
  originalLength = 0;
  interface = '';
  direction: FrameDirection = '';
  comment = '';
  file = 0;
  /** Since the epoch. */
  seconds = 0;
  /** The rest of the time; below 1e9 in a file that is right. */
  nanoseconds = 0;

  /** Its bytes stand in memory that holds others too. */
  place(memory: DataView, at: number, captured: number): void {
    this.memory = memory;
    this.at = at;
    this.captured = captured;
    this.view = null;
  }

  get bytes(): Uint8Array {
    if (this.view) return this.view;
    const { memory, at, captured } = this;
    return (this.view = memory ? new Uint8Array(memory.buffer, memory.byteOffset + at, captured) : NO_BYTES);
  }

  set bytes(bytes: Uint8Array) {
    this.memory = null;
    this.at = 0;
    this.captured = bytes.length;
    this.view = bytes;
  }
}

const NO_BYTES = new Uint8Array(0);

/** Steps through one capture. What is wrong with it goes to the `Complaints` that it was made with. */
export interface FrameReader {
  readonly frame: CurrentFrame;
  /** The interfaces that the file names so far. */
  readonly interfaces?: readonly string[];
  /** Goes to the next frame of what is in memory; false: `fill` first. */
  next(): boolean;
  /** Reads more; false at the end of the capture, or where nothing after this place can be trusted. */
  fill(): Promise<boolean>;
  /** Lets go of files and children; a pending `fill` ends soon. */
  close(): Promise<void>;
}

/** Where a reader says what is wrong with its file. */
export interface Complaints {
  error(kind: CaptureErrorKind, message: string, advice?: string): void;
  warning(message: string): void;
}

/** libpcap's MAXIMUM_SNAPLEN and Wireshark's limit for one packet, bytes: what is longer is damage, not a packet. */
export const FRAME_LIMIT = 262_144;

/** The sentence for a record whose length is none. */
export function tooLong(what: string, offset: number, length: number, limit: number): string {
  return `the ${what} at byte ${offset} says it is ${length} bytes long; none is longer than ${limit}: the file is damaged there`;
}

export const DAMAGED = 'capture again, or cut the damaged part off; what stands before it was read';
