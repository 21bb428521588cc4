import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareFaring } from '../../../src/explain/diff/faring.js';
import { diffRulesets, type RuleDifference } from '../../../src/explain/diff/rulesetDiff.js';
import { diffSets } from '../../../src/explain/diff/setDiff.js';
import { loadGiven } from '../../../src/given.js';
import { rulesDiffText } from '../../../src/report/rulesDiff.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { scratch } from '../../cli/examples.js';
import { replayOf, rulesOf } from '../asking.js';
import { PACKETS, rule } from '../statics/someRules.js';

function input(...rules: string[]): string {
  return `*filter\n:INPUT ACCEPT [0:0]\n${rules.map((r) => `-A INPUT ${r}\n`).join('')}COMMIT\n`;
}

/** `- 1`, `+ 2`, `1 > 3`, or the kind of what else differs. */
function short(difference: RuleDifference): string {
  if (difference.kind !== 'rule') return `${difference.kind} ${difference.place}`;
  const { first, second } = difference;
  const number = (address: string): string => address.split(':').at(-1)!;
  if (first && second) return `${number(first.address)} > ${number(second.address)}`;
  return first ? `- ${number(first.address)}` : `+ ${number(second!.address)}`;
}

function diff(first: string, second: string): string[] {
  return diffRulesets(rulesOf(first), rulesOf(second)).differences.map(short);
}

describe('two rulesets mean the same where', () => {
  it.each([
    ['-m state --state NEW -j DROP', '-m conntrack --ctstate NEW -j DROP'],
    ['-p tcp -m tcp --dport 80 -j DROP', '-p tcp -m multiport --dports 80 -j DROP'],
    [
      '-p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j DROP',
      '-p tcp -m conntrack --ctstate NEW -m tcp --dport 80 -j DROP',
    ],
    ['-p tcp -m comment --comment "web" -j DROP', '-p tcp -j DROP'],
    ['-p tcp -m multiport --dports 80,81,82 -j DROP', '-p tcp -m tcp --dport 80:82 -j DROP'],
    ['-s 10.0.0.0/24 -j DROP', '-m iprange --src-range 10.0.0.0-10.0.0.255 -j DROP'],
  ])('%s says %s', (a, b) => {
    expect(diff(input(a), input(b))).toEqual([]);
    expect(diffRulesets(rulesOf(input(a)), rulesOf(input(b)))).toMatchObject({ alike: 1, same: 0 });
  });

  it('rules change places that no packet meets both of, or that decide alike', () => {
    const [tcp, udp, all] = ['-p tcp -j ACCEPT', '-p udp -j DROP', '-s 10.0.0.0/8 -j ACCEPT'];
    expect(diff(input(tcp, udp), input(udp, tcp))).toEqual([]);
    expect(diff(input(tcp, all), input(all, tcp))).toEqual([]);
  });

  it('a table of iptables is there that does nothing', () => {
    expect(diff(input(), `${input()}*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n`)).toEqual([]);
  });
});

describe('two rulesets differ where', () => {
  it.each<[what: string, first: string, second: string, expected: string[]]>([
    ['a rule is gone', input('-p tcp -j DROP', '-p udp -j DROP'), input('-p udp -j DROP'), ['- 1']],
    ['a rule is new', input('-p udp -j DROP'), input('-p tcp -j DROP', '-p udp -j DROP'), ['+ 1']],
    [
      'a port is another',
      input('-p tcp -m tcp --dport 80 -j DROP'),
      input('-p tcp -m tcp --dport 81 -j DROP'),
      ['- 1', '+ 1'],
    ],
    ['a rule stands twice', input('-p tcp -j LOG'), input('-p tcp -j LOG', '-p tcp -j LOG'), ['+ 2']],
    [
      'order matters',
      input('-p tcp -j LOG', '-s 10.0.0.0/8 -j DROP'),
      input('-s 10.0.0.0/8 -j DROP', '-p tcp -j LOG'),
      ['1 > 2'],
    ],
    [
      'what counts is asked before',
      input('-p tcp -m limit --limit 1/sec -m state --state NEW -j LOG'),
      input('-p tcp -m state --state NEW -m limit --limit 1/sec -j LOG'),
      ['- 1', '+ 1'],
    ],
    ['a policy is another', input(), input().replace('ACCEPT', 'DROP'), ['policy filter:INPUT']],
    ['a chain is gone', input().replace('COMMIT', ':A - [0:0]\nCOMMIT'), input(), ['chain filter:A']],
    ['a table is new', input(), `${input()}*nat\n-A PREROUTING -p tcp -j REDIRECT\nCOMMIT\n`, ['table nat']],
  ])('%s', (_what, first, second, expected) => {
    expect(diff(first, second)).toEqual(expected);
  });
});

