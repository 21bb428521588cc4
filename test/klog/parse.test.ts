import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emit } from '../../src/klog/emit.js';
import { fields } from '../../src/klog/fields.js';
import { parse } from '../../src/klog/parse.js';
import { type LogRecord, type PacketLog, type Token, versionOf } from '../../src/klog/record.js';

/** One line of every shape that a real host wrote, as dmesg printed it. */
const RECORDED = readFileSync(new URL('recorded.log', import.meta.url), 'utf8')
  .replace(/\n$/, '')
  .split('\n')
  .map((line) => line.replace(/^\[ *[\d.]+\] /, ''));

const KERNEL = readFileSync(new URL('kernel.txt', import.meta.url), 'utf8')
  .replace(/\n$/, '')
  .split('\n')
  .filter((_, i) => i % 4 !== 0);

const REST =
  'SRC=198.51.100.9 DST=198.51.100.2 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=1 DF PROTO=TCP SPT=1 DPT=22 ';

describe('reading LOG lines', () => {
  it('understands every word of real ones and prints them again to the byte', () => {
    for (const line of [...RECORDED, ...KERNEL]) {
      const record = parse(line);
      expect(record && emit(record)).toBe(line);
      if (Buffer.byteLength(line) < 1016) expect(record?.rest).toBeUndefined();
    }
  });

  it.each<[string, string, Record<string, string | undefined>]>([
    [
      'a prefix without a space',
      `BLOCKIN=eth0 OUT= ${REST}`,
      { PREFIX: 'BLOCK', IN: 'eth0', OUT: '', DPT: '22' },
    ],
    [
      'a prefix with IN= in it',
      `IN=x IN=eth0 OUT=eth1 ${REST}`,
      { PREFIX: 'IN=x ', IN: 'eth0', OUT: 'eth1' },
    ],
    ['a prefix that is a head', `IN=a OUT=b IN=eth0 OUT= ${REST}`, { PREFIX: 'IN=a OUT=b ', IN: 'eth0' }],
    ['no prefix', `IN= OUT=lo ${REST}`, { PREFIX: '', IN: '', OUT: 'lo' }],
    ['an odd interface name', `IN=a=b OUT= ${REST}`, { IN: 'a=b' }],
    ['no OUT=', `DROP IN=eth0 MAC= ${REST}`, { PREFIX: 'DROP ', IN: 'eth0', OUT: undefined, DPT: '22' }],
    ['a stripped space', `X IN=eth0 OUT= ${REST.trimEnd()}`, { DPT: '22' }],
    ['a line cut in a word', 'X IN=eth0 OUT= MAC= SRC=198.51.1', { SRC: '198.51.1', DST: undefined }],
    ['a line cut in a bracket', `X IN= OUT=lo ${REST}[SRC=10.0.`, { DPT: '22', '[SRC': undefined }],
    ['a line cut in the head', 'X IN=eth0 OU', { PREFIX: 'X ', IN: 'eth0', OUT: undefined }],
    ['a line cut in its name', 'X IN=et', { PREFIX: 'X ', IN: 'et', OUT: undefined }],
    ['a second line behind', `X IN=eth0 OUT= ${REST}DROP IN=eth1 OUT= ${REST}`, { PREFIX: 'X ', IN: 'eth0' }],
    ['words of others behind', `X IN=eth0 OUT= ${REST}(repeated 3 times)`, { DPT: '22' }],
    [
      'a tunnel',
      `IN=sit0 OUT= MAC=45:00 TUNNEL=10.0.0.1->10.0.0.2 ${REST}`,
      { MAC: '45:00', TUNNEL: '10.0.0.1->10.0.0.2' },
    ],
    [
      'a tag kept beside a bridged packet',
      `IN=p0 OUT= MACSRC=02:00:00:00:00:01 MACDST=02:00:00:00:00:02 VPROTO=8100 VID=7 MACPROTO=0800 ${REST}`,
      { MACSRC: '02:00:00:00:00:01', VPROTO: '8100', VID: '7', MACPROTO: '0800' },
    ],
    [
      'ARP',
      'IN=p0 OUT= ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 MACSRC=02:00:00:00:00:01 IPSRC=10.0.0.1 MACDST=00:00:00:00:00:00 IPDST=10.0.0.2',
      { ARP: '', OPCODE: '1', 'ARP MACSRC': '02:00:00:00:00:01', IPDST: '10.0.0.2' },
    ],
    ['no packet at all', 'IN=eth0 OUT= MAC=02:00 ', { MAC: '02:00', SRC: undefined }],
  ])('takes %s', (_, text, wanted) => {
    const record = parse(text)!;
    expect(emit(record)).toBe(text);
    const got = fields(record);
    expect(Object.fromEntries(Object.keys(wanted).map((k) => [k, got.get(k)]))).toEqual(wanted);
  });

  it.each([
    'eth0: link becomes ready',
    'PHYSIN=vethc0 PHYSOUT=eth0 MAC= SRC=1.1.1.1',
    'audit: LOGIN=root',
    'systemd: set PLUGIN=foo for unit',
    '',
  ])('does not take %s', (text) => {
    expect(parse(text)).toBeNull();
  });

  it('names the fields as the kernel does, and whose they are where a name comes twice', () => {
    const text =
      'L4: IN= OUT=eth0 SRC=198.51.100.2 DST=8.8.8.8 LEN=76 TOS=0x00 PREC=0xC0 TTL=64 ID=21425 DF PROTO=ICMP TYPE=3 CODE=4 ' +
      '[SRC=8.8.8.8 DST=198.51.100.2 LEN=48 TOS=0x00 PREC=0x00 TTL=255 ID=5948 PROTO=TCP SPT=50533 DPT=53 SEQ=7 ACK=9 WINDOW=1 RES=0x00 ACK URGP=0 OPT (0101) ] MTU=1400 UID=0 GID=5 MARK=0xff ';
    expect([...fields(parse(text)!)].map(([k, v]) => `${k} ${v}`.trim()).join(', ')).toBe(
      'PREFIX L4:, IN, OUT eth0, SRC 198.51.100.2, DST 8.8.8.8, LEN 76, TOS 0x00, PREC 0xC0, TTL 64, ID 21425, DF, PROTO ICMP, TYPE 3, CODE 4, ' +
        '[SRC 8.8.8.8, [DST 198.51.100.2, [LEN 48, [TOS 0x00, [PREC 0x00, [TTL 255, [ID 5948, [PROTO TCP, [SPT 50533, [DPT 53, [SEQ 7, [TCP ACK 9, [WINDOW 1, [RES 0x00, [ACK, [URGP 0, [TCP OPT (0101), ' +
        'MTU 1400, UID 0, GID 5, MARK 0xff',
    );
  });
});

