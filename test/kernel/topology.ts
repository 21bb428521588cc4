import type { LabHost } from '../../src/lab/namespaces.js';

/** The host of every scenario: a router with a WAN, a LAN and a bridge of containers. */
export const INTERFACES: LabHost['interfaces'] = [
  {
    name: 'eth0',
    mac: '02:00:00:00:01:01',
    addresses: ['198.51.100.2/24', '198.51.100.3/24'],
    peerMac: '02:00:00:00:01:02',
  },
  {
    name: 'eth1',
    mac: '02:00:00:00:02:01',
    addresses: ['192.168.1.1/24'],
    peerMac: '02:00:00:00:02:02',
  },
  {
    name: 'docker0',
    mac: '02:00:00:00:03:01',
    kind: 'bridge',
    addresses: ['172.17.0.1/16'],
  },
  { name: 'vethc0', master: 'docker0', addresses: [], peerMac: '02:00:00:00:03:02' },
];

const NEIGHBOURS_OF = {
  eth0: ['198.51.100.1', '198.51.100.9', '198.51.100.10'],
  eth1: ['192.168.1.10', '192.168.1.11', '192.168.1.12', '192.168.1.254'],
  docker0: ['172.17.0.2', '172.17.0.3', '172.17.0.4'],
};
export const NEIGHBOURS: LabHost['neighbours'] = Object.entries(NEIGHBOURS_OF).flatMap(([name, list], n) =>
  list.map((address) => ({ interface: name, address, mac: `02:00:00:00:0${n + 1}:02` })),
);

export const ROUTES = [
  'default via 198.51.100.1',
  '10.9.0.0/16 via 192.168.1.254',
  'default via 192.168.1.254 table 100',
];
export const POLICY = ['add fwmark 0x64 table 100 pref 1000'];

/** Who is behind an interface. */
export const PEERS = {
  eth0: ['198.51.100.9', '198.51.100.10', '203.0.113.5', '203.0.113.77'],
  eth1: ['192.168.1.10', '192.168.1.11', '10.9.0.5'],
  docker0: ['172.17.0.2', '172.17.0.3'],
} as const;
export type Side = keyof typeof PEERS;
export const SIDES = ['eth0', 'eth1', 'docker0'] as const;
export const OWN = { eth0: '198.51.100.2', eth1: '192.168.1.1', docker0: '172.17.0.1' } as const;

export const SYSCTLS: LabHost['sysctls'] = {
  'net.ipv4.ip_forward': 1,
  'net.ipv6.conf.all.forwarding': 1,
  'net.ipv6.icmp.ratelimit': 0,
  'net.ipv4.icmp_ratelimit': 0,
  'net.ipv4.icmp_msgs_per_sec': 100000,
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.default.send_redirects': 0,
  'net.ipv4.conf.eth0.send_redirects': 0,
  'net.ipv4.conf.eth1.send_redirects': 0,
  'net.ipv4.conf.docker0.send_redirects': 0,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.eth0.rp_filter': 0,
  'net.ipv4.conf.eth1.rp_filter': 0,
  'net.ipv4.conf.docker0.rp_filter': 0,
  // Nobody is given up within a run: errors about that come when it ends, when log and counters are read one by one.
  'net.ipv6.neigh.eth0.mcast_solicit': 100,
  'net.ipv6.neigh.eth1.mcast_solicit': 100,
  'net.ipv6.neigh.docker0.mcast_solicit': 100,
};
