import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseMac } from '../../../src/address/mac.js';
import { decodePacket, type Packet } from '../../../src/packet/packet.js';
import { PacketType } from '../../../src/packet/numbers.js';
import { Outcome } from '../../../src/rules/verdict.js';
import type { Context } from '../../../src/rules/context.js';
import { connection, context, device, packet, tuple, udpPacket } from './packets.js';
import { readRule } from './reading.js';

const LINES = readFileSync(join(import.meta.dirname, 'linux-6.18-headers.txt'), 'utf8').split('\n');

function run(rule: string, p: Packet, parts: Partial<Context> = {}): Outcome {
  const { matches, errors } = readRule(rule, p.version);
  expect(errors).toEqual([]);
  const { definition, data } = matches.at(-1)!;
  const around = context(parts);
  const state: unknown = definition.start(data, around);
  const outcome = definition.test(data, p, around, state);
  const conditions = definition.explain(data, p, around, state, outcome);
  if (outcome === Outcome.hit) expect(conditions.every((c) => c.outcome === Outcome.hit)).toBe(true);
  else expect(conditions.some((c) => c.outcome === outcome)).toBe(true);
  return outcome;
}

function decode(hex: string): Packet {
  const decoded = decodePacket(Uint8Array.from(Buffer.from(hex, 'hex')));
  if (typeof decoded === 'string') throw new Error(decoded);
  const [to, from] = ['02:00:00:00:09:01', '02:00:00:00:09:02'].map((mac) => [...parseMac(mac)!]);
  decoded.link = Uint8Array.from([...to, ...from, ...(decoded.version === 6 ? [0x86, 0xdd] : [8, 0])]);
  return decoded;
}

describe('headers behind the network header, as Linux 6.18 matched them', () => {
  const rules = LINES.flatMap((line) => {
    const found = /^rule ([46]) (\d+) (.*)$/.exec(line);
    return found ? [{ version: Number(found[1]), number: Number(found[2]), text: found[3] }] : [];
  });
  for (const line of LINES) {
    const found = /^packet ([46]) (\S+) (.*)$/.exec(line);
    if (!found) continue;
    const [, version, hex, hits] = found;
    it(`${hex.slice(0, 100)}…`, () => {
      const p = decode(hex);
      const own = rules.filter((rule) => rule.version === Number(version));
      const hit = own.filter(({ text }) => {
        const protocol = /-p (\S+)/.exec(text)?.[1];
        const number = { sctp: 132, dccp: 33, ah: 51, esp: 50 }[protocol ?? ''] ?? p.protocol;
        return number === p.protocol && run(text, p) === Outcome.hit;
      });
      expect(hit.map((rule) => rule.number).join(',')).toBe(hits);
    });
  }

  it('drops an ESP packet that ends before its SPI, and says where only the capture does', () => {
    expect(run('-p esp -m esp --espspi 5', packet(50, [0, 0]))).toBe(Outcome.hotdrop);
    expect(run('-p esp -m esp --espspi 5', packet(50, [0, 0, 0, 5, 0, 0, 0, 1], { snaplen: 24 }))).toBe(
      Outcome.unknown,
    );
  });
});

describe('cluster, as Linux 6.18 shared sources among seven nodes', () => {
  for (const [source, node] of [
    ['10.9.0.2', 1],
    ['192.0.2.77', 6],
    ['203.0.113.200', 3],
    ['8.8.8.8', 4],
    ['fd09::2', 6],
    ['2001:db8::1:77', 2],
    ['fe80::1234', 1],
  ] as const)
    it(`${source} belongs to node ${node}`, () => {
      const found = connection({ original: tuple(source, 1, source, 9) });
      const p = udpPacket(1, 9, { source });
      const own = [1, 2, 3, 4, 5, 6, 7].filter((n) => {
        const rule = `-m cluster --cluster-total-nodes 7 --cluster-local-node ${n} --cluster-hash-seed 0xdeadcafe`;
        return run(rule, p, { connection: found }) === Outcome.hit;
      });
      expect(own).toEqual([node]);
    });

  it('takes multicast for its own from then on, with or without a connection', () => {
    const p = udpPacket(1, 9, { destination: '224.0.0.251' });
    p.packetType = PacketType.multicast;
    const rule = '-m cluster --cluster-total-nodes 1 --cluster-local-node 1 --cluster-hash-seed 1';
    expect(run(rule, p)).toBe(Outcome.miss);
    expect(p.packetType).toBe(PacketType.host);
  });
});

