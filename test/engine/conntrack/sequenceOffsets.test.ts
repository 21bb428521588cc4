import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConnectionEntry } from '../../../src/engine/conntrack/entry.js';
import {
  adjustSequences,
  noteLength,
  offsetAt,
  restoreSequences,
  shiftSequences,
} from '../../../src/engine/conntrack/sequenceOffsets.js';
import { u32 } from '../../../src/packet/bytes.js';
import { verifyTransport } from '../../../src/packet/checksum.js';
import { decodePacket } from '../../../src/packet/packet.js';
import { CtStatus, Direction, Tuple } from '../../../src/rules/connection.js';
import { packetOf } from '../helpers/words.js';

const { original, reply } = Direction;
const connection = (): ConnectionEntry => new ConnectionEntry(1, new Tuple(), new Tuple());

/** What a segment says once it is on the other side: sequence, acknowledgement, and the edges of a SACK block. */
function across(entry: ConnectionEntry, direction: Direction, words: string): number[] | 'dropped' {
  const packet = decodePacket(packetOf(`tcp 192.0.2.1:5 > 192.0.2.2:21 A ${words}`));
  if (typeof packet === 'string' || !entry.sequenceOffsets) throw new Error('no packet');
  if (!adjustSequences(packet, entry.sequenceOffsets, direction)) return 'dropped';
  expect(verifyTransport(packet)).toBe('good');
  const numbers = [u32(packet.data, 24), u32(packet.data, 28)];
  const sack = packet.data.indexOf(5, 40);
  if (words.includes('sack')) numbers.push(u32(packet.data, sack + 2), u32(packet.data, sack + 6));
  return numbers;
}

describe('a direction that has three bytes more behind 1000, and then two less behind 2000', () => {
  const entry = connection();
  noteLength(entry, original, 1000, 3);
  noteLength(entry, original, 2000, -2);

  it('is one whose sequence numbers are adjusted', () => {
    expect(entry.has(CtStatus.seqAdjust)).toBe(true);
  });

  it.each([
    [1000, 3],
    [2000, 3],
    [2001, 1],
    [9999, 1],
  ])('at %d has %d more', (sequence, more) => {
    expect(offsetAt(entry, original, sequence)).toBe(more);
    expect(offsetAt(entry, reply, sequence)).toBe(0);
  });

  it.each<[Direction, string, number[] | 'dropped']>([
    [original, 'seq 2000 ack 70', [2003, 70]],
    [original, 'seq 2030 ack 70', [2031, 70]],
    [reply, 'seq 70 ack 2003', [70, 2000]],
    [reply, 'seq 70 ack 2004', [70, 2003]],
    [reply, 'seq 70 ack 2003 sack 2010-2020', [70, 2000, 2009, 2019]],
    [reply, 'seq 70 ack 1500 sack 1600-2020', [70, 1497, 1597, 2019]],
  ])('gives %s %s the numbers %j', (direction, words, numbers) => {
    expect(across(entry, direction, words)).toEqual(numbers);
  });

  it('is told of a segment once, however often it is sent', () => {
    noteLength(entry, original, 2000, -2);
    noteLength(entry, original, 1000, 3);
    expect(offsetAt(entry, original, 2001)).toBe(1);
  });
});

it('drops a segment whose options are broken', () => {
  const entry = connection();
  noteLength(entry, original, 1000, 3);
  const packet = decodePacket(packetOf('tcp 192.0.2.1:5 > 192.0.2.2:21 A sack 1-2'));
  if (typeof packet === 'string' || !entry.sequenceOffsets) throw new Error('no packet');
  packet.own()[packet.data.indexOf(5, 40) + 1] = 99;
  expect(adjustSequences(packet, entry.sequenceOffsets, reply)).toBe(false);
});

it('takes back in one direction what it did in the other', () => {
  const number = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(number, fc.integer({ min: -0x7fffffff, max: 0x7fffffff }), (sequence, by) => {
      const entry = connection();
      shiftSequences(entry, original, by === 0 ? 1 : by);
      const there = across(entry, original, `seq ${sequence} ack 7`) as number[];
      expect(across(entry, reply, `seq 7 ack ${there[0]}`)).toEqual([7, sequence]);
    }),
  );
});

it('tells of a segment on the far side what its sender made', () => {
  const number = fc.integer({ min: 2 ** 29, max: 2 ** 30 });
  const change = fc.integer({ min: 1, max: 40 });
  const segment = fc.record({ direction: fc.constantFrom(original, reply), sequence: number, ack: number });
  fc.assert(
    fc.property(fc.array(fc.tuple(number, change), { maxLength: 3 }), segment, (changes, sent) => {
      const entry = connection();
      for (const [sequence, more] of changes) noteLength(entry, original, sequence, more);
      const { sequenceOffsets } = entry;
      const words = `tcp 192.0.2.1:5 > 192.0.2.2:21 A seq ${sent.sequence} ack ${sent.ack}`;
      const packet = decodePacket(packetOf(words));
      if (typeof packet === 'string' || !sequenceOffsets) return;
      const far = sequenceOffsets[original];
      // What a far side cannot acknowledge, since it stands amid what was written, is nobody's.
      fc.pre(sent.direction === original || (sent.ack - far.before - far.position) >>> 0 > 80);
      const before = packet.data.slice();
      adjustSequences(packet, sequenceOffsets, sent.direction);
      restoreSequences(packet, sequenceOffsets, sent.direction);
      expect(verifyTransport(packet)).toBe('good');
      expect([...packet.data.subarray(0, 36)]).toEqual([...before.subarray(0, 36)]);
    }),
  );
});
