import { describe, expect, it } from 'vitest';
import { Cookies, encodedMss } from '../../../src/engine/synproxy/cookies.js';
import { decodePacket, type Packet } from '../../../src/packet/packet.js';
import { packetOf } from '../helpers/words.js';

function at(seconds: number, words: string): Packet {
  const packet = decodePacket(packetOf(words));
  if (typeof packet === 'string') throw new Error(packet);
  packet.time = seconds * 1e9;
  return packet;
}

const SYN = 'tcp 192.0.2.1:1000 > 198.51.100.1:80 S';
const OTHER = 'tcp 192.0.2.2:1000 > 198.51.100.1:80 A';
const ISN = 5000;
const COOKIE = 4_000_000_000;

describe('a cookie', () => {
  it.each<[version: 4 | 6, mss: number, kept: number]>([
    [4, 0, 536],
    [4, 1299, 536],
    [4, 1300, 1300],
    [4, 1459, 1440],
    [4, 9000, 1460],
    [6, 0, 1220],
    [6, 1440, 1440],
    [6, 65535, 8940],
  ])('keeps of an MSS in IPv%d of %d: %d', (version, mss, kept) => {
    expect(encodedMss(version, mss)).toBe(kept);
  });

  /** How an ACK is judged after so many seconds: by its distance from the right numbers. */
  it.each<[what: string, seconds: number, sequence: number, ack: number, mss: number, judged: object]>([
    ['comes back', 0, 0, 0, 1460, { kind: 'valid', mss: 1460, wanted: COOKIE + 1 }],
    ['comes back after a minute, which may be the last', 61, 0, 0, 1460, { kind: 'unknown', mss: 1460 }],
    ['comes back too late', 121, 0, 0, 1460, { kind: 'invalid', wanted: COOKIE + 1 }],
    ['is one too large: no such MSS', 0, 0, 1, 1460, { kind: 'invalid', wanted: COOKIE + 1 }],
    ['is one too small: the MSS below', 0, 0, -1, 1460, { kind: 'valid', mss: 1440, wanted: COOKIE + 1 }],
    ['is one too small, below the least', 0, 0, -1, 536, { kind: 'invalid', wanted: COOKIE + 1 }],
    // What asks whether the server is there has the number of the SYN, which shows in the cookie.
    ['comes with the number of the SYN', 0, -1, 0, 1300, { kind: 'valid', mss: 1440, wanted: COOKIE + 1 }],
    ['is another', 0, 0, 1000, 1460, { kind: 'invalid', wanted: COOKIE + 1 }],
  ])('%s', (_, seconds, sequence, ack, mss, judged) => {
    const cookies = new Cookies();
    cookies.note(at(0, SYN), ISN, COOKIE, mss);
    expect(cookies.judge(at(seconds, SYN), ISN + 1 + sequence, COOKIE + 1 + ack)).toEqual(judged);
    expect(cookies.judge(at(seconds, OTHER), ISN + 1, COOKIE + 1)).toEqual({ kind: 'unknown', mss: null });
  });

  it('that nobody has seen is likely where the numbers follow the SYN', () => {
    const cookies = new Cookies();
    cookies.note(at(0, SYN), ISN, null, 1460);
    expect(cookies.judge(at(0, SYN), ISN + 1, 7)).toEqual({ kind: 'unknown', mss: 1460 });
    expect(cookies.judge(at(0, SYN), ISN + 9, 7)).toEqual({ kind: 'unknown', mss: null });
  });

  it('is forgotten in time, and where there are too many', () => {
    const cookies = new Cookies();
    cookies.note(at(0, SYN), ISN, COOKIE, 1460);
    cookies.note(at(200, OTHER), ISN, COOKIE, 1460);
    expect(cookies.judge(at(200, SYN), ISN + 1, COOKIE + 1)).toEqual({ kind: 'unknown', mss: null });
    for (let i = 0; i < 65_536; i++) {
      const packet = at(200, SYN);
      packet.data[13] = 9;
      packet.data[15] = i >> 8;
      packet.data[14] = i;
      cookies.note(packet, ISN, COOKIE, 1460);
    }
    expect(cookies.judge(at(200, OTHER), ISN + 1, COOKIE + 1)).toEqual({ kind: 'unknown', mss: null });
  });
});