const name = fc.stringMatching(/^[a-z0-9.@-]{0,15}$/);
const number = (max: number): fc.Arbitrary<string> => fc.nat(max).map(String);
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((b) => Buffer.from(b).toString('hex').match(/../g)!.join(':'));
const flag = (word: string): fc.Arbitrary<Token[]> => fc.boolean().map((set) => (set ? [[word, null]] : []));
const value = (word: string, text: fc.Arbitrary<string>): fc.Arbitrary<Token[]> =>
  text.map((t) => [[word, t] as Token]);
const hex = fc.stringMatching(/^([0-9A-F]{8}){1,10}$/).map((t) => `(${t})`);
const all = (...parts: fc.Arbitrary<Token[]>[]): fc.Arbitrary<Token[]> =>
  fc.tuple(...parts).map((p) => p.flat());
const maybe = (part: fc.Arbitrary<Token[]>): fc.Arbitrary<Token[]> =>
  fc.oneof(fc.constant<Token[]>([]), part);
const ports = all(value('SPT', number(65535)), value('DPT', number(65535)));
const tcp = all(
  value('PROTO', fc.constant('TCP')),
  ports,
  maybe(all(value('SEQ', number(0xffffffff)), value('ACK', number(0xffffffff)))),
  value('WINDOW', number(65535)),
  flag('CWR'),
  flag('ACK'),
  flag('SYN'),
  value('URGP', number(65535)),
  maybe(value('OPT', hex)),
);
const udp = all(
  value('PROTO', fc.constant('UDP')),
  fc.oneof(all(ports, value('LEN', number(65535))), value('INCOMPLETE', fc.constant('[7 bytes]'))),
);
const ipv4 = all(
  value('SRC', fc.ipV4()),
  value('DST', fc.ipV4()),
  value('LEN', number(65535)),
  value('ID', number(65535)),
  flag('CE'),
  flag('DF'),
  flag('MF'),
  maybe(value('FRAG', number(8191))),
  maybe(value('OPT', hex)),
);
const ipv6 = all(
  value('SRC', fc.constant('2001:0db8:0000:0000:0000:0000:0000:0001')),
  value('FLOWLBL', number(0xfffff)),
  maybe(
    fc.nat(65535).map((n): Token[] => [
      ['OPT (', null],
      ['FRAG', String(n)],
      ['INCOMPLETE', null],
      ['FRAG ID', '0000beef'],
      [')', null],
    ]),
  ),
);
const packetOf = (tokens: Token[]): PacketLog => ({ version: versionOf(tokens), tokens });
const plain = all(fc.oneof(ipv4, ipv6), fc.oneof(tcp, udp)).map(packetOf);
const cut = fc.constant<PacketLog>({ version: null, tokens: [['TRUNCATED', null]], bare: true });
const error = fc.tuple(ipv4, fc.oneof(plain, cut)).map(([tokens, inner]): PacketLog => ({
  ...packetOf([...tokens, ['PROTO', 'ICMP'], ['TYPE', '3'], ['CODE', '4'], ['[', null], ['MTU', '1400']]),
  inner,
}));
const link = fc.oneof(
  fc.uint8Array({ maxLength: 20 }).map((b) => ({
    kind: 'raw' as const,
    text: (Buffer.from(b).toString('hex').match(/../g) ?? []).join(':'),
  })),
  fc.record(
    {
      kind: fc.constant('decoded' as const),
      source: mac,
      destination: mac,
      protocol: fc.constant('0800'),
      vlan: fc.record({ protocol: fc.constant('8100'), id: fc.nat(4095) }),
    },
    { requiredKeys: ['kind', 'source', 'destination', 'protocol'] },
  ),
);
const record: fc.Arbitrary<LogRecord> = fc
  .record({
    head: fc.record({ prefix: fc.string({ maxLength: 30 }), in: name, out: name }),
    phys: fc.record({ physIn: name, physOut: name }, { requiredKeys: [] }),
    link: fc.oneof(
      fc.constant({}),
      link.map((m) => ({ mac: m })),
    ),
    packet: fc.oneof(plain, error).map((packet) => ({ packet })),
    owner: fc.oneof(fc.constant({}), fc.record({ uid: fc.nat(0xffffffff), gid: fc.nat(0xffffffff) })),
    mark: fc.oneof(
      fc.constant({}),
      fc.integer({ min: 1, max: 0xffffffff }).map((mark) => ({ mark })),
    ),
    bare: fc.constantFrom({}, { bare: true as const }),
  })
  .map((p) => ({ ...p.head, ...p.phys, ...p.link, ...p.packet, ...p.owner, ...p.mark, ...p.bare }));

