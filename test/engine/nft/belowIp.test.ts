import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replay } from '../../../src/index.js';

const DIR = join(import.meta.dirname, 'belowIp');

/** Lines of a reply that a rule dropped before the wire: nobody saw its identification, so both are taken for 0. */
const withoutUnseen = (lines: readonly string[]): string[] =>
  lines.map((line) =>
    line.startsWith('NDE: IN= OUT=v0 ')
      ? line.replace(/(TTL=64) ID=\d+ (PROTO=ICMP TYPE=0)/, '$1 ID=0 $2')
      : line,
  );

/*
 * Recorded on Linux 6.18: a router with an interface v0 and a bridge br0 of two ports, echoes among hosts behind them, and
 * ARP. `hooks`: a rule that logs at every hook of netdev, arp and bridge tables; `rules`: tests of what such frames have.
 */
describe('below IP', () => {
  it.each(['hooks', 'rules'])('%s', async (name) => {
    const dir = join(DIR, name);
    const { value } = await replay({ captures: [join(dir, 'any.pcap')], host: join(dir, 'host') });
    const lines = value?.lines.map(({ text }) => text.trimEnd()) ?? [];
    const wanted = readFileSync(join(dir, 'kernel.log'), 'utf8').trimEnd().split('\n');
    expect(withoutUnseen(lines).sort()).toEqual(withoutUnseen(wanted.map((line) => line.trimEnd())).sort());
    expect(value?.nftRuleset).toBe(readFileSync(join(dir, 'after.nft'), 'utf8'));
  });
});