describe('no difference', () => {
  it('is told only where every packet fares alike', async () => {
    let told = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(rule, fc.constantFrom('ACCEPT', 'DROP', 'LOG')), { minLength: 2, maxLength: 3 }),
        fc.nat(),
        async (rules, seed) => {
          const lines = rules.map(([words, target]) => `${words} -j ${target}`);
          const other = [...lines];
          const [moved] = other.splice(seed % lines.length, 1);
          other.splice((seed >> 4) % lines.length, 0, moved);
          const policy = (text: string): string => text.replace('INPUT ACCEPT', 'INPUT DROP');
          const [a, b] = [rulesOf(policy(input(...lines))), rulesOf(policy(input(...other)))];
          if (diffRulesets(a, b).differences.length > 0) return;
          told++;
          const { fates, altered } = await compareFaring(a, b, replayOf(PACKETS));
          expect({ fates, altered }, lines.join('\n')).toEqual({ fates: [], altered: 0 });
        },
      ),
      { numRuns: 150 },
    );
    expect(told).toBeGreaterThan(30);
  });
});

describe('the packets', () => {
  it('are told with what decided on each side', async () => {
    const [a, b] = [rulesOf(input('-p tcp -j ACCEPT')), rulesOf(input('-p tcp -m tcp --dport 22 -j DROP'))];
    const packets = ['22', '80'].map((port) => `tcp 198.51.100.9:5 > 198.51.100.2:${port} in eth0`);
    const faring = await compareFaring(a, b, replayOf(packets));
    expect(faring.examples).toEqual([
      {
        frame: 1,
        packet: 'tcp 198.51.100.9:5 > 198.51.100.2:22 in eth0',
        first: 'delivered, accepted by filter:INPUT:1',
        second: 'dropped by filter:INPUT:1',
      },
    ]);
    const text = rulesDiffText({ ...diffRulesets(a, b), sets: [], faring });
    expect(text).toContain(
      '  - 1  -A INPUT -p tcp -j ACCEPT\n  + 1  -A INPUT -p tcp -m tcp --dport 22 -j DROP\n',
    );
    expect(text).toContain('  1 packet is dropped that was delivered (packet 1)\n');
    expect(text).toContain('    - delivered, accepted by filter:INPUT:1\n    + dropped by filter:INPUT:1\n');
  });
});

describe('sets', () => {
  it('differ by what they hold', () => {
    using temporary = scratch();
    const side = (name: string, ipset: string, nft: string) => {
      const files = [
        temporary.file(
          `${name}.ipset`,
          `create blocked hash:ip family inet hashsize 1024 maxelem 65536\n${ipset}`,
        ),
        temporary.file(
          `${name}.nft`,
          `table inet fw {\n\tset ports {\n\t\ttype inet_service\n\t\telements = { ${nft} }\n\t}\n}\n`,
        ),
      ];
      return loadGiven({ rulesFiles: files }, new Diagnostics());
    };
    const first = side('a', 'add blocked 192.0.2.1\nadd blocked 192.0.2.2\n', '22, 80');
    const second = side('b', 'add blocked 192.0.2.2\nadd blocked 192.0.2.3\n', '80, 443');
    expect(diffSets(first, second)).toEqual([
      { place: 'ipset blocked', onlyFirst: ['192.0.2.1'], onlySecond: ['192.0.2.3'] },
      { place: 'inet:fw:@ports', onlyFirst: ['22'], onlySecond: ['443'] },
    ]);
    expect(diffSets(first, first)).toEqual([]);
  });
});
