import { describe, expect, it } from 'vitest';
import { assumeHost } from '../../src/host/assume.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { ip, packet } from './packets.js';

describe('a host told in options', () => {
  const diagnostics = new Diagnostics();
  const host = assumeHost(
    {
      interfaces: ['docker0=bridge', 'vethc0@docker0', 'eth0=02:00:00:00:01:01'],
      addresses: ['198.51.100.2/24@eth0', '172.17.0.1/16@docker0', 'fd00:17::1/64@docker0'],
      routes: ['default via 198.51.100.1', 'unreachable 10.0.0.0/8', 'default via fd00:17::9 dev docker0'],
      sysctls: ['net.ipv4.conf.all.rp_filter=1'],
      sockets: ['tcp:22', 'udp:172.17.0.1:53', 'tcp:[fd00:17::1]:80'],
    },
    diagnostics,
  );

  it('has the devices, in the order in which they were named', () => {
    expect(diagnostics.list).toEqual([]);
    expect(host.devices.map((d) => `${d.index} ${d.name}`)).toEqual([
      '1 lo',
      '2 docker0',
      '3 vethc0',
      '4 eth0',
    ]);
    expect(host.deviceByName('vethc0')?.master).toBe(host.deviceByName('docker0'));
    expect([...host.deviceByName('eth0')!.mac]).toEqual([2, 0, 0, 0, 1, 1]);
  });

  it('routes', () => {
    const eth0 = host.deviceByName('eth0');
    const docker0 = host.deviceByName('docker0');
    expect(host.routing.input(packet({ from: '8.8.8.8', to: '172.17.0.2', in: eth0 }))).toMatchObject({
      action: 'forward',
      route: { device: docker0 },
    });
    expect(host.routing.input(packet({ from: '172.17.0.2', to: '8.8.8.8', in: docker0 }))).toMatchObject({
      action: 'forward',
      route: { device: eth0, gateway: ip('198.51.100.1') },
    });
    expect(host.routing.input(packet({ from: '172.17.0.2', to: '10.1.1.1', in: docker0 }))).toMatchObject({
      action: 'drop',
      unreachableCode: 1,
    });
    expect(host.routing.input(packet({ from: '172.17.0.2', to: '8.8.8.8', in: eth0 }))).toMatchObject({
      action: 'drop',
      reason: 'IP_RPFILTER',
    });
    expect(host.routing.input(packet({ from: '8.8.8.8', to: '127.0.0.1', in: eth0 }))).toMatchObject({
      reason: 'IP_LOCALNET',
    });
    expect(host.routing.input(packet({ from: 'fd00:17::2', to: '2001:db8::1', in: docker0 }))).toMatchObject({
      action: 'forward',
    });
    expect(host.routing.output(packet({ from: '127.0.0.1', to: '127.0.0.1' }))?.device?.name).toBe('lo');
  });

  it('listens', () => {
    expect(host.sockets.map((s) => `${s.protocol} ${s.address?.toString() ?? '*'} ${s.port}`)).toEqual([
      '6 * 22',
      '17 172.17.0.1 53',
      '6 fd00:17::1 80',
    ]);
  });

  it('says that it is assumed', () => {
    expect(host.assumptions.mattered[0].text).toMatch(/no host snapshot/);
  });

  it.each([
    [{ addresses: ['198.51.100.2/24'] }, /not an address/],
    [{ addresses: ['198.51.100.2/33@eth0'] }, /not an address/],
    [{ routes: ['default via 192.0.2.1'] }, /add dev/],
    [{ routes: ['default proto static'] }, /proto is not understood/],
    [{ interfaces: ['eth0=x'] }, /not an interface/],
    [{ sysctls: ['net.ipv4.ip_forward'] }, /not a sysctl/],
    [{ sockets: ['tcp:99999'] }, /not a socket/],
  ])('complains of %j', (told, words) => {
    const complaints = new Diagnostics();
    assumeHost(told, complaints);
    expect(complaints.list[0]?.message).toMatch(words);
    expect(complaints.list[0]?.advice).toBeTruthy();
  });
});
