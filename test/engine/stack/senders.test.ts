import { describe, expect, it } from 'vitest';
import { socketOf } from '../../../src/engine/stack/senders.js';
import { SocketKind } from '../../../src/packet/numbers.js';
import { decodePacket, Packet } from '../../../src/packet/packet.js';
import { packetOf } from '../helpers/words.js';

const { none, kernel, request, process } = SocketKind;

/** What 6.18 says to `-m owner --socket-exists` and `--uid-owner` of each, and whether LOG --log-uid names an owner. */
describe('the socket behind what the host sends', () => {
  it.each([
    ['tcp 10.0.0.1:80 > 10.0.0.2:9 SA seq 5 ack 1', request],
    ['tcp 10.0.0.1:80 > 10.0.0.2:9 S seq 5', process],
    ['tcp 10.0.0.1:80 > 10.0.0.2:9 A seq 5 ack 1', process],
    ['tcp 10.0.0.1:80 > 10.0.0.2:9 R seq 5', kernel],
    ['tcp 10.0.0.1:80 > 10.0.0.2:9 RA seq 0 ack 6', kernel],
    ['tcp 10.0.0.1:80 > 10.0.0.2:9 RA seq 5 ack 6', process],
    ['tcp [fd00::1]:80 > [fd00::2]:9 R seq 5', none],
    ['udp 10.0.0.1:80 > 10.0.0.2:9 len 8', process],
    ['icmp 10.0.0.1 > 10.0.0.2 0/0 id 1 n 1 len 8', kernel],
    ['icmp 10.0.0.1 > 10.0.0.2 8/0 id 1 n 1 len 8', process],
    ['icmp fd00::1 > fd00::2 129/0 id 1 n 1 len 8', kernel],
    ['icmp fd00::1 > fd00::2 128/0 id 1 n 1 len 8', process],
    ['icmp fd00::1 > fd00::2 135/0 len 16', kernel],
  ] as const)('%s', (words, kind) => {
    const packet = decodePacket(packetOf(words));
    if (!(packet instanceof Packet)) throw new Error(packet);
    expect(socketOf(packet)).toBe(kind);
  });
});
