import { describe, expect, it } from 'vitest';
import type { Given } from '../../src/given.js';
import { parseSave } from '../../src/frontend/iptables/save.js';
import { makeHostAddress } from '../../src/host/addresses.js';
import { type AssumedHost, assumeHost } from '../../src/host/assume.js';
import { type Host, type HostParts, makeHost } from '../../src/host/host.js';
import { parseLinks } from '../../src/host/links.js';
import { parseRoutes, parseRules, TableNames } from '../../src/host/routeText.js';
import { type BuiltHost, hostOf } from '../../src/lab/hostOf.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { parseAddress } from '../../src/address/ip.js';

const LINKS = [
  { ifindex: 1, ifname: 'lo', flags: ['LOOPBACK', 'UP'], link_type: 'loopback', mtu: 65536 },
  { ifindex: 2, ifname: 'eth0', flags: ['UP'], link_type: 'ether', address: '02:00:00:00:01:01', mtu: 1400 },
  { ifindex: 3, ifname: 'tun0', flags: ['UP'], link_type: 'none', mtu: 1500 },
  { ifindex: 4, ifname: 'br0', flags: [], link_type: 'ether', linkinfo: { info_kind: 'bridge' }, mtu: 1500 },
  { ifindex: 5, ifname: 'port', flags: ['UP'], link_type: 'ether', master: 'br0', mtu: 1500 },
];

function built(parts: Partial<HostParts>, rules = ''): BuiltHost {
  const links = parseLinks(LINKS);
  return of(makeHost({ links, addresses: [], sysctls: new Map(), ...parts }), rules);
}

function assumed(told: AssumedHost, rules = ''): BuiltHost {
  return of(assumeHost(told, new Diagnostics()), rules);
}

function of(host: Host, rules: string): BuiltHost {
  const tables = parseSave(rules, 'rules', 4, new Diagnostics());
  const given: Given = { host, ruleset: { tables }, sets: new Map(), unusable: [] };
  return hostOf(given);
}

const devices = new Map(parseLinks(LINKS).map((l) => [l.device.name, l.device]));

