import { describe, expect, it } from 'vitest';
import { ExpectedFrames } from '../../../src/engine/evidence/expected.js';
import { decodePacket, type Packet } from '../../../src/packet/packet.js';
import { packetOf } from '../helpers/words.js';

function packet(words: string, seconds = 0): Packet {
  const decoded = decodePacket(packetOf(words));
  if (typeof decoded === 'string') throw new Error(decoded);
  decoded.time = seconds * 1e9;
  return decoded;
}

const SEGMENT = 'tcp 192.0.2.1:1000 > 198.51.100.9:80 A seq 5 ack 7 ipid 7';

describe('frames of packets that were sent', () => {
  it('are found once', () => {
    const expected = new ExpectedFrames();
    expected.add(packet(SEGMENT));
    expect(expected.account(packet(SEGMENT))).toBe(true);
    expect(expected.account(packet(SEGMENT))).toBe(false);
  });

  it('are not those of another payload, address or identification; a checksum is left to the device', () => {
    const expected = new ExpectedFrames();
    expected.add(packet(SEGMENT));
    for (const other of [
      SEGMENT.replace('seq 5', 'seq 6'),
      SEGMENT.replace('192.0.2.1', '192.0.2.2'),
      SEGMENT.replace('ipid 7', 'ipid 8'),
      `${SEGMENT} len 1`,
    ])
      expect(expected.account(packet(other))).toBe(false);
    expect(expected.account(packet(`${SEGMENT} badsum`))).toBe(true);
  });

  it('are the fragments of a packet, the last of which ends the waiting', () => {
    const expected = new ExpectedFrames();
    const whole = 'udp 192.0.2.1:1000 > 198.51.100.9:53 len 64 ipid 7';
    expected.add(packet(whole));
    expect(expected.account(packet('udp 192.0.2.1:1000 > 198.51.100.9:53 len 8 ipid 7 mf'))).toBe(true);
    expect(expected.account(packet('udp 192.0.2.1:1000 > 198.51.100.9:53 len 8 ipid 7 offset 16'))).toBe(
      true,
    );
    expect(expected.account(packet(whole))).toBe(false);
  });

  it('are given up two seconds later, and the oldest where too many are awaited', () => {
    const expected = new ExpectedFrames();
    expected.add(packet(SEGMENT));
    expect(expected.account(packet(SEGMENT, 2.5))).toBe(false);
    for (let i = 0; i < 20_000; i++)
      expected.add(packet(`udp 192.0.2.1:${i} > 198.51.100.9:53 ipid ${i}`, 3));
    expect(expected.account(packet('udp 192.0.2.1:0 > 198.51.100.9:53 ipid 0', 3))).toBe(false);
    expect(expected.account(packet('udp 192.0.2.1:19999 > 198.51.100.9:53 ipid 19999', 3))).toBe(true);
  });

  it('are told apart in the order of sending where all look alike', () => {
    const expected = new ExpectedFrames();
    const same = 'udp 192.0.2.1:1000 > 198.51.100.9:53 ipid 0 len ';
    for (const length of [10, 20, 10]) expected.add(packet(same + String(length)));
    const found = [20, 10, 20, 10, 10].map((length) => expected.account(packet(same + String(length))));
    expect(found).toEqual([true, true, false, true, false]);
  });
});