describe('string, as Linux 6.18 searched "abcdXXXXXXXX" behind 28 bytes of headers', () => {
  const bytes = [0, 1, 0, 9, 0, 20, 0, 0, ...Buffer.from('abcdXXXXXXXX')];
  for (const [options, expected] of [
    ['--from 0 --to 32', 1],
    ['--from 0 --to 31', 0],
    ['--from 28 --to 32', 1],
    ['--from 28 --to 31', 0],
    ['--from 29 --to 40', 0],
    ['--from 0 --to 33', 1],
    ['--from 27 --to 65535', 1],
    ['--from 40 --to 50', 0],
  ] as const)
    for (const algorithm of ['bm', 'kmp'])
      it(`${algorithm} ${options}`, () => {
        expect(run(`-m string --string abcd --algo ${algorithm} ${options}`, packet(17, bytes))).toBe(
          expected,
        );
        expect(run(`-m string ! --string abcd --algo ${algorithm} ${options}`, packet(17, bytes))).toBe(
          1 - expected,
        );
      });

  it('ignores case where told, and does not know what was not captured', () => {
    expect(run('-m string --string ABcD --algo bm --icase', packet(17, bytes))).toBe(1);
    expect(run('-m string --string ABcD --algo bm', packet(17, bytes))).toBe(0);
    expect(run('-m string --string zz --algo bm', packet(17, bytes, { snaplen: 36 }))).toBe(Outcome.unknown);
    expect(run('-m string ! --string zz --algo bm', packet(17, bytes, { snaplen: 36 }))).toBe(
      Outcome.unknown,
    );
    expect(run('-m string --string zz --algo bm --to 36', packet(17, bytes, { snaplen: 36 }))).toBe(0);
    expect(run('-m string --hex-string "|63 64|XX" --algo bm', packet(17, bytes))).toBe(1);
  });
});

describe('u32, as Linux 6.18 computed it', () => {
  for (const [expression, expected] of [
    ['100=0', 0],
    ['24&0xffff=0:0xffff', 1],
    ['25=0:0xffffffff', 0],
    ['6&0xFF=17', 1],
    ['0>>22&0x3C@0>>16=0:1023', 1],
    ['0>>22&0x3C@0>>16=1024:65535', 0],
    ['4&0x3FFF=0&&12=0x0a000001', 1],
    ['12=0x0b000000:0x0bffffff,0x0a000001', 1],
    ['0>>22&0x3C@8=0', 0],
  ] as const)
    it(expression, () => {
      expect(run(`-m u32 --u32 "${expression}"`, udpPacket(5, 9))).toBe(expected);
      expect(run(`-m u32 ! --u32 "${expression}"`, udpPacket(5, 9))).toBe(1 - expected);
    });

  it('does not know what was not captured', () => {
    expect(run('-m u32 --u32 "24=1"', udpPacket(5, 9, { snaplen: 26 }))).toBe(Outcome.unknown);
  });
});

