import type { Readable } from 'node:stream';
import type { CaptureError } from '../frame.js';

/** What a live capture is to take. */
export interface LiveOptions {
  /** pcap-filter(7); '' for everything. */
  readonly filter?: string;
  /** Bytes kept of each frame; all unless given. */
  readonly snaplen?: number;
  /** The kernel's buffer, bytes. */
  readonly ring?: number;
}

export interface Interruption {
  readonly from: number;
  /** Infinity while it lasts. */
  readonly to: number;
}

/** One interface being captured, by a child process of its own. */
export interface LiveLane {
  readonly interface: string;
  /** A pcap stream. It ends when the child does. */
  readonly bytes: Readable;
  /** ns that a frame may take from the wire to `bytes` while nothing goes wrong. */
  readonly lag: number;
  /** Once frames are being taken; null: they are, else why not. */
  readonly started: Promise<CaptureError | null>;
  /** When the child has ended: why, in words; null where it was asked to. */
  readonly ended: Promise<string | null>;
  /** Frames lost so far; null where the engine does not tell. */
  dropped(): number | null;
  /** When the capture was interrupted, ms since 1970; never, where the engine does not tell. */
  interruptions?(): readonly Interruption[];
  /** Who is told what happens to the capture while it goes on. */
  says?(listener: (words: string) => void): void;
  /**
   * Ends the capture.
   * @param drain what was taken until now still comes, which may take the lane's `lag`
   */
  stop(drain: boolean): void;
}

/** Starts to capture on an interface. */
export type LiveEngine = (device: string, options: LiveOptions) => LiveLane;

/** The kernel's buffer unless told: in immediate mode a slot takes 64 KiB, so less holds a few hundred frames only. */
export const DEFAULT_RING = 64 << 20;
