import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLink } from '../../src/packet/link.js';
import { CaptureFile } from '../../src/capture/file.js';
import { PcapReader, takePcapHeader } from '../../src/capture/pcap.js';
import { PcapngReader } from '../../src/capture/pcapng.js';
import type { Complaints, FrameReader } from '../../src/capture/reader.js';
import { memorySource } from '../../src/capture/sources.js';
import { StreamedPcapReader } from '../../src/capture/streamed.js';
import { ByteWindow } from '../../src/capture/window.js';
import { concat, DATA, otherOrder, pcapng } from './bytes.js';
import { readFile, readStream } from './reading.js';

/** More with NFREPLAY_FUZZ=200000. */
const RUNS = Number(process.env.NFREPLAY_FUZZ ?? 3000);

const ng = pcapng(false);
const SEEDS: Uint8Array[] = [
  ...['eth-snap50.pcap', 'raw.pcap', 'commented.pcapng', 'directed.pcapng'].map((file) =>
    Uint8Array.from(readFileSync(DATA + file).subarray(0, 1500)),
  ),
  otherOrder(readFileSync(`${DATA}raw.pcap`)),
  concat(
    ng.section(),
    ng.device(1, 64, ng.option(9, [0x8a])),
    ng.simple(4, [1, 2, 3, 4]),
    ng.oldPacket(0, 5n, [1, 2]),
    ng.packet(0, 7n, [1, 2, 3], ng.option(2, [0, 0, 0, 2])),
    ng.block(5, new Uint8Array(12), ng.option(5, new Uint8Array(8))),
  ),
];

/** Bytes of real files, some overwritten, inserted or dropped; the values that hurt come often. */
const mutated = fc
  .record({
    seed: fc.constantFrom(...SEEDS),
    changes: fc.array(
      fc.record({
        at: fc.nat(1500),
        value: fc.oneof(fc.nat(255), fc.constantFrom(0, 0xff, 0x7f, 0x80)),
        kind: fc.constantFrom('set', 'word', 'insert', 'drop'),
      }),
      { maxLength: 6 },
    ),
    cut: fc.option(fc.nat(1500)),
  })
  .map(({ seed, changes, cut }) => {
    let bytes = [...seed];
    for (const { at, value, kind } of changes) {
      const i = at % bytes.length;
      if (kind === 'set') bytes[i] = value;
      else if (kind === 'word') bytes.fill(value, i & ~3, (i & ~3) + 4);
      else if (kind === 'insert') bytes.splice(i, 0, value);
      else if (bytes.length > 1) bytes.splice(i, 1);
    }
    if (cut !== null) bytes = bytes.slice(0, cut);
    return Uint8Array.from(bytes);
  });

interface Outcome {
  readonly frames: string[];
  readonly said: string[];
}

/** Reads bytes in memory with the reader that `make` gives. */
async function outcome(
  bytes: Uint8Array,
  make: (window: ByteWindow, complaints: Complaints) => Promise<FrameReader | null>,
): Promise<Outcome> {
  const said: string[] = [];
  const complaints: Complaints = {
    error: (kind, message) => said.push(`${kind}: ${message}`),
    warning: (message) => said.push(message),
  };
  const window = new ByteWindow(memorySource(bytes), 64);
  const reader = await make(window, complaints);
  const frames: string[] = [];
  if (reader) {
    const { frame } = reader;
    for (;;) {
      while (reader.next()) {
        expect(frame.bytes.length).toBeLessThanOrEqual(bytes.length);
        expect(Number.isInteger(frame.seconds) && Number.isInteger(frame.nanoseconds)).toBe(true);
        decodeLink(frame.linkType, frame.bytes);
        frames.push(`${frame.seconds} ${frame.nanoseconds} ${Buffer.from(frame.bytes).toString('hex')}`);
      }
      if (!(await reader.fill())) break;
    }
  }
  expect(window.bytes.length).toBeLessThanOrEqual(2 * bytes.length + 128);
  return { frames, said };
}

describe('any bytes', () => {
  it('make both pcap readers say the same', async () => {
    const pcapLike = mutated.filter((bytes) => bytes[0] !== 0x0a);
    await fc.assert(
      fc.asyncProperty(pcapLike, async (bytes) => {
        const block = await outcome(bytes, async (window, complaints) => {
          const header = await takePcapHeader(window, complaints);
          return header && new PcapReader(window, header, complaints);
        });
        const streamed = await outcome(bytes, async (window, complaints) => {
          const header = await takePcapHeader(window, complaints);
          return header && new StreamedPcapReader(window, header, complaints);
        });
        expect(streamed).toEqual(block);
      }),
      { numRuns: RUNS },
    );
  });

  it('are read as pcapng without an exception, a hang or much memory', async () => {
    await fc.assert(
      fc.asyncProperty(mutated, async (bytes) => {
        await outcome(bytes, (window, complaints) => Promise.resolve(new PcapngReader(window, complaints)));
      }),
      { numRuns: RUNS },
    );
  });

  it('go through recognition, as a file and as a stream', async () => {
    const any = fc.oneof(mutated, fc.uint8Array({ maxLength: 200 }));
    const quiet = fc.record({ bytes: any, gzip: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(quiet, async ({ bytes, gzip }) => {
        const input = gzip ? concat([0x1f, 0x8b], bytes) : bytes;
        expect(await readStream(input, 100)).toEqual(await readFile(input));
      }),
      { numRuns: Math.ceil(RUNS / 20) },
    );
  });

  it('that are cut anywhere never lose an error of the file system', async () => {
    const file = new CaptureFile('\0', {});
    await expect(file.open()).resolves.toBeUndefined();
    expect(file.errors).toMatchObject([{ kind: 'unreadable' }]);
  });
});
