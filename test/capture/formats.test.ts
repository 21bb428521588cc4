import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { concat, DATA, order, otherOrder, pcap, pcapng } from './bytes.js';
import { hasProgram, type Kept, readAll, readFile, readStream, type Reading } from './reading.js';

/** What tshark 4.0.17 says of the files that tcpdump 4.99.3, dumpcap, editcap, mergecap and text2pcap wrote. */
const FILES: [
  file: string,
  frames: number,
  first: bigint,
  last: bigint,
  captured: number,
  length: number,
  links: number[],
][] = [
  ['eth.pcap', 60, 1795310193561936000n, 1795310202521928000n, 14486, 14486, [1]],
  ['eth-nano.pcap', 60, 1795310193561936433n, 1795310202521928742n, 14486, 14486, [1]],
  ['eth-snap50.pcap', 60, 1795310193561936000n, 1795310202521928000n, 2983, 14486, [1]],
  ['sll.pcap', 66, 1795310193049953000n, 1795310202521928000n, 15058, 15058, [113]],
  ['sll2.pcap', 66, 1795310193049953000n, 1795310202521928000n, 15310, 15310, [276]],
  ['sll2.pcap.gz', 66, 1795310193049953000n, 1795310202521928000n, 15310, 15310, [276]],
  ['sll2.pcap.zst', 66, 1795310193049953000n, 1795310202521928000n, 15310, 15310, [276]],
  ['sll2.pcapng.gz', 66, 1795310193049953000n, 1795310202521928000n, 15310, 15310, [276]],
  ['raw.pcap', 4, 1795310193049953000n, 1795310200985988000n, 236, 236, [101]],
  ['nflog.pcap', 26, 1795310194937984000n, 1795310197626030000n, 10584, 10584, [239]],
  ['nflog-out.pcap', 2, 1795310194938030000n, 1795310197402015000n, 3200, 3200, [239]],
  ['two.pcapng', 65, 1795310193561936433n, 1795310202521928742n, 14822, 14822, [1, 101]],
  ['merged.pcapng', 64, 1795310193049953000n, 1795310202521928000n, 3219, 14722, [1, 101]],
  ['commented.pcapng', 12, 1795310193561936433n, 1795310195497487550n, 767, 767, [1]],
  ['directed.pcapng', 2, 1767323045000001000n, 1767323045250000000n, 56, 56, [101]],
];

const sum = (frames: Kept[], field: 'captured' | 'originalLength'): number =>
  frames.reduce((total, frame) => total + frame[field], 0);

const bytesOf = (file: string): Uint8Array => Uint8Array.from(readFileSync(DATA + file));

