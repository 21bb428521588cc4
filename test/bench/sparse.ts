import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';

/** Bytes behind the headers of each frame. */
const PAYLOAD = 60_000;
const HEADER = 24;
const RECORD = 16;

/**
 * A capture that is much larger than the disk would like: the frames of another one, over and over, as the beginnings of
 * frames with 60,000 bytes of nothing behind what they are.
 * @param capture little endian, with ns
 * @param bytes of the result, about
 */
export function sparse(capture: string, bytes: number): Readable {
  const data = readFileSync(capture);
  function* pieces(): Generator<Buffer> {
    yield data.subarray(0, HEADER);
    let at = HEADER;
    let turn = 0;
    const first = data.readUInt32LE(HEADER);
    const span = data.readUInt32LE(lastRecord(data)) - first + 1;
    for (let sent = 0; sent < bytes;) {
      const length = data.readUInt32LE(at + 8);
      const piece = Buffer.alloc(RECORD + length + PAYLOAD);
      data.copy(piece, 0, at, at + RECORD + length);
      piece.writeUInt32LE(data.readUInt32LE(at) + turn * span, 0);
      piece.writeUInt32LE(length + PAYLOAD, 8);
      piece.writeUInt32LE(length + PAYLOAD, 12);
      yield piece;
      sent += piece.length;
      at += RECORD + length;
      if (at >= data.length) {
        at = HEADER;
        turn++;
      }
    }
  }
  return Readable.from(pieces());
}

function lastRecord(data: Buffer): number {
  let at = HEADER;
  for (;;) {
    const next = at + RECORD + data.readUInt32LE(at + 8);
    if (next >= data.length) return at;
    at = next;
  }
}
