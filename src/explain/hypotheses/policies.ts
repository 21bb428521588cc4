import type { Chain } from '../../rules/model.js';
import { chainAddress } from '../describe.js';
import type { Clues } from './clues.js';
import { edited } from './edit.js';
import type { Hypothesis } from './hypothesis.js';
import { KIND_BITS } from './ruleChanges.js';

/** Policies turned round; outside of the filter table they are hardly ever changed. */
export function policyChanges(clues: Clues): Hypothesis[] {
  return clues.policies
    .filter(({ what }) => what.table.name !== 'nat')
    .map(({ what }) => policyChange(clues, what));
}

function policyChange({ world, policies }: Clues, chain: Chain): Hypothesis {
  const { table, name, base } = chain;
  const given = base?.policy === 'drop' ? 'drop' : 'accept';
  const host = given === 'drop' ? 'accept' : 'drop';
  return {
    claim: {
      kind: 'policy',
      facts: { chain: chainAddress(chain), given: given.toUpperCase(), host: host.toUpperCase() },
    },
    suspect: {
      family: table.family,
      table: table.name,
      chain: name,
      rule: null,
      text: `-P ${name} ${given.toUpperCase()}`,
    },
    bits: KIND_BITS + Math.log2(policies.length) + (table.name === 'filter' ? 0 : 6),
    // There are few, so all are tried early.
    frames: null,
    change: () => {
      const ruleset = edited(world.ruleset, { kind: 'policy', chain, policy: host });
      return ruleset && { ruleset };
    },
  };
}