describe.each(FILES)('%s', (file, count, first, last, captured, length, links) => {
  const there = !file.endsWith('.zst') || hasProgram('zstd');
  it.skipIf(!there)('has the frames that tshark sees', async () => {
    const { frames, errors, warnings } = await readAll([DATA + file]);
    expect({ errors, warnings }).toEqual({ errors: [], warnings: [] });
    expect(frames.map((frame) => frame.number)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect([frames[0].time, frames[count - 1].time]).toEqual([first, last]);
    expect([sum(frames, 'captured'), sum(frames, 'originalLength')]).toEqual([captured, length]);
    expect([...new Set(frames.map((frame) => frame.linkType))].sort((a, b) => a - b)).toEqual(links);
  });

  it.skipIf(!there)('reads the same as a file and as a stream, in pieces of any size', async () => {
    const bytes = bytesOf(file);
    const whole = await readFile(bytes);
    for (const size of [1, 7, 65_536]) expect(await readStream(bytes, size)).toEqual(whole);
  });
});

describe('byte order', () => {
  const written = [
    'eth.pcap',
    'eth-nano.pcap',
    'eth-snap50.pcap',
    'sll.pcap',
    'sll2.pcap',
    'raw.pcap',
    'nflog.pcap',
  ];
  it.each(written)('does not matter to %s', async (file) => {
    const little = bytesOf(file);
    const big = otherOrder(little);
    expect(otherOrder(big)).toEqual(little);
    const expected = await readFile(little);
    expect(await readFile(big)).toEqual(expected);
    expect(await readStream(big)).toEqual(expected);
  });
});

describe('pcap', () => {
  it('takes the link type from the low half: the rest is the length of the check sequence', async () => {
    const bytes = pcap([{ seconds: 1, fraction: 2, data: [1, 2, 3] }], { linkType: 0x14000001 });
    for (const { frames } of [await readFile(bytes), await readStream(bytes)])
      expect(frames).toMatchObject([{ linkType: 1, time: 1_000_002_000n }]);
  });

  it('keeps times to the nanosecond over a hundred days', async () => {
    const late = 1_700_000_000 + 100 * 86_400;
    const bytes = pcap(
      [
        { seconds: 1_700_000_000, fraction: 1, data: [1] },
        { seconds: late, fraction: 999_999_999, data: [2] },
      ],
      { nanoseconds: true },
    );
    const { frames } = await readFile(bytes);
    expect(frames[1].time).toBe(BigInt(late) * 1_000_000_000n + 999_999_999n);
  });

  it('names link types that are not decoded, once, with their count', async () => {
    const record = { seconds: 1, fraction: 0, data: [1] };
    const { warnings } = await readFile(pcap([record, record], { linkType: 105 }));
    expect(warnings).toEqual(['2 frames of link type 105 (IEEE802_11) are not decoded']);
  });
});

describe.each([
  ['little', true],
  ['big', false],
] as const)('pcapng, %s-endian', (_, little) => {
  const ng = pcapng(little);
  const { u16, u32, u64 } = order(little);
  const name = (text: string): Uint8Array => ng.option(2, [...Buffer.from(text)]);
  const both = async (...blocks: Uint8Array[]): Promise<Reading> => {
    const bytes = concat(...blocks);
    const file = await readFile(bytes);
    expect(await readStream(bytes, 5)).toEqual(file);
    return file;
  };

  it('knows interfaces by name, link type and clock', async () => {
    const { frames, errors } = await both(
      ng.section(),
      ng.device(1, 0, name('eth0')),
      ng.device(101, 0, name('tun0'), ng.option(9, [9])),
      ng.device(101, 0, name('ms'), ng.option(9, [3])),
      ng.device(101, 0, name('binary'), ng.option(9, [0x80 | 10])),
      ng.device(101, 0, name('fine'), ng.option(9, [10])),
      ng.device(101, 0, name('shifted'), ng.option(9, [0]), ng.option(14, u64(-100n))),
      ng.packet(0, 1_700_000_000_000_001n, [1]),
      ng.packet(1, 1_700_000_000_000_001_002n, [2]),
      ng.packet(2, 1_700_000_000_002n, [3]),
      ng.packet(3, (1_700_000_000n << 10n) + 512n, [4]),
      ng.packet(4, 17_000_000_000_000_039_999n, [5]),
      ng.packet(5, 1_700_000_101n, [6]),
    );
    expect(errors).toEqual([]);
    expect(
      frames.map((frame) => [frame.interface, frame.linkType, frame.time - 1_700_000_000_000_000_000n]),
    ).toEqual([
      ['eth0', 1, 1000n],
      ['tun0', 101, 1002n],
      ['fine', 101, 3999n],
      ['ms', 101, 2_000_000n],
      ['binary', 101, 500_000_000n],
      ['shifted', 101, 1_000_000_000n],
    ]);
  });

  it('begins each section anew, in its own byte order', async () => {
    const other = pcapng(!little);
    const { frames } = await both(
      ng.section(),
      ng.device(1, 0, name('first')),
      ng.packet(0, 1_000_000n, [1]),
      other.section(),
      other.device(101),
      other.packet(0, 2_000_000n, [2]),
    );
    expect(frames).toMatchObject([
      { interface: 'first', linkType: 1, time: 1_000_000_000n },
      { interface: '', linkType: 101, time: 2_000_000_000n },
    ]);
  });

  it('reads direction and comments of new and obsolete packet blocks', async () => {
    const flags = (value: number): Uint8Array => ng.option(2, u32(value));
    const comment = (text: string): Uint8Array => ng.option(1, [...Buffer.from(text)]);
    const { frames } = await both(
      ng.section(),
      ng.device(1),
      ng.packet(0, 1n, [1, 2, 3], flags(1), comment('é'), comment('second'), ng.option(0, [])),
      ng.packet(0, 2n, [1], flags(2)),
      ng.packet(0, 3n, [1]),
      ng.oldPacket(0, 4n, [1, 2], flags(0x1e1)),
      ng.packet(0, 5n, [1], ng.option(0, []), flags(2)),
    );
    expect(frames.map(({ direction, comment }) => [direction, comment])).toEqual([
      ['in', 'é\nsecond'],
      ['out', ''],
      ['', ''],
      ['in', ''],
      ['', ''],
    ]);
  });

  it('gives simple packets the time before them, and cuts them at the snaplen', async () => {
    const { frames, warnings } = await both(
      ng.section(),
      ng.device(1, 5),
      ng.packet(0, 7_000_000n, [1]),
      ng.simple(9, [1, 2, 3, 4, 5, 0, 0, 0]),
      ng.simple(3, [1, 2, 3]),
    );
    expect(frames.slice(1)).toMatchObject([
      { time: 7_000_000_000n, captured: 5, originalLength: 9 },
      { time: 7_000_000_000n, captured: 3, originalLength: 3 },
    ]);
    expect(warnings).toEqual([
      "2 packets have no time (simple packet blocks): taken as the packet's before them",
    ]);
  });

  it('passes over blocks without packets, and says so of those it does not know', async () => {
    const { frames, warnings, errors } = await both(
      ng.section(),
      ng.block(4, u16(0), u16(0)),
      ng.block(10, u32(0x544c534b), u32(0)),
      ng.device(1),
      ng.block(0xabcd, [1, 2, 3]),
      ng.packet(0, 1n, [1]),
      ng.block(0xabce),
    );
    expect({ count: frames.length, errors }).toEqual({ count: 1, errors: [] });
    expect(warnings).toEqual(['2 blocks of unknown type passed over, the first of type 0xabcd']);
  });

  it('counts what the capturing program lost: the last statistics of an interface', async () => {
    const lost = (drops: number, system: number): Uint8Array =>
      ng.block(5, u32(0), u32(0), u32(0), ng.option(5, u64(drops)), ng.option(7, u64(system)));
    const { warnings } = await both(
      ng.section(),
      ng.device(1),
      lost(1, 0),
      ng.packet(0, 1n, [1]),
      lost(3, 4),
    );
    expect(warnings).toEqual(['the capturing program lost 7 packets']);
  });

  it.each<[string, Uint8Array[], string]>([
    ['no section', [ng.device(1)], 'it is neither pcap nor pcapng'],
    ['an interface nobody described', [ng.section(), ng.packet(0, 1n, [1])], 'is of interface 0, which'],
    [
      'a block of 4 GiB',
      [ng.section(), ng.device(1), concat(u32(6), u32(0xfffffffc), new Uint8Array(32))],
      'the block at byte 48 says it is 4294967292 bytes long',
    ],
    [
      'a block of 8 bytes',
      [ng.section(), concat(u32(6), u32(8), u32(8))],
      'says it is 8 bytes long, which no block',
    ],
    [
      'a block of 17 bytes',
      [ng.section(), concat(u32(6), u32(17), u32(17))],
      'says it is 17 bytes long, which',
    ],
    [
      'a length that differs at the end',
      [ng.section(), concat(u32(1), u32(20), u16(1), u16(0), u32(0), u32(24))],
      'the lengths before and after the block at byte 28 differ',
    ],
    [
      'a packet longer than its block',
      [ng.section(), ng.device(1), ng.block(6, u32(0), u32(0), u32(0), u32(100), u32(100), [1])],
      'says it is 100 bytes long, its block is shorter',
    ],
    [
      'a packet of 4 GiB',
      [ng.section(), ng.device(1), ng.block(6, u32(0), u32(0), u32(0), u32(0xffffffff), u32(1), [1])],
      'says it is 4294967295 bytes long; none is longer than 262144',
    ],
    [
      'a section without byte order',
      [concat(u32(0x0a0d0d0a), u32(28), new Uint8Array(20))],
      'no byte-order magic',
    ],
    [
      'another version',
      [ng.block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(2), u16(7), u64(-1n))],
      'pcapng of version 2.7 is not read',
    ],
  ])('ends at %s', async (_, blocks, message) => {
    const { errors } = await both(...blocks);
    expect(errors).toHaveLength(1);
    expect(errors[0].message).toContain(message);
  });

  it('gives what stands before the damage', async () => {
    const { frames, errors } = await both(
      ng.section(),
      ng.device(1),
      ng.packet(0, 1n, [1]),
      ng.packet(1, 2n, [1]),
    );
    expect([frames.length, errors[0].kind]).toEqual([1, 'bad record']);
  });
});
