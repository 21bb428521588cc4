import { describe, expect, it } from 'vitest';
import { u16 } from '../../src/packet/bytes.js';
import { isOffloaded, pseudoHeaderSum, verifyTransport } from '../../src/packet/checksum.js';
import { decodePacket, type Packet } from '../../src/packet/packet.js';
import { payloadOffset, replacePayload, replaceText } from '../../src/packet/payload.js';
import { packetOf } from '../engine/helpers/words.js';

function packet(words: string): Packet {
  const decoded = decodePacket(packetOf(words));
  if (typeof decoded === 'string') throw new Error(decoded);
  return decoded;
}

const said = (p: Packet): string => Buffer.from(p.data.subarray(payloadOffset(p))).toString('latin1');

describe.each([
  ['tcp 192.0.2.1:5 > 192.0.2.2:6 PA seq 1 mss 1460', 44],
  ['udp 192.0.2.1:5 > 192.0.2.2:6', 28],
  ['tcp [2001:db8::1]:5 > [2001:db8::2]:6 PA seq 1', 60],
  ['udp [2001:db8::1]:5 > [2001:db8::2]:6', 48],
])('the payload of %s', (words, headers) => {
  it.each([
    [0, 1, 'wxyz', 'wxyzbcdef'],
    [2, 4, 'X', 'abXef'],
    [2, 4, 'XY', 'abXYef'],
    [6, 6, '!', 'abcdef!'],
    [0, 6, '', ''],
  ])('of which the bytes from %d to %d become %j', (from, to, text, expected) => {
    const p = packet(`${words} says "abcdef"`);
    expect(payloadOffset(p)).toBe(headers);
    expect(replaceText(p, headers + from, headers + to, text)).toBe(true);
    expect(said(p)).toBe(expected);
    expect(p.length).toBe(p.data.length);
    expect(verifyTransport(p)).toBe('good');
    const again = decodePacket(p.data);
    expect(again).toMatchObject({ length: headers + expected.length });
  });
});

describe('a payload that is replaced', () => {
  it('keeps a checksum that a device is to finish, and none of UDP', () => {
    const tcp = packet('tcp 192.0.2.1:5 > 192.0.2.2:6 PA says "abc"');
    const field = tcp.transport + 16;
    const sum = pseudoHeaderSum(tcp, tcp.length - tcp.transport);
    tcp.own().set([sum >> 8, sum & 255], field);
    replaceText(tcp, 40, 43, 'defghi');
    expect(isOffloaded(tcp)).toBe(true);
    expect(u16(tcp.data, field)).toBe(sum + 3);
    const udp = packet('udp 192.0.2.1:5 > 192.0.2.2:6 says "abc"');
    udp.own().set([0, 0], 26);
    replaceText(udp, 28, 31, 'defghi');
    expect([u16(udp.data, 24), u16(udp.data, 26)]).toEqual([14, 0]);
  });

  it('does not grow beyond what an IP packet can be', () => {
    const p = packet('udp 192.0.2.1:5 > 192.0.2.2:6 says "abc"');
    expect(replacePayload(p, 28, 31, new Uint8Array(65535 - 28))).toBe(true);
    expect(replacePayload(p, 28, 31, new Uint8Array(4))).toBe(false);
    expect(p.length).toBe(65535);
  });
});
