import { docker, ipsets, kubernetes, linear, nftLinear, nftMaps, noRules, type Rules } from './rulesets.js';
import type { TrafficKind } from './traffic.js';

/** A ruleset, the traffic that goes through it, and what is asked of nfreplay. */
export interface Scenario {
  /** How it is called on the command line. */
  readonly name: string;
  readonly title: string;
  readonly traffic: TrafficKind;
  readonly rules: () => Rules;
  /** Packets a second of one thread, that are asked for. */
  readonly wanted: number;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'none', title: 'no rules', traffic: 'forwarded', rules: noRules, wanted: 800_000 },
  { name: 'docker', title: 'Docker, 32 rules, NAT', traffic: 'published', rules: docker, wanted: 800_000 },
  {
    name: 'linear-1000',
    title: '1,000 rules',
    traffic: 'forwarded',
    rules: () => linear(1000),
    wanted: 600_000,
  },
  {
    name: 'linear-10000',
    title: '10,000 rules',
    traffic: 'forwarded',
    rules: () => linear(10_000),
    wanted: 600_000,
  },
  {
    name: 'kubernetes',
    title: 'Kubernetes, 5,000 services, 40,000 rules, NAT',
    traffic: 'services',
    rules: kubernetes,
    wanted: 500_000,
  },
  {
    name: 'nft-maps',
    title: 'nft: sets, maps, NAT by map',
    traffic: 'published',
    rules: nftMaps,
    wanted: 800_000,
  },
  {
    name: 'nft-1000',
    title: 'nft: 1,000 rules',
    traffic: 'forwarded',
    rules: () => nftLinear(1000),
    wanted: 600_000,
  },
  {
    name: 'nft-10000',
    title: 'nft: 10,000 rules',
    traffic: 'forwarded',
    rules: () => nftLinear(10_000),
    wanted: 600_000,
  },
  { name: 'ipsets', title: 'two ipsets of 100,000', traffic: 'forwarded', rules: ipsets, wanted: 600_000 },
];
