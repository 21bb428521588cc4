import { describe, expect, it } from 'vitest';
import { ip, snapshot } from './packets.js';

type Name = 'masquerade' | 'masquerade6';

/** What conntrack showed on Linux 6.18 after MASQUERADE and REDIRECT with these addresses and routes. */
const MASQUERADE: Record<Name, (readonly [to: string, source: string])[]> = {
  masquerade: [
    ['8.8.8.8', '198.51.100.2'],
    ['198.51.100.50', '198.51.100.2'],
    ['192.168.1.77', '192.168.1.1'],
    ['10.9.0.2', '10.9.0.1'],
    ['10.70.0.1', '192.168.1.1'],
    ['172.17.0.9', '172.17.0.1'],
    ['10.98.0.7', '10.98.0.1'],
    // 10.99.0.1/24 is on eth0 as well, but of scope link.
    ['10.99.0.7', '198.51.100.2'],
    ['10.31.0.1', '10.31.0.0'],
  ],
  masquerade6: [
    ['2400::1', '2001:db8:100::2'],
    ['2001:db8:100::50', '2001:db8:100::2'],
    ['2001:db8:1::50', '2001:db8:1::77'],
    ['fd00:17::9', 'fd00:17::1'],
    ['2001:db8:70::1', '2001:db8:1::77'],
    ['2001:db8:72::1', '2001:db8:1::77'],
    ['2001:db8:3::2', '2001:db8:3::1'],
    ['2001:db8:2::', '2001:db8:2::1'],
  ],
};

const REDIRECT: Record<Name, (readonly [device: string, to: string, address: string])[]> = {
  masquerade: [
    ['eth0', '8.8.8.8', '10.99.0.1'],
    ['eth1', '8.8.8.8', '192.168.1.1'],
    ['eth2', '8.8.8.8', '10.31.0.0'],
    ['docker0', '8.8.8.8', '10.98.0.1'],
  ],
  masquerade6: [
    ['eth0', '2400::1', '2001:db8:100::2'],
    ['eth1', '2400::1', '2001:db8:1::77'],
    ['eth2', '2400::1', '2001:db8:3::1'],
    ['docker0', '2400::1', 'fd00:17::1'],
    ['eth0', 'fe80::1', 'fe80::34ca:1bff:fe73:7a27'],
    ['docker0', 'fe80::1', 'fe80::fce4:92ff:fe7f:1e38'],
  ],
};

describe.each(['masquerade', 'masquerade6'] as const)('the host chooses its addresses: %s', (name) => {
  const host = snapshot(name);

  it.each(MASQUERADE[name])('MASQUERADE to %s', (to, source) => {
    const destination = ip(to);
    const route = host.routing.lookup({ destination });
    const chosen = host.routing.masqueradeAddress(route!.device!, destination, route!.gateway);
    expect(chosen?.toString()).toBe(source);
  });

  it.each(REDIRECT[name])('REDIRECT of what came by %s to %s', (device, to, address) => {
    const chosen = host.routing.redirectAddress(ip(to), host.deviceByName(device) ?? null);
    expect(chosen?.toString()).toBe(address);
  });
});

describe('packets of the host itself', () => {
  it('are redirected to loopback', () => {
    const { routing } = snapshot('masquerade');
    expect(routing.redirectAddress(ip('8.8.8.8'), null)?.toString()).toBe('127.0.0.1');
    expect(routing.redirectAddress(ip('2400::1'), null)?.toString()).toBe('::1');
  });
});
