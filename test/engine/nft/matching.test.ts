import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../src/rules/definition.js';
import { Outcome } from '../../../src/rules/verdict.js';
import type { Observer } from '../../../src/engine/observer.js';
import { play } from '../helpers/nft.js';

function rulesOf(tests: readonly string[]): string {
  return `table inet t {
\tset nets {
\t\ttype ipv4_addr
\t\tflags interval
\t\telements = { 10.0.0.0/8, 198.51.100.8-198.51.100.11 }
\t}

\tset pairs {
\t\ttype ipv4_addr . inet_service
\t\tflags interval
\t\telements = { 198.51.100.0/24 . 20-30, 10.0.0.1 . 80 }
\t}

\tset names {
\t\ttype ifname
\t\tflags interval
\t\telements = { "eth*", "wlan0" }
\t}

\tchain c {
\t\ttype filter hook prerouting priority raw; policy accept;
${tests.map((test) => `\t\t${test} counter packets 0 bytes 0\n`).join('')}\t}
}
`;
}

/** Which of the tests a packet meets. */
async function met(packet: string, tests: readonly string[]): Promise<string[]> {
  const { rules } = await play(rulesOf(tests), [packet]);
  const lines = rules.split('\n').filter((line) => line.includes(' counter packets '));
  expect(lines).toHaveLength(tests.length);
  return tests.filter((_, i) => lines[i].includes('counter packets 1'));
}

const SYN = 'eth0: tcp 198.51.100.9:1000 > 198.51.100.2:22 S mss 1460 wscale 7 ttl 63 tos 184';
const UDP = 'eth0: udp 198.51.100.9:1000 > 198.51.100.2:53 len 10';
const ECHO = 'eth0: icmp 198.51.100.9 > 198.51.100.2 8/0 id 7 n 1';
const LATER = 'eth0: ip 198.51.100.9 > 198.51.100.2 proto 17 len 20 offset 1480';

describe('a test is met', () => {
  // What nft leaves out of its list, and what it lists otherwise, the kernel compares as it was written.
  it('as it was written, however nft lists it', async () => {
    const hits = [
      'ip protocol tcp tcp option maxseg exists',
      '@nh,8,8 0xb8',
      '@nh,8,8 != 0xb9',
      '@nh,48,8 0',
    ];
    const misses = [
      'ip protocol udp tcp option maxseg exists',
      'ip protocol icmp tcp option window missing',
      '@nh,8,8 != 0xb8',
      '@nh,64,128 1',
    ];
    expect(await met(SYN, [...hits, ...misses])).toEqual(hits);
  });

  it.each<[packet: string, hits: string[], misses: string[]]>([
    [
      SYN,
      [
        'ip saddr 198.51.100.9',
        'ip saddr != 198.51.100.10',
        'ip saddr 198.51.100.0/24',
        'ip saddr 198.51.100.8-198.51.100.10',
        'ip saddr @nets',
        'ip saddr . tcp dport @pairs',
        'ip saddr & 0.0.0.255 == 0.0.0.9',
        'iifname @names',
        'iifname "eth*"',
        'iif "eth0"',
        'oifname != "eth1"',
        'tcp dport 22',
        'tcp dport { 22, 80-90 }',
        'tcp dport != { 23, 80-90 }',
        'th dport 22',
        '@th,16,16 22',
        'tcp flags syn',
        'tcp flags == syn',
        'tcp flags ! ack',
        'tcp flags syn / syn,ack',
        'meta l4proto { tcp, udp }',
        'meta nfproto ipv4',
        'meta protocol ip',
        'ip ttl < 64',
        'ip dscp ef',
        'ip version 4',
        'ip hdrlength 5',
        'ip frag-off & 8191 == 0',
        'tcp option maxseg size 1460',
        'tcp option window exists',
        'tcp option window count > 5',
        'tcp option timestamp missing',
        'meta mark 0x00000000',
        'fib daddr type local',
        'fib saddr . iif oif "eth0"',
      ],
      [
        'ip saddr != 198.51.100.9',
        'ip saddr 198.51.100.10-198.51.100.19',
        'ip saddr != @nets',
        'ip daddr . tcp dport { 198.51.100.2 . 23 }',
        'iifname "eth1"',
        'oifname "eth1"',
        'udp dport 22',
        'udp dport != 23',
        'tcp flags != syn',
        'tcp flags syn,ack / syn,ack',
        'icmp type echo-request',
        'ip6 saddr ::1',
        'ip ttl 64',
        'tcp option timestamp exists',
        'tcp option timestamp tsval != 0',
        'fib saddr type local',
        'fib saddr . iif oif missing',
        'ct mark 0x00000000',
        'meta skuid 0',
        'ether saddr 02:00:00:00:00:01',
      ],
    ],
    [
      UDP,
      ['tcp option timestamp missing', 'udp dport 53', 'th dport 53', 'udp length 18', 'meta length 38'],
      ['tcp dport 53', 'tcp option timestamp exists', 'tcp option maxseg size != 5', 'tcp flags ! ack'],
    ],
    [
      ECHO,
      ['icmp type echo-request', 'icmp id 7', 'icmp sequence != 2', 'icmp code 0', '@th,32,16 7'],
      ['icmp mtu != 5', 'icmp gateway != 5', 'icmpv6 type echo-request', 'tcp dport != 1'],
    ],
    [
      LATER,
      [
        'ip frag-off & 8191 != 0',
        'meta l4proto udp',
        'ip protocol udp',
        // Linux 6.18 takes the data of a later fragment for the header where the read is a simple one.
        'udp dport 24929',
        'th dport 1-30000',
        '@th,0,8 0x61',
      ],
      ['udp dport 53', '@th,0,24 0x616161', '@th,0,24 != 0x1', '@th,0,64 != 0x1'],
    ],
  ])('by %s', async (packet, hits, misses) => {
    expect(await met(packet, [...hits, ...misses])).toEqual(hits);
  });

  it('is told to an observer with what it wanted and saw', async () => {
    const told: { outcome: Outcome; conditions: readonly Condition[] }[] = [];
    const nothing = (): void => undefined;
    const observer: Observer = {
      packet: nothing,
      hook: nothing,
      enter: nothing,
      skip: nothing,
      verdict: nothing,
      change: nothing,
      route: nothing,
      end: nothing,
      rule: (_, outcome, conditions) => told.push({ outcome, conditions }),
    };
    await play(rulesOf(['ip saddr @nets tcp dport { 80, 443 }', 'ct state new']), [SYN], observer);
    expect(told).toEqual([
      {
        outcome: Outcome.miss,
        conditions: [
          {
            name: 'ip saddr',
            field: 'ip.source',
            wanted: '@nets',
            saw: '198.51.100.9',
            outcome: Outcome.hit,
          },
          {
            name: 'tcp dport',
            field: 'destinationPort',
            wanted: '{ 80, 443 }',
            saw: '22',
            outcome: Outcome.miss,
          },
        ],
      },
      {
        outcome: Outcome.miss,
        conditions: [
          { name: 'ct state', field: 'ct.state', wanted: 'new', saw: 'invalid', outcome: Outcome.miss },
        ],
      },
    ]);
  });
});
