import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type PcapngPacket, pcapngWriter } from '../../src/capture/write.js';
import { concat } from './bytes.js';
import { hasProgram, readFile } from './reading.js';

const dir = mkdtempSync(join(tmpdir(), 'nfreplay-'));
afterAll(() => rmSync(dir, { recursive: true }));

function written(interfaces: readonly [string, number][], packets: readonly PcapngPacket[]): Uint8Array {
  const blocks: Uint8Array[] = [];
  const writer = pcapngWriter('nfreplay', (block) => blocks.push(block));
  for (const [name, linkType] of interfaces) writer.addInterface(name, linkType);
  for (const packet of packets) writer.addPacket(packet);
  return concat(...blocks);
}

const UDP = Uint8Array.from(Buffer.from('4500001d000000004011b6cdc0000201c00002020035003600090000ff', 'hex'));

describe('pcapng that is written', () => {
  it('comes back through the reader', async () => {
    const packet = fc.record({
      interface: fc.nat(2),
      time: fc.bigInt(0n, (1n << 64n) - 1n),
      bytes: fc.uint8Array({ maxLength: 70 }),
      direction: fc.constantFrom('in', 'out', '' as const),
      comment: fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !text.endsWith('\0')),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(packet, { minLength: 1, maxLength: 8 }), async (unordered) => {
        const packets = unordered.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
        const bytes = written(
          [
            ['eth0', 1],
            ['', 101],
            ['é+', 276],
          ],
          packets,
        );
        const { frames, errors } = await readFile(bytes);
        expect(errors).toEqual([]);
        expect(frames).toMatchObject(
          packets.map(({ bytes, direction, comment }) => ({
            data: Buffer.from(bytes).toString('hex'),
            direction,
            comment,
            originalLength: bytes.length,
          })),
        );
        expect(frames.map((frame) => frame.interface)).toEqual(
          packets.map((p) => ['eth0', '', 'é+'][p.interface]),
        );
        expect(frames[0].time).toBe(packets[0].time);
      }),
      { numRuns: 100 },
    );
  });

  it('cuts a comment that an option cannot hold, between characters', async () => {
    const [frame] = (
      await readFile(
        written(
          [['a', 1]],
          [{ interface: 0, time: 5n, bytes: UDP, originalLength: 99, comment: 'é'.repeat(40_000) }],
        ),
      )
    ).frames;
    expect(frame.comment).toBe('é'.repeat(32_767));
    expect(frame).toMatchObject({ time: 5n, captured: 29, originalLength: 99 });
  });

  it.skipIf(!hasProgram('tshark'))('is read by tshark', () => {
    const path = join(dir, 'written.pcapng');
    const time = 1_767_323_045_123_456_789n;
    writeFileSync(
      path,
      written(
        [
          ['eth0', 101],
          ['tun0', 101],
        ],
        [
          { interface: 0, time, bytes: UDP, direction: 'in', comment: 'ACCEPT by filter:FORWARD:3' },
          { interface: 1, time: time + 1n, bytes: UDP.subarray(0, 28), originalLength: 29, direction: 'out' },
        ],
      ),
    );
    const fields = [
      'frame.time_epoch',
      'frame.interface_name',
      'frame.packet_flags_direction',
      'frame.cap_len',
      'frame.len',
      'udp.dstport',
      'frame.comment',
    ];
    const text = execFileSync(
      'tshark',
      ['-r', path, '-n', '-T', 'fields', '-E', 'separator=|', ...fields.flatMap((f) => ['-e', f])],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    expect(text.trimEnd().split('\n')).toEqual([
      '1767323045.123456789|eth0|0x00000001|29|29|54|ACCEPT by filter:FORWARD:3',
      '1767323045.123456790|tun0|0x00000002|28|29|54|',
    ]);
  });
});
