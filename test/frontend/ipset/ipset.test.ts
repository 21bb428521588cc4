import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runIpset } from '../../../src/frontend/ipset/command.js';
import { printIpsetSave } from '../../../src/frontend/ipset/print.js';
import { readIpsetSave } from '../../../src/frontend/ipset/read.js';
import type { IpSets } from '../../../src/rules/sets/set.js';
import { Diagnostics, formatDiagnostic } from '../../../src/source/diagnostic.js';

function read(text: string): { sets: IpSets; problems: string[] } {
  const diagnostics = new Diagnostics();
  const sets = readIpsetSave(text, 'ipset-save.txt', diagnostics);
  return { sets, problems: diagnostics.list.map((d) => d.message) };
}

/** What ipset 7.17 saved on Linux 6.18, elements in the order in which this program prints them. */
const SAVED = `create a hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0xc7b9fdc4
add a 10.0.0.1,111:0
add a 10.0.0.1,gre:0
add a 10.0.0.1,icmp:200/7
add a 10.0.0.1,icmp:echo-request
add a 10.0.0.1,icmp:host-unreachable
add a 10.0.0.1,icmp:network-redirect
add a 10.0.0.1,icmp:ttl-zero-during-transit
add a 10.0.0.1,sctp:5
add a 10.0.0.1,tcp:80
add a 10.0.0.1,udp:53
add a 10.0.0.1,udplite:7
create b hash:net family inet hashsize 1024 maxelem 65536 timeout 100 counters comment skbinfo bucketsize 12 initval 0xbf028827
add b 10.1.0.0/16 timeout 99 nomatch packets 0 bytes 0 skbmark 0x1/0xff skbprio 1:10 skbqueue 3
add b 192.168.0.1 timeout 99 packets 5 bytes 7 comment "hi there"
add b 192.168.0.4/31 timeout 0 packets 0 bytes 0
create c bitmap:port range 10-90 timeout 5
add c 20 timeout 4
add c 30 timeout 8
create d bitmap:ip range 10.0.0.0-10.0.0.255 netmask 28
add d 10.0.0.16
create e bitmap:ip,mac range 10.0.0.0-10.0.0.9
add e 10.0.0.1
add e 10.0.0.2,00:11:22:33:44:55
create f hash:net,iface family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x0afe745e
add f 10.0.0.0/8,eth wildcard
add f 10.0.0.0/8,eth0
add f 10.0.0.0/8,physdev:eth1
add f 10.0.0.0/8,veth nomatch
create h hash:ip family inet6 hashsize 1024 maxelem 65536 netmask 64 bucketsize 12 initval 0xf6386184
add h 2001:db8::
create i hash:ip,port,net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x4155b883
add i 1.2.3.4,tcp:5,10.0.0.0/8
create j hash:net,port family inet6 hashsize 1024 maxelem 65536 bucketsize 12 initval 0xe43446c7
add j fe80::/10,ipv6-icmp:200/3
add j fe80::/10,ipv6-icmp:echo-reply
create kk hash:ip family inet hashsize 1024 maxelem 65536 netmask 24 timeout 0 bucketsize 12 initval 0x00001234
add kk 10.1.2.0 timeout 0
create g list:set size 4
add g b
add g a
add g c
`;

