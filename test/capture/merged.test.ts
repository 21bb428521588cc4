import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openCaptures } from '../../src/capture/open.js';
import { DATA, pcap } from './bytes.js';
import { readAll } from './reading.js';

const dir = mkdtempSync(join(tmpdir(), 'nfreplay-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('several captures', () => {
  it('come out by time, those of one time in the order of the files, numbered as one', async () => {
    const times = fc.array(fc.nat(20), { maxLength: 30 }).map((list) => list.sort((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(fc.array(times, { maxLength: 5 }), async (files) => {
        const paths = files.map((list, file) => {
          const path = join(dir, `${file}.pcap`);
          const records = list.map((at, i) => ({
            seconds: 100 + (at >> 1),
            fraction: (at & 1) * 500_000,
            data: [file, i],
          }));
          writeFileSync(path, pcap(records));
          return path;
        });
        const { frames } = await readAll(paths);
        const expected = files
          .flatMap((list, file) => list.map((at, i) => ({ at, file, i })))
          .sort((a, b) => a.at - b.at || a.file - b.file || a.i - b.i);
        expect(
          frames.map(({ time, file, data }) => ({ at: Number(time / 500_000_000n) - 200, file, data })),
        ).toEqual(
          expected.map(({ at, file, i }) => ({ at, file, data: Buffer.of(file, i).toString('hex') })),
        );
        expect(frames.map((frame) => frame.number)).toEqual(expected.map((_, i) => i + 1));
      }),
      { numRuns: 60 },
    );
  });

  it('of several formats merge as mergecap merges them', async () => {
    const { frames } = await readAll([`${DATA}raw.pcap`, `${DATA}eth-snap50.pcap`]);
    const merged = await readAll([`${DATA}merged.pcapng`]);
    const facts = ({ time, linkType, data }: (typeof frames)[0]): unknown => ({ time, linkType, data });
    expect(frames.map(facts)).toEqual(merged.frames.map(facts));
  });

  it('begin at the earliest first frame, known after open', async () => {
    const source = openCaptures([`${DATA}eth.pcap`, `${DATA}raw.pcap`]);
    await source.open();
    expect(source.epoch).toBe(1795310193049953000n);
    let first: { time: number; file: number } | null = null;
    for await (const { time, file } of source.frames()) first ??= { time, file };
    expect(first).toEqual({ time: 0, file: 1 });
  });

  it('take interface and direction from the user', async () => {
    const path = `${DATA}eth.pcap`;
    const told = new Map([[path, { interface: 'eth0', direction: 'in' as const }]]);
    const { frames } = await readAll([path, `${DATA}raw.pcap`], { told });
    const seen = new Set(frames.map((frame) => `${frame.file} ${frame.interface} ${frame.direction}`));
    expect([...seen].sort()).toEqual(['0 eth0 in', '1  ']);
  });

  it('go on where a batch was left', async () => {
    const numbers: number[] = [];
    for await (const batch of openCaptures([`${DATA}eth.pcap`]).batches()) {
      for (const frame of batch) {
        numbers.push(frame.number);
        break;
      }
    }
    expect(numbers).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  });
});
