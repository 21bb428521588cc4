import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/address/ip.js';
import { formatMac, parseMac } from '../../src/address/mac.js';
import { makeDevice } from '../../src/host/links.js';
import { ethernetFrame } from '../../src/lab/craft.js';
import { createFeed } from '../../src/lab/feed.js';
import { setU16 } from '../../src/packet/bytes.js';
import { pseudoHeaderSum, verifyTransport } from '../../src/packet/checksum.js';
import { PacketType } from '../../src/packet/numbers.js';
import { decodePacket, Packet } from '../../src/packet/packet.js';
import { packetOf } from '../engine/helpers/words.js';

const eth0 = makeDevice({ index: 2, name: 'eth0', mac: parseMac('02:00:00:00:01:01')!, mtu: 500 });

/** A packet as the replay has it when it came in. */
function came(milliseconds: number, words = 'tcp 192.0.2.9:1000 > 192.0.2.2:80 S'): Packet {
  const packet = decodePacket(packetOf(words)) as Packet;
  packet.time = milliseconds * 1e6;
  packet.in = eth0;
  packet.link = ethernetFrame(eth0.mac, parseMac('02:00:00:00:01:02')!, packet.data).subarray(0, 14);
  return packet;
}

function fed(packets: readonly Packet[], speed = 1): ReturnType<ReturnType<typeof createFeed>['packets']> {
  const feed = createFeed();
  for (const packet of packets) feed.admits(packet, 'received');
  return feed.packets(speed);
}

describe('what a lab is fed', () => {
  it('keeps the pace, or is so many times as fast, but never so fast that packets meet', () => {
    const packets = [came(0), came(100), came(100.1), came(300)];
    const waits = (speed: number): number[] => fed(packets, speed).map((p) => p.wait);
    expect(waits(1)).toEqual([0, 100_000, 700, 199_300]);
    expect(waits(10)).toEqual([0, 10_000, 700, 19_300]);
    expect(waits(1e6)).toEqual([0, 700, 700, 700]);
  });

  it('fills up what a snaplen cut off, and the checksum that a device was to fill in', () => {
    const cut = came(0);
    cut.length += 100;
    setU16(cut.own(), 2, cut.length);
    const offloaded = came(1);
    setU16(offloaded.own(), 36, pseudoHeaderSum(offloaded, offloaded.length - 20));
    const wrong = came(2);
    wrong.own()[36] ^= 0x55;
    const states = fed([cut, offloaded, wrong]).map(({ bytes }) =>
      verifyTransport(decodePacket(bytes) as Packet),
    );
    expect(states).toEqual(['good', 'good', 'bad']);
    expect(fed([cut])[0].bytes).toHaveLength(cut.length);
  });

  it('sends from who sent, and what was for somebody else to somebody else', () => {
    const other = came(0);
    other.packetType = PacketType.otherHost;
    const [mine, theirs] = fed([came(0), other]);
    expect(formatMac(mine.to!)).toBe('02:00:00:00:01:01');
    expect(formatMac(mine.from!)).toBe('02:00:00:00:01:02');
    expect(formatMac(theirs.to!)).not.toBe('02:00:00:00:01:01');
  });

  it('says what it leaves out', () => {
    const feed = createFeed();
    const long = came(0);
    long.length = 501;
    feed.admits(long, 'received');
    feed.admits(came(1), 'sent');
    expect(feed.packets(1)).toEqual([]);
    expect(feed.leftOut()).toEqual([
      '1 packet that the host made by itself: its programs do not run here',
      '1 packet longer than the MTU, merged by the device: not fed',
    ]);
  });

  it('tells whom the host meets', () => {
    const feed = createFeed();
    feed.admits(came(0), 'received');
    feed.admits(came(0, 'udp 0.0.0.0:68 > 255.255.255.255:67'), 'received');
    expect(feed.neighbours()).toEqual([
      { interface: 'eth0', address: String(parseAddress('192.0.2.9')), mac: '02:00:00:00:01:02' },
    ]);
  });
});
