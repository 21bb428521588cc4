import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { CaptureOptions } from '../../src/capture/file.js';
import type { CaptureError } from '../../src/capture/frame.js';
import { openCaptures } from '../../src/capture/open.js';

/** A frame that stays: its time is since the epoch. */
export interface Kept {
  readonly number: number;
  readonly time: bigint;
  readonly linkType: number;
  readonly data: string;
  readonly captured: number;
  readonly originalLength: number;
  readonly interface: string;
  readonly direction: string;
  readonly comment: string;
  readonly file: number;
}

export interface Reading {
  readonly frames: Kept[];
  readonly errors: readonly CaptureError[];
  readonly warnings: readonly string[];
}

export async function readAll(paths: readonly string[], options: CaptureOptions = {}): Promise<Reading> {
  const source = openCaptures(paths, options);
  const frames: Kept[] = [];
  for await (const batch of source.batches()) {
    for (const frame of batch) {
      const { number, linkType, bytes, originalLength, direction, comment, file } = frame;
      frames.push({
        number,
        time: source.epoch + BigInt(frame.time),
        linkType,
        data: Buffer.from(bytes).toString('hex'),
        captured: bytes.length,
        originalLength,
        interface: frame.interface,
        direction,
        comment,
        file,
      });
    }
  }
  return { frames, errors: source.errors, warnings: source.warnings };
}

/** Whether a program that some tests need is installed; those are skipped where it is not. */
export function hasProgram(name: string): boolean {
  return spawnSync(name, ['--version']).error === undefined;
}

/** The bytes as a regular file. */
export async function readFile(bytes: Uint8Array, options: CaptureOptions = {}): Promise<Reading> {
  const dir = mkdtempSync(join(tmpdir(), 'nfreplay-'));
  try {
    const path = join(dir, 'capture');
    writeFileSync(path, bytes);
    return nameless(await readAll([path], options), path);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** The bytes as they come through a pipe, in pieces of `size`. */
export async function readStream(bytes: Uint8Array, size = 1000): Promise<Reading> {
  function* pieces(): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  }
  const stdin = Readable.from(pieces(), { objectMode: false });
  return nameless(await readAll(['-'], { stdin }), '-');
}

/** Takes the file's name out of what is said, so that two ways of reading can be held against each other. */
function nameless(reading: Reading, path: string): Reading {
  return {
    ...reading,
    errors: reading.errors.map((error) => ({ ...error, file: '' })),
    warnings: reading.warnings.map((warning) => warning.replace(`${path}: `, '')),
  };
}
