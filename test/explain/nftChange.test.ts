import { describe, expect, it } from 'vitest';
import { withChange } from '../../src/explain/change.js';
import { wordingOf } from '../../src/explain/why/wording.js';
import { loadGiven } from '../../src/given.js';
import type { Rule } from '../../src/rules/model.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { scratch } from '../cli/examples.js';

const TEXT = `table inet fw {
	set ports {
		type inet_service
		elements = { 80, 443 }
	}

	chain early {
		type filter hook prerouting priority raw; policy accept;
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
		tcp dport 10000 counter packets 5 bytes 300 drop comment "shut"
		ip daddr 192.0.2.0/24 oifname "eth0" tcp dport @ports accept
		jump own
	}

	chain own {
		tcp dport { 80, 443 } drop
	}

	chain dstnat {
		type nat hook prerouting priority dstnat; policy accept;
		tcp dport 10000 dnat ip to 172.17.0.2:6379
	}
}
`;

function load() {
  using temporary = scratch();
  return loadGiven({ rulesFiles: [temporary.file('fw.nft', TEXT)] }, new Diagnostics()).ruleset;
}
const ruleset = load();
const [table] = ruleset.tables;
const rule = (chain: string, number: number): Rule => table.chains.get(chain)!.rules[number - 1];

describe('an nft ruleset with one rule changed', () => {
  it('has it in its place, among the sets of its table, and leaves the given one alone', () => {
    const change = { rule: rule('forward', 1), text: 'tcp dport @ports counter drop', place: null };
    const changed = withChange(ruleset, change);
    expect(changed?.rule.text).toBe('tcp dport @ports counter packets 0 bytes 0 drop');
    expect(changed?.rule.chain.rules.map((r) => r.text).slice(1)).toEqual([
      rule('forward', 2).text,
      rule('forward', 3).text,
    ]);
    expect(changed?.rule.chain.table.nft?.sets.get('ports')?.elements).toHaveLength(2);
    expect(rule('forward', 1).text).toContain('tcp dport 10000');
  });

  it('has it before another, or in another chain', () => {
    const place = { table: 'fw', chain: 'forward', before: rule('forward', 1) };
    const up = withChange(ruleset, { rule: rule('forward', 2), text: 'tcp dport 1 drop', place });
    expect(up?.rule.chain.rules.map((r) => r.text)).toEqual([
      'tcp dport 1 drop',
      rule('forward', 1).text,
      'jump own',
    ]);
    const early = { table: 'fw', chain: 'early', before: null };
    const moved = withChange(ruleset, { rule: rule('forward', 1), text: 'tcp dport 1 drop', place: early });
    expect(moved?.rule.chain.rules.map((r) => r.text)).toEqual(['tcp dport 1 drop']);
  });

  it('only counts where it is asked to', () => {
    const change = { rule: rule('forward', 1), text: 'tcp dport 1 log prefix "x" counter drop', place: null };
    expect(withChange(ruleset, change, 'counting')?.rule.steps.map((s) => s.kind)).toEqual([
      'statement',
      'counter',
    ]);
  });

  it.each([
    ['words that are no rule', 'tcp dprot 23 drop', null],
    ['a jump that would lead round', 'jump own', { table: 'fw', chain: 'own', before: null }],
    [
      'a translation where none may stand',
      'tcp dport 1 dnat ip to 192.0.2.1',
      { table: 'fw', chain: 'forward', before: null },
    ],
  ])('is none with %s', (_what, text, place) => {
    const changed = place?.chain === 'forward' ? rule('dstnat', 1) : rule('forward', 3);
    expect(withChange(ruleset, { rule: changed, text, place })).toBeNull();
  });
});

describe('the words of an nft rule', () => {
  it.each([
    ['tcp dport', '10000', 'ctorigdstport', 'meta l4proto tcp ct original proto-dst 10000'],
    ['tcp dport', '10000', 'ctreplsrcport', 'meta l4proto tcp ct reply proto-src 10000'],
  ])('%s %s in the connection: %s', (name, wanted, option, words) => {
    const found = wordingOf(rule('forward', 1)).withTuple({ name, wanted }, option);
    expect(found).toEqual({ text: `${words} counter drop comment "shut"`, words });
  });

  it('asks the connection for addresses', () => {
    const asked = { name: 'ip daddr', wanted: '192.0.2.0/24' };
    expect(wordingOf(rule('forward', 2)).withTuple(asked, 'ctorigdst')?.words).toBe(
      'ct original ip daddr 192.0.2.0/24',
    );
  });

  it('asks for another value, and leaves out what a hook cannot answer', () => {
    const wording = wordingOf(rule('forward', 2));
    expect(wording.withValue({ name: 'oifname', wanted: '"eth0"' }, 'eth1')?.words).toBe('oifname "eth1"');
    expect(wording.withValue({ name: 'oifname', wanted: '"eth9"' }, 'eth1')).toBeNull();
    expect(wording.atHook('INPUT')).toBe('ip daddr 192.0.2.0/24 tcp dport @ports accept');
    expect(wording.atHook('FORWARD')).toContain('oifname');
  });
});
