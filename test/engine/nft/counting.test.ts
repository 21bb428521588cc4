import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { play } from '../helpers/nft.js';

/** `nft list ruleset` of Linux 6.18 after the packets below. */
const COUNTED = readFileSync(join(import.meta.dirname, 'kernel-output.nft'), 'utf8');

/** The same before any packet. */
const BEFORE = COUNTED.replace(/packets \d+ bytes \d+/g, 'packets 0 bytes 0')
  .replace(/ used \d+ bytes/g, '')
  .replace(/\t\telements = .*\n/g, '');

const SENT = [
  ['127.0.0.1', 9],
  ['127.0.0.1', 9],
  ['127.0.0.2', 9],
  ['127.0.0.3', 9],
  ['127.0.0.4', 10],
  ['127.0.0.2', 11],
] as const;

describe('counters, quotas, limits, hashes and dynamic sets', () => {
  it('come to what the kernel counted', async () => {
    const packets = SENT.map(([to, port]) => `lo: udp 127.0.0.1:5555 > ${to}:${port} len 56`);
    const { rules } = await play(BEFORE, packets);
    expect(rules).toBe(COUNTED);
  });

  it('go on from what was counted before', async () => {
    const { rules } = await play(COUNTED, ['lo: udp 127.0.0.1:5555 > 127.0.0.3:9 len 56']);
    expect(rules).toContain('quota 84 bytes used 84 bytes counter packets 1 bytes 84');
    expect(rules).toContain('quota over 84 bytes used 84 bytes counter packets 6 bytes 504');
    // Full: the third address finds no room.
    expect(rules).toContain('elements = { 127.0.0.1, 127.0.0.2 }');
    expect(rules).toContain('add @small { ip daddr } counter packets 4 bytes 336');
  });
});
