import { describe, expect, it } from 'vitest';
import { play, type Played, type Sent } from './helpers/router.js';

/** Counts what is tracked and what is not at every hook that a copy passes. */
const table = (name: string, chains: readonly string[], ...rules: string[]): string =>
  [
    `*${name}`,
    ...chains.map((chain) => `:${chain} ACCEPT [0:0]`),
    ...rules.map((rule) => `-A ${rule}`),
    ...chains.map((chain) => `-A ${chain} -m conntrack --ctstate UNTRACKED`),
    'COMMIT\n',
  ].join('\n');
const MANGLE = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];
const NAT = '*nat\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n';

const copied = async (rule: string, packets: readonly Sent[], version: 4 | 6 = 4): Promise<Played> =>
  play(table('raw', ['PREROUTING', 'OUTPUT']) + table('mangle', MANGLE, rule) + NAT, packets, { version });
/** How many untracked packets each chain has seen, where any. */
const untracked = ({ saved }: Played): string[] =>
  [...saved.matchAll(/^\[([1-9]\d*):\d+\] -A (\w+) -m conntrack --ctstate UNTRACKED$/gm)].map(
    ([, packets, chain]) => `${chain} ${packets}`,
  );

const DATAGRAM: Sent = [0, 'eth0', 'udp 203.0.113.77:5 > 192.168.1.10:9 ttl 50'];
const TEE = '-p udp -j TEE --gateway 192.168.1.10';

/** As Linux 6.18 was seen to do. */
describe('a copy of TEE', () => {
  it('goes untracked through OUTPUT and POSTROUTING, before the packet goes on, and not through nat', async () => {
    const played = await copied(`PREROUTING ${TEE}`, [DATAGRAM]);
    expect(untracked(played)).toEqual(['OUTPUT 1', 'OUTPUT 1', 'POSTROUTING 1']);
    expect(played.left).toEqual([
      'eth1 udp 203.0.113.77:5 > 192.168.1.10:9 ttl 49',
      'eth1 udp 203.0.113.77:5 > 192.168.1.10:9 ttl 49',
    ]);
  });

  it('leaves though the packet itself has no hop left', async () => {
    const { left } = await copied(`PREROUTING ${TEE}`, [
      [0, 'eth0', 'udp 203.0.113.77:5 > 192.168.1.10:9 ttl 1'],
    ]);
    expect(left).toEqual([
      'eth1 udp 203.0.113.77:5 > 192.168.1.10:9 ttl 0',
      'eth0 icmp 198.51.100.2 > 203.0.113.77 11/0 ttl 64',
    ]);
  });

  it.each([
    ['FORWARD', 49],
    ['POSTROUTING', 49],
  ])('keeps in %s the hops that the packet has by then', async (chain, ttl) => {
    const { left } = await copied(`${chain} -p udp -j TEE --gateway 198.51.100.1`, [DATAGRAM]);
    expect(left[0]).toBe(`eth0 udp 203.0.113.77:5 > 192.168.1.10:9 ttl ${ttl}`);
  });

  it('of what is for the host goes elsewhere', async () => {
    const { left } = await copied(`INPUT ${TEE}`, [
      [0, 'eth0', 'udp 203.0.113.77:5 > 198.51.100.2:9 ttl 50'],
    ]);
    expect(left).toEqual([
      'eth1 udp 203.0.113.77:5 > 198.51.100.2:9 ttl 49',
      'eth0 icmp 198.51.100.2 > 203.0.113.77 3/3 ttl 64',
    ]);
  });

  it('is not copied again', async () => {
    const rules = table('mangle', MANGLE, `PREROUTING ${TEE}`, `POSTROUTING ${TEE}`);
    const { left } = await play(rules, [DATAGRAM]);
    expect(left).toHaveLength(3);
  });

  it('goes through the device that --oif names, and nowhere where there is none of that name', async () => {
    const through = async (device: string): Promise<readonly string[]> =>
      (await copied(`PREROUTING ${TEE} --oif ${device}`, [DATAGRAM])).left.map((sent) => sent.slice(0, 4));
    expect(await through('eth0')).toEqual(['eth0', 'eth1']);
    expect(await through('eth7')).toEqual(['eth1']);
  });

  it('is accounted for where the capture shows it', async () => {
    const copy: Sent = [0.0001, '>eth1', 'udp 203.0.113.77:5 > 192.168.1.10:9 ttl 49 df'];
    const { logged } = await play(
      table('mangle', MANGLE, `PREROUTING ${TEE}`, 'OUTPUT -j LOG --log-prefix out'),
      [DATAGRAM, copy],
    );
    expect(logged).toEqual(['out', '']);
  });

  it('is a hop further on over IPv6, too', async () => {
    const { left } = await copied(
      'PREROUTING -p udp -j TEE --gateway 2001:db8:1::10',
      [[0, 'eth0', 'udp [2001:db8:77::1]:5 > [2001:db8:1::10]:9 ttl 50']],
      6,
    );
    expect(left.map((sent) => sent.slice(-6))).toEqual(['ttl 49', 'ttl 49']);
  });
});
