import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLink, LinkLayer } from '../../src/packet/link.js';
import { LinkType } from '../../src/packet/linkType.js';

const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(Buffer.from(hex.replace(/[^0-9a-f]/gi, ''), 'hex'));
const IPV4 = '45000014 00000000 40110000 c0000201 c0000202';
const IPV6 = '60000000 00003b40 20010db8000000000000000000000001 20010db8000000000000000000000002';
const MACS = '020000000002 020000000001';

function facts(linkType: number, hex: string): unknown {
  const link = decodeLink(linkType, bytes(hex));
  if (typeof link === 'string') return link;
  return {
    etherType: link.etherType.toString(16),
    network: link.network,
    ...(link.packetType === null ? {} : { packetType: link.packetType }),
    ...(link.sourceLength ? { source: Buffer.from(link.source).toString('hex') } : {}),
    ...(link.destination ? { destination: Buffer.from(link.destination).toString('hex') } : {}),
    ...(link.interfaceIndex ? { interfaceIndex: link.interfaceIndex } : {}),
    ...(link.hardwareType === null ? {} : { hardwareType: link.hardwareType }),
    ...(link.vlans.length ? { vlans: link.vlans.map((tag) => tag & 0xfff) } : {}),
    ...(link.pppoeSession === null ? {} : { pppoeSession: link.pppoeSession }),
  };
}

const ETHERNET = { source: '020000000001', destination: '020000000002', hardwareType: 1 };

const ROWS: [name: string, linkType: number, hex: string, expected: unknown][] = [
  ['Ethernet, IPv4', 1, `${MACS} 0800 ${IPV4}`, { etherType: '800', network: 14, ...ETHERNET }],
  ['Ethernet, IPv6', 1, `${MACS} 86dd ${IPV6}`, { etherType: '86dd', network: 14, ...ETHERNET }],
  ['Ethernet, ARP', 1, `${MACS} 0806 0001`, { etherType: '806', network: 14, ...ETHERNET }],
  ['IEEE 802.3 with LLC', 1, `${MACS} 0026 424203`, { etherType: '4', network: 14, ...ETHERNET }],
  ['802.1Q', 1, `${MACS} 8100 6007 0800 ${IPV4}`, { etherType: '800', network: 18, ...ETHERNET, vlans: [7] }],
  [
    'QinQ',
    1,
    `${MACS} 88a8 0064 8100 0009 86dd ${IPV6}`,
    { etherType: '86dd', network: 22, ...ETHERNET, vlans: [100, 9] },
  ],
  [
    'PPPoE session',
    1,
    `${MACS} 8864 11000011 0016 0021 ${IPV4}`,
    { etherType: '800', network: 22, ...ETHERNET, pppoeSession: 17 },
  ],
  [
    'PPPoE session in a VLAN, one-byte protocol',
    1,
    `${MACS} 8100 0007 8864 11000011 0029 57 ${IPV6}`,
    { etherType: '86dd', network: 25, ...ETHERNET, vlans: [7], pppoeSession: 17 },
  ],
  [
    'PPPoE session, LCP',
    1,
    `${MACS} 8864 11000011 0016 c021 0101`,
    { etherType: '4', network: 22, ...ETHERNET, pppoeSession: 17 },
  ],
  ['Ethernet cut', 1, '020000000002 02000000', 'Ethernet header cut at 10 of 14 bytes'],
  ['VLAN tag cut', 1, `${MACS} 8100 0007`, 'VLAN tag cut at byte 14'],
  ['too many VLAN tags', 1, `${MACS} ${'8100 0001'.repeat(9)} 0800`, 'more than 8 VLAN tags'],
  ['PPPoE cut', 1, `${MACS} 8864 1100`, 'PPPoE header cut at byte 14'],
  ['PPPoE of another version', 1, `${MACS} 8864 21000011 0016`, 'PPPoE version and type 0x21 at byte 14'],
  [
    'SLL, received',
    113,
    `0000 0001 0006 020000000001 0000 0800 ${IPV4}`,
    { etherType: '800', network: 16, packetType: 0, source: '020000000001', hardwareType: 1 },
  ],
  [
    'SLL, sent, VLAN tag put back by libpcap',
    113,
    `0004 0001 0006 020000000001 0000 8100 0007 0800 ${IPV4}`,
    { etherType: '800', network: 20, packetType: 4, source: '020000000001', hardwareType: 1, vlans: [7] },
  ],
  [
    'SLL, a tunnel without addresses',
    113,
    `0004 fffe 0000 0000000000000000 86dd ${IPV6}`,
    { etherType: '86dd', network: 16, packetType: 4, hardwareType: 0xfffe },
  ],
  ['SLL cut', 113, '0000 0001 0006', 'SLL header cut at 6 of 16 bytes'],
  [
    'SLL2, sent',
    276,
    `0800 0000 00000005 0001 04 06 020000000001 0000 ${IPV4}`,
    {
      etherType: '800',
      network: 20,
      packetType: 4,
      source: '020000000001',
      interfaceIndex: 5,
      hardwareType: 1,
    },
  ],
  [
    'SLL2 with a packet type that is none, and an address longer than its field',
    276,
    `0800 0000 00000005 0001 09 ff 020000000001 0304 ${IPV4}`,
    { etherType: '800', network: 20, source: '0200000000010304', interfaceIndex: 5, hardwareType: 1 },
  ],
  ['SLL2 cut', 276, '0800 0000 0000', 'SLL2 header cut at 6 of 20 bytes'],
  ['RAW, IPv4', 101, IPV4, { etherType: '800', network: 0 }],
  ['RAW, IPv6', 12, IPV6, { etherType: '86dd', network: 0 }],
  ['RAW, neither', 101, '00', 'IP version 0'],
  ['RAW, nothing', 101, '', 'no network header'],
  ['IPV4', 228, IPV4, { etherType: '800', network: 0 }],
  ['IPV6', 229, IPV6, { etherType: '86dd', network: 0 }],
  [
    'NULL of a little-endian host',
    0,
    `02000000 ${IPV4}`,
    { etherType: '800', network: 4, hardwareType: 772 },
  ],
  ['NULL of a big-endian host', 0, `0000001e ${IPV6}`, { etherType: '86dd', network: 4, hardwareType: 772 }],
  ['LOOP', 108, `00000018 ${IPV6}`, { etherType: '86dd', network: 4, hardwareType: 772 }],
  ['NULL cut', 0, '0200', 'loopback header cut at 2 of 4 bytes'],
  ['PPP in HDLC framing', 9, `ff03 0021 ${IPV4}`, { etherType: '800', network: 4, hardwareType: 512 }],
  ['PPP without it', 9, `0057 ${IPV6}`, { etherType: '86dd', network: 2, hardwareType: 512 }],
  ['PPP, compressed protocol', 50, `21 ${IPV4}`, { etherType: '800', network: 1, hardwareType: 512 }],
  ['PPP cut', 9, 'ff0300', 'PPP header cut at byte 2'],
  [
    'PPPoE as link type',
    51,
    `11000011 0016 0021 ${IPV4}`,
    { etherType: '800', network: 8, pppoeSession: 17 },
  ],
  ['IEEE 802.11', 105, '00', 'link type 105 (IEEE802_11) is not decoded'],
  ['a number nobody has', 65535, '00', 'link type 65535 is not decoded'],
];

