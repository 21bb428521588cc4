import fc from 'fast-check';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IpAddress, parseAddress } from '../../src/address/ip.js';
import { setU16, u16 } from '../../src/packet/bytes.js';
import {
  fillTransportChecksum,
  ipv4HeaderChecksum,
  isOffloaded,
  pseudoHeaderSum,
  verifyIpv4Header,
  verifyTransport,
} from '../../src/packet/checksum.js';
import { Packet } from '../../src/packet/packet.js';
import {
  type Changes,
  innerSite,
  rewrite,
  rewriteInner,
  setDscp,
  setEcn,
  setTos,
  setTtl,
  tosOf,
  ttlOf,
} from '../../src/packet/rewrite.js';
import { clampTcpMss, setTcpEcn, stripTcpOptions } from '../../src/packet/rewriteTcp.js';
import { hexOf, packetOf, readBlocks } from './rows.js';

function changesOf(text: string): Changes {
  const value = (name: string): string | undefined => new RegExp(`(?:^| )${name} (\\S+)`).exec(text)?.[1];
  const port = (name: string): number | null => (value(name) === undefined ? null : Number(value(name)));
  return {
    source: parseAddress(value('source') ?? '') ?? null,
    destination: parseAddress(value('destination') ?? '') ?? null,
    sourcePort: port('sport'),
    destinationPort: port('dport'),
    icmpId: port('id'),
  };
}

describe('a translated packet has the bytes that a kernel gave it', () => {
  for (const { head, values } of readBlocks(join(import.meta.dirname, 'kernel-nat.txt'))) {
    const colon = head.indexOf(': ');
    const name = head.slice(0, colon);
    it(name, () => {
      const packet = packetOf(values.get('in')!);
      setTtl(packet, ttlOf(packet) - 1);
      const [outer, inner] = head.slice(colon + 2).split('inner') as [string, string?];
      if (inner !== undefined) rewriteInner(packet, innerSite(packet)!, changesOf(inner.trim()));
      rewrite(packet, changesOf(outer));
      expect(hexOf(packet.data)).toBe(values.get('out'));
    });
  }
});

const word = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const port = fc.integer({ min: 0, max: 0xffff });

/** TCP, UDP, UDP-Lite, SCTP, ICMP over IPv4 and IPv6 with a right checksum. */
const packets = fc
  .record({
    version: fc.constantFrom(4 as const, 6 as const),
    protocol: fc.constantFrom(6, 17, 136, 132, 1),
    addresses: fc.array(word, { minLength: 8, maxLength: 8 }),
    payload: fc.uint8Array({ minLength: 24, maxLength: 80 }),
  })
  .map(({ version, protocol: wanted, addresses, payload }) => {
    const protocol = wanted === 1 && version === 6 ? 58 : wanted;
    const header = version === 4 ? 20 : 40;
    const data = new Uint8Array(header + payload.length);
    data[0] = version << 4;
    if (version === 4) {
      data[0] |= 5;
      setU16(data, 2, data.length);
      data[8] = 64;
      data[9] = protocol;
    } else {
      setU16(data, 4, payload.length);
      data[6] = protocol;
    }
    const view = new DataView(data.buffer);
    addresses.slice(0, version === 4 ? 2 : 8).forEach((a, i) => {
      view.setInt32((version === 4 ? 12 : 8) + 4 * i, a);
    });
    data.set(payload, header);
    if (protocol === 6) data[header + 12] = 0x50 | (data[header + 12] & 15);
    if (protocol === 136) setU16(data, header + 4, payload.length);
    // No echo: an ICMP error would be taken to quote a packet.
    if (protocol === 1 || protocol === 58) data[header] = protocol === 1 ? 8 : 128;
    if (version === 4) setU16(data, 10, ipv4HeaderChecksum(data));
    const packet = packetOf(data);
    fillTransportChecksum(packet);
    return packet;
  });

const changes = fc.record({
  addresses: fc.array(word, { minLength: 8, maxLength: 8 }),
  source: port,
  destination: port,
});

function toChanges(packet: Packet, c: { addresses: number[]; source: number; destination: number }): Changes {
  const address = (at: number): IpAddress =>
    packet.version === 4
      ? new IpAddress(4, c.addresses[at])
      : new IpAddress(6, c.addresses[at], c.addresses[at + 1], c.addresses[at + 2], c.addresses[at + 3]);
  return {
    source: address(0),
    destination: address(4),
    sourcePort: c.source,
    destinationPort: c.destination,
    icmpId: c.source,
  };
}

