import { describe, expect, it } from 'vitest';
import { readIpsetSave } from '../../../src/frontend/ipset/read.js';
import { printIpsetSave } from '../../../src/frontend/ipset/print.js';
import { parseMac } from '../../../src/address/mac.js';
import type { Packet } from '../../../src/packet/packet.js';
import type { SetMatchOptions, SetView } from '../../../src/rules/context.js';
import { HostClock } from '../../../src/rules/jiffies.js';
import { setView } from '../../../src/rules/sets/view.js';
import { Outcome } from '../../../src/rules/verdict.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { device, icmpPacket, packet, tcpPacket, udpPacket } from '../matches/packets.js';

const PLAIN: SetMatchOptions = {
  returnNomatch: false,
  updateCounters: true,
  updateSubcounters: true,
  packets: null,
  bytes: null,
};

function host(text: string) {
  const diagnostics = new Diagnostics();
  const sets = readIpsetSave(text, 'ipset', diagnostics);
  expect(diagnostics.list).toEqual([]);
  const clock = new HostClock(0n, null);
  const view: SetView = setView(sets, clock);
  return {
    clock,
    view,
    print: () => printIpsetSave(sets, clock.now),
    test: (name: string, p: Packet, sides: string, options: Partial<SetMatchOptions> = {}): Outcome =>
      view.test(name, p, directions(sides), { ...PLAIN, ...options }),
    add: (name: string, p: Packet, sides: string, exist = false, timeout: number | null = null): void =>
      view.change(name, p, directions(sides), { add: true, exist, timeout }),
    del: (name: string, p: Packet, sides: string): void =>
      view.change(name, p, directions(sides), { add: false, exist: false, timeout: null }),
  };
}

const directions = (sides: string): boolean[] => sides.split(',').map((side) => side === 'src');

const from = (source: string, destination = '10.0.0.9'): Packet => udpPacket(53, 9, { source, destination });

