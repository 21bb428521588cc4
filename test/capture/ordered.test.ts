import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, pcapng } from './bytes.js';
import { readFile, readStream } from './reading.js';

const ng = pcapng(true);

/** A packet at a time in µs; its byte tells which it is. */
interface Written {
  readonly device: number;
  readonly at: number;
  readonly byte: number;
}

const fileOf = (devices: number, packets: readonly Written[]): Uint8Array =>
  concat(
    ng.section(),
    ...Array.from({ length: devices }, () => ng.device(1)),
    ...packets.map(({ device, at, byte }) => ng.packet(device, BigInt(1_000_000 + at), [byte])),
  );

/** Packets of several interfaces, in order within a turn of an interface; none is a second behind another. */
const turns = fc
  .array(fc.record({ device: fc.nat(3), ats: fc.array(fc.nat(999_999), { maxLength: 6 }) }), {
    maxLength: 12,
  })
  .map((list) =>
    list
      .flatMap(({ device, ats }) => ats.sort((a, b) => a - b).map((at) => ({ device, at })))
      .map((packet, byte) => ({ ...packet, byte })),
  );

describe('the packets of a file of several interfaces', () => {
  it('come out by time, those of one time as they stand, and it is said how many were moved', async () => {
    await fc.assert(
      fc.asyncProperty(turns, async (packets) => {
        const reading = await readFile(fileOf(4, packets));
        const expected = packets.toSorted((a, b) => a.at - b.at);
        expect(reading.frames.map(({ data, number }) => [parseInt(data, 16), number])).toEqual(
          expected.map(({ byte }, i) => [byte, i + 1]),
        );
        const moved = expected.filter(({ byte }, i) => expected.slice(0, i).some((p) => p.byte > byte));
        expect(reading.warnings).toEqual(
          moved.length === 0
            ? []
            : [
                `${moved.length} packets stand before earlier ones: all are numbered by time, as reordercap puts them`,
              ],
        );
        expect(await readStream(fileOf(4, packets), 30)).toEqual(reading);
      }),
      { numRuns: 300 },
    );
  });

  it('stay where they are when they stand more than a second too late, and in a file of one interface', async () => {
    const late = [
      { device: 0, at: 5_000_000, byte: 1 },
      { device: 0, at: 6_500_000, byte: 2 },
      { device: 1, at: 5_200_000, byte: 3 },
      { device: 0, at: 7_000_000, byte: 4 },
      { device: 1, at: 4_000_000, byte: 5 },
    ];
    const { frames } = await readFile(fileOf(2, late));
    expect(frames.map(({ data }) => Number(data))).toEqual([1, 3, 5, 2, 4]);
    const alone = await readFile(
      fileOf(
        1,
        late.map((packet) => ({ ...packet, device: 0 })),
      ),
    );
    expect(alone.frames.map(({ data }) => Number(data))).toEqual([1, 2, 3, 4, 5]);
    expect(alone.warnings).toEqual([]);
  });
});
