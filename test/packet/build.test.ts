import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/address/ip.js';
import {
  echoReply,
  icmpError,
  mayAnswerWithError,
  type Origin,
  tcpReset,
  timestampReply,
} from '../../src/packet/build.js';
import { verifyForReject, verifyIpv4Header } from '../../src/packet/checksum.js';
import type { Packet } from '../../src/packet/packet.js';
import { setTtl, ttlOf } from '../../src/packet/rewrite.js';
import { bytesOf, hexOf, packetOf, readBlocks } from './rows.js';

const ROWS = readBlocks(join(import.meta.dirname, 'kernel-answers.txt'));

function number(how: string, name: string): number {
  return Number(new RegExp(` ${name} (\\d+)`).exec(how)?.[1] ?? 0);
}

/** What the kernel did in this row, done by the functions under test. */
function answerTo(packet: Packet, how: string): Packet | null {
  const origin: Origin = { id: number(how, 'id'), flowLabel: number(how, 'label') };
  if (how.startsWith('reset by the stack')) return tcpReset(packet, 'stack', origin);
  if (how.startsWith('reset by REJECT')) return tcpReset(packet, 'reject', origin);
  if (how.startsWith('echo')) return echoReply(packet, origin);
  if (how.startsWith('timestamp')) return timestampReply(packet, number(how, 'midnight'), origin);
  if (how.includes('forwarded')) setTtl(packet, ttlOf(packet) - 1);
  // As the callers of both do: REJECT does not answer a later fragment or a wrong checksum.
  if (packet.fragmentOffset !== 0 || verifyForReject(packet) === 'bad') return null;
  const kind = { type: number(how, 'type'), code: number(how, 'code'), rest: number(how, 'rest') };
  const source = parseAddress(/ source (\S+)/.exec(how)?.[1] ?? '');
  return icmpError(packet, kind, { ...origin, source });
}

describe('what the host sends back is what a kernel sent', () => {
  for (const { head, values } of ROWS) {
    const [name, how] = head.split(': ');
    it(name, () => {
      // Answers of the stack itself to protocols that it does not know are not held against a checksum.
      const packet = packetOf(values.get('in')!);
      if (name.startsWith('proto 200')) {
        const kind = { type: number(how, 'type'), code: number(how, 'code'), rest: number(how, 'rest') };
        const made = icmpError(packet, kind, { id: number(how, 'id'), flowLabel: number(how, 'label') });
        expect(hexOf(made!.data)).toBe(values.get('out'));
        return;
      }
      const made = answerTo(packet, how);
      expect(made ? hexOf(made.data) : 'none').toBe(values.get('out'));
      expect(made?.length ?? 0).toBe(made?.data.length ?? 0);
    });
  }
});

describe('a packet that a snaplen cut', () => {
  const whole = ROWS.find(({ head }) => head.startsWith('udp closed long'))!.values.get('in')!;

  it('is quoted as far as it was kept, with the length that was really sent', () => {
    const packet = packetOf(bytesOf(whole).subarray(0, 60));
    const made = icmpError(packet, { type: 3, code: 3 })!;
    expect(made.length).toBe(576);
    expect(made.data.length).toBe(28 + 60);
    expect(verifyIpv4Header(made)).toBe('good');
    expect(hexOf(made.data.subarray(22, 24))).toBe('0000');
  });

  it('still has its echo answered with the right checksum', () => {
    const echo = ROWS.find(({ head }) => head.startsWith('echo df'))!.values;
    const packet = packetOf(bytesOf(echo.get('in')!).subarray(0, 30));
    const made = echoReply(packet, { id: 0x5abb });
    expect(hexOf(made.data)).toBe(echo.get('out')!.slice(0, 60));
    expect(made.length).toBe(36);
  });
});

describe('nobody is told', () => {
  const udp = '4500001c00070000401100000a6300020a63000103e807d000080000';
  const rows: [string, string][] = [
    ['about what came from nobody', udp.replace('0a630002', '00000000')],
    ['about what came from a group', udp.replace('0a630002', 'e0000001')],
    ['about what went to a group', udp.replace('0a630001', 'e0000001')],
    ['about what went to everybody', udp.replace('0a630001', 'ffffffff')],
    ['about a later fragment', udp.replace('00070000', '00070005')],
  ];
  for (const [why, hex] of rows)
    it(why, () => {
      expect(mayAnswerWithError(packetOf(hex), { type: 3, code: 3 })).toBe(false);
      expect(mayAnswerWithError(packetOf(udp), { type: 3, code: 3 })).toBe(true);
    });
});
