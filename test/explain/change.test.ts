import { describe, expect, it } from 'vitest';
import { textOf, withChange, withMatch, withOption, wordsOf } from '../../src/explain/change.js';
import { printSave } from '../../src/frontend/iptables/print.js';
import { rulesOf } from './asking.js';

const TEXT = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:A - [0:0]
-A INPUT -s 10.0.0.0/8 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j REJECT --reject-with icmp-port-unreachable
-A INPUT -j A
-A A -j DROP
COMMIT
`;

describe('a ruleset with one rule changed', () => {
  const ruleset = rulesOf(TEXT);
  const [filter] = ruleset.tables;
  const input = filter.chains.get('INPUT')!.rules;
  const saved = (tables: typeof ruleset.tables): string =>
    printSave(tables, 4, undefined, false).replaceAll('[0:0] -A', '-A');

  it('has it in its place, and leaves the given one alone', () => {
    const changed = withChange(ruleset, { rule: input[1], text: '-p tcp --dport 23 -j DROP', place: null });
    expect(changed?.rule.text).toBe('-p tcp -m tcp --dport 23 -j DROP');
    expect(saved(changed!.ruleset.tables)).toContain(
      '-A INPUT -s 10.0.0.0/8 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 23 -j DROP\n-A INPUT -j A\n',
    );
    expect(saved(ruleset.tables)).toContain('--dport 22');
    expect(changed!.rule.chain.rules).toContain(changed!.rule);
  });

  it('has it before another, wherever that stands', () => {
    const place = { table: 'filter', chain: 'INPUT', before: input[0] };
    const up = withChange(ruleset, { rule: input[1], text: input[1].text, place });
    expect(up!.rule.chain.rules.map((r) => r.text)).toEqual([input[1].text, input[0].text, input[2].text]);
    const down = withChange(ruleset, {
      rule: input[0],
      text: input[0].text,
      place: { ...place, before: input[2] },
    });
    expect(down!.rule.chain.rules.map((r) => r.text)).toEqual([input[1].text, input[0].text, input[2].text]);
  });

  it('makes a table that is not there yet', () => {
    const place = { table: 'mangle', chain: 'PREROUTING', before: null };
    const changed = withChange(ruleset, { rule: input[0], text: '-s 10.0.0.0/8 -j DROP', place });
    expect(saved(changed!.ruleset.tables)).toContain('*mangle\n:PREROUTING ACCEPT [0:0]\n');
    expect(saved(changed!.ruleset.tables)).toContain('-A PREROUTING -s 10.0.0.0/8 -j DROP');
  });

  it('only counts where it is asked to', () => {
    const changed = withChange(ruleset, { rule: input[0], text: input[0].text, place: null }, 'counting');
    expect(changed!.rule.steps.map((s) => s.kind)).toEqual(['match', 'counter']);
  });

  it.each([
    ['words that are no rule', '-p tcp --dprot 23 -j DROP', null],
    [
      'a target that its table does not take',
      input[1].text,
      { table: 'mangle', chain: 'PREROUTING', before: null },
    ],
    [
      'a jump to a chain of another table',
      input[2].text,
      { table: 'mangle', chain: 'PREROUTING', before: null },
    ],
    ['a jump that would lead round', input[2].text, { table: 'filter', chain: 'A', before: null }],
  ])('is none with %s', (_what, text, place) => {
    expect(withChange(ruleset, { rule: input[2], text, place })).toBeNull();
  });
});

describe('the words of a rule', () => {
  it.each<[text: string, option: string, value: string | null, expected: string | null]>([
    ['-p tcp -m tcp --dport 80 -j DROP', '--dport', '81', '-p tcp -m tcp --dport 81 -j DROP'],
    ['-p tcp -m tcp --dport 80 -j DROP', '--dport', null, '-p tcp -j DROP'],
    ['-p tcp -m tcp --sport 1 --dport 80 -j DROP', '--dport', null, '-p tcp -m tcp --sport 1 -j DROP'],
    ['-d 1.2.3.4/32 -p tcp -j DROP', '-d', null, '-p tcp -j DROP'],
    ['! -d 1.2.3.4/32 -j DROP', '-d', null, null],
    ['-j DROP', '-d', null, null],
  ])('%s: %s %s', (text, option, value, expected) => {
    const words = withOption(wordsOf(text), option, value);
    expect(words && textOf(words)).toBe(expected);
  });

  it.each([
    ['-p tcp -j DROP', '-p tcp -m conntrack --ctdir REPLY -j DROP'],
    ['-m conntrack --ctstate NEW -j DROP', '-m conntrack --ctdir REPLY --ctstate NEW -j DROP'],
    ['-m comment --comment "-j" -j DROP', '-m comment --comment -j -m conntrack --ctdir REPLY -j DROP'],
    ['-p tcp', '-p tcp -m conntrack --ctdir REPLY'],
  ])('%s with one more match', (text, expected) => {
    expect(textOf(withMatch(wordsOf(text), 'conntrack', ['--ctdir', 'REPLY']))).toBe(expected);
  });
});
