import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { play } from '../helpers/nft.js';

const [head, body] = readFileSync(join(import.meta.dirname, 'inner.txt'), 'utf8').split('\n\n');
const RULES = head.split('\n').slice(1);
const PACKETS = body
  .trim()
  .split('\n')
  .map((line) => {
    const [name, hex, hits] = line.split(': ');
    return { name, hex, hits: hits === 'none' ? [] : hits.split(' ').flatMap(numbersOf) };
  });

/** `3` or `3-5`. */
function numbersOf(range: string): number[] {
  const [from, to = from] = range.split('-').map(Number);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/*
 * Asked of Linux 6.18 with nft 1.1.3. It keeps what it found in a tunnel by the place of its buffer and not by packet
 * (`nft_inner_save_tun_ctx()`), so that a packet may be taken for an earlier one; here no packet had the place of an earlier one.
 */
describe('what tunnels carry', () => {
  let logged: readonly string[] = [];
  beforeAll(async () => {
    const rules = RULES.map((rule, i) => `\t\t${rule} log prefix "r${i}: "\n`).join('');
    const hook = 'type filter hook prerouting priority raw; policy accept;';
    const text = `table inet t {\n\tchain c {\n\t\t${hook}\n${rules}\t}\n}\n`;
    const packets = PACKETS.map(({ hex }) => `eth0: hex ${hex}`);
    logged = (await play(text, packets)).logged;
  });

  it('is told in many ways', () => {
    expect(PACKETS.length).toBeGreaterThan(150);
    expect(RULES.length).toBeGreaterThan(100);
    const met = new Set(PACKETS.flatMap(({ hits }) => hits));
    expect(RULES.filter((_, i) => !met.has(i))).toEqual(['udp dport 4789 vxlan arp operation request']);
  });

  it.each(PACKETS.map((packet, i) => ({ ...packet, i })))('$name', ({ hits, i }) => {
    const met = logged[i]
      .split(' ')
      .flatMap((prefix) => (prefix === '' ? [] : [RULES[Number(prefix.slice(1))]]));
    expect(met).toEqual(hits.map((hit) => RULES[hit]));
  });
});