describe('printing and reading', () => {
  it('are inverse', () => {
    fc.assert(
      fc.property(record, (r) => {
        expect(parse(emit(r))).toEqual(r);
      }),
    );
  });

  it('give back any text that reads as a line, and never throw', () => {
    const words = fc.constantFrom(
      'IN=',
      'OUT=',
      'SRC=1',
      '[',
      ']',
      '] ',
      ' ',
      'OPT (',
      'OPT (00)',
      ')',
      'FRAG:1',
      'ID:00000000',
      'INCOMPLETE [1 bytes]',
      'MAC=',
      'MACSRC=',
      'MARK=0x1',
      'MARK=0x0',
      'UID=01',
      'GID=1',
      'PHYSIN=a',
      'x',
      '=',
      'OPT=1',
      'TRUNCATED',
      '\n',
      '\ud800',
    );
    const text = fc.oneof(
      fc.array(fc.oneof(words, fc.string({ unit: 'binary', maxLength: 3 }))).map((w) => w.join('')),
      fc.array(words).map((w) => w.join(' ')),
    );
    fc.assert(
      fc.property(text, (rest) => {
        for (const line of [rest, `IN=eth0 OUT= ${rest}`, `IN=eth0 MAC=${rest}`]) {
          const r = parse(line);
          if (r) {
            expect(emit(r)).toBe(line);
            fields(r);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['IN=', 'IN=a ', '[', '[SRC=1 ', 'OPT (', 'A '])(
    'takes time in proportion to a long line of %s',
    (piece) => {
      const line = `IN=a OUT=b ${piece.repeat(200_000)}`;
      const start = performance.now();
      const r = parse(line);
      expect(r && emit(r)).toBe(line);
      expect(performance.now() - start).toBeLessThan(2000);
    },
  );
});
