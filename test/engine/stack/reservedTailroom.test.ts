import { expect, it } from 'vitest';
import { reservedTailroom } from '../../../src/engine/stack/reservedTailroom.js';
import { LinkKind } from '../../../src/packet/numbers.js';
import { play, type Sent } from '../helpers/router.js';

/** Of veth, tun and vxlan devices, as Linux 6.18 marked what they sent. */
it.each<[mtu: number, linkKind: string, version: 4 | 6, mark: number]>([
  [1500, 'veth', 4, 0xd4],
  [1500, 'veth', 6, 0xd4],
  [1500, 'tun', 4, 0xd4],
  [1450, 'vxlan', 4, 0xc6],
  [1450, 'vxlan', 6, 0xc6],
  [300, 'veth', 4, 0x184],
  [400, 'veth', 4, 0x120],
  [576, 'veth', 4, 0x70],
  [1280, 'veth', 6, 0x1b0],
  [1400, 'veth', 6, 0x138],
  [1420, 'veth', 4, 0x124],
  [1492, 'veth', 4, 0xdc],
  [1499, 'veth', 4, 0xd5],
  [1712, 'veth', 4, 0],
  [1713, 'veth', 6, 0x7ff],
  [1728, 'veth', 4, 0x7f0],
  [2000, 'veth', 4, 0x6e0],
  [3000, 'veth', 6, 0x2f8],
  [3760, 'veth', 4, 0],
  [3761, 'veth', 4, 0xfff],
  [3761, 'veth', 6, 0],
  [4000, 'veth', 4, 0xf10],
  [9000, 'veth', 4, 0x1b88],
  [9000, 'veth', 6, 0],
  [16000, 'veth', 4, 0x30],
])('marks a report by a device with an MTU of %d (%s, IPv%d) with %d', (mtu, linkKind, version, mark) => {
  const device = {
    ...{ index: 2, name: 'eth0', kind: LinkKind.ethernet, linkKind, mac: new Uint8Array(6) },
    ...{ master: null, isBridge: false, isLoopback: false, mtu, group: 0 },
  };
  expect(reservedTailroom(device, version)).toBe(mark);
});

it('logs that mark, and none of older reports', async () => {
  const rules = '*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j LOG\nCOMMIT\n';
  const report = (type: number): Uint8Array => {
    const header = '46c000200000400001020000c6336402e000001694040000';
    return Uint8Array.from(Buffer.from(`${header}${type.toString(16)}000000efffffff`, 'hex'));
  };
  const packets: Sent[] = [
    [0, '>eth0', report(0x22)],
    [1, '>eth0', report(0x16)],
  ];
  const { lines } = await play(rules, packets);
  expect(lines.map((line) => / PROTO=2 ?(.*)/.exec(line)?.[1])).toEqual(['MARK=0xd4', '']);
});
