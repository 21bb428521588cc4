import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/capture/frame.js';
import { PACKET_COLUMNS, packetRow, type PacketRow } from '../../src/capture/list.js';
import { openCaptures } from '../../src/capture/open.js';
import { DATA } from './bytes.js';
import { hasProgram } from './reading.js';
import { tsharkRows } from './tshark.js';

async function rows(file: string, name?: (index: number) => string | undefined): Promise<PacketRow[]> {
  const source = openCaptures([DATA + file]);
  const out: PacketRow[] = [];
  for await (const frame of source.frames()) out.push(packetRow(frame, source.epoch, name));
  return out;
}

const line = (row: PacketRow): string => PACKET_COLUMNS.map((column) => row[column] ?? '').join(',');

/** One frame made by hand; the link type is RAW unless told. */
function row(hex: string, more: Partial<Frame> = {}): PacketRow {
  const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  const frame: Frame = {
    number: 1,
    time: 0,
    linkType: 101,
    bytes,
    originalLength: bytes.length,
    interface: '',
    direction: '',
    comment: '',
    file: 0,
    ...more,
  };
  return packetRow(frame, 0n);
}

const IPV4 = (protocol: string, rest: string, fragment = '0000'): string =>
  `4500 001c 0000 ${fragment} 40 ${protocol} 0000 c0000201 c0000202 ${rest}`;

describe('the listing of packets', () => {
  it('shows a capture of all interfaces', async () => {
    const lines = (await rows('sll2.pcap', (index) => (index === 1 ? 'lo' : undefined))).map(line);
    expect([2, 3, 4, 5, 8, 9, 10, 14, 20, 22, 23, 53, 58, 59, 61].map((i) => lines[i])).toEqual([
      '3,2026-11-22T01:16:33.917568000Z,if2,in,arp,192.0.2.1,192.0.2.2,,,,,48,',
      '4,2026-11-22T01:16:33.917597000Z,if2,out,arp,192.0.2.2,192.0.2.1,,,,,48,',
      '5,2026-11-22T01:16:33.917602000Z,if2,in,4,192.0.2.1,192.0.2.2,1,8,0,60,80,',
      '6,2026-11-22T01:16:33.917679000Z,if2,out,4,192.0.2.2,192.0.2.1,1,0,0,60,80,',
      '9,2026-11-22T01:16:34.443193000Z,if3,out,6,2001:db8:8::1,2001:db8:8::2,58,128,0,80,100,',
      '10,2026-11-22T01:16:35.494862000Z,if2,in,4,198.51.100.1,198.51.100.2,17,1111,2222,34,54,',
      '11,2026-11-22T01:16:35.495332000Z,if2,in,4,,,,,,,58,IP version 0 at byte 20',
      '15,2026-11-22T01:16:35.497487000Z,if2,in,6,2001:db8::1,2001:db8::2,6,7,8,84,104,',
      '21,2026-11-22T01:16:36.146384000Z,lo,in,4,127.0.0.1,127.0.0.1,1,8,0,60,80,',
      '23,2026-11-22T01:16:36.376400000Z,if2,in,4,192.0.2.1,192.0.2.2,1,8,0,1500,1520,',
      '24,2026-11-22T01:16:36.376440000Z,if2,in,4,192.0.2.1,192.0.2.2,1,,,1500,1520,',
      '54,2026-11-22T01:16:36.622995000Z,if2,in,6,2001:db8::1,2001:db8::2,17,,,1496,1516,',
      '59,2026-11-22T01:16:36.623309000Z,if2,in,4,192.0.2.1,192.0.2.2,136,1000,2000,36,56,',
      '60,2026-11-22T01:16:36.623857000Z,if2,in,4,192.0.2.1,192.0.2.2,132,1000,2000,52,72,',
      '62,2026-11-22T01:16:36.623999000Z,if2,in,4,192.0.2.1,192.0.2.2,50,,,52,72,',
    ]);
  });

  it.each<[name: string, made: PacketRow, expected: Partial<PacketRow>]>([
    ['UDP-Lite', row(IPV4('88', '0035 0036 0000 0000')), { protocol: 136, sport: 53, dport: 54, length: 28 }],
    ['DCCP', row(IPV4('21', '0035 0036 0000 0000')), { protocol: 33, sport: 53, dport: 54 }],
    ['ICMP: type and code', row(IPV4('01', '0301 0000 0000 0000')), { protocol: 1, sport: 3, dport: 1 }],
    [
      'a protocol by number',
      row(IPV4('fd', '0301 0000')),
      { protocol: 253, sport: null, dport: null, problem: '' },
    ],
    ['a later fragment', row(IPV4('11', '0035 0036', '0001')), { protocol: 17, sport: null, problem: '' }],
    ['ICMPv6 over IPv4', row(IPV4('3a', '0301 0000')), { protocol: 58, sport: null }],
    [
      'ports that were not captured',
      row(IPV4('06', '0035')),
      { family: 4, protocol: 6, sport: null, problem: 'transport header cut at 2 of 4 bytes, at byte 20' },
    ],
    [
      'half a header',
      row('4500 001c 0000'),
      { family: 4, src: '', problem: 'IPv4 header cut at 6 of 20 bytes at byte 0' },
    ],
    ['no IP', row('00'), { family: '', problem: 'IP version 0' }],
    [
      'a header that is not what the link says',
      row(IPV4('11', ''), { linkType: 229 }),
      { family: 6, problem: 'IP version 4 in a frame of IPv6 at byte 0' },
    ],
    [
      'ARP that was cut',
      row('020000000002 020000000001 0806 0001', { linkType: 1 }),
      { family: 'arp', src: '', problem: 'ARP cut at 2 of 28 bytes' },
    ],
    [
      'what the file says of direction and interface',
      row(IPV4('fd', ''), { interface: 'eth0', direction: 'in' }),
      {
        interface: 'eth0',
        direction: 'in',
      },
    ],
    [
      'a link type that is not decoded',
      row('00', { linkType: 105 }),
      { problem: 'link type 105 (IEEE802_11) is not decoded' },
    ],
    ['a time before the epoch', row('00', { time: -1 }), { time: '1969-12-31T23:59:59.999999999Z' }],
    ['a time that no calendar has', row('00', { time: 2 ** 79 }), { time: '604462909807314.587353088' }],
  ])('shows %s', (_, made, expected) => {
    expect(made).toMatchObject(expected);
  });

  const files = [
    ...[
      'eth-nano.pcap',
      'eth-snap50.pcap',
      'sll.pcap',
      'sll2.pcap',
      'raw.pcap',
      'nflog.pcap',
      'nflog-out.pcap',
    ],
    ...['two.pcapng', 'merged.pcapng', 'commented.pcapng', 'protocols.pcap'],
  ];
  it.skipIf(!hasProgram('tshark')).each(files)(
    'agrees with tshark on %s: every time, address, port, protocol and length',
    async (file) => {
      const ours = await rows(file);
      const theirs = tsharkRows(DATA + file, ours);
      const same = ours.map((row, i) =>
        Object.fromEntries(Object.keys(theirs[i] ?? {}).map((name) => [name, cell(row, name)])),
      );
      expect(same).toEqual(theirs);
      // A listing without packets would agree as well.
      expect(theirs.filter((row) => row.sport !== undefined).length).toBeGreaterThan(0);
    },
  );
});

const cell = (row: PacketRow, name: string): string => String(row[name as keyof PacketRow] ?? '');
