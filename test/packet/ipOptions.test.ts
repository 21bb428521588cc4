import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  echoOptions,
  forwardOptions,
  receiveOptions,
  type Recorder,
  returnRoute,
} from '../../src/packet/ipOptions.js';
import { decodePacket, type Packet } from '../../src/packet/packet.js';

/** What this host writes: 198.51.100.2 and the time 027775EA; 192.168.1.1 on the way out. Only 198.51.100.2 is its own. */
const HERE = 0xc6336402;
const OUT = 0xc0a80101;
const RECORDER: Recorder = {
  address: () => HERE,
  midnight: () => 0x027775ea,
  isElsewhere: (address) => address !== HERE,
};

function withOptions(options: Uint8Array): Packet {
  const bytes = new Uint8Array(28 + options.length);
  bytes.set([0x40 | (5 + options.length / 4), 0, 0, bytes.length, 0, 7, 0, 0, 64, 17]);
  bytes.set([203, 0, 113, 77, 198, 51, 100, 2], 12);
  bytes.set(options, 20);
  const packet = decodePacket(bytes);
  if (typeof packet === 'string') throw new Error(packet);
  return packet;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').toUpperCase();
const optionsOf = (packet: Packet): string => hex(packet.data.subarray(20, packet.transport));

// What Linux 6.18 logged of such packets in PREROUTING, INPUT (or FORWARD), POSTROUTING and of its answer.
describe('IP options as Linux 6.18 fills them in', () => {
  it.each([
    [
      'record route',
      '070F0400000000000000000000000000',
      '070F08C6336402000000000000000000',
      '070F08C0A80101000000000000000000',
      '070F0CC6336402C63364020000000000',
    ],
    [
      '… that others have written into',
      '070F0801020304000000000000000000',
      '070F0C01020304C63364020000000000',
      '070F0C01020304C0A801010000000000',
      '070F1001020304C6336402C633640200',
    ],
    [
      '… that is full',
      '070B0C010203040102030400',
      '070B0C010203040102030400',
      '070B0C010203040102030400',
      '070B0C010203040102030400',
    ],
    [
      '… whose pointer leaves too little for an answer',
      '070B06000000000000000000',
      '070B0A0000C6336402000000',
      '070B0A0000C0A80101000000',
      null,
    ],
    [
      '… behind nothing',
      '01070F04000000000000000000000000',
      '01070F08C63364020000000000000000',
      '01070F08C0A801010000000000000000',
      '070F0CC6336402C63364020000000000',
    ],
    [
      'times',
      '440C05000000000000000000',
      '440C0900027775EA00000000',
      '440C0900027775EA00000000',
      '440C0D00027775EA027775EA',
    ],
    [
      'times and addresses',
      '4414050100000000000000000000000000000000',
      '44140D01C6336402027775EA0000000000000000',
      '44140D01C6336402027775EA0000000000000000',
      '44141501C6336402027775EAC6336402027775EA',
    ],
    [
      'times of named hosts, this one first',
      '44140503C6336402000000000909090900000000',
      '44140D03C6336402027775EA0909090900000000',
      '44140D03C6336402027775EA0909090900000000',
      '44140D03C6336402027775EA0909090900000000',
    ],
    [
      'times of others',
      '440C05030909090900000000',
      '440C05030909090900000000',
      '440C05030909090900000000',
      '440C05030909090900000000',
    ],
    ['what stands behind the end', '00010203', '00000000', '00000000', ''],
    ['router alert', '94040000', '94040000', '94040000', ''],
    [
      'a loose source route that has come to its end',
      '830B0CC633644DC633645800',
      '830B0CC633644DC633645800',
      '830B0CC633644DC633645800',
      '830B04C633644DCB00714D00',
    ],
    [
      'a strict one, whose pointer is beyond',
      '890BFFC633644DC633645800',
      '890BFFC633644DC633645800',
      '890BFFC633644DC633645800',
      '890B04C633644DCB00714D00',
    ],
    [
      '… that names its sender first',
      '830B0CCB00714DC633645800',
      '830B0CCB00714DC633645800',
      '830B0CCB00714DC633645800',
      '830704CB00714D00',
    ],
    ['… and nobody else', '830708CB00714D00', '830708CB00714D00', '830708CB00714D00', ''],
    ['… of nobody', '83030400', '83030400', '83030400', ''],
    [
      'a record and a source route',
      '070B040000000000000000830B0CC633644DC63364580000',
      '070B08C633640200000000830B0CC633644DC63364580000',
      '070B08C0A8010100000000830B0CC633644DC63364580000',
      '070B0CC6336402C6336402830B04C633644DCB00714D0000',
    ],
    [
      'a source route and times',
      '830B0CC633644DC6336458440C0501000000000000000000',
      '830B0CC633644DC6336458440C0D01C6336402027775EA00',
      '830B0CC633644DC6336458440C0D01C6336402027775EA00',
      '440C0D01C6336402027775EA830B04C633644DCB00714D00',
    ],
    ['security', '820B01010101010101010100', '820B01010101010101010100', '820B01010101010101010100', ''],
  ])('%s', (_, sent, received, forwarded, echoed) => {
    const packet = withOptions(Buffer.from(sent, 'hex'));
    const options = receiveOptions(packet, RECORDER);
    expect(options.problem).toBe(0);
    expect(optionsOf(packet)).toBe(received);
    const answer = echoOptions(packet, options, RECORDER, HERE);
    expect(answer && hex(answer)).toBe(echoed);
    forwardOptions(packet, options, () => OUT);
    expect(optionsOf(packet)).toBe(forwarded);
  });

  it.each([
    ['a time that nobody has counted any more', '440809F000000000', 23],
    ['a length that is none', '07010000', 20],
    ['two records', '070B040000000000000000070B0400000000000000000000', 31],
  ])('tells of %s', (_, sent, problem) => {
    expect(receiveOptions(withOptions(Buffer.from(sent, 'hex')), RECORDER).problem).toBe(problem);
  });

  it('goes on to the next hop of a source route', () => {
    const packet = withOptions(Buffer.from('830704C0A8010B00', 'hex'));
    const options = receiveOptions(packet, RECORDER);
    options.nextHop = 0xc0a8010b;
    forwardOptions(packet, options, () => OUT);
    expect(optionsOf(packet)).toBe('830708C0A8010100');
    expect(hex(packet.data.subarray(16, 20))).toBe('C0A8010B');
  });

  it('goes past what it is itself on a source route', () => {
    const packet = withOptions(Buffer.from('830B04C6336403C633645800', 'hex'));
    const options = receiveOptions(packet, RECORDER);
    options.nextHop = 0xc6336458;
    forwardOptions(packet, options, () => HERE);
    expect(optionsOf(packet)).toBe('830B0CC6336403C633640200');
  });

  it.each([
    ['the last one before this host', '830B0CC633644DC633645800', 0xc6336458],
    ['who asked, where nobody else is named', '830708CB00714D00', null],
    ['what stands there, where the pointer is between addresses', '830B0AC633644DC633645800', 0x644dc633],
  ])('answers a source route by way of %s', (_, sent, firstHop) => {
    const packet = withOptions(Buffer.from(sent, 'hex'));
    expect(returnRoute(packet, receiveOptions(packet, RECORDER))?.firstHop ?? null).toBe(firstHop);
  });

  it('writes within the options, whatever they are', () => {
    const words = fc.uint8Array({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(words, (bytes) => {
        const options = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
        options.set(bytes);
        const packet = withOptions(options);
        const [before, behind] = [
          hex(packet.data.subarray(0, 20)),
          hex(packet.data.subarray(packet.transport)),
        ];
        const found = receiveOptions(packet, RECORDER);
        const length = packet.data.length;
        expect(hex(packet.data.subarray(0, 20))).toBe(before);
        if (found.problem === 0) {
          const answer = echoOptions(packet, found, RECORDER, HERE);
          expect((answer?.length ?? 0) % 4).toBe(0);
          expect(answer?.length ?? 0).toBeLessThanOrEqual(40);
          forwardOptions(packet, found, () => OUT);
        } else expect(found.problem).toBeLessThan(packet.transport);
        expect(hex(packet.data.subarray(packet.transport))).toBe(behind);
        expect(packet.data.length).toBe(length);
      }),
    );
  });
});
