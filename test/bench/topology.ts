import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** An interface of the router that every measure has: one to the world, one to its containers or pods. */
export interface Side {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  /** Whoever sends from that side, as the router sees it. */
  readonly peerMac: string;
  readonly address: string;
  readonly prefix: number;
}

export const OUTSIDE: Side = {
  name: 'eth0',
  index: 2,
  mac: '02:00:00:00:00:02',
  peerMac: '02:00:00:00:00:fe',
  address: '198.51.100.2',
  prefix: 24,
};

export const INSIDE: Side = {
  name: 'docker0',
  index: 3,
  mac: '02:42:ac:11:00:01',
  peerMac: '02:42:ac:11:00:02',
  address: '172.17.0.1',
  prefix: 16,
};

export const GATEWAY = '198.51.100.1';

/** Writes the router as a host snapshot, its rules apart. */
export function writeHost(dir: string, rules: Readonly<Record<string, string>>): void {
  mkdirSync(dir, { recursive: true });
  const json = (name: string, value: unknown): void => writeFileSync(join(dir, name), JSON.stringify(value));
  const flags = ['BROADCAST', 'UP', 'LOWER_UP'];
  const sides = [OUTSIDE, INSIDE];
  json('ip-link.json', [
    { ifindex: 1, ifname: 'lo', flags: ['LOOPBACK', 'UP', 'LOWER_UP'], mtu: 65536, link_type: 'loopback' },
    ...sides.map(({ index, name, mac }) => ({
      ifindex: index,
      ifname: name,
      flags,
      mtu: 1500,
      operstate: 'UP',
      link_type: 'ether',
      address: mac,
      broadcast: 'ff:ff:ff:ff:ff:ff',
    })),
  ]);
  json('ip-addr.json', [
    address(1, 'lo', '127.0.0.1', 8),
    ...sides.map((side) => address(side.index, side.name, side.address, side.prefix)),
  ]);
  json('ip-route.json', [
    { dst: 'default', gateway: GATEWAY, dev: OUTSIDE.name, flags: [] },
    ...sides.map(({ name, address: own, prefix }) => ({
      dst: `${network(own, prefix)}/${prefix}`,
      dev: name,
      protocol: 'kernel',
      scope: 'link',
      prefsrc: own,
      flags: [],
    })),
    ...[{ name: 'lo', address: '127.0.0.1' }, ...sides].map(({ name, address: own }) => ({
      type: 'local',
      dst: own,
      dev: name,
      table: 'local',
      protocol: 'kernel',
      scope: 'host',
      prefsrc: own,
      flags: [],
    })),
  ]);
  writeFileSync(join(dir, 'sysctl.txt'), 'net.ipv4.ip_forward = 1\n');
  for (const [name, text] of Object.entries(rules)) writeFileSync(join(dir, name), text);
}

function address(ifindex: number, ifname: string, local: string, prefixlen: number): object {
  return {
    ifindex,
    ifname,
    addr_info: [{ family: 'inet', local, prefixlen, scope: 'global', label: ifname }],
  };
}

function network(own: string, prefix: number): string {
  return own
    .split('.')
    .map((part, i) => (i * 8 < prefix ? part : '0'))
    .join('.');
}
