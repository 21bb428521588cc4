import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tracePacketText } from '../../../src/frontend/nft/print/printTrace.js';
import type { Device } from '../../../src/packet/device.js';
import { LinkKind } from '../../../src/packet/numbers.js';
import { decodePacket, type Packet } from '../../../src/packet/packet.js';
import type { Family } from '../../../src/rules/model.js';

const ROWS = readFileSync(join(import.meta.dirname, 'trace.txt'), 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1);
const FRAMES = ROWS.flatMap((hex, i) =>
  i % 3 === 0 ? [{ hex, inet: ROWS[i + 1].slice(2), own: ROWS[i + 2].slice(2) }] : [],
);

function device(name: string, kind: number): Device {
  const mac = [2, 0, 0, 0, 0, 2] as unknown as Device['mac'];
  return { index: 2, name, kind, mac, master: null, isBridge: false, isLoopback: false, mtu: 1500, group: 0 };
}

function receivedPacket(frame: Uint8Array): Packet {
  const packet = decodePacket(frame.subarray(14));
  if (typeof packet === 'string') throw new Error(packet);
  packet.link = frame.subarray(0, 14);
  packet.in = device('eth0', LinkKind.ethernet);
  return packet;
}

const told = (packet: Packet, family: Family, isLeaving = false): string =>
  tracePacketText({ id: 0xae6e, family, table: 't', chain: 'c' }, packet, isLeaving);

describe('what a trace says of a packet', () => {
  it.each(FRAMES)('$inet', ({ hex, inet, own }) => {
    const packet = receivedPacket(Buffer.from(hex, 'hex'));
    expect(told(packet, 'inet')).toBe(`trace id 0000ae6e inet t c packet: ${inet} \n`);
    const family = packet.version === 4 ? 'ip' : 'ip6';
    expect(told(packet, family)).toBe(`trace id 0000ae6e ${family} t c packet: ${own} \n`);
  });

  // Told of an echo through lo, and of one that left.
  it('is bytes where nft knows no header', () => {
    const packet = receivedPacket(Buffer.from(FRAMES[0].hex, 'hex'));
    packet.in = device('lo', 772);
    packet.link = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0]);
    expect(told(packet, 'inet')).toContain('packet: iif "lo" @ll,0,112 0x800 ip saddr ');
    packet.in = null;
    packet.out = device('eth0', LinkKind.ethernet);
    expect(told(packet, 'netdev', true)).toBe(
      'trace id 0000ae6e netdev t c packet: oif "eth0" @nh,0,160 0x4500001c000100004001266ec6336409c6336402 @th,0,64 0x800f7f700070001 \n',
    );
  });
});
