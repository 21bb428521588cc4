import type { Chain } from '../../rules/model.js';
import { chainAddress } from '../describe.js';
import type { Clues } from './clues.js';
import { edited } from './edit.js';
import type { Hypothesis } from './hypothesis.js';
import { KIND_BITS } from './ruleChanges.js';

/** Policies turned round; outside of the filter table they are hardly ever changed. */
export function policyChanges(clues: Clues): Hypothesis[] {
  return clues.policies
    .filter(({ what }) => what.base?.type !== 'nat')
    .map(({ what }) => policyChange(clues, what));
}

function policyChange({ world, policies }: Clues, chain: Chain): Hypothesis {
  const { table, name, base } = chain;
  const given = base?.policy === 'drop' ? 'drop' : 'accept';
  const host = given === 'drop' ? 'accept' : 'drop';
  const spelled = (policy: string): string => (table.nft ? policy : policy.toUpperCase());
  return {
    claim: {
      kind: 'policy',
      facts: { chain: chainAddress(chain), given: spelled(given), host: spelled(host) },
    },
    suspect: {
      backend: table.nft ? 'nft' : 'iptables',
      family: table.family,
      table: table.name,
      chain: name,
      rule: null,
      text: table.nft ? `policy ${given}` : `-P ${name} ${given.toUpperCase()}`,
    },
    bits: KIND_BITS + Math.log2(policies.length) + (table.name === 'filter' || table.nft ? 0 : 6),
    // There are few, so all are tried early.
    frames: null,
    change: () => {
      const ruleset = edited(world.ruleset, { kind: 'policy', chain, policy: host });
      return ruleset && { ruleset };
    },
  };
}