describe('a host as commands that build it', () => {
  it('has its interfaces, masters first, and a port for a bridge without one', () => {
    const { host, leftOut } = built({});
    const rows = host.interfaces.map((i) => [i.name, i.kind, i.master, i.mac, i.mtu, i.down]);
    expect(rows).toEqual([
      ['br0', 'bridge', undefined, '02:00:5e:01:00:02', 1500, true],
      ['eth0', undefined, undefined, '02:00:00:00:01:01', 1400, false],
      ['tun0', undefined, undefined, '02:00:5e:01:00:01', 1500, false],
      ['port', undefined, 'br0', '02:00:5e:01:00:03', 1500, false],
    ]);
    expect(leftOut).toEqual(['tun0 is no Ethernet interface: here it is one, and its log lines have a MAC=']);
    const bridge = assumed({ interfaces: ['docker0=bridge'] }).host.interfaces;
    expect(bridge.map((i) => [i.name, i.master])).toEqual([
      ['docker0', undefined],
      ['nfrport0', 'docker0'],
    ]);
  });

  it('has its addresses and routes, those through gateways last, without what the kernel makes', () => {
    const device = devices.get('eth0')!;
    const address = (text: string, prefixLength: number, more = {}): ReturnType<typeof makeHostAddress> =>
      makeHostAddress({ device, address: parseAddress(text)!, prefixLength, ...more });
    const routes = [
      { dst: 'default', gateway: '192.0.2.1', dev: 'eth0', metric: 100 },
      {
        dst: '10.0.0.0/8',
        nexthops: [
          { gateway: '192.0.2.3', dev: 'eth0', weight: 2 },
          { dev: 'tun0', weight: 1 },
        ],
      },
      { dst: '192.0.2.0/24', dev: 'eth0', protocol: 'kernel', scope: 'link', prefsrc: '192.0.2.2' },
      { type: 'local', dst: '192.0.2.2', dev: 'eth0', table: 'local', protocol: 'kernel', scope: 'host' },
      { type: 'blackhole', dst: '10.9.0.0/16', table: 'mine' },
    ];
    const names = new TableNames();
    const { host } = built({
      links: [...devices.values()].map((d) => ({
        device: d,
        up: true,
        multicast: true,
        broadcast: true,
        master: null,
        kind: '',
      })),
      addresses: [address('192.0.2.2', 24), address('2001:db8::1', 64, { noPrefixRoute: true })],
      routes4: parseRoutes(routes, 4, devices, names).entries,
    });
    expect(host.interfaces.find((i) => i.name === 'eth0')?.addresses).toEqual([
      '192.0.2.2/24 scope 0',
      '2001:db8::1/64 scope 0 nodad noprefixroute',
    ]);
    expect(host.routes).toEqual([
      'unicast 192.0.2.0/24 table 254 scope 253 src 192.0.2.2 proto kernel dev eth0',
      'blackhole 10.9.0.0/16 table 2130706435 scope 0',
      'unicast 0.0.0.0/0 table 254 scope 0 metric 100 via 192.0.2.1 dev eth0',
      'unicast 10.0.0.0/8 table 254 scope 0 nexthop via 192.0.2.3 dev eth0 weight 2 nexthop dev tun0 weight 1',
    ]);
    expect(host).toMatchObject({ hasAllRoutes: true, usesIpv6: true });
  });

  it('has the routing rules that it has beside the standard ones, and not those that it lacks', () => {
    const rules = [
      { priority: 0, src: 'all', table: 'local' },
      { priority: 1000, src: 'all', fwmark: '0x64', fwmask: '0xff', table: '100' },
      { priority: 1001, src: '10.0.0.0', srclen: 8, iif: 'eth0', action: 'prohibit' },
      { priority: 32766, src: 'all', table: 'main' },
    ];
    expect(built({ rules4: parseRules(rules, 4, new TableNames()) }).host.rules).toEqual([
      'add pref 1000 fwmark 100/255 table 100',
      'add pref 1001 from 10.0.0.0/8 iif eth0 prohibit',
      'del pref 32767 table 253',
    ]);
  });

  it('takes the settings that decide, and leaves those that make noise', () => {
    const sysctls = new Map([
      ['net.ipv4.ip_forward', '0'],
      ['net.ipv4.conf.eth0.rp_filter', '1'],
      ['net.ipv4.tcp_mem', '1\t2\t3'],
      ['net.ipv6.conf.eth0.accept_ra', '1'],
      ['kernel.core_pattern', '|/bin/sh'],
    ]);
    expect(built({ sysctls }).host.sysctls).toEqual({
      'net.ipv4.ip_forward': '0',
      'net.ipv4.conf.eth0.rp_filter': '1',
      'net.ipv6.conf.all.forwarding': 1,
    });
  });
});

describe('a hostile snapshot', () => {
  it('cannot put further commands into the names of interfaces', () => {
    const links = parseLinks([
      ...LINKS,
      { ifindex: 9, ifname: 'x\nnetns exec a', flags: ['UP'], link_type: 'ether', mtu: 1500 },
      { ifindex: 10, ifname: 'a b', flags: ['UP'], link_type: 'ether', mtu: 1500 },
    ]);
    const { host, leftOut } = built({ links });
    expect(host.interfaces.map((i) => i.name)).toEqual(['br0', 'eth0', 'tun0', 'port']);
    expect(leftOut.filter((l) => l.startsWith('an interface'))).toHaveLength(2);
  });

  it('cannot name a program that loads modules', () => {
    const words = ['-M /tmp/x', '-M/tmp/x', '--modprobe=/tmp/x', '--modp /tmp/x', '-vM/tmp/x', '"-M" /tmp/x'];
    const rules = (word: string): string =>
      `*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m geoip --src-cc XX ${word} -j DROP\nCOMMIT\n`;
    for (const word of ['', ...words]) {
      const { host, refused } = built({}, rules(word));
      const isTold = /-[a-z]*M|--mo|\/tmp\/x/.test(host.setups[0].input);
      expect(refused.length > 0, word).toBe(isTold);
    }
  });
});
