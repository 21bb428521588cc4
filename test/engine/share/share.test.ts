import { describe, expect, it } from 'vitest';
import { whyNotAlike } from '../../../src/engine/share/inseparable.js';
import { type Noted, Share } from '../../../src/engine/share/share.js';
import { Translated } from '../../../src/engine/share/translated.js';
import { parseSave } from '../../../src/frontend/iptables/save.js';
import { assumeHost } from '../../../src/host/assume.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { packetOf } from '../helpers/words.js';

const MASQUERADE = `*nat
-A POSTROUTING -s 172.17.0.0/16 -o eth0 -j MASQUERADE
-A PREROUTING -d 203.0.113.80/32 -p tcp -j DNAT --to-destination 172.17.0.2
COMMIT
`;

/** Which of seven shares each packet is of, under rules. */
function sharesOf(save: string, packets: readonly string[]): number[] {
  const diagnostics = new Diagnostics();
  const addresses = ['198.51.100.2/24@eth0', '172.17.0.1/16@docker0'];
  const host = assumeHost({ addresses, routes: ['default via 198.51.100.1'] }, diagnostics);
  const translated = Translated.of({ tables: parseSave(save, 'rules', 4, diagnostics) }, host);
  const shares = Array.from({ length: 7 }, (_, i) => new Share(i, 7, translated));
  return packets.map((words) => shares.findIndex((share) => share.owns(packetOf(words), 0)));
}

