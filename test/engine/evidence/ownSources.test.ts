import { describe, expect, it } from 'vitest';
import { play, type Sent } from '../helpers/router.js';

/*
 * Packets of the host are captured as they leave; what rules gave them for a source or destination is undone: who names no
 * source has that of the route, and who calls the host by an address of its own has that address.
 */

const OUTPUT = '*raw\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j LOG --log-prefix "made: "\nCOMMIT\n';
const table = (rules: string): string =>
  `*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n${rules}\nCOMMIT\n${OUTPUT}`;

const TWO = ['198.51.100.2/24@eth0', '198.51.100.3/24@eth0', '192.168.1.1/24@eth1', '172.17.0.1/16@docker0'];
const DOCKER =
  '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80';

async function made(rules: string, words: string, device = 'eth0'): Promise<string> {
  const packets: Sent[] = [[0, `>${device}`, words]];
  const { lines } = await play(table(rules), packets, { addresses: TWO });
  const [line = ''] = lines;
  return ['OUT', 'SRC', 'DST', 'DPT'].map((field) => new RegExp(`${field}=(\\S+)`).exec(line)?.[1]).join(' ');
}

describe('the first packet of a connection of the host', () => {
  it.each([
    [
      'had the source of its route where SNAT gives the other',
      '-A POSTROUTING -o eth0 -j SNAT --to-source 198.51.100.3',
      'eth0 198.51.100.2 203.0.113.5 53',
    ],
    [
      'was bound to the other where no rule gives it',
      '-A POSTROUTING -o eth1 -j SNAT --to-source 198.51.100.3',
      'eth0 198.51.100.3 203.0.113.5 53',
    ],
    [
      'was bound to the other where SNAT gives a third',
      '-A POSTROUTING -o eth0 -j SNAT --to-source 198.51.100.9',
      'eth0 198.51.100.3 203.0.113.5 53',
    ],
  ])('%s', async (_, rules, expected) => {
    expect(await made(rules, 'udp 198.51.100.3:4000 > 203.0.113.5:53 len 8')).toBe(expected);
  });

  it('was sent to a published port of the host where its source is not that of the route to the container', async () => {
    expect(await made(DOCKER, 'tcp 198.51.100.2:4000 > 172.17.0.2:80 S', 'docker0')).toBe(
      'lo 198.51.100.2 198.51.100.2 8080',
    );
    expect(await made(DOCKER, 'tcp 172.17.0.1:4000 > 172.17.0.2:80 S', 'docker0')).toBe(
      'docker0 172.17.0.1 172.17.0.2 80',
    );
  });

  it('was not sent to an address that another source belongs to', async () => {
    const rules = '-A OUTPUT -d 127.0.0.1/32 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80';
    expect(await made(rules, 'tcp 172.17.0.1:4000 > 172.17.0.2:80 S', 'docker0')).toBe(
      'docker0 172.17.0.1 172.17.0.2 80',
    );
  });
});

describe('a connection of the host with a random port', () => {
  it('is answered at the port that it left from', async () => {
    const rules = '-A POSTROUTING -o eth0 -j MASQUERADE --random-fully';
    const { connections } = await play(
      table(rules),
      [
        [0, '>eth0', 'udp 198.51.100.2:40123 > 203.0.113.5:53 len 8'],
        [1e-3, 'eth0', 'udp 203.0.113.5:53 > 198.51.100.2:40123 len 20'],
      ],
      { addresses: TWO },
    );
    expect(connections).toHaveLength(1);
    expect(connections[0]).toMatch(/dport=53 src=203\.0\.113\.5 dst=198\.51\.100\.2 sport=53 dport=40123/);
  });
});
