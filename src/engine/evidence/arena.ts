/** Small, since a packet that is kept for long keeps the whole of its chunk. */
const CHUNK = 1 << 16;

/** Room for the bytes of packets, allocated for hundreds of them at once. */
export class Arena {
  chunk = new Uint8Array(CHUNK);
  private end = 0;

  /** Copies bytes into `chunk`, which may be another one from then on; returns where they begin there. */
  copy(bytes: Uint8Array): number {
    if (bytes.length > this.chunk.length - this.end) {
      this.chunk = new Uint8Array(Math.max(CHUNK, bytes.length));
      this.end = 0;
    }
    const at = this.end;
    this.chunk.set(bytes, at);
    this.end = at + bytes.length;
    return at;
  }
}
