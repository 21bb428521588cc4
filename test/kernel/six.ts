import type { LabHost } from '../../src/lab/namespaces.js';
import type { Flow, View } from './flow.js';
import { INTERFACES, NEIGHBOURS, POLICY, ROUTES } from './topology.js';

/*
 * The same host, rules and conversations over IPv6: each network of the topology has one of IPv6, in which the last number of
 * an address stays what it is.
 */

const NETWORKS: readonly (readonly [four: string, six: string])[] = [
  ['198.51.100.', '2001:db8:100::'],
  ['192.168.1.', '2001:db8:1::'],
  ['172.17.0.', 'fd00:17::'],
  ['203.0.113.', '2001:db8:ffff::'],
  ['10.9.0.', '2001:db8:a09::'],
];

function addressInSix(text: string): string {
  const found = NETWORKS.find(([four]) => text.startsWith(four));
  return found ? found[1] + text.slice(found[0].length).replace(/^0$/, '') : text;
}

/** Addresses and prefixes wherever they stand in a text; one with a port behind it in brackets. */
function textInSix(text: string): string {
  return text
    .replace(/\b(\d+(?:\.\d+){3})(?=:\d)/g, (_, address: string) => `[${addressInSix(address)}]`)
    .replace(/\b(\d+(?:\.\d+){3})(?:\/(\d+))?/g, (_, address: string, length?: string) => {
      const bits = length === undefined ? '' : length === '32' ? '/128' : '/64';
      return addressInSix(address) + bits;
    });
}

const ICMP_TYPES: Readonly<Record<string, string>> = { 8: '128', 0: '129', 3: '1', 11: '3' };
const REJECTS: Readonly<Record<string, string>> = {
  'icmp-port-unreachable': 'icmp6-port-unreachable',
  'icmp-host-prohibited': 'icmp6-adm-prohibited',
  'icmp-net-unreachable': 'icmp6-no-route',
  'icmp-proto-unreachable': 'icmp6-addr-unreachable',
};

/** A rule of the generator for ip6tables. */
export function ruleInSix(rule: string): string {
  return textInSix(rule)
    .replace(/-p icmp\b/g, '-p icmpv6')
    .replace(/--icmp-type (\d+)/g, (_, type: string) => `--icmpv6-type ${ICMP_TYPES[type]}`)
    .replace(/--reject-with (icmp-\S+)/g, (_, kind: string) => `--reject-with ${REJECTS[kind]}`)
    .replace(/-j TTL --ttl-/g, '-j HL --hl-');
}

function viewInSix(view: View): View {
  return { ...view, source: addressInSix(view.source), destination: addressInSix(view.destination) };
}

export function flowIn(family: 4 | 6, flow: Flow): Flow {
  if (family === 4) return flow;
  return { client: viewInSix(flow.client), server: flow.server && viewInSix(flow.server) };
}

export function hostInSix(): Pick<LabHost, 'interfaces' | 'neighbours' | 'routes' | 'rules' | 'usesIpv6'> {
  return {
    interfaces: INTERFACES.map((i) => ({
      ...i,
      addresses: i.addresses.map((a) => `${addressInSix(a.replace(/\/\d+$/, ''))}/64 nodad`),
    })),
    neighbours: NEIGHBOURS.map((n) => ({ ...n, address: addressInSix(n.address) })),
    routes: ROUTES.map((r) => textInSix(r).replace(/^default/, '::/0')),
    rules: POLICY.map((r) => `-6 ${r}`),
    usesIpv6: true,
  };
}
