import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../../src/host/host.js';
import { readHost } from '../../src/host/snapshot.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { ip, packet, snapshot } from './packets.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nfreplay-host-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function read(files: Record<string, string>): { host: Host; diagnostics: Diagnostics } {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const diagnostics = new Diagnostics();
  return { host: readHost(dir, diagnostics), diagnostics };
}

function subjects(host: Host): string[] {
  return host.assumptions.mattered.map((a) => a.subject);
}

describe('a host snapshot', () => {
  it('names its devices by name and by index', () => {
    const host = snapshot('router');
    expect(host.deviceByName('docker0')).toMatchObject({ isBridge: true, kind: 1, mtu: 1500 });
    expect(host.deviceByName('vethc0')?.master).toBe(host.deviceByName('docker0'));
    expect(host.deviceByIndex(1)).toMatchObject({ name: 'lo', isLoopback: true, kind: 772 });
    expect(host.addressesOf(host.deviceByName('eth1')!).map((a) => a.address.toString())).toContain(
      '10.9.0.1',
    );
  });

  it('knows secondary and point-to-point addresses', () => {
    const { addresses } = snapshot('router');
    const find = (text: string): unknown => addresses.find((a) => a.address.toString() === text);
    expect(find('198.51.100.9')).toMatchObject({ secondary: true });
    expect(find('198.51.100.2')).toMatchObject({ secondary: false, broadcast: ip('198.51.100.255') });
    expect(find('10.9.0.1')).toMatchObject({ peer: ip('10.9.0.2'), prefixLength: 32 });
  });

  it('may be empty: all is assumed, and what was asked for is said', () => {
    const { host, diagnostics } = read({});
    expect(diagnostics.list).toEqual([]);
    expect(subjects(host)).toEqual(['ip-addr.json', 'ip-link.json']);
    host.routing.lookup({ destination: ip('8.8.8.8') });
    expect(host.conntrack).toEqual([]);
    expect(host.sysctlNumber('net.netfilter.nf_conntrack_tcp_timeout_established')).toBe(432000);
    expect(subjects(host).sort()).toEqual(
      ['conntrack.txt', 'ip-addr.json', 'ip-link.json', 'ip-route.json', 'ip-rule.json', 'sysctl.txt'].sort(),
    );
  });

  it('is an error where the directory is not there', () => {
    const diagnostics = new Diagnostics();
    readHost(join(dir, 'nowhere'), diagnostics);
    expect(diagnostics.hasErrors).toBe(true);
  });

  it('points at what is no JSON, and goes on without the file', () => {
    const { host, diagnostics } = read({
      'ip-addr.json': '[{"ifname":\n "eth0" oops}]',
      'ip-link.json': '{"ifname":"eth0"}',
    });
    expect(diagnostics.list).toMatchObject([
      { severity: 'error', message: 'not well-formed JSON', position: { line: 2, column: 9 } },
      { severity: 'error', message: 'no JSON array as ip -j prints it', position: { line: 1, column: 1 } },
    ]);
    expect(host.devices.map((d) => d.name)).toEqual(['lo']);
  });

  it.each([
    [
      'ip-addr.json',
      '[1,null,{"ifname":7},{"ifname":"eth0","ifindex":2,"addr_info":[{"local":"::zz"},{"local":"1.2.3.4","prefixlen":-9}]}]',
    ],
    [
      'ip-link.json',
      '[{"ifindex":1e99,"ifname":"x"},{"ifindex":2,"ifname":"__proto__","master":"__proto__"},{"ifindex":3,"ifname":"constructor"}]',
    ],
    [
      'ip-route.json',
      '[{"dst":"10.0.0.0/99","dev":"lo"},{"dst":{}},{"type":"x","dst":"default"},{"dst":"default","nexthops":[{"dev":"lo","weight":-1}]}]',
    ],
    [
      'ip-rule.json',
      '[{"priority":"x"},{"priority":1,"goto":1},{"priority":1,"goto":1},[],{"fwmark":"0xzz","table":"main"}]',
    ],
    ['conntrack.txt', 'ipv4 2 tcp\n\u0000\n'],
    ['sysctl.txt', 'no equals sign\n__proto__ = 1\n'],
  ])('survives nonsense in %s', (name, text) => {
    const { host } = read({ [name]: text });
    host.routing.input(packet({ from: '1.1.1.1', to: '1.2.3.4', in: host.deviceFor('eth0') }));
    expect(host.devices.length).toBeGreaterThan(0);
  });

  it('warns of routes through devices that are not there', () => {
    const { diagnostics } = read({
      'ip-addr.json': '[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK"]}]',
      'ip-route.json': '[{"dst":"10.0.0.0/8","dev":"gone0"}]',
    });
    expect(diagnostics.list).toMatchObject([
      { severity: 'warning', message: expect.stringMatching(/no device gone0/) as string },
    ]);
  });

  it('derives connected and local routes from the addresses where there is no table', () => {
    const { host } = read({
      'ip-addr.json':
        '[{"ifindex":2,"ifname":"eth0","flags":["UP"],"link_type":"ether","addr_info":[{"family":"inet","local":"198.51.100.2","prefixlen":24,"scope":"global"},{"family":"inet6","local":"2001:db8::2","prefixlen":64,"scope":"global"}]}]',
    });
    const type = (to: string): string | undefined => host.routing.lookup({ destination: ip(to) })?.type;
    expect(type('198.51.100.2')).toBe('local');
    expect(type('198.51.100.9')).toBe('unicast');
    expect(type('198.51.100.255')).toBe('broadcast');
    expect(type('8.8.8.8')).toBeUndefined();
    expect(type('2001:db8::2')).toBe('local');
    expect(type('2001:db8::')).toBe('anycast');
    expect(type('ff02::1')).toBe('multicast');
    expect(host.assumptions.mattered.map((a) => a.text).join('\n')).toMatch(/IPv4 routes were derived/);
  });

  it('derives the addresses and devices from local routes where nothing else tells them', () => {
    const { host } = read({
      'ip-route.json':
        '[{"dst":"198.51.100.0/24","dev":"eth0","protocol":"kernel","scope":"link","prefsrc":"198.51.100.2"},{"type":"local","dst":"198.51.100.2","dev":"eth0","table":"local","protocol":"kernel","scope":"host"}]',
    });
    expect(host.addresses.map((a) => `${a.address.toString()}/${a.prefixLength} ${a.device.name}`)).toEqual([
      '198.51.100.2/24 eth0',
    ]);
  });

  it('takes IPv6 routes from the listing of both versions', () => {
    const { host } = read({
      'ip-addr.json': '[{"ifindex":2,"ifname":"eth0"}]',
      'ip-route.json':
        '[{"dst":"default","gateway":"fe80::1","dev":"eth0","metric":1024,"pref":"medium"},{"dst":"default","gateway":"10.0.0.1","dev":"eth0"}]',
    });
    expect(host.routing.lookup({ destination: ip('2001:db8::9') })?.gateway?.toString()).toBe('fe80::1');
    expect(host.routing.lookup({ destination: ip('8.8.8.8') })?.gateway?.toString()).toBe('10.0.0.1');
  });

  it('makes a device that only the capture knows, and says so', () => {
    const { host } = read({});
    expect(host.deviceFor('wg0')).toMatchObject({ name: 'wg0', kind: 1 });
    expect(host.deviceFor('wg0')).toBe(host.deviceByName('wg0'));
    for (let i = 0; i < 3000; i++) host.deviceFor(`if${i}`);
    expect(host.devices.length).toBeLessThan(1100);
    expect(subjects(host)).toContain('device wg0');
  });
});