describe('ipset save', () => {
  it('is read, and printed the same', () => {
    const { sets, problems } = read(SAVED);
    expect(problems).toEqual([]);
    expect(printIpsetSave(sets, 0)).toBe(SAVED);
  });

  it('reads commands as people write them', () => {
    const { sets, problems } = read(
      'create k hash:ip hashsize 64 maxelem 2\nadd k 10.0.0.0/31\n' +
        '-N n nethash\n-A n 192.168.0.1-192.168.0.6\n-A n 192.168.0.1 -exist\n' +
        'create p bitmap:port range 1-100\nadd p 30-32\ndel p 31\n' +
        'create q hash:ip,port\nadd q 10.0.0.1,http\nadd q 10.0.0.1,udp:domain\nadd q 10.0.0.1,tcp:90-91\n' +
        'create r hash:ip\nrename r s\nadd s 1.1.1.1\ncreate t hash:ip\nadd t 2.2.2.2\nswap s t\nflush t\nCOMMIT\n',
    );
    expect(problems).toEqual([]);
    const elements = printIpsetSave(sets, 0)
      .split('\n')
      .filter((line) => line.startsWith('add'));
    expect(elements).toEqual([
      'add k 10.0.0.0',
      'add k 10.0.0.1',
      'add n 192.168.0.1',
      'add n 192.168.0.2/31',
      'add n 192.168.0.4/31',
      'add n 192.168.0.6',
      'add p 30',
      'add p 32',
      'add q 10.0.0.1,tcp:80',
      'add q 10.0.0.1,tcp:90',
      'add q 10.0.0.1,tcp:91',
      'add q 10.0.0.1,udp:53',
      'add s 2.2.2.2',
    ]);
  });

  for (const [line, message] of [
    ['create k hash:ip', 'Set cannot be created: set with the same name already exists'],
    ['add zz 1.1.1.1', 'The set with the given name does not exist'],
    ['add k 1.1.1.1', "Element cannot be added to the set: it's already added"],
    ['add k 1.1.1.3', 'Hash is full, cannot add more elements'],
    ['del k 9.9.9.9', "Element cannot be deleted from the set: it's not added"],
    ['create l hash:foo', "Syntax error: typename 'hash:foo' is unknown"],
    ['create l hash:ip maxelem x', "Syntax error: 'x' is invalid as number"],
    ['add k fe80::1', 'Syntax error: cannot parse fe80::1: resolving to IPv4 address failed'],
    ['add k 0.0.0.0', 'Null-valued element, cannot be stored in a hash type of set'],
    ['add k 10.0.0.0/8', 'stands for more than'],
    ['add k 1.1.1.1 timeout 5', "`timeout' cannot be used"],
    ['add k 1.1.1.1,tcp:5', 'Syntax error: Elem separator in 1.1.1.1,tcp:5'],
    ['create l list:set', null],
    ['bogus k', 'No command specified'],
  ] as const)
    it(`says of ${line}: ${message ?? 'nothing'}`, () => {
      const { problems } = read(`create k hash:ip maxelem 2\nadd k 1.1.1.1\nadd k 1.1.1.2\n${line}\n`);
      expect(problems.length).toBe(message === null ? 0 : 1);
      if (message !== null) expect(problems[0]).toContain(message);
    });

  it('points at the word', () => {
    const diagnostics = new Diagnostics();
    readIpsetSave('create k hash:ip\n  add k 1.1.1\n', 'sets', diagnostics);
    const [where, line, caret] = formatDiagnostic(diagnostics.list[0]).split('\n');
    expect(where).toMatch(/^sets:2:9: error: Syntax error/);
    expect(line.slice(caret.indexOf('^'), caret.length)).toBe('1.1.1');
  });
});

it('reads an element the same way, whether the line is plain or needs a closer look', () => {
  const octet = fc.oneof(fc.nat(300).map(String), fc.constantFrom('0', '', '010', 'x'));
  const address = fc.oneof(
    fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.')),
    fc.constantFrom('0.0.0.0', '10.0.0.0', '2001:db8::1'),
  );
  const element = fc
    .tuple(address, fc.constantFrom('', '/0', '/8', '/24', '/32', '/33', '/0x18', '/', '-10.0.0.9', ',tcp:5'))
    .map((parts) => parts.join(''));
  const set = fc.constantFrom(
    ...['hash:ip', 'hash:net', 'hash:ip netmask 24', 'hash:net family inet6', 'hash:ip timeout 5'],
    ...['hash:net maxelem 2', 'bitmap:ip range 10.0.0.0/16', 'hash:ip,port', 'list:set'],
  );
  fc.assert(
    fc.property(set, fc.array(element, { maxLength: 8 }), (type, elements) => {
      const save = (blanks: string): ReturnType<typeof read> & { text: string } => {
        const all = read(`create k ${type}\n${elements.map((e) => `add${blanks}k ${e}\n`).join('')}`);
        return { ...all, text: printIpsetSave(all.sets, 0) };
      };
      const [plain, odd] = [save(' '), save('  ')];
      expect(plain.text).toBe(odd.text);
      expect(plain.problems).toEqual(odd.problems);
    }),
  );
});

it('copies a set with elements, members and interfaces of its own', () => {
  const { sets } = read(
    'create n hash:net,iface\nadd n 10.0.0.0/8,eth0\ncreate h hash:ip counters\nadd h 192.0.2.1\ncreate l list:set\nadd l h\n',
  );
  const before = printIpsetSave(sets, 0);
  const copies = new Map([...sets].map(([name, set]) => [name, set.copy()]));
  expect(printIpsetSave(copies, 0)).toBe(before);
  copies.get('h')?.flush();
  copies.get('l')?.flush();
  copies.get('n')?.flush();
  expect(printIpsetSave(sets, 0)).toBe(before);
});

it('takes any text', () => {
  const word = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      'create',
      'add',
      'del',
      's',
      'list:set',
      'hash:ip',
      'hash:net,iface',
      'bitmap:port',
      'range',
      '0-65535',
    ),
    fc.constantFrom(
      '10.0.0.0/8',
      '::/0',
      '0-65535',
      'timeout',
      'family',
      'inet6',
      '-exist',
      'swap',
      'rename',
      '__proto__',
    ),
  );
  const position = { file: '', line: 1, column: 1 };
  fc.assert(
    fc.property(fc.array(fc.array(word, { maxLength: 7 }), { maxLength: 12 }), (lines) => {
      const sets: IpSets = new Map();
      for (const words of lines)
        runIpset(
          words.map((text) => ({ text, position })),
          sets,
          0,
        );
      printIpsetSave(sets, 0);
    }),
    { numRuns: 500 },
  );
});
