import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatLine } from '../../src/klog/describe.js';
import { allOptions, tracePrefix } from '../../src/klog/options.js';
import type { Device } from '../../src/packet/device.js';
import { LinkKind, SocketKind } from '../../src/packet/numbers.js';
import { decodePacket, Packet } from '../../src/packet/packet.js';
import { Hook } from '../../src/rules/hook.js';

function device(name: string, index: number, kind: number = LinkKind.ethernet): Device {
  return {
    index,
    name,
    kind,
    mac: new Uint8Array(6),
    master: null,
    isBridge: false,
    isLoopback: kind === LinkKind.loopback,
    mtu: 1500,
    group: 0,
  };
}

/**
 * What Linux 6.18 printed about odd packets, sent to an nftables ingress hook, which checks no header before.
 * Four lines a packet: the frame, then its lines with no flags, with those of tcp, ip and skuid, and with all and a mark.
 */
const KERNEL = readFileSync(new URL('kernel.txt', import.meta.url), 'utf8')
  .replace(/\n$/, '')
  .split('\n');

function received(frame: Buffer): Packet {
  const packet = new Packet(frame.subarray(14), frame.readUInt16BE(12) === 0x800 ? 4 : 6, frame.length - 14);
  packet.link = frame.subarray(0, 14);
  packet.in = device('k0', 2);
  return packet;
}

describe('a described packet', () => {
  it('reads as the kernel printed it', () => {
    for (let i = 0; i < KERNEL.length; i += 4) {
      const packet = received(Buffer.from(KERNEL[i], 'hex'));
      const shown = { tcpSequence: true, tcpOptions: true, ipOptions: true, uid: true };
      expect(formatLine(packet, { prefix: 'NKa ' })).toBe(KERNEL[i + 1]);
      expect(formatLine(packet, { prefix: 'NKb ', ...shown })).toBe(KERNEL[i + 2]);
      packet.mark = 0x1f;
      expect(formatLine(packet, { prefix: 'NKc ', ...shown, macDecode: true })).toBe(KERNEL[i + 3]);
    }
    expect(KERNEL.length).toBeGreaterThan(400);
  });
});

const SYN = Buffer.from(
  '4500003c628540004006f3a5c6336409c63364020bb827101122334400000000a002faf0ffff0000020405b40402080a000000010000000001030307',
  'hex',
);
const ETHERNET = Buffer.from('0200000001010200000001020800', 'hex');
const HEADERS = 'SRC=198.51.100.9 DST=198.51.100.2 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=25221 DF PROTO=TCP';

function syn(change: Partial<Packet> = {}, kept = SYN.length): Packet {
  const packet = decodePacket(SYN.subarray(0, kept));
  if (typeof packet === 'string') throw new Error(packet);
  return Object.assign(packet, { link: ETHERNET, in: device('eth0', 2) }, change);
}

describe('the link header', () => {
  const eth = device('eth0', 2);
  const tun = device('tun0', 9, LinkKind.none);
  const lo = device('lo', 1, LinkKind.loopback);
  const mac = (packet: Packet, macDecode = false, hook?: Hook): string =>
    /OUT=\S* (.*)SRC=/.exec(formatLine(packet, { prefix: '', macDecode }, hook))?.[1] ?? '';
  const raw = 'MAC=02:00:00:00:01:01:02:00:00:00:01:02:08:00 ';
  const decoded = 'MACSRC=02:00:00:00:01:02 MACDST=02:00:00:00:01:01 MACPROTO=0800 ';
  const nulls = 'MAC=00:00:00:00:00:00:00:00:00:00:00:00:08:00 ';

  it.each([
    ['is printed as it came in', syn(), false, undefined, raw],
    ['is decoded on request', syn(), true, undefined, decoded],
    ['is nothing without an input', syn({ in: null, out: eth }), false, undefined, ''],
    ['is empty on a link without one', syn({ in: tun, link: new Uint8Array(0) }), true, undefined, 'MAC= '],
    [
      'is nulls on loopback, decoded or not',
      syn({ in: lo, link: new Uint8Array(0) }),
      true,
      undefined,
      nulls,
    ],
    ['stays while forwarded', syn({ out: tun }), false, Hook.forward, raw],
    ['has the form of the output behind the routing', syn({ out: tun }), false, Hook.postrouting, 'MAC= '],
    [
      'is nothing where there is none to decode',
      syn({ in: tun, out: eth, link: new Uint8Array(0) }),
      true,
      Hook.postrouting,
      '',
    ],
    [
      'is empty where there is none to print',
      syn({ in: tun, out: eth, link: new Uint8Array(0) }),
      false,
      Hook.postrouting,
      'MAC= ',
    ],
    ['is decoded behind the routing', syn({ out: device('eth1', 3) }), true, Hook.postrouting, decoded],
  ])('%s', (_, packet, decode, hook, wanted) => {
    expect(mac(packet, decode, hook)).toBe(wanted);
  });
});

describe('what is not in the packet', () => {
  const head = 'MAC=02:00:00:00:01:01:02:00:00:00:01:02:08:00 ';

  it('names bridge ports where they differ from the interfaces', () => {
    const port = device('vethc0', 7);
    const bridge = device('docker0', 5);
    expect(formatLine(syn({ in: bridge, physIn: port, physOut: port }), { prefix: 'P: ' })).toContain(
      `P: IN=docker0 OUT= PHYSIN=vethc0 PHYSOUT=vethc0 ${head}`,
    );
    expect(formatLine(syn({ in: port, physIn: port }), { prefix: '' })).not.toContain('PHYS');
  });

  it('names the owner of a socket packet on request, then the mark', () => {
    const owned = { in: null, out: device('eth0', 2), uid: 0, gid: 1000, mark: 0x80000001 | 0 };
    const end = (packet: Packet, uid: boolean): string =>
      formatLine(packet, { prefix: '', uid }).split('URGP=0 ')[1];
    expect(end(syn({ ...owned, socket: SocketKind.process }), true)).toBe('UID=0 GID=1000 MARK=0x80000001 ');
    expect(end(syn({ ...owned, socket: SocketKind.process }), false)).toBe('MARK=0x80000001 ');
    expect(end(syn({ ...owned, socket: SocketKind.request }), true)).toBe('MARK=0x80000001 ');
  });

  it('leaves out what a snaplen left out, and goes on behind it', () => {
    expect(formatLine(syn({ mark: 7 }, 30), { prefix: '' })).toBe(`IN=eth0 OUT= ${head}${HEADERS} MARK=0x7 `);
    expect(formatLine(syn({ mark: 7 }, 40), allOptions(''))).toBe(
      `IN=eth0 OUT= ${head}${HEADERS} SPT=3000 DPT=10000 SEQ=287454020 ACK=0 WINDOW=64240 RES=0x00 SYN URGP=0 MARK=0x7 `,
    );
  });

  it('is all shown by a TRACE line', () => {
    expect(formatLine(syn(), allOptions(tracePrefix('raw', 'PREROUTING', 'policy', 2)))).toBe(
      `TRACE: raw:PREROUTING:policy:2 IN=eth0 OUT= ${head}${HEADERS} SPT=3000 DPT=10000 SEQ=287454020 ACK=0 ` +
        'WINDOW=64240 RES=0x00 SYN URGP=0 OPT (020405B40402080A000000010000000001030307) ',
    );
  });
});
