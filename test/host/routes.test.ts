import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/packet/device.js';
import type { Host } from '../../src/host/host.js';
import { assumeHost } from '../../src/host/assume.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { dataPath, ip, packet, snapshot } from './packets.js';

interface Question {
  to: string;
  from?: string;
  iif?: string;
  oif?: string;
  mark: number;
  tos: number;
}

function parseQuestion(text: string): Question {
  const words = text.split(' ');
  const values = new Map<string, string>();
  for (let i = 0; i < words.length; i += 2) values.set(words[i], words[i + 1]);
  return {
    to: values.get('to') ?? '',
    from: values.get('from'),
    iif: values.get('iif'),
    oif: values.get('oif'),
    mark: Number(values.get('mark') ?? 0),
    tos: Number(values.get('tos') ?? 0),
  };
}

const UNREACHABLE_4 = new Map([
  [0, 'Network is unreachable'],
  [1, 'No route to host'],
  [13, 'Permission denied'],
]);
const UNREACHABLE_6 = new Map([
  [0, 'unreachable'],
  [1, 'Permission denied'],
]);

function named(
  device: Device | null | undefined,
  gateway: { toString(): string } | null | undefined,
): string {
  return `dev ${device?.name}${gateway ? ` via ${gateway.toString()}` : ''}`;
}

function answer(host: Host, q: Question): string {
  const version = q.to.includes(':') ? 6 : 4;
  if (q.iif !== undefined) {
    const input = host.routing.input(packet({ ...q, in: host.deviceByName(q.iif) }));
    if (input.action === 'drop') {
      if (input.unreachableCode !== null)
        return (version === 4 ? UNREACHABLE_4 : UNREACHABLE_6).get(input.unreachableCode) ?? '?';
      // A host that is no router answers nothing, but `ip route get` shows its error.
      return input.reason === 'IP_INADDRERRORS' ? 'No route to host' : 'Invalid argument';
    }
    const out = input.action === 'local' ? 'dev lo' : named(input.route?.device, input.route?.gateway);
    return `${input.type} ${out}${version === 4 && input.redirect ? ' redirect' : ''}`;
  }
  const bound = q.oif === undefined ? null : (host.deviceByName(q.oif) ?? null);
  const route = host.routing.output(packet(q), bound);
  if (!route) return 'no route';
  const source = q.from === undefined ? host.routing.sourceAddress(ip(q.to), route) : null;
  const mtu = route.mtu === null ? '' : ` mtu ${route.mtu}`;
  return `${route.type} ${named(route.device, route.gateway)}${source ? ` src ${source.toString()}` : ''}${mtu}`;
}

/** The kernel's answers where it names the error and this program only says that there is no route. */
function expected(q: Question, kernel: string): string {
  if (!/^(Network is|No route|Permission|Invalid)/.test(kernel)) return kernel;
  if (q.iif === undefined) return 'no route';
  return q.to.includes(':') && /^(Network is|No route)/.test(kernel) ? 'unreachable' : kernel;
}

describe.each(['router', 'strict', 'loose', 'host', 'router6'])(
  'routing answers as the kernel did: %s',
  (name) => {
    const host = snapshot(name);
    const rows = readFileSync(`${dataPath(name)}/route-get.txt`, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));

    it('has rows', () => {
      expect(rows.length).toBeGreaterThan(100);
    });

    it.each([1, 2])('in every row, pass %i (the second one out of the cache)', () => {
      const wrong: string[] = [];
      for (const row of rows) {
        const [question, kernel] = row.split(' = ');
        const q = parseQuestion(question);
        const mine = answer(host, q);
        if (mine !== expected(q, kernel)) wrong.push(`${row}, but here: ${mine}`);
      }
      expect(wrong).toEqual([]);
    });
  },
);

describe('routing', () => {
  const host = assumeHost(
    {
      addresses: ['198.51.100.2/24@eth0', '192.168.1.1/24@eth1', '2001:db8:1::1/64@eth1'],
      routes: ['default via 198.51.100.1', '10.0.0.0/8 via 192.168.1.9 mtu 1400'],
    },
    new Diagnostics(),
  );
  const eth0 = host.deviceByName('eth0');
  const eth1 = host.deviceByName('eth1');

  it('says why a packet is dropped, in the names the kernel uses', () => {
    const reason = (from: string, to: string): string | null =>
      host.routing.input(packet({ from, to, in: eth0 })).reason;
    expect(reason('198.51.100.2', '8.8.8.8')).toBe('IP_LOCAL_SOURCE');
    expect(reason('127.0.0.1', '8.8.8.8')).toBe('IP_LOCALNET');
    expect(reason('255.255.255.255', '8.8.8.8')).toBe('IP_INVALID_SOURCE');
  });

  it('does not know which groups were joined without a list of them', () => {
    const groups = (to: string): unknown => host.routing.input(packet({ from: '192.168.1.5', to, in: eth1 }));
    expect(groups('224.0.0.1')).toMatchObject({ action: 'local', type: 'multicast', doubt: null });
    expect(groups('224.0.0.251')).toMatchObject({
      action: 'drop',
      doubt: 'whether the host has joined 224.0.0.251 is not in the snapshot',
    });
  });

  it('gives the same answer object again, so that nothing is made for each packet', () => {
    const first = host.routing.input(packet({ from: '192.168.1.5', to: '10.1.1.1', in: eth1 }));
    const again = host.routing.input(packet({ from: '192.168.1.5', to: '10.1.1.1', in: eth1, mark: 3 }));
    expect(again).toBe(first);
    expect(first.route?.mtu).toBe(1400);
    expect(first.redirect).toBe(true);
  });

  it('says that a next hop among several was chosen without evidence', () => {
    const hops = snapshot('multipath');
    const seen = new Set<string>();
    for (let i = 0; i < 64; i++) {
      const decision = hops.routing.input(
        packet({ from: '203.0.113.9', to: `1.2.3.${i}`, in: hops.deviceByName('eth0') }),
      );
      expect(decision.doubt).toMatch(/several next hops/);
      expect(decision.route?.alternatives).toHaveLength(2);
      seen.add(decision.route?.device?.name ?? '');
    }
    expect([...seen].sort()).toEqual(['eth0', 'eth1']);
  });
});
