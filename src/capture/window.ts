/** Bytes from a file, a stream or memory, pulled. */
export interface ByteSource {
  /** Writes at least one byte into `target`; 0 at the end. Rejects where reading fails (an I/O or decompression error). */
  read(target: Uint8Array): Promise<number>;
  /** A pending `read` ends soon. */
  close(): Promise<void>;
}

/** What a window begins with, bytes: large enough that a read's cost is nothing beside parsing what it brought. */
const CAPACITY = 1 << 20;

/**
 * The part of a source that is in memory: `bytes` from `start` to `end`. Views of it are good until `fill`.
 * It grows with what really arrives, never with what a length field claims.
 */
export class ByteWindow {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  start = 0;
  end = 0;
  /** How many bytes of the source stand before `bytes[0]`. */
  private before = 0;

  constructor(
    private readonly source: ByteSource,
    capacity = CAPACITY,
  ) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Position of `start` in the source, bytes. */
  get offset(): number {
    return this.before + this.start;
  }

  /** Drops what stands before `start` and reads on; false at the end of the source. */
  async fill(): Promise<boolean> {
    if (this.start > 0) {
      this.bytes.copyWithin(0, this.start, this.end);
      this.before += this.start;
      this.end -= this.start;
      this.start = 0;
    }
    if (this.end === this.bytes.length) {
      const larger = new Uint8Array(Math.max(64, this.bytes.length * 2));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    const count = await this.source.read(this.bytes.subarray(this.end));
    this.end += count;
    return count > 0;
  }

  /** Reads until `length` bytes are there; false where the source ends before. */
  async have(length: number): Promise<boolean> {
    while (this.length < length) if (!(await this.fill())) return false;
    return true;
  }

  /** What is left of the source, from `start` on, as copies. */
  async *rest(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.length > 0) yield this.bytes.slice(this.start, this.end);
      this.start = this.end;
      if (!(await this.fill())) return;
    }
  }

  close(): Promise<void> {
    return this.source.close();
  }
}
