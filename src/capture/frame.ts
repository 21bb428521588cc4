export { LinkType } from '../packet/linkType.js';

export type FrameDirection = 'in' | 'out' | '';

/**
 * One captured frame: bytes, and what the file says about them. The object and its bytes are used again for the
 * next frame: whoever keeps something copies it.
 */
export interface Frame {
  /** 1-based over all files, in reading order. */
  readonly number: number;
  /** ns since capture start (the first frame's time, or the earliest first frame of several files). */
  readonly time: number;
  /** LINKTYPE_* of the tcpdump registry. */
  readonly linkType: number;
  /** From the link header on; a view that stays valid until the next frame is read. */
  readonly bytes: Uint8Array;
  /**
   * The memory that holds the frame among others, where it begins there and how many bytes of it there are: who reads it
   * so needs no view made of it. null: `bytes` is all there is.
   */
  readonly memory?: DataView | null;
  readonly at?: number;
  readonly captured?: number;
  /** Length on the wire, bytes. */
  readonly originalLength: number;
  /** The interface's name where the file or the user told it; '' where not (SLL2 has an index in its bytes). */
  readonly interface: string;
  /** From pcapng flags or the user; '' where the bytes must say. */
  readonly direction: FrameDirection;
  /** The packet's comments in a pcapng file, one a line; '' for none. */
  readonly comment: string;
  /** Which of the files it came from, 0-based in the order given. */
  readonly file: number;
}

/** Why an input cannot be used, or cannot be used to its end. */
export type CaptureErrorKind =
  | 'missing'
  | 'unreadable'
  | 'empty'
  | 'not a capture'
  | 'header cut'
  | 'bad record'
  | 'compression'
  | 'tool missing';

export interface CaptureError {
  /** As the user named it. */
  readonly file: string;
  readonly kind: CaptureErrorKind;
  /** A sentence without the file's name. */
  readonly message: string;
  /** What to do next; '' where nothing sensible can be said. */
  readonly advice: string;
}

/** Frames in time order; one pass. */
export interface FrameSource {
  /** Time of ns 0 since the epoch, ns; known once `open` is done or the first frame was read. */
  readonly epoch: bigint;
  /** Inputs that could not be read, or not to the end; what came before is delivered. */
  readonly errors: readonly CaptureError[];
  /** What was odd about the files (cut last record, unknown blocks…): words for the user. */
  readonly warnings: readonly string[];
  /** Of a capture that is being made: until when all frames have been given, ns since capture start. */
  readonly reached?: number;
  /** Interfaces that are known to be captured, frames or not: told by the user, or by the heads of the files. */
  readonly interfaces?: readonly string[];
  /** How much of the files has been read, 0 to 1; null where nothing tells: a pipe, a file that grows. */
  readonly share?: number | null;
  /** Opens every file and reads to its first frame, so that errors and the epoch are known early; `frames` does it too. */
  open(): Promise<void>;
  frames(): AsyncIterable<Frame>;
  /** The same frames, as many at a time as are in memory: several times faster than one await a frame. */
  batches(): AsyncIterable<Iterable<Frame>>;
  /** Ends reading early, also where it waits for a pipe or a growing file; iteration then ends by itself. */
  close(): Promise<void>;
}
