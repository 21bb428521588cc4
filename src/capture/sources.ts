import { spawn } from 'node:child_process';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { constants, createGunzip } from 'node:zlib';
import type { CaptureErrorKind } from './frame.js';
import type { ByteSource } from './window.js';

/** A failure that reading reports by rejecting; whoever pulls turns it into a CaptureError. */
export class SourceError extends Error {
  constructor(
    readonly kind: CaptureErrorKind,
    message: string,
    readonly advice = '',
  ) {
    super(message);
  }
}

/** How long to wait before looking whether a growing file has grown, ms. */
const GROWTH_INTERVAL = 100;

/** @param follow wait at the end of the file for more, until closed */
export function fileSource(file: FileHandle, follow = false): ByteSource {
  const closing = new AbortController();
  return {
    async read(target) {
      for (;;) {
        const { bytesRead } = await file.read(target, 0, target.length, null);
        if (bytesRead > 0 || !follow || closing.signal.aborted) return bytesRead;
        await delay(GROWTH_INTERVAL, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    },
    close() {
      closing.abort();
      return file.close().catch(() => undefined);
    },
  };
}

/** Takes chunks only when asked, so that the writer waits for the reader. */
export function streamSource(stream: Readable): ByteSource {
  const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
  let chunk: Uint8Array = new Uint8Array(0);
  return {
    async read(target) {
      while (chunk.length === 0) {
        const next = await chunks.next();
        if (next.done) return 0;
        chunk = next.value;
      }
      const count = Math.min(chunk.length, target.length);
      target.set(chunk.subarray(0, count));
      chunk = chunk.subarray(count);
      return count;
    },
    close() {
      stream.destroy();
      return Promise.resolve();
    },
  };
}

export function memorySource(bytes: Uint8Array): ByteSource {
  let at = 0;
  return {
    read(target) {
      const count = Math.min(target.length, bytes.length - at);
      target.set(bytes.subarray(at, at + count));
      at += count;
      return Promise.resolve(count);
    },
    close: () => Promise.resolve(),
  };
}

/** @param compressed is read as it is needed; @param close lets go of where it comes from */
export function gunzipped(compressed: AsyncIterable<Uint8Array>, close: () => Promise<void>): ByteSource {
  // With this flush a cut file gives all that is there; that it was cut shows in its last record.
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  const input = Readable.from(compressed, { objectMode: false });
  // What goes wrong reaches the reader through the source.
  pipeline(input, gunzip).catch(() => undefined);
  const inner = streamSource(gunzip);
  return {
    async read(target) {
      try {
        return await inner.read(target);
      } catch (error) {
        throw new SourceError('compression', `the gzip data is damaged (${words(error)})`, DAMAGED_ARCHIVE);
      }
    },
    async close() {
      await inner.close();
      await close();
    },
  };
}

const DAMAGED_ARCHIVE = 'copy the file again from where it came; what stands before the damage was read';
const INSTALL_ZSTD =
  'install zstd (apt install zstd, dnf install zstd), or decompress the file first: unzstd FILE';

/** Decompresses in a `zstd -dc` child: Node 20 has no zstd of its own. */
export function unzstd(
  compressed: AsyncIterable<Uint8Array>,
  close: () => Promise<void>,
  program = 'zstd',
): ByteSource {
  const child = spawn(program, ['-dcq'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let failure: NodeJS.ErrnoException | null = null;
  let complaint = '';
  const ended = new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      failure = error;
      resolve(null);
    });
    child.on('close', resolve);
  });
  child.stderr.on('data', (text: Buffer) => {
    complaint = (complaint + text.toString()).slice(0, 500);
  });
  const input = Readable.from(compressed, { objectMode: false });
  // zstd closes its input where it has enough of it; its exit status says what happened.
  pipeline(input, child.stdin).catch(() => undefined);
  const inner = streamSource(child.stdout);
  let closed = false;
  return {
    async read(target) {
      const count = await inner.read(target).catch(() => 0);
      if (count > 0 || closed) return count;
      const status = await ended;
      if (failure?.code === 'ENOENT')
        throw new SourceError('tool missing', 'zstd is needed to read it and is not installed', INSTALL_ZSTD);
      if (failure) throw new SourceError('compression', `zstd could not be run (${words(failure)})`);
      if (status !== 0 && !closed) {
        const why = complaint.trim().split('\n')[0] || `zstd ended with status ${status}`;
        throw new SourceError('compression', `the zstd data is damaged or cut (${why})`, DAMAGED_ARCHIVE);
      }
      return 0;
    },
    async close() {
      closed = true;
      await inner.close();
      child.kill();
      await close();
    },
  };
}

/** What an I/O error says, without Node's prefix. */
export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