describe('sysctls', () => {
  it('combine all and the device as the kernel does', () => {
    const { host } = read({
      'sysctl.txt': [
        'net.ipv4.conf.all.rp_filter = 1',
        'net.ipv4.conf.default.rp_filter = 0',
        'net.ipv4.conf.eth0.rp_filter = 2',
        'net.ipv4.conf.eth0/100.rp_filter = 0',
        'net.ipv4.conf.all.accept_local = 0',
        'net.ipv4.conf.eth0.accept_local = 1',
      ].join('\n'),
    });
    const { sysctls } = host;
    expect(sysctls.conf(4, 'eth0', 'rp_filter', 'max')).toBe(2);
    expect(sysctls.conf(4, 'eth0.100', 'rp_filter', 'max')).toBe(1);
    expect(sysctls.conf(4, 'unheard', 'rp_filter', 'own')).toBe(0);
    expect(sysctls.conf(4, 'eth0', 'accept_local', 'or')).toBe(1);
    expect(subjects(host)).not.toContain('net.ipv4.conf.all.rp_filter');
  });

  it('that are missing one by one are each an assumption; a module that was not loaded is one', () => {
    const { host } = read({ 'sysctl.txt': 'net.ipv4.ip_forward = 0\n' });
    expect(host.sysctlNumber('net.ipv4.ip_forward')).toBe(0);
    expect(host.sysctlNumber('net.ipv4.ip_default_ttl')).toBe(64);
    expect(host.sysctlNumber('net.netfilter.nf_conntrack_udp_timeout')).toBe(30);
    expect(host.sysctlNumber('net.netfilter.nf_conntrack_icmp_timeout')).toBe(30);
    expect(subjects(host)).toEqual(
      expect.arrayContaining(['net.ipv4.ip_default_ttl', 'net.netfilter.*']) as string[],
    );
    expect(subjects(host).filter((s) => s.includes('netfilter'))).toHaveLength(1);
  });
});
