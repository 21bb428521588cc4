import type { Clues } from './clues.js';
import type { Hypothesis } from './hypothesis.js';
import { elementChanges } from './ipsets.js';
import { nftElementChanges } from './nftSets.js';
import { helpers, olderConnections } from './connections.js';
import { otherwise } from './otherHost.js';
import { tablesTooMany } from './otherTables.js';
import { addressChanges, routeChanges } from './routes.js';
import { KIND_BITS } from './ruleChanges.js';

/** What may be otherwise beside the rules. */
export function worldChanges(clues: Clues): Hypothesis[] {
  return [
    ...settings(clues),
    ...routeChanges(clues),
    ...addressChanges(clues),
    ...tablesTooMany(clues),
    ...helpers(clues),
    ...elementChanges(clues),
    ...nftElementChanges(clues),
    ...olderConnections(clues),
  ];
}

/** Settings that decide where packets go and what conntrack takes them for, and the values that they are found with. */
const SETTINGS: readonly (readonly [name: string, also: RegExp | null, values: readonly string[]])[] = [
  ['net.ipv4.ip_forward', /^net\.ipv4\.conf\..*\.forwarding$/, ['0', '1']],
  ['net.ipv6.conf.all.forwarding', /^net\.ipv6\.conf\..*\.forwarding$/, ['0', '1']],
  ['net.ipv4.conf.all.rp_filter', null, ['0', '1', '2']],
  ['net.ipv4.conf.all.route_localnet', null, ['0', '1']],
  ['net.bridge.bridge-nf-call-iptables', null, ['0', '1']],
  ['net.bridge.bridge-nf-call-ip6tables', null, ['0', '1']],
  ['net.netfilter.nf_conntrack_tcp_loose', null, ['0', '1']],
  ['net.netfilter.nf_conntrack_tcp_be_liberal', null, ['0', '1']],
];

/** Bits for a host that does not forward what it was seen to be set to: that is noticed. */
const FORWARDING_OFF = 2;

function isForwardingOff(name: string, value: string): boolean {
  return value === '0' && /forward(ing)?$/.test(name);
}

function* settings({ world: { host } }: Clues): Generator<Hypothesis> {
  const { sysctls } = host.parts;
  for (const [name, also, values] of SETTINGS) {
    const given = sysctls.get(name);
    if (given === undefined) continue;
    for (const value of values) {
      if (value === given) continue;
      yield {
        claim: { kind: 'sysctl', facts: { name, given, host: value } },
        suspect: { sysctl: name },
        bits:
          KIND_BITS + Math.log2(SETTINGS.length) + 2 + (isForwardingOff(name, value) ? FORWARDING_OFF : 0),
        frames: null,
        change: () => {
          const changed = new Map(sysctls).set(name, value);
          if (also) for (const key of sysctls.keys()) if (also.test(key)) changed.set(key, value);
          return { host: otherwise(host, { sysctls: changed }) };
        },
      };
    }
  }
}
