import { describe, expect, it } from 'vitest';
import { sctpChunk } from '../../../src/frontend/nft/selectors.js';
import { decodePacket } from '../../../src/packet/packet.js';
import { readSctpChunk } from '../../../src/rules/nft/eval/options.js';
import { play } from '../helpers/nft.js';

describe('what the kernel chooses is seen in what left', () => {
  const rules = (choice: string): string => `table ip t {
    chain one { meta l4proto tcp dnat to 192.168.1.11:8080; }
    chain two { counter; goto three; }
    chain three { meta l4proto tcp dnat to 192.168.1.12:8080; }
    chain pre { type nat hook prerouting priority dstnat; tcp dport 80 ${choice}; }
  }`;

  it.each([
    'numgen random mod 2 vmap { 0 : goto one, 1 : jump two }',
    'symhash mod 2 vmap { 0 : goto one, 1 : jump two }',
    'dnat ip addr . port to numgen random mod 2 map { 0 : 192.168.1.11 . 8080, 1 : 192.168.1.12 . 8080 }',
    'dnat ip addr . port to jhash ip saddr mod 2 map { 0 : 192.168.1.11 . 8080, 1 : 192.168.1.12 . 8080 }',
  ])('%s', async (choice) => {
    for (const server of ['192.168.1.11', '192.168.1.12', '192.168.1.11']) {
      const { conntrack } = await play(rules(choice), [
        'eth0: tcp 198.51.100.9:1000 > 198.51.100.2:80 S',
        `eth1: tcp 198.51.100.9:1000 > ${server}:8080 S ttl 63`,
      ]);
      expect(conntrack).toContain(`src=${server} dst=198.51.100.9 sport=8080`);
    }
  });
});

describe('chunks of SCTP, as this kernel counted them', () => {
  const header = '03e807d0 00000001 00000000';
  const packets = [
    `${header} 03000010 00000009 000003e8 00000000 00030011 00000007 00010000 0000002e 78000000`,
    `${header} 04000004`,
    `${header} 00030008 00000007`,
    `${header} 09000000 00030011 00000007 00010000 0000002e 78000000`,
    `${header} 000300110000`,
    header,
  ].map((text) => {
    const body = Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
    const length = 20 + body.length;
    const ip = [0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, 132, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
    const packet = decodePacket(Uint8Array.from([...ip, ...body]));
    if (typeof packet === 'string') throw new Error(packet);
    return packet;
  });

  it.each<[chunk: string, field: string | null, read: (number | undefined)[]]>([
    ['data', null, [1, 0, 1, 0, 1, 0]],
    ['init', null, [0, 0, 0, 0, 0, 0]],
    ['data', 'flags', [3, undefined, 3, undefined, 3, undefined]],
    ['data', 'tsn', [7, undefined, 7, undefined, undefined, undefined]],
    ['data', 'ppid', [46, undefined, undefined, undefined, undefined, undefined]],
    ['sack', 'cum-tsn-ack', [9, undefined, undefined, undefined, undefined, undefined]],
    ['heartbeat', 'type', [undefined, 4, undefined, undefined, undefined, undefined]],
  ])('%s %s', (chunk, field, read) => {
    const selector = sctpChunk(chunk, field);
    if (!selector) throw new Error('no such chunk');
    expect(packets.map((packet) => readSctpChunk(selector, packet))).toEqual(read);
  });
});

describe('proxies', () => {
  it('go on behind tproxy, for TCP and UDP only', async () => {
    const { rules } = await play(
      `table ip t { chain c { type filter hook prerouting priority mangle;
        meta l4proto { tcp, udp, icmp } tproxy to :5000 counter; }; }`,
      ['eth0: tcp 198.51.100.9:1 > 10.0.0.1:80 S', 'eth0: icmp 198.51.100.9 > 10.0.0.1 8/0 id 7 n 1'],
    );
    expect(rules).toContain('tproxy to :5000 counter packets 1 bytes 40');
  });

  it('take the handshake from the hooks behind synproxy', async () => {
    const { rules } = await play(
      `table ip t { chain c { type filter hook input priority filter;
        tcp dport 80 synproxy mss 1460 wscale 7; counter; }; }`,
      [
        'eth0: tcp 198.51.100.9:1 > 198.51.100.2:80 S',
        'eth0: tcp 198.51.100.9:1 > 198.51.100.2:80 A',
        'eth0: udp 198.51.100.9:1 > 198.51.100.2:80 len 10',
      ],
    );
    expect(rules).toContain('counter packets 1 bytes 38');
  });

  it('are taken for right by synproxy, with a doubt, where the cookie was not captured', async () => {
    const { lines } = await play(
      `table ip t { chain c { type filter hook input priority filter;
        log prefix "in: "; tcp dport 80 ct state invalid,untracked,new synproxy mss 1460 wscale 7; }; }`,
      ['S seq 6', 'A seq 7 ack 1', 'A seq 9 ack 1'].map(
        (words) => `eth0: tcp 198.51.100.9:1 > 198.51.100.2:80 ${words}`,
      ),
    );
    expect(lines.map(({ frame, text, doubt }) => [frame, /IN=\w*/.exec(text)?.[0], doubt !== null])).toEqual([
      [1, 'IN=eth0', false],
      [2, 'IN=eth0', false],
      [2, 'IN=lo', true],
      [3, 'IN=eth0', true],
    ]);
  });
});
