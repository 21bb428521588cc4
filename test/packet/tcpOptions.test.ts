import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipPacket } from '../../src/lab/craft.js';
import { decodePacket, type Packet } from '../../src/packet/packet.js';
import { readTcpOptions, tcpOptionBytes, timestampsOffset } from '../../src/packet/tcpOptions.js';

/** A SYN with these bytes behind its fixed header, which says that it is so many words long. */
function synWith(options: readonly number[], words = 5 + options.length / 4): Packet {
  const segment = new Uint8Array(20 + options.length);
  segment.set([0x10, 0x00, 0x00, 0x50]);
  segment.set([words << 4, 0x02], 12);
  segment.set(options, 20);
  const packet = decodePacket(ipPacket({ source: '192.0.2.1', destination: '198.51.100.1' }, 6, segment));
  if (typeof packet === 'string') throw new Error(packet);
  return packet;
}

const word = fc.integer({ min: 0, max: 0xffffffff });
const anyOptions = fc.record({
  mss: fc.option(fc.integer({ min: 0, max: 0xffff })),
  windowScale: fc.option(fc.integer({ min: 0, max: 14 })),
  sackPermitted: fc.boolean(),
  timestamps: fc.option(fc.record({ value: word, echo: word })),
});

describe('the options of a SYN', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(anyOptions, (options) => {
        const bytes = [...tcpOptionBytes(options)];
        expect(bytes.length % 4).toBe(0);
        expect(readTcpOptions(synWith(bytes))).toEqual(options);
      }),
    );
  });

  const NOTHING = { mss: null, windowScale: null, sackPermitted: false, timestamps: null };

  it.each<[what: string, bytes: number[], read: object]>([
    ['a scale above 14 is 14 (RFC 7323 section 2.3)', [3, 3, 200, 1], { windowScale: 14 }],
    ['nothing behind the end', [0, 0, 0, 0, 2, 4, 5, 180], {}],
    ['nothing behind an option without a length', [1, 1, 1, 2], {}],
    ['nothing behind one that says it is 0 long', [3, 0, 1, 1, 2, 4, 5, 180], {}],
    ['nothing of one that goes beyond the header', [2, 8, 5, 180], {}],
    ['one of another length is passed over', [2, 3, 5, 1, 4, 2, 1, 1], { sackPermitted: true }],
    ['the last of two alike', [2, 4, 1, 0, 2, 4, 2, 0], { mss: 512 }],
  ])('%s', (_, bytes, read) => {
    expect(readTcpOptions(synWith(bytes))).toEqual({ ...NOTHING, ...read });
  });

  it('are none where the header is longer than the packet', () => {
    expect(readTcpOptions(synWith([1, 1, 1, 1], 15))).toBeNull();
  });

  it('have the timestamps where they are found again', () => {
    const packet = synWith([1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6]);
    expect(timestampsOffset(packet)).toBe(20 + 20 + 4);
    expect(timestampsOffset(synWith([1, 1, 1, 1]))).toBe(0);
  });
});