describe('checksums stay right', () => {
  it('whatever is translated', () => {
    fc.assert(
      fc.property(packets, changes, (packet, c) => {
        expect(verifyTransport(packet)).toBe('good');
        rewrite(packet, toChanges(packet, c));
        expect(verifyTransport(packet)).toBe('good');
        expect(verifyIpv4Header(packet)).toBe('good');
      }),
    );
  });

  it('and a wrong one stays wrong', () => {
    fc.assert(
      fc.property(packets, changes, (packet, c) => {
        const at = packet.transport + 22;
        packet.data[at] ^= 0x55;
        fc.pre(verifyTransport(packet) === 'bad' && packet.protocol !== 132);
        rewrite(packet, toChanges(packet, c));
        expect(verifyTransport(packet)).toBe('bad');
      }),
    );
  });

  it('translating back gives the bytes as they were', () => {
    fc.assert(
      fc.property(packets, changes, (packet, c) => {
        fc.pre(packet.protocol !== 1 && packet.protocol !== 58);
        const before = hexOf(packet.data);
        const { data, version } = packet;
        const view = new DataView(data.buffer, data.byteOffset);
        const read = (from: number): IpAddress =>
          version === 4
            ? new IpAddress(4, view.getInt32(from))
            : new IpAddress(
                6,
                ...([0, 4, 8, 12].map((i) => view.getInt32(from + i)) as [number, number, number, number]),
              );
        const back: Changes = {
          source: read(packet.sourceOffset),
          destination: read(packet.destinationOffset),
          sourcePort: packet.sourcePort,
          destinationPort: packet.destinationPort,
        };
        rewrite(packet, toChanges(packet, c));
        rewrite(packet, back);
        expect(hexOf(packet.data)).toBe(before);
      }),
    );
  });

  it('and an offloaded one stays the sum of the pseudo header', () => {
    fc.assert(
      fc.property(packets, changes, (packet, c) => {
        fc.pre(packet.protocol === 6 || packet.protocol === 17);
        const field = packet.transport + (packet.protocol === 6 ? 16 : 6);
        const length = packet.length - packet.transport;
        setU16(packet.data, field, pseudoHeaderSum(packet, length));
        fc.pre(isOffloaded(packet));
        expect(verifyTransport(packet)).toBe('good');
        rewrite(packet, toChanges(packet, c));
        expect(u16(packet.data, field)).toBe(pseudoHeaderSum(packet, length));
      }),
    );
  });

  it('and UDP without one stays without', () => {
    fc.assert(
      fc.property(packets, changes, (packet, c) => {
        fc.pre(packet.protocol === 17);
        setU16(packet.data, packet.transport + 6, 0);
        rewrite(packet, toChanges(packet, c));
        expect(u16(packet.data, packet.transport + 6)).toBe(0);
      }),
    );
  });

  it('through every rewriting of the headers', () => {
    fc.assert(
      fc.property(packets, fc.integer({ min: 0, max: 255 }), (packet, byte) => {
        setTos(packet, byte);
        expect(tosOf(packet)).toBe(byte);
        setDscp(packet, byte >> 2);
        setEcn(packet, byte & 3);
        expect(tosOf(packet)).toBe(byte);
        setTtl(packet, byte);
        expect(ttlOf(packet)).toBe(byte);
        expect(verifyIpv4Header(packet)).toBe('good');
        expect(verifyTransport(packet)).toBe('good');
      }),
    );
  });

  it('through every rewriting of TCP, but for an MSS that stands across words', () => {
    fc.assert(
      fc.property(packets, fc.integer({ min: 0, max: 1460 }), fc.boolean(), (packet, mss, flag) => {
        fc.pre(packet.protocol === 6);
        setTcpEcn(packet, flag, !flag);
        expect(verifyTransport(packet)).toBe('good');
        stripTcpOptions(packet, new Set([2, 8]));
        expect(verifyTransport(packet)).toBe('good');
        // Options are now behind the header's end: the option is added, where there is no data.
        clampTcpMss(packet, mss);
        expect(verifyTransport(packet)).toBe('good');
        expect(verifyIpv4Header(packet)).toBe('good');
      }),
    );
  });
});

describe('rewriting is done to a copy', () => {
  it('so the capture stays as it was', () => {
    const bytes = Uint8Array.from(packetOf('4500001c00070000401166020a6300020a63000103e807d000080000').data);
    const packet = packetOf(bytes);
    rewrite(packet, { source: parseAddress('192.0.2.1') });
    setTtl(packet, 3);
    expect(hexOf(bytes)).toBe('4500001c00070000401166020a6300020a63000103e807d000080000');
    expect(hexOf(packet.data)).not.toBe(hexOf(bytes));
  });
});

describe('whatever arrives', () => {
  it('nothing is thrown', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.constantFrom(0x45, 0x46, 0x60),
        changes,
        (bytes, first, c) => {
          if (bytes.length > 0) bytes[0] = first;
          for (const protocol of [1, 6, 17, 58, 132, 136]) {
            if (bytes.length > 9) bytes[first === 0x60 ? 6 : 9] = protocol;
            const length = bytes.length < 20 ? 20 : bytes.length;
            const packet = new Packet(bytes, first === 0x60 ? 6 : 4, length);
            packet.protocol = protocol;
            packet.transport = first === 0x60 ? 40 : 20;
            rewrite(packet, toChanges(packet, c));
            clampTcpMss(packet, c.source);
            stripTcpOptions(packet, new Set([c.source & 255]));
            setTcpEcn(packet, true, false);
            setTtl(packet, 1);
            setTos(packet, 1);
            const inner = innerSite(packet);
            if (inner) rewriteInner(packet, inner, toChanges(packet, c));
            verifyTransport(packet);
          }
        },
      ),
    );
  });
});
