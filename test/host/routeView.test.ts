import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Host } from '../../src/host/host.js';
import { AddressType } from '../../src/rules/context.js';
import { dataPath, ip, packet, snapshot } from './packets.js';

const NAMES4 = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
];
const NAMES6 = ['UNSPEC', 'UNICAST', 'LOCAL', 'ANYCAST', 'MULTICAST', 'UNREACHABLE'];

/** The types that `--dst-type` finds, as `addrtype_mt_v1()` asks: for IPv6 UNSPEC, UNICAST and MULTICAST are the address's own. */
function types(bits: number, version: 4 | 6): string {
  return (version === 4 ? NAMES4 : NAMES6)
    .filter((name) => (bits & AddressType[name.toLowerCase() as keyof typeof AddressType]) !== 0)
    .join(' ');
}

const OPTIONS = [
  ['strict', {}],
  ['loose', { loose: true }],
  ['accept-local', { acceptLocal: true }],
  ['loose accept-local', { loose: true, acceptLocal: true }],
  ['validmark', { validMark: true }],
] as const;

function passes(host: Host, version: 4 | 6, from: string, to: string, iif: string): string {
  const seen = packet({ from, to, in: host.deviceByName(iif), mark: version === 4 ? 16 : 7 });
  return OPTIONS.filter(([, options]) =>
    host.routes.reversePath(seen, { loose: false, acceptLocal: false, validMark: false, ...options }),
  )
    .map(([name]) => name)
    .join(', ');
}

describe.each([
  ['router', 4],
  ['loose', 4],
  ['router6', 6],
] as const)('-m addrtype and -m rpfilter see what the kernel saw: %s', (name, version) => {
  const host = snapshot(name);
  const rows = readFileSync(`${dataPath(name)}/matches.txt`, 'utf8').split('\n');

  it('address types, also through one interface', () => {
    const mine: string[] = [];
    const kernel: string[] = [];
    for (const row of rows) {
      const parts = /^(\S+)(?: iface (\S+))? is ?(.*)$/.exec(row);
      if (!parts) continue;
      const device = parts[2] ? (host.deviceByName(parts[2]) ?? null) : null;
      kernel.push(row.trim());
      const is = types(host.routes.addressType(ip(parts[1]), device), version);
      mine.push(`${parts[1]}${parts[2] ? ` iface ${parts[2]}` : ''} is ${is}`.trim());
    }
    expect(kernel.length).toBeGreaterThan(50);
    expect(mine).toEqual(kernel);
  });

  it('reverse paths', () => {
    const mine: string[] = [];
    const kernel: string[] = [];
    for (const row of rows) {
      const parts = /^from (\S+) to (\S+) iif (\S+) passes ?(.*)$/.exec(row);
      if (!parts) continue;
      kernel.push(row.trim());
      const [, from, to, iif] = parts;
      mine.push(`from ${from} to ${to} iif ${iif} passes ${passes(host, version, from, to, iif)}`.trim());
    }
    expect(kernel.length).toBeGreaterThan(40);
    expect(mine).toEqual(kernel);
  });
});

describe('the MTU of a path', () => {
  const host = snapshot('router');

  it('is the lesser of both ways', () => {
    const eth1 = host.deviceByName('eth1');
    const there = packet({ from: '198.51.100.77', to: '10.70.0.1', in: host.deviceByName('eth0') });
    there.out = eth1 ?? null;
    expect(host.routes.pathMtu(there)).toBe(1400);
    const back = packet({ from: '10.70.0.1', to: '198.51.100.77', in: eth1 });
    back.out = host.deviceByName('eth0') ?? null;
    expect(host.routes.pathMtu(back)).toBe(1400);
  });
});

describe('the next hop', () => {
  const host = snapshot('router');

  it('is the gateway of the route, or the destination itself', () => {
    const far = packet({ from: '10.70.0.1', to: '8.8.8.8', in: host.deviceByName('eth1') });
    far.out = host.deviceByName('eth0') ?? null;
    expect(String(host.routes.nextHop(far))).toBe('198.51.100.1');
    const near = packet({ from: '8.8.8.8', to: '198.51.100.77', in: host.deviceByName('eth1') });
    near.out = host.deviceByName('eth0') ?? null;
    expect(String(host.routes.nextHop(near))).toBe('198.51.100.77');
  });
});
