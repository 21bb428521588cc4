import { describe, expect, it } from 'vitest';
import type { Frame } from '../../../src/capture/frame.js';
import { LinkType } from '../../../src/capture/frame.js';
import { Arrivals } from '../../../src/engine/evidence/arrival.js';
import { Sight } from '../../../src/engine/evidence/sight.js';
import { assumeHost } from '../../../src/host/assume.js';
import type { Host } from '../../../src/host/host.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';

/** A host with a bridge, a trunk and a tunnel, as its options tell it. */
const host = (...interfaces: string[]): Host =>
  assumeHost(
    {
      interfaces: [
        'eth0=02:00:00:00:01:01',
        'eth1=02:00:00:00:02:01',
        'docker0=bridge',
        'docker0=02:00:00:00:03:01',
        'vethc0@docker0',
        ...interfaces,
      ],
      addresses: [
        '198.51.100.2/24@eth0',
        '192.168.1.1/24@eth1',
        '172.17.0.1/16@docker0',
        '10.0.10.1/24@eth1.10',
      ],
      routes: ['default via 198.51.100.1'],
    },
    new Diagnostics(),
  );

const [CAME, ALL, OTHERS, LEFT] = [0, 1, 3, 4];
const PEER = '020000000102';
const CONTAINER = '020000000302';

let id = 0;
/** A UDP packet with LINUX_SLL's header. */
function frame(
  type: number,
  mac: string,
  from: string,
  to: string,
  more: Partial<Frame> & { tag?: string } = {},
): Frame {
  const words = (address: string): string =>
    address
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join('');
  const { tag = '', ...rest } = more;
  const packet = `4500001c${(++id).toString(16).padStart(4, '0')}000040fd0000${words(from)}${words(to)}0000000000000000`;
  const head = `${type.toString(16).padStart(4, '0')}${mac ? `00010006${mac}0000` : `fffe0000${'0'.repeat(16)}`}`;
  const bytes = Uint8Array.from(Buffer.from(`${head}${tag}0800${packet}`, 'hex'));
  // What the sum of the header is said to be does not matter to what leaves; of what comes in it is right.
  let sum = 0;
  const at = bytes.length - 28;
  for (let i = 0; i < 20; i += 2) sum += (bytes[at + i] << 8) | bytes[at + i + 1];
  sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
  bytes.set([sum >> 8, sum & 255], at + 10);
  return {
    number: id,
    time: id * 1e9,
    linkType: LinkType.linuxSll,
    bytes,
    originalLength: bytes.length,
    interface: '',
    direction: '',
    comment: '',
    file: 0,
    ...rest,
  };
}

const read = (frames: readonly Frame[], of = host()): string[] => {
  const arrivals = new Arrivals(of, null, new Sight());
  return frames.map((each) => {
    const arrival = arrivals.read(each);
    return typeof arrival === 'string' ? arrival : `${arrival.direction} ${arrival.device.name}`;
  });
};
const again = (frame: Frame, after = 1000, type?: number): Frame => {
  const bytes = frame.bytes.slice();
  if (type !== undefined) bytes[1] = type;
  return { ...frame, bytes, time: frame.time + after };
};

describe('the interface of a frame whose header names none', () => {
  it.each<[what: string, frame: Frame, device: string]>([
    [
      'by the sender’s own address, where it left',
      frame(LEFT, '020000000201', '8.8.8.8', '192.168.1.7'),
      'out eth1',
    ],
    ['by the way back to whom it came from', frame(CAME, PEER, '192.168.1.7', '8.8.8.8'), 'in eth1'],
    ['by the default route', frame(CAME, PEER, '8.8.8.8', '192.168.1.7'), 'in eth0'],
    [
      'below a VLAN’s, with its tag',
      frame(CAME, PEER, '10.0.10.7', '8.8.8.8', { tag: '8100000a' }),
      'seen on eth1.10 as well',
    ],
    ['a VLAN’s, without', frame(CAME, PEER, '10.0.10.7', '8.8.8.8'), 'in eth1.10'],
    [
      'unknown, where nobody is said to have sent it',
      frame(ALL, PEER, '0.0.0.0', '255.255.255.255'),
      'no interface known',
    ],
  ])('is %s', (_, each, device) => {
    expect(read([each])).toEqual([device]);
  });

  it('is the one where its sender was heard before, where nobody is said to have sent it', () => {
    const asks = frame(ALL, PEER, '0.0.0.0', '255.255.255.255');
    expect(read([asks, frame(CAME, PEER, '192.168.1.7', '8.8.8.8'), asks])).toEqual([
      'no interface known',
      'in eth1',
      'in eth1',
    ]);
  });

  it('is the bridge’s or the port’s, by who has a packet first', () => {
    const into = frame(OTHERS, CONTAINER, '172.17.0.2', '8.8.8.8');
    const out = frame(LEFT, '020000000301', '8.8.8.8', '172.17.0.2');
    const toAll = frame(ALL, CONTAINER, '172.17.0.2', '172.17.255.255');
    expect(read([into, again(into, 1000, CAME), out, again(out), toAll, again(toAll), out])).toEqual([
      ...['in vethc0', 'in docker0', 'out docker0', 'out vethc0', 'in vethc0', 'in docker0', 'out docker0'],
    ]);
    // Of several ports nothing tells which.
    expect(read([into, again(into, 1000, CAME)], host('vethc1@docker0'))).toEqual([
      'seen on docker0 as well',
      'in docker0',
    ]);
  });

  it('is said to be assumed', () => {
    const of = host();
    read([frame(CAME, PEER, '192.168.1.7', '8.8.8.8')], of);
    expect(of.assumptions.mattered.map(({ text }) => text)).toContain(
      'The capture tells no interfaces (LINUX_SLL): they were told by link addresses, neighbours and routes.',
    );
  });
});
