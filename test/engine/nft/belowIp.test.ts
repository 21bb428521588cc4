import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replay } from '../../../src/index.js';

const DIR = join(import.meta.dirname, 'belowIp');

/**
 * What no capture tells is made alike: the identification of a reply that a rule dropped before the wire, and the link
 * header of a copy, which the kernel prints from memory that it has not filled.
 */
function withoutUnseen(lines: readonly string[]): string[] {
  return lines
    .map((line) =>
      line
        .replace(/^(NDE: IN= OUT=v0 .* TTL=64) ID=\d+ (PROTO=ICMP TYPE=0)/, '$1 ID=0 $2')
        .replace(/^(PST: IN=br0 OUT=br0) MAC=\S+/, '$1 MAC='),
    )
    .sort();
}

/*
 * Recorded on Linux 6.18: a router with an interface v0 and a bridge br0 of two ports, echoes among hosts behind them, and
 * ARP. `hooks`: a rule that logs at every hook of netdev, arp and bridge tables; `rules`: tests of what such frames have;
 * `copies`: dup and fwd of ip and netdev tables.
 */
describe('below IP', () => {
  it.each(['hooks', 'rules', 'copies'])('%s', async (name) => {
    const dir = join(DIR, name);
    const { value } = await replay({ captures: [join(dir, 'any.pcap')], host: join(dir, 'host') });
    const lines = value?.lines.map(({ text }) => text.trimEnd()) ?? [];
    const wanted = readFileSync(join(dir, 'kernel.log'), 'utf8').trimEnd().split('\n');
    expect(withoutUnseen(lines)).toEqual(withoutUnseen(wanted.map((line) => line.trimEnd())));
    expect(value?.nftRuleset).toBe(readFileSync(join(dir, 'after.nft'), 'utf8'));
  });
});
