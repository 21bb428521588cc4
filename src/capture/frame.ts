/** One captured frame: bytes, and what the file says about them. */
export interface Frame {
  /** 1-based over all files, in reading order. */
  readonly number: number;
  /** ns since capture start (the first frame's time, or the earliest first frame of several files). */
  readonly time: number;
  /** LINKTYPE_* of the tcpdump registry. */
  readonly linkType: number;
  /** From the link header on; a view that stays valid until the next frame is read. */
  readonly bytes: Uint8Array;
  /** Length on the wire, bytes. */
  readonly originalLength: number;
  /** The interface's name where the file or the user told it; '' where not (SLL2 has an index in its bytes). */
  readonly interface: string;
  /** From pcapng flags or the user; '' where the bytes must say. */
  readonly direction: 'in' | 'out' | '';
}

/** Frames in time order; one pass. */
export interface FrameSource {
  /** Time of ns 0 since the epoch; known once the first frame was read. */
  readonly epoch: bigint;
  /** What was odd about the files (cut last record, unknown blocks…): words for the user. */
  readonly warnings: readonly string[];
  frames(): AsyncIterable<Frame>;
}

export const LinkType = {
  null: 0,
  ethernet: 1,
  ppp: 9,
  raw: 101,
  loop: 108,
  linuxSll: 113,
  rawAlternative: 12,
  ipv4: 228,
  ipv6: 229,
  nflog: 239,
  linuxSll2: 276,
} as const;
