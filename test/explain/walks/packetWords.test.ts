import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packetText } from '../../../src/explain/describe.js';
import { looksLikePacket, packetBytes, readPacketWords } from '../../../src/explain/walks/packetWords.js';
import { verifyIpv4Header, verifyTransport } from '../../../src/packet/checksum.js';
import { decodePacket } from '../../../src/packet/packet.js';
import { packet } from '../asking.js';

function decoded(words: string): ReturnType<typeof decodePacket> {
  return decodePacket(packetBytes(packet(words)));
}

const port = fc.integer({ min: 0, max: 65535 });
const ends = fc.oneof(
  fc.tuple(fc.ipV4(), port, fc.ipV4(), port).map(([s, sp, d, dp]) => `${s}:${sp} > ${d}:${dp}`),
  fc.tuple(port, port).map(([sp, dp]) => `[2001:db8::1]:${sp} > [2001:db8::2]:${dp}`),
);

describe('a packet in words', () => {
  it('makes a packet that is described by the same words, with right checksums', () => {
    fc.assert(
      fc.property(fc.constantFrom('tcp', 'udp', 'udplite'), ends, (protocol, between) => {
        const made = decoded(`${protocol} ${between} in eth0`);
        if (typeof made === 'string') throw new Error(made);
        expect(packetText(made)).toBe(`${protocol} ${between}`);
        if (made.version === 4) expect(verifyIpv4Header(made)).not.toBe('bad');
        expect(verifyTransport(made)).not.toBe('bad');
      }),
    );
  });

  it.each([
    ['tcp', 20],
    ['udp', 8],
    ['sctp', 12],
    ['dccp', 12],
    ['gre', 0],
  ])('gives %s a header of %i bytes', (protocol, bytes) => {
    const between = protocol === 'gre' ? '10.0.0.1 > 10.0.0.2' : '10.0.0.1:5 > 10.0.0.2:6';
    expect(packetBytes(packet(`${protocol} ${between} in eth0`)).length).toBe(20 + bytes);
  });

  it.each([
    ['icmp 10.0.0.1 > 10.0.0.2 in eth0', 'icmp 10.0.0.1 > 10.0.0.2 type 8/0'],
    ['icmp 10.0.0.1 > 10.0.0.2 in eth0 type 3/4', 'icmp 10.0.0.1 > 10.0.0.2 type 3/4'],
    ['ipv6-icmp 2001:db8::1 > 2001:db8::2 in eth0', 'ipv6-icmp 2001:db8::1 > 2001:db8::2 type 128/0'],
    ['gre 10.0.0.1 > 10.0.0.2 in eth0 payload 8', 'gre 10.0.0.1 > 10.0.0.2'],
    ['tcp 10.0.0.1 > 10.0.0.2:http in eth0', 'tcp 10.0.0.1:40000 > 10.0.0.2:80'],
  ])('%s', (words, expected) => {
    const made = decoded(words);
    expect(typeof made === 'string' ? made : packetText(made)).toBe(expected);
  });

  it.each([
    ['', /written like/],
    ['tcp 10.0.0.1:5 10.0.0.2:6 in eth0', /around a >/],
    ['tpc 10.0.0.1:5 > 10.0.0.2:6 in eth0', /tpc is no protocol/],
    ['tcp 10.0.0.1:99999 > 10.0.0.2:6 in eth0', /99999 is no port of tcp/],
    ['icmp 10.0.0.1:5 > 10.0.0.2 in eth0', /5 is no port of icmp/],
    ['tcp 10.0.0:5 > 10.0.0.2:6 in eth0', /is no address/],
    ['tcp 10.0.0.1:5 > [::1]:6 in eth0', /two IP versions/],
    ['tcp 10.0.0.1:5 > 10.0.0.2:6', /which interface/],
    ['tcp 10.0.0.1:5 > 10.0.0.2:6 in eth0 flags FOO', /flags FOO is not understood/],
    ['tcp 10.0.0.1:5 > 10.0.0.2:6 in', /not followed by a value/],
    ['tcp 10.0.0.1:5 > 10.0.0.2:6 in eth0 payload 99999', /not understood/],
    ['tcp 10.0.0.1:5 > 10.0.0.2:6 in eth0 colour red', /what can be said is in, out, flags/],
    ['tcp 10.0.0.1:5 > 10.0.0.2:6 in eth0 mark 4294967296', /not understood/],
    ['tcp 10.0.0.1:5 > 10.0.0.2:6 in eth0 state OPEN', /OPEN is no state; there are NEW, ESTABLISHED/],
    ['gre 10.0.0.1 > 10.0.0.2 in eth0 state INVALID', /by a wrong checksum/],
    ['tcp 10.0.0.1:5 > 10.0.0.2:6 out eth0 state INVALID', /that come in/],
  ])('%s is refused in a sentence', (words, message) => {
    const problem = readPacketWords(words);
    expect('message' in problem ? problem.message : '').toMatch(message);
  });

  it('has a wrong checksum where it is to be INVALID, whatever its bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom('tcp', 'udp', 'udplite'), ends, (protocol, between) => {
        const made = decoded(`${protocol} ${between} in eth0 state INVALID`);
        expect(typeof made === 'string' ? made : verifyTransport(made)).toBe('bad');
      }),
    );
  });

  it('is told from a file, a rule and its text', () => {
    expect(looksLikePacket('tcp 10.0.0.1:5 > 10.0.0.2:6 in eth0')).toBe(true);
    expect(looksLikePacket('icmp 2001:db8::1 > 2001:db8::2 in eth0')).toBe(true);
    for (const other of [
      'any.pcap',
      'filter:INPUT:1',
      '-p tcp -m comment --comment "a > b"',
      'tcp dport > 1024 drop',
    ])
      expect(looksLikePacket(other), other).toBe(false);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (a, rest) => {
        readPacketWords(a);
        readPacketWords(['tcp 1.2.3.4:5 > 1.2.3.4:5 in x', ...rest].join(' '));
      }),
    );
  });
});
