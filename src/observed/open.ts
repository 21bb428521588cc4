import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream';

const GZIP = [0x1f, 0x8b];

/** The bytes of a log file, unpacked where logrotate packed it with gzip; `-` is standard input. Read errors are thrown into the loop. */
export async function* openLog(path: string): AsyncGenerator<Uint8Array> {
  const input = createReadStream(path, path === '-' ? { fd: 0 } : {});
  const chunks = input[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const first = await chunks.next();
  if (first.done) return;
  const all = (async function* (): AsyncGenerator<Uint8Array> {
    yield first.value;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  })();
  if (first.value[0] !== GZIP[0] || first.value[1] !== GZIP[1]) {
    yield* all;
    return;
  }
  const gunzip = createGunzip();
  // An error on either side ends the loop over `gunzip`, which throws it.
  pipeline(all, gunzip, () => undefined);
  yield* gunzip as AsyncIterable<Uint8Array>;
}