describe('time', () => {
  // Wednesday 2024-05-15 23:30:00 UTC.
  const epoch = BigInt(Date.UTC(2024, 4, 15, 23, 30)) * 1_000_000n;
  for (const [options, expected] of [
    ['--weekdays Wed', 1],
    ['--weekdays Thu', 0],
    ['! --weekdays 3', 0],
    ['--monthdays 15', 1],
    ['--timestart 22:00 --timestop 06:00', 1],
    ['--timestart 08:00 --timestop 18:00', 0],
    ['--timestart 23:30 --timestop 23:30:00', 1],
    ['--datestart 2024-05-15T23:30:01', 0],
    ['--datestop 2024-05-15T23:30', 1],
  ] as const)
    it(options, () => expect(run(`-m time ${options}`, udpPacket(1, 2), { epoch })).toBe(expected));

  it('counts hours after midnight to the day before where contiguous', () => {
    const now = 3600e9;
    const night = '-m time --weekdays Wed --timestart 22:00 --timestop 06:00';
    expect(run(night, udpPacket(1, 2), { epoch, now })).toBe(0);
    expect(run(`${night} --contiguous`, udpPacket(1, 2), { epoch, now })).toBe(1);
  });
});

describe('what the host and the connection say', () => {
  const p = udpPacket(1, 2);
  it('devgroup', () => {
    p.in = device('eth0', { group: 0x15 });
    expect(run('-m devgroup --src-group 0x5/0xf', p)).toBe(1);
    expect(run('-m devgroup --src-group 0x5', p)).toBe(0);
    expect(run('-m devgroup ! --src-group 0x5', p)).toBe(1);
  });

  it('helper is that of the connection that expected this one', () => {
    const child = connection({ master: connection({ helper: 'ftp' }), helper: 'sip' });
    expect(run('-m helper --helper ftp', p, { connection: child })).toBe(1);
    expect(run('-m helper --helper ftp-2121', p, { connection: child })).toBe(1);
    expect(run('-m helper --helper sip', p, { connection: child })).toBe(0);
    expect(run('-m helper ! --helper ftp', p)).toBe(1);
  });

  it('connlabel sets, and finds what it set', () => {
    const found = connection();
    expect(run('-m connlabel --label 40', p, { connection: found })).toBe(0);
    expect(run('-m connlabel --label 40 --set', p, { connection: found })).toBe(1);
    expect(found.labels).toEqual([0, 256, 0, 0]);
    expect(run('-m connlabel --label 40', p, { connection: found })).toBe(1);
    expect(run('-m connlabel --label web', p, { connection: found })).toBe(Outcome.unknown);
  });

  it('rpfilter asks the routes, but not for what needs none', () => {
    const routes = {
      addressType: () => 2,
      reversePath: () => false,
      pathMtu: () => 1500,
      nextHop: () => undefined,
      egress: () => null,
    };
    expect(run('-m rpfilter', p, { routes })).toBe(0);
    expect(run('-m rpfilter --invert', p, { routes })).toBe(1);
    const dhcp = udpPacket(68, 67, { source: '0.0.0.0', destination: '224.0.0.1' });
    expect(run('-m rpfilter', dhcp, { routes })).toBe(1);
    expect(run('-m rpfilter', udpPacket(1, 2, { source: '::', destination: 'ff02::1' }), { routes })).toBe(1);
  });

  it('socket is unknown where nothing tells', () => {
    expect(run('-m socket', p, { socket: () => undefined })).toBe(Outcome.unknown);
    expect(run('-m socket', p, { socket: () => null })).toBe(0);
    expect(
      run('-m socket --transparent', p, { socket: () => ({ transparent: false, wildcard: false }) }),
    ).toBe(0);
    const wildcard = { socket: () => ({ transparent: true, wildcard: true }) };
    expect(run('-m socket', p, wildcard)).toBe(0);
    expect(run('-m socket --nowildcard', p, wildcard)).toBe(1);
  });

  it('policy, cpu and osf', () => {
    expect(run('-m policy --dir in --pol none', p)).toBe(1);
    expect(run('-m policy --dir in --pol ipsec', p)).toBe(Outcome.unknown);
    expect(run('-m cpu --cpu 1', p)).toBe(Outcome.unknown);
  });
});