describe('the share of a packet', () => {
  it.each([
    [
      'both directions of a connection',
      '',
      ['tcp 10.0.0.9:4000 > 192.0.2.7:80 S', 'tcp 192.0.2.7:80 > 10.0.0.9:4000 SA'],
    ],
    [
      'before and behind masquerading, both ways',
      MASQUERADE,
      [
        ...['udp 172.17.0.5:4000 > 192.0.2.7:53', 'udp 198.51.100.2:1024 > 192.0.2.7:53'],
        ...['udp 192.0.2.7:53 > 198.51.100.2:1024', 'udp 192.0.2.7:53 > 172.17.0.5:4000'],
      ],
    ],
    [
      'before and behind DNAT, both ways',
      MASQUERADE,
      [
        ...['tcp 10.0.0.9:4000 > 203.0.113.80:80 S', 'tcp 10.0.0.9:4000 > 172.17.0.2:80 S'],
        ...['tcp 172.17.0.2:80 > 10.0.0.9:4000 SA', 'tcp 203.0.113.80:80 > 10.0.0.9:4000 SA'],
      ],
    ],
    [
      'the fragments of a datagram',
      '',
      [
        'tcp 10.0.0.9:4000 > 192.0.2.7:80 S mf ipid 5',
        'ip 10.0.0.9 > 192.0.2.7 proto 6 len 24 offset 8 ipid 5',
      ],
    ],
  ])('is the same for %s', (_, save, packets) => {
    const shares = sharesOf(save, packets);
    expect(new Set(shares)).toHaveLength(1);
    expect(shares[0]).toBeGreaterThanOrEqual(0);
  });

  it('of an ICMP error is that of the packet it quotes, whoever sends it', () => {
    const quoted = packetOf('udp 10.0.0.9:4000 > 192.0.2.7:53 len 8');
    const error = new Uint8Array(28 + quoted.length);
    error.set(packetOf('icmp 203.0.113.200 > 10.0.0.9 3/1 id 0 n 0').subarray(0, 28));
    error.set(quoted, 28);
    const [wanted] = sharesOf('', ['udp 10.0.0.9:4000 > 192.0.2.7:53 len 8']);
    const none = new Translated();
    for (let i = 0; i < 7; i++) {
      const share = new Share(i, 7, none);
      expect(share.owns(error, 0)).toBe(i === wanted);
      expect(share.refusal).toBeNull();
    }
    error[6] = 0x20;
    const share = new Share(0, 7, none);
    share.owns(error, 0);
    expect(share.refusal).toContain('fragmented ICMP error');
  });

  it('differs between clients', () => {
    const clients = Array.from({ length: 700 }, (_, n) => `udp 10.0.${n >> 8}.${n & 255}:1 > 192.0.2.7:53`);
    const counts = new Map<number, number>();
    for (const share of sharesOf('', clients)) counts.set(share, (counts.get(share) ?? 0) + 1);
    expect([...counts.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(Math.min(...counts.values())).toBeGreaterThan(50);
  });
});

describe('the addresses that translations change', () => {
  it('are those that the rules and interfaces name, and no others', () => {
    const diagnostics = new Diagnostics();
    const host = assumeHost(
      { addresses: ['198.51.100.2/24@eth0'], routes: ['default via 198.51.100.1'] },
      diagnostics,
    );
    const word = (n: number): number => ((10 << 24) | (n * 7919)) >> 0;
    const text = (n: number): string => [24, 16, 8, 0].map((shift) => (word(n) >>> shift) & 255).join('.');
    const rules = Array.from({ length: 500 }, (_, n) => `-A PREROUTING -d ${text(2 * n)}/32 -j X`).join('\n');
    const save = `*nat\n:X - [0:0]\n${rules}\n-A X -p tcp -j DNAT --to-destination 192.0.2.10-192.0.2.20\nCOMMIT\n`;
    const all = Translated.of({ tables: parseSave(save, 'rules', 4, diagnostics) }, host);
    expect(diagnostics.hasErrors).toBe(false);
    for (let n = 0; n < 1000; n++) expect([n, all.has4(word(n))]).toEqual([n, n % 2 === 0]);
    const last = (n: number): boolean => all.has4(((192 << 24) | (2 << 8) | n) >> 0);
    expect([9, 10, 20, 21].map(last)).toEqual([false, true, true, false]);
    expect(all.has4(((198 << 24) | (51 << 16) | (100 << 8) | 2) >> 0)).toBe(true);
  });
});

describe('shares that ran', () => {
  const noted = (more: Partial<Noted> = {}): Noted => ({
    ...{ sentFrom: new Map(), foundNobody: new Map(), messages: [] },
    ...more,
  });
  const socket = (17 << 16) | 53;
  const message = (frame: number, time: number, allowed = true): Noted['messages'][number] => ({
    ...{ frame, time, rate: 1000, burst: 50, destination: '10.0.0.9', interval: 0, allowed },
  });

  it.each<[string, number, number, boolean]>([
    ['before a packet found nobody there', 5, 9, true],
    ['behind it', 9, 5, false],
  ])('are not alike where another one sent from the port %s', (_, sent, found, isRefused) => {
    const why = whyNotAlike([
      noted({ sentFrom: new Map([[socket, sent]]) }),
      noted({ foundNobody: new Map([[socket, found]]) }),
    ]);
    expect(why !== null).toBe(isRefused);
  });

  it('are alike while the messages of all together are within the limits, in the order of frames', () => {
    const each = (from: number): Noted => noted({ messages: [message(from, 1e9), message(from + 2, 1.1e9)] });
    expect(whyNotAlike([each(1), each(2)])).toBeNull();
  });

  it('are not where the messages of all together are beyond them', () => {
    const many = (odd: number): Noted =>
      noted({ messages: Array.from({ length: 24 }, (_, i) => message(2 * i + odd, 1e9 + i)) });
    expect(whyNotAlike([many(0)])).toBeNull();
    expect(whyNotAlike([many(0), many(1)])).toContain('icmp_msgs_per_sec');
  });

  it('are not where one destination got more together than each alone', () => {
    const one = (frame: number): Noted['messages'][number] => ({ ...message(frame, 1e9), interval: 1e9 });
    const four = (from: number): Noted => noted({ messages: [0, 2, 4, 6].map((n) => one(from + n)) });
    expect(whyNotAlike([four(0)])).toBeNull();
    expect(whyNotAlike([four(0), four(1)])).toContain('icmp_ratelimit');
  });
});
