import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../src/address/ip.js';
import { parseConntrack, printConntrack, type ConntrackEntry } from '../../src/host/conntrackText.js';
import { dataPath } from './packets.js';

const LINES = readFileSync(dataPath('conntrack-lines.txt'), 'utf8').split('\n').filter(Boolean);

describe('conntrack(8) text', () => {
  it('is printed back byte for byte', () => {
    expect(LINES.length).toBeGreaterThan(40);
    for (const line of LINES) {
      const entry = parseConntrack(line);
      expect(entry && printConntrack(entry)).toBe(line);
    }
  });

  it('has nothing that is not understood but time stamps and the origin of events', () => {
    const rests = LINES.map((line) => parseConntrack(line)?.rest).filter((rest) => rest !== undefined);
    expect(rests.every((rest) => /^\[(start=|USERSPACE\])/.test(rest))).toBe(true);
  });

  it('tells a NATed TCP connection', () => {
    expect(
      parseConntrack(
        'ipv4     2 tcp      6 431999 ESTABLISHED src=198.51.100.9 dst=198.51.100.2 sport=55194 dport=10000 src=172.17.0.2 dst=198.51.100.9 sport=6379 dport=55194 [ASSURED] mark=7 use=1',
      ),
    ).toMatchObject({
      version: 4,
      protocol: 6,
      timeout: 431999,
      state: 'ESTABLISHED',
      original: { destination: new IpAddress(4, 0xc6336402 | 0), destinationPort: 10000 },
      reply: { source: new IpAddress(4, 0xac110002 | 0), sourcePort: 6379 },
      unreplied: false,
      assured: true,
      mark: 7,
      use: 1,
    });
  });

  it.each([
    '',
    'conntrack v1.4.7 (conntrack-tools): 7 flow events have been shown.',
    'ipv4     2 tcp      6 100 ESTABLISHED src=1.2.3.4',
    'ipv4     2 tcp      6 100 ESTABLISHED src=1.2.3.4 dst=::1 src=1.2.3.4 dst=1.2.3.4',
    'tcp six',
  ])('takes no other line: %j', (line) => {
    expect(parseConntrack(line)).toBeUndefined();
  });

  it('gives back every entry that it prints', () => {
    fc.assert(
      fc.property(entries(), (entry) => {
        expect(parseConntrack(printConntrack(entry))).toEqual(entry);
      }),
    );
  });

  it('never fails on text from elsewhere', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(...LINES), (junk, line) => {
        parseConntrack(junk);
        parseConntrack(line.slice(0, junk.length * 3) + junk);
      }),
    );
  });
});

function entries(): fc.Arbitrary<ConntrackEntry> {
  const u16 = fc.nat(0xffff);
  const word = fc.integer({ min: -0x80000000, max: 0x7fffffff });
  return fc.constantFrom<4 | 6>(4, 6).chain((version) => {
    const address = fc
      .tuple(word, word, word, word)
      .map(([a, b, c, d]) => (version === 4 ? new IpAddress(4, a) : new IpAddress(6, a, b, c, d)));
    const kinds = {
      6: { sourcePort: u16, destinationPort: u16 },
      1: { icmp: fc.record({ type: fc.nat(255), code: fc.nat(255), id: u16 }) },
      47: { keys: fc.record({ source: u16, destination: u16 }) },
      99: {},
    };
    return fc.constantFrom<6 | 1 | 47 | 99>(6, 1, 47, 99).chain((protocol) => {
      const counted = fc.option(fc.record({ packets: fc.nat(), bytes: fc.maxSafeNat() }), { nil: {} });
      const tuple = fc
        .tuple(
          fc.record({ source: address, destination: address, ...kinds[protocol] }),
          fc.option(fc.record({ zone: u16 }), { nil: {} }),
          counted,
        )
        .map(([named, zone, counts]) => ({ ...named, ...zone, ...counts }));
      return fc.record(
        {
          event: fc.constantFrom('NEW', 'UPDATE', 'DESTROY'),
          version: fc.constant(version),
          timeout: fc.nat(),
          state: fc.constantFrom('SYN_SENT', 'ESTABLISHED', 'CLOSE'),
          offload: fc.constantFrom('OFFLOAD', 'HW_OFFLOAD'),
          mark: fc.nat(),
          secctx: fc.constant('system_u:object_r:unlabeled_t:s0'),
          zone: u16,
          age: fc.nat(),
          helper: fc.constant('ftp'),
          use: fc.nat(9),
          id: fc.nat(),
          labels: fc.constant('a,b'),
          protocol: fc.constant(protocol),
          original: tuple,
          reply: tuple,
          unreplied: fc.boolean(),
          assured: fc.boolean(),
        },
        { requiredKeys: ['protocol', 'original', 'reply', 'unreplied', 'assured'] },
      );
    });
  });
}
