import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { describeOther, sniff, SNIFFED } from '../capture/sniff.js';
import { unzstd } from '../capture/sources.js';

/** Bytes that are read at once: each reading takes a good part of a millisecond, however little it gives. */
const READ = 1 << 18;
/** Bytes that are taken of what zstd gives. */
const CHUNK = 65_536;

/**
 * The bytes of a log file, unpacked where logrotate packed it with gzip or zstd; `-` is standard input. Read errors, and
 * archives of other kinds, are thrown into the loop.
 */
export async function* openLog(path: string): AsyncGenerator<Uint8Array> {
  const input = createReadStream(path, { highWaterMark: READ, ...(path === '-' && { fd: 0 }) });
  const chunks = input[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const first = await chunks.next();
  if (first.done) return;
  const all = (async function* (): AsyncGenerator<Uint8Array> {
    yield first.value;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  })();
  switch (sniff(first.value)) {
    case 'gzip': {
      const gunzip = createGunzip();
      // An error on either side ends the loop over `gunzip`, which throws it.
      pipeline(all, gunzip, () => undefined);
      yield* gunzip as AsyncIterable<Uint8Array>;
      return;
    }
    case 'zstd':
      yield* unpacked(all);
      return;
    default: {
      const { looksLike, advice } = describeOther(first.value.subarray(0, SNIFFED));
      if (ARCHIVES.test(looksLike)) throw new Error(`it is ${looksLike}; ${advice}`);
      yield* all;
    }
  }
}

/** What logs are packed with and is not unpacked here. */
const ARCHIVES = /^(?:a bzip2 file|an xz file|an lz4 file|a zip archive)$/;

async function* unpacked(packed: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = unzstd(packed, () => Promise.resolve());
  try {
    for (;;) {
      const chunk = new Uint8Array(CHUNK);
      const count = await source.read(chunk);
      if (count === 0) return;
      yield chunk.subarray(0, count);
    }
  } finally {
    await source.close();
  }
}