describe('the types, one element and what it holds', () => {
  const six = { source: 'fd00::1', destination: 'fd00::2' };
  const rows: [create: string, element: string, sides: string, holds: Packet[], not: Packet[]][] = [
    ['hash:ip', '10.0.0.1', 'src', [from('10.0.0.1')], [from('10.0.0.2'), udpPacket(1, 2, six)]],
    ['hash:ip netmask 24', '10.0.0.77', 'src', [from('10.0.0.1')], [from('10.0.1.1')]],
    ['hash:ip family inet6', 'fd00::2', 'dst', [udpPacket(1, 2, six)], [from('10.0.0.1')]],
    ['hash:net', '10.0.0.0/30', 'src', [from('10.0.0.3')], [from('10.0.0.4')]],
    [
      'hash:net family inet6',
      'fd00::/127',
      'src',
      [udpPacket(1, 2, six)],
      [udpPacket(1, 2, { ...six, source: 'fd00::3' })],
    ],
    [
      'hash:ip,port',
      '10.0.0.1,udp:9',
      'src,dst',
      [from('10.0.0.1')],
      [tcpPacket(53, 9, { source: '10.0.0.1' })],
    ],
    ['hash:ip,port', '10.0.0.1,icmp:8/3', 'src,dst', [icmpPacket(8, 3)], [icmpPacket(8, 0)]],
    ['hash:ip,port', '10.0.0.1,47:0', 'src,src', [packet(47, [1, 2, 3])], [packet(46, [1, 2, 3])]],
    [
      'hash:ip,port,ip',
      '10.0.0.1,udp:53,10.0.0.9',
      'src,src,dst',
      [from('10.0.0.1')],
      [from('10.0.0.1', '10.0.0.8')],
    ],
    [
      'hash:ip,port,net',
      '10.0.0.1,udp:9,10.0.0.0/28',
      'src,dst,dst',
      [from('10.0.0.1')],
      [from('10.0.0.1', '10.0.0.18')],
    ],
    ['hash:net,port', '10.0.0.0/24,udp:9', 'src,dst', [from('10.0.0.1')], [from('10.0.1.1')]],
    [
      'hash:net,net',
      '10.0.0.0/24,10.0.0.8/29',
      'src,dst',
      [from('10.0.0.1')],
      [from('10.0.0.1', '10.0.0.7')],
    ],
    [
      'hash:net,port,net',
      '10.0.0.0/24,udp:9,10.0.0.8/29',
      'src,dst,dst',
      [from('10.0.0.1')],
      [from('10.0.1.1')],
    ],
    [
      'hash:ip,mark',
      '10.0.0.1,0x5',
      'src,src',
      [Object.assign(from('10.0.0.1'), { mark: 5 })],
      [from('10.0.0.1')],
    ],
    [
      'bitmap:ip range 10.0.0.0/24',
      '10.0.0.1',
      'src',
      [from('10.0.0.1')],
      [from('10.0.0.2'), from('11.0.0.1')],
    ],
    [
      'bitmap:port range 1-100',
      '9',
      'dst',
      [from('1.1.1.1'), tcpPacket(1, 9), udpPacket(1, 9, six)],
      [packet(132, [0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]), udpPacket(9, 109)],
    ],
  ];
  for (const [create, element, sides, holds, not] of rows)
    it(`${create}: ${element}`, () => {
      const { test } = host(`create s ${create}\nadd s ${element}\n`);
      for (const p of holds) expect(test('s', p, sides)).toBe(Outcome.hit);
      for (const p of not) expect(test('s', p, sides)).toBe(Outcome.miss);
      // One direction too few is no match (`ip_set_test()`).
      if (sides.includes(',')) expect(test('s', holds[0], 'src')).toBe(Outcome.miss);
    });

  it('hash:net,iface with names and beginnings of names', () => {
    const { test } = host(
      'create s hash:net,iface\nadd s 10.0.0.0/8,eth0\nadd s 10.1.0.0/16,eth0 nomatch\nadd s 10.0.0.0/8,wg wildcard\nadd s 10.0.0.0/8,physdev:br0\n',
    );
    const through = (name: string, source: string): Packet =>
      Object.assign(from(source), { in: device(name) });
    expect(test('s', through('eth0', '10.0.0.1'), 'src,src')).toBe(1);
    expect(test('s', through('eth0', '10.1.0.1'), 'src,src')).toBe(0);
    expect(test('s', through('wg7', '10.1.0.1'), 'src,src')).toBe(1);
    expect(test('s', through('br0', '10.0.0.1'), 'src,src')).toBe(0);
    expect(test('s', through('eth0', '10.0.0.1'), 'src,dst')).toBe(0);
  });

  it('bitmap:ip,mac takes the MAC of the first packet where it has none', () => {
    const { test, print } = host(
      'create s bitmap:ip,mac range 10.0.0.0/24\nadd s 10.0.0.1\nadd s 10.0.0.2,02:00:00:00:09:03\n',
    );
    const p = from('10.0.0.1');
    p.link = Uint8Array.from([...parseMac('02:00:00:00:09:01')!, ...parseMac('02:00:00:00:09:02')!, 8, 0]);
    expect(test('s', p, 'src,src')).toBe(1);
    expect(print()).toContain('add s 10.0.0.1,02:00:00:00:09:02');
    const other = from('10.0.0.2');
    other.link = p.link;
    expect(test('s', other, 'src,src')).toBe(0);
    expect(test('s', from('10.0.0.1'), 'src,src')).toBe(0);
  });

  it('does not know a set that was not given, nor ports that were not captured', () => {
    const { test } = host('create s bitmap:port range 0-65535\nadd s 9\n');
    expect(test('none', from('10.0.0.1'), 'src')).toBe(Outcome.unknown);
    expect(test('s', udpPacket(1, 9, { snaplen: 22 }), 'dst')).toBe(Outcome.unknown);
    expect(test('s', udpPacket(1, 9, { fragment: 8 }), 'dst')).toBe(Outcome.miss);
  });
});

