import { describe, expect, it } from 'vitest';
import { formatLine } from '../../src/klog/describe.js';
import { parse } from '../../src/klog/parse.js';
import { emit } from '../../src/klog/emit.js';
import { otherPacket } from '../../src/packet/packet.js';
import { makeDevice } from '../../src/host/links.js';

const device = makeDevice({ index: 2, name: 'v0' });

function line(hex: string, { options = {}, etherType = 0x0806, length = 0, out = false } = {}): string {
  const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  const packet = otherPacket(bytes, 0, bytes.length, etherType, length || bytes.length);
  packet.link = Uint8Array.from([
    255,
    255,
    255,
    255,
    255,
    255,
    2,
    0,
    0,
    0,
    1,
    2,
    etherType >> 8,
    etherType & 255,
  ]);
  packet[out ? 'out' : 'in'] = device;
  packet.mark = 7;
  return formatLine(packet, { prefix: 'P: ', ...options });
}

const REQUEST = '0001 0800 0604 0001 020000000102 0a080102 000000000000 0a080101';
const ADDRESSES = 'MACSRC=02:00:00:00:01:02 IPSRC=10.8.1.2 MACDST=00:00:00:00:00:00 IPDST=10.8.1.1';

// As Linux 6.18 wrote them.
describe('ARP in the log', () => {
  it.each<[name: string, line: string, wanted: string]>([
    ['in', line(REQUEST), `P: IN=v0 OUT= ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 ${ADDRESSES}`],
    ['out', line(REQUEST, { out: true }), `P: IN= OUT=v0 ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 ${ADDRESSES}`],
    [
      'with its link header',
      line(REQUEST, { options: { macDecode: true } }),
      `P: IN=v0 OUT= MACSRC=02:00:00:00:01:02 MACDST=ff:ff:ff:ff:ff:ff MACPROTO=0806 ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 ${ADDRESSES}`,
    ],
    [
      'without addresses',
      line('0001 0800 0604 0001 0200'),
      'P: IN=v0 OUT= ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 INCOMPLETE [2 bytes]',
    ],
    ['of another kind', line('0006 0800 0804 0002'), 'P: IN=v0 OUT= ARP HTYPE=6 PTYPE=0x0800 OPCODE=2'],
    [
      'no ARP at all',
      line('0207', { etherType: 0x88cc }),
      'P: IN=v0 OUT= MAC=ff:ff:ff:ff:ff:ff:02:00:00:00:01:02:88:cc ',
    ],
  ])('%s', (_, written, wanted) => {
    expect(written).toBe(wanted);
    const read = parse(written);
    expect(read && emit(read)).toBe(wanted);
  });
});
