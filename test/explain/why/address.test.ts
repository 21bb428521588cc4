import { describe, expect, it } from 'vitest';
import { findTarget, isProblem } from '../../../src/explain/why/address.js';
import { ruleNumber } from '../../../src/rules/model.js';
import { rulesOf } from '../asking.js';

const RULESET = rulesOf(`*filter
:INPUT DROP [0:0]
:DOCKER-USER - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -j LOG --log-prefix "IN: "
-A INPUT -j LOG --log-prefix "LAST: " --log-level 3
-A DOCKER-USER -p tcp -m tcp --dport 22 -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 3000
COMMIT
`);
const SIX = rulesOf('*filter\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\nCOMMIT\n', 6);
const BOTH = { tables: [...RULESET.tables, ...SIX.tables] };

function found(address: string): string {
  const target = findTarget(address, BOTH);
  if (isProblem(target)) return `! ${target.message}`;
  const { chain, rule } = target;
  const { table } = chain;
  return `${table.family} ${table.name} ${chain.name} ${rule ? ruleNumber(rule) : 'policy'}`;
}

describe('the address of a rule', () => {
  it.each([
    ['filter:INPUT:1', 'ip filter INPUT 1'],
    ['ip:filter:INPUT:1', 'ip filter INPUT 1'],
    ['ip6:filter:INPUT:1', 'ip6 filter INPUT 1'],
    ['filter:INPUT:policy', 'ip filter INPUT policy'],
    ['nat:PREROUTING:1', 'ip nat PREROUTING 1'],
    ['prefix:"IN: "', 'ip filter INPUT 2'],
    ['prefix:IN:', 'ip filter INPUT 2'],
    ['prefix:"LAST"', 'ip filter INPUT 3'],
    ['-A INPUT -j LOG --log-prefix "IN: "', 'ip filter INPUT 2'],
    ["-A INPUT -j LOG --log-prefix 'IN: '", 'ip filter INPUT 2'],
    ['iptables -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 3000', 'ip nat PREROUTING 1'],
    ['-A DOCKER-USER -p tcp --dport 22 -j ACCEPT', 'ip filter DOCKER-USER 1'],
    ['iptables -I INPUT 3 -p tcp --dport 22 -j ACCEPT', 'ip filter INPUT 1'],
    ['ip6tables -A INPUT -p tcp --dport 22 -j DROP', 'ip6 filter INPUT 1'],
    ['-j RETURN', 'ip filter DOCKER-USER 2'],
  ])('%s', (address, expected) => {
    expect(found(address)).toBe(expected);
  });
});

describe('an address that names no rule', () => {
  it.each<[address: string, message: RegExp, first: string | undefined]>([
    ['filter:DOCKERUSER:1', /no chain DOCKERUSER/, 'filter:DOCKER-USER'],
    ['fliter:INPUT:1', /no table fliter/, 'filter'],
    [
      'filter:INPUT:9',
      /has 3 rules, so none is number 9/,
      'filter:INPUT:1  -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT',
    ],
    ['filter:INPUT:0', /none is number 0/, undefined],
    ['filter:INPUT', /which of its rules/, undefined],
    ['filter:DOCKER-USER:policy', /no policy/, undefined],
    ['inet:filter:input:1', /no table inet:filter/, undefined],
    [
      'DOCKER-USER',
      /is a chain; which of its rules/,
      'filter:DOCKER-USER:1  -A DOCKER-USER -p tcp -m tcp --dport 22 -j ACCEPT',
    ],
    ['FORWARD', /is a chain; it has no rules/, undefined],
    ['prefix:"INN: "', /no rule logs/, 'prefix:"IN: "'],
    [
      '-p tcp --dport 22 -j ACCEPT',
      /2 rules say that/,
      'filter:INPUT:1  -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT',
    ],
    [
      '-A INPUT -p tcp --dport 23 -j ACCEPT',
      /no rule says it/,
      'filter:INPUT:1  -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT',
    ],
    ['', /no address/, undefined],
    ['filter:INPUT:99999999999999999999', /none is number/, undefined],
  ])('%s', (address, message, first) => {
    const target = findTarget(address, BOTH);
    if (!isProblem(target)) throw new Error('a rule was found');
    expect(target.message).toMatch(message);
    if (first !== undefined) expect(target.suggestions[0]).toBe(first);
  });
});
