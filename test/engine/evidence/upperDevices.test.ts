import { describe, expect, it } from 'vitest';
import type { Frame } from '../../../src/capture/frame.js';
import { Arrivals } from '../../../src/engine/evidence/arrival.js';
import { Sight } from '../../../src/engine/evidence/sight.js';
import { makeHost } from '../../../src/host/host.js';
import { makeHostAddress } from '../../../src/host/addresses.js';
import { parseLinks } from '../../../src/host/links.js';
import { parseAddress } from '../../../src/address/ip.js';

/** What `ip -j -d link` says of interfaces on interfaces, as far as it matters. */
const LINKS = parseLinks([
  { ifindex: 1, ifname: 'lo', flags: ['LOOPBACK', 'UP'], link_type: 'loopback' },
  { ifindex: 2, ifname: 'eth0', flags: ['UP'], link_type: 'ether', address: '02:00:00:00:01:01' },
  vlan(3, 'eth0.10', 'eth0', 10),
  vlan(4, 'service', 'eth0', 7),
  vlan(5, 'customer', 'service', 20),
  { ifindex: 6, ifname: 'ppp0', flags: ['UP'], link_type: 'ppp', linkinfo: { info_kind: 'ppp' } },
  { ifindex: 7, ifname: 'ppp1', flags: ['UP'], link_type: 'ppp', linkinfo: { info_kind: 'ppp' } },
]);

function vlan(ifindex: number, ifname: string, link: string, id: number): object {
  const linkinfo = { info_kind: 'vlan', info_data: { protocol: '802.1Q', id, flags: ['REORDER_HDR'] } };
  return { ifindex, ifname, link, link_type: 'ether', address: '02:00:00:00:01:01', flags: ['UP'], linkinfo };
}

const host = (links = LINKS): ReturnType<typeof makeHost> =>
  makeHost({
    links,
    addresses: [
      makeHostAddress({
        device: links.find(({ device }) => device.name === 'ppp1')?.device ?? links[0].device,
        address: parseAddress('192.0.2.1')!,
        prefixLength: 32,
      }),
    ],
    sysctls: new Map(),
  });

const PACKET = '4500 001c 0000 0000 40 fd f5e1 c0000202 c0000201 00000000 00000000';
const TO_US = '020000000101 020000000102';
const FROM_US = '020000000102 020000000101';

function frame(hex: string, name = 'eth0'): Frame {
  const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  const about = { number: 1, time: 0, linkType: 1, originalLength: bytes.length, comment: '', file: 0 };
  return { ...about, bytes, interface: name, direction: '' };
}

const read = (frames: Frame[], arrivals = new Arrivals(host(), null, new Sight())): string[] =>
  frames.map((each) => {
    const arrival = arrivals.read(each);
    return typeof arrival === 'string' ? arrival : `${arrival.direction} ${arrival.device.name}`;
  });

describe('the interface of a frame that carries tags', () => {
  it.each<[what: string, header: string, device: string]>([
    ['no tag', `${TO_US} 0800`, 'in eth0'],
    ['802.1Q', `${TO_US} 8100 000a 0800`, 'in eth0.10'],
    ['802.1Q, leaving', `${FROM_US} 8100 000a 0800`, 'out eth0.10'],
    ['802.1Q with a priority', `${TO_US} 8100 e00a 0800`, 'in eth0.10'],
    ['a priority alone', `${TO_US} 8100 e000 0800`, 'in eth0'],
    ['802.1ad', `${TO_US} 88a8 0007 8100 0014 0800`, 'in customer'],
    [
      'a VLAN that the host is not in',
      `${TO_US} 8100 000b 0800`,
      'tagged for VLAN 11, of which eth0 has no interface',
    ],
    [
      'an inner VLAN that it is not in',
      `${TO_US} 88a8 0007 8100 000a 0800`,
      'tagged for VLAN 10, of which service has no interface',
    ],
    ['PPPoE: the session’s interface by its address', `${TO_US} 8864 1100 0005 001e 0021`, 'in ppp1'],
  ])('%s', (_, header, device) => {
    expect(read([frame(`${header} ${PACKET}`)])).toEqual([device]);
  });

  it('is by its name where the snapshot does not say what it is', () => {
    const links = parseLinks([
      { ifindex: 1, ifname: 'lo', flags: ['LOOPBACK'] },
      { ifindex: 2, ifname: 'eth0', address: '02:00:00:00:01:01', flags: [] },
      { ifindex: 3, ifname: 'eth0.10', flags: [] },
    ]);
    expect(
      read([frame(`${TO_US} 8100 000a 0800 ${PACKET}`)], new Arrivals(host(links), null, new Sight())),
    ).toEqual(['in eth0.10']);
  });

  it('keeps the Ethernet header of a VLAN without its tag, and has none for PPP', () => {
    const arrivals = new Arrivals(host(), null, new Sight());
    const linkOf = (hex: string): string => {
      const arrival = arrivals.read(frame(`${hex} ${PACKET}`));
      return typeof arrival === 'string' ? arrival : Buffer.from(arrival.packet.link).toString('hex');
    };
    expect(linkOf(`${TO_US} 8100 000a 0800`)).toBe('0200000001010200000001020800');
    expect(linkOf(`${TO_US} 8864 1100 0005 001e 0021`)).toBe('');
  });

  it('is not counted twice where both are captured', () => {
    const tagged = frame(`${TO_US} 8100 000a 0800 ${PACKET}`);
    const plain = frame(`${TO_US} 0800 ${PACKET}`, 'eth0.10');
    const sight = new Sight();
    const arrivals = new Arrivals(host(), null, sight);
    expect(read([plain, tagged, plain, tagged], arrivals)).toEqual([
      'in eth0.10',
      'seen on eth0.10 as well',
      'in eth0.10',
      'seen on eth0.10 as well',
    ]);
  });
});
