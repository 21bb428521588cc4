import { describe, expect, it } from 'vitest';
import { play } from '../helpers/nft.js';

const log = (name: string): string => `log prefix "${name}: "`;
const table = (objects: string, ...rules: string[]): string =>
  `table ip t {\n${objects}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n${rules.join('\n')}\n\t}\n}\n`;
const out = (sport: number, dport: number, flags: string): string =>
  `eth1: tcp 192.168.1.10:${sport} > 203.0.113.5:${dport} ${flags}`;
const back = (sport: number, dport: number, flags: string): string =>
  `eth0: tcp 203.0.113.5:${sport} > 192.168.1.10:${dport} ${flags}`;

// All of it asked of Linux 6.18.
describe('ct expectation', () => {
  const expectation = `ct expectation e {\nprotocol tcp\ndport 5432\ntimeout 10s\nsize 1\nl3proto ip\n}`;
  const rules = table(
    expectation,
    `ct state related ${log('R')}`,
    `tcp dport 2121 ct mark set 7 ct expectation set "e" ${log('E')}`,
    log('A'),
  );

  it('makes the connection back related, once, with the mark of the first', async () => {
    const { logged, conntrack } = await play(rules, [
      out(1, 2121, 'S'),
      back(9, 5433, 'S'),
      back(9, 5432, 'S'),
      back(8, 5432, 'S'),
    ]);
    expect(logged).toEqual(['E A', 'A', 'R A', 'A']);
    expect(conntrack).toMatch(/sport=9 dport=5432.*mark=7/);
    expect(conntrack).toMatch(/sport=8 dport=5432.*mark=0/);
  });

  it('is not made again for a connection that is confirmed, which ends the rule', async () => {
    const { logged } = await play(rules, [out(1, 2121, 'S'), back(2121, 1, 'SA ack 1'), out(1, 2121, 'A')]);
    expect(logged).toEqual(['E A', 'A', 'A']);
  });

  it('of another connection in its place drops the packet', async () => {
    const { logged, sent } = await play(rules, [out(1, 2121, 'S'), out(2, 2121, 'S')]);
    expect(logged).toEqual(['E A', '']);
    expect(sent).toHaveLength(1);
  });

  it('lasts as many seconds as nft has milliseconds', async () => {
    const at = (seconds: number, words: string) => ({ at: seconds, words });
    // The master must be there, and TCP that nobody answers is not for long: the answer makes it last.
    const start = [at(0, out(1, 2121, 'S')), at(1, back(2121, 1, 'SA ack 1')), at(2, out(1, 2121, 'A'))];
    expect((await play(rules, [...start, at(9000, back(9, 5432, 'S'))])).logged.at(-1)).toBe('R A');
    expect((await play(rules, [...start, at(10_001, back(9, 5432, 'S'))])).logged.at(-1)).toBe('A');
  });
});

describe('ct timeout', () => {
  const policies = `ct timeout tt {\nprotocol tcp\nl3proto ip\npolicy = { syn_sent : 33, established : 77, close : 5 }\n}
ct timeout tu {\nprotocol udp\nl3proto ip\npolicy = { replied : 55 }\n}`;
  const rules = table(policies, `tcp dport 80 ct timeout set "tt"`, `ct timeout set "tu"`);

  it.each<[steps: string[], left: RegExp]>([
    [[out(1, 80, 'S')], /tcp +6 33 SYN_SENT/],
    [[out(1, 80, 'S'), back(80, 1, 'SA ack 1'), out(1, 80, 'A seq 1 ack 1')], /tcp +6 77 ESTABLISHED/],
    [[out(1, 81, 'S'), back(81, 1, 'SA ack 1'), out(1, 81, 'A seq 1 ack 1')], /tcp +6 432000 ESTABLISHED/],
    [['eth1: udp 192.168.1.10:1 > 203.0.113.5:53 len 5'], /udp +17 30 /],
  ])('%s', async (steps, left) => {
    expect((await play(rules, steps)).conntrack).toMatch(left);
  });
});