describe('as Linux 6.18 answered', () => {
  it('exceptions, and --return-nomatch', () => {
    const { test } = host('create n hash:net\nadd n 10.9.0.0/16\nadd n 10.9.0.0/24 nomatch\n');
    const returnNomatch = { returnNomatch: true };
    expect(test('n', from('10.9.0.2'), 'src')).toBe(0);
    expect(test('n', from('10.9.0.2'), 'src', returnNomatch)).toBe(1);
    expect(test('n', from('10.9.1.2'), 'src')).toBe(1);
    expect(test('n', from('10.9.1.2'), 'src', returnNomatch)).toBe(0);
  });

  it('counters: counted before they are compared, in lists and in what they hold', () => {
    const { test, print } = host(
      'create c1 hash:ip counters\nadd c1 10.9.0.2\ncreate c2 hash:ip counters\nadd c2 10.9.0.2\n' +
        'create l list:set\nadd l c1\ncreate l2 list:set counters\nadd l2 c2\n',
    );
    const p = udpPacket(1, 9, { source: '10.9.0.2' });
    const round = (): Outcome[] => [
      test('c1', p, 'src', { packets: { op: 'lt', value: 2 } }),
      test('c2', p, 'src', { updateCounters: false, packets: { op: 'eq', value: 0 } }),
      test('l', p, 'src'),
      test('l2', p, 'src', { updateSubcounters: false }),
      test('l2', p, 'src', { packets: { op: 'gt', value: 2 } }),
      test('l', p, 'src,dst'),
    ];
    expect([round(), round(), round()]).toEqual([
      [1, 1, 1, 1, 0, 1],
      [0, 0, 1, 1, 1, 1],
      [0, 0, 1, 1, 1, 1],
    ]);
    expect(print()).toContain('add c1 10.9.0.2 packets 9 bytes 252');
    expect(print()).toContain('add c2 10.9.0.2 packets 3 bytes 84');
    expect(print()).toContain('add l2 c2 packets 6 bytes 168');
  });

  it('-j SET', () => {
    const { add, del, print, view } = host(
      'create t hash:ip timeout 100\ncreate tp hash:ip,port\ncreate pp bitmap:port range 0-65535\n' +
        'create hn hash:net\nadd hn 1.0.0.0/8\nadd hn 2.0.0.0/12\ncreate hcm hash:ip netmask 24\ncreate hc hash:ip counters\n',
    );
    const p = udpPacket(1, 9, { source: '10.9.0.2' });
    add('t', p, 'src');
    add('tp', p, 'src,dst');
    add('tp', icmpPacket(8, 3, { source: '10.9.0.2' }), 'src,dst');
    add('tp', packet(47, [1], { source: '10.9.0.2' }), 'src,dst');
    add('tp', packet(6, [1, 2, 3, 4, 5, 6, 7, 8], { source: '10.9.0.2' }), 'src,dst');
    add('pp', p, 'dst');
    add('pp', packet(47, [1]), 'dst');
    add('hn', p, 'src');
    add('hcm', p, 'src');
    add('hc', p, 'src');
    expect(
      print()
        .split('\n')
        .filter((line) => line.startsWith('add')),
    ).toEqual([
      'add t 10.9.0.2 timeout 100',
      'add tp 10.9.0.2,gre:0',
      'add tp 10.9.0.2,icmp:8/3',
      'add tp 10.9.0.2,udp:9',
      'add pp 9',
      'add hn 1.0.0.0/8',
      'add hn 2.0.0.0/12',
      'add hn 10.0.0.0/12',
      'add hcm 10.9.0.0',
      'add hc 10.9.0.2 packets 1 bytes 28',
    ]);
    del('tp', p, 'src,dst');
    del('hn', p, 'src');
    expect(print()).not.toContain('udp:9');
    expect(print()).not.toContain('10.0.0.0/12');
    expect(view.map('hc', p, [true])).toBeNull();
  });
});

describe('time', () => {
  it('ends an element, and --exist begins it again', () => {
    const { clock, test, add } = host(
      'create t hash:ip timeout 10\nadd t 10.0.0.1 timeout 5\nadd t 10.0.0.2 timeout 0\n',
    );
    const p = from('10.0.0.1');
    clock.now = 5e9;
    expect(test('t', p, 'src')).toBe(1);
    clock.now = 5.1e9;
    expect(test('t', p, 'src')).toBe(0);
    add('t', p, 'src');
    clock.now = 15e9;
    expect(test('t', p, 'src')).toBe(1);
    add('t', p, 'src');
    clock.now = 15.2e9;
    expect(test('t', p, 'src')).toBe(0);
    add('t', p, 'src', false, 2);
    add('t', p, 'src', true, 20);
    clock.now = 35e9;
    expect(test('t', p, 'src')).toBe(1);
    expect(test('t', from('10.0.0.2'), 'src')).toBe(1);
  });
});

it('gives -j SET --map-set what the element carries', () => {
  const { view } = host(
    'create s hash:ip skbinfo\nadd s 10.0.0.1 skbmark 0x10/0xff skbprio 1:a skbqueue 3\n',
  );
  expect(view.map('s', from('10.0.0.1'), [true])).toEqual({ mark: 0x10, markMask: 0xff, priority: 0x1000a });
  expect(view.map('s', from('10.0.0.2'), [true])).toBeNull();
});

it('lets a mark without a mask take the place of the whole one, and an element without a mark leave it', () => {
  const { view } = host('create s hash:ip skbinfo\nadd s 10.0.0.1 skbmark 0x34\nadd s 10.0.0.2\n');
  expect(view.map('s', from('10.0.0.1'), [true])).toMatchObject({ mark: 0x34, markMask: 0xffffffff });
  expect(view.map('s', from('10.0.0.2'), [true])).toBeNull();
});
