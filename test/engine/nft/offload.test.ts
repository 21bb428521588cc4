import { describe, expect, it } from 'vitest';
import { play } from '../helpers/nft.js';

/*
 * After net/netfilter/nft_flow_offload.c and nf_flow_table_ip.c of Linux 6.18: the kernel that the other tests ask is built
 * without flow tables.
 */
const rules = (flowtable = 'counter', devices = 'eth0, eth1'): string => `table inet t {
\tflowtable ft {\n\t\thook ingress priority filter\n\t\tdevices = { ${devices} }\n\t\t${flowtable}\n\t}
\tchain p {\n\t\ttype filter hook prerouting priority 10; policy accept;\n\t\tlog prefix "P: "\n\t}
\tchain f {\n\t\ttype filter hook forward priority filter; policy accept;
\t\tmeta l4proto { tcp, udp } flow add @ft log prefix "A: "\n\t\tlog prefix "F: "\n\t}
}
table ip nat {\n\tchain po {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n\t\toifname "eth0" masquerade\n\t}\n}
`;
const udp = (seconds: number, out: boolean) => ({
  at: seconds,
  words: out
    ? 'eth1: udp 192.168.1.10:1000 > 203.0.113.5:53 len 8'
    : 'eth0: udp 203.0.113.5:53 > 198.51.100.2:1000 len 8',
});
const out = (flags: string): string => `eth1: tcp 192.168.1.10:1000 > 203.0.113.5:80 ${flags}`;
const back = (flags: string): string => `eth0: tcp 203.0.113.5:80 > 198.51.100.2:1000 ${flags}`;
const OPEN = [out('S seq 1 win 1000'), back('SA seq 1 ack 2 win 1000'), out('A seq 2 ack 2 win 1000')];

describe('flow add', () => {
  it('takes a connection that is confirmed past the hooks, both ways, translated and counted', async () => {
    const { logged, sent } = await play(rules(), [
      udp(0, true),
      udp(0.1, false),
      udp(0.2, true),
      udp(0.3, false),
    ]);
    expect(logged).toEqual(['P F', 'P A F', '', '']);
    expect(sent).toEqual([
      'eth0 1000 > 53 #1',
      'eth1 53 > 1000 #2',
      'eth0 1000 > 53 #3',
      'eth1 53 > 1000 #4',
    ]);
  });

  it('lets it go after thirty seconds without a packet', async () => {
    const { logged } = await play(rules(), [udp(0, true), udp(1, false), udp(30, true), udp(61, true)]);
    expect(logged).toEqual(['P F', 'P A F', '', 'P A F']);
  });

  it('takes TCP when its handshake is over, until a side closes', async () => {
    const { logged } = await play(rules(), [
      ...OPEN,
      out('PA seq 2 ack 2 win 1000 len 10'),
      back('A seq 2 ack 12 win 1000'),
      out('FA seq 12 ack 2 win 1000'),
      back('A seq 2 ack 13 win 1000'),
    ]);
    expect(logged).toEqual(['P F', 'P F', 'P A F', '', '', 'P F', 'P F']);
  });

  it('sees them again at devices that are not in the table', async () => {
    const { logged } = await play(rules('', 'eth1'), [
      udp(0, true),
      udp(0.1, false),
      udp(0.2, true),
      udp(0.3, false),
    ]);
    expect(logged).toEqual(['P F', 'P A F', '', 'P F']);
  });
});