// As the kernel writes it; lengths and types little-endian (a capture of tcpdump -i nflog on x86).
const NFLOG = [
  '02 00 0005',
  '0800 0100 0800 01 00',
  '0600 0f00 0001 0000',
  '0500 0a00 00 000000',
  '0d00 0a00 494e20616c6c3a2000 000000',
  '0800 0400 00000002',
  '1400 1000 0200000000020200000000010800 0000',
  '0c00 0800 0006 0000 020000000001 0000'.replace('0c00', '1000'),
  '0800 0300 0000002a'.replace('0300', '0200'),
  `1800 0900 ${IPV4}`,
].join('');

describe('the link layer', () => {
  it.each(ROWS)('%s', (_, linkType, hex, expected) => {
    expect(facts(linkType, hex)).toEqual(expected);
  });

  it('forgets the frame before it where the object is used again', () => {
    const link = new LinkLayer();
    decodeLink(LinkType.ethernet, bytes(`${MACS} 8100 0007 8864 11000011 0029 57 ${IPV6}`), link);
    decodeLink(LinkType.linuxSll2, bytes(`0800 0000 00000005 0001 04 06 020000000001 0000 ${IPV4}`), link);
    decodeLink(LinkType.raw, bytes(IPV4), link);
    const fresh = decodeLink(LinkType.raw, bytes(IPV4)) as LinkLayer;
    expect({ ...link, sourceAt: 0, destinationAt: 0 }).toEqual({ ...fresh, sourceAt: 0, destinationAt: 0 });
  });

  it('reads every attribute of NFLOG that the replay uses', () => {
    const link = decodeLink(LinkType.nflog, bytes(NFLOG)) as LinkLayer;
    expect(link).toMatchObject({ etherType: 0x800, interfaceIndex: 2, hardwareType: 1 });
    expect(Buffer.from(link.source).toString('hex')).toBe('020000000001');
    expect(Buffer.from(link.destination!).toString('hex')).toBe('020000000002');
    expect(Buffer.from(link.bytes.subarray(link.network)).toString('hex')).toBe(IPV4.replaceAll(' ', ''));
    expect(link.nflog).toMatchObject({
      group: 5,
      hook: 1,
      prefix: 'IN all: ',
      mark: 0x2a,
      in: 2,
      out: 0,
      payloadLength: 20,
    });
  });

  it('reads NFLOG of a big-endian host', () => {
    const big = `02 00 0005 0008 0001 0800 03 00 000a 000a 4f55543a2000 0000 0008 0005 00000003 0018 0009 ${IPV4}`;
    const link = decodeLink(LinkType.nflog, bytes(big)) as LinkLayer;
    expect(link).toMatchObject({ etherType: 0x800, network: 36 });
    expect(link.nflog).toMatchObject({ hook: 3, prefix: 'OUT: ', out: 3 });
  });

  it.each([
    ['02', 'NFLOG header cut at 1 of 4 bytes'],
    ['02 01 0005', 'NFLOG version 1'],
    ['02 00 0005 0800 0100 0800 01 00', 'NFLOG message without a payload'],
    ['02 00 0005 0800 0100 0800 01 00 0000 0900', 'NFLOG attribute length 0 at byte 12'],
  ])('says what stops NFLOG %s', (hex, problem) => {
    expect(facts(LinkType.nflog, hex)).toBe(problem);
  });

  it('takes any bytes of any link type', () => {
    const types = [...Object.values(LinkType), 105];
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 80 }), (linkType, data) => {
        const link = decodeLink(linkType, data);
        if (typeof link === 'string') expect(link).not.toBe('');
        else {
          expect(link.network).toBeLessThanOrEqual(Math.max(data.length, 0));
          expect(link.source.length).toBeLessThanOrEqual(8);
        }
      }),
      { numRuns: 20_000 },
    );
  });
});
