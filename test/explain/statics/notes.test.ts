import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findTarget, isProblem } from '../../../src/explain/why/address.js';
import { staticNotes } from '../../../src/explain/statics/notes.js';
import { loadGiven } from '../../../src/given.js';
import type { Ruleset } from '../../../src/rules/model.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { scratch } from '../../cli/examples.js';
import { askAll, rulesOf } from '../asking.js';
import { PACKETS, rule } from './someRules.js';

/** `kind RULE: detail` of each note. */
function notesOf(address: string, ruleset: Ruleset): string[] {
  const target = findTarget(address, ruleset);
  if (isProblem(target)) throw new Error(target.message);
  return staticNotes(target).map(
    ({ kind, rule, detail }) => `${kind}${rule ? ` ${rule.address}` : ''}: ${detail}`,
  );
}

describe('a rule that can never match', () => {
  it.each([
    [
      'filter',
      'INPUT',
      '-p tcp -m tcp --dport 80 -m tcp --dport 443',
      '--dport 80 and --dport 443 exclude each other',
    ],
    [
      'filter',
      'INPUT',
      '-p tcp -m multiport --dports 80,443 -m tcp --dport 8080',
      /--dports 80,443 and --dport 8080 exclude/,
    ],
    ['filter', 'INPUT', '-p tcp -m tcp ! --sport 0:65535', /no packet has ! --sport/],
    ['filter', 'INPUT', '-p tcp -m tcp --tcp-flags SYN,ACK FIN', 'no packet has --tcp-flags SYN,ACK FIN'],
    [
      'filter',
      'INPUT',
      '-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m tcp --tcp-flags ACK ACK',
      /exclude each other/,
    ],
    [
      'filter',
      'INPUT',
      '-m state --state INVALID -m conntrack --ctstate ESTABLISHED',
      '--state INVALID and --ctstate ESTABLISHED exclude each other',
    ],
    ['filter', 'INPUT', '-m conntrack --ctstate NEW --ctdir REPLY', /excludes|exclude/],
    [
      'filter',
      'INPUT',
      '-s 10.0.0.0/8 -m iprange --src-range 192.0.2.1-192.0.2.9',
      '-s 10.0.0.0/8 and --src-range 192.0.2.1-192.0.2.9 exclude each other',
    ],
    ['filter', 'INPUT', '! -s 0.0.0.0/0', /no packet has ! -s 0.0.0.0\/0/],
    ['filter', 'INPUT', '-m mark --mark 0x10/0x1', 'no packet has --mark 0x10/0x1'],
    [
      'filter',
      'INPUT',
      '-m ttl --ttl-lt 5 -m ttl --ttl-gt 60',
      '--ttl-lt 5 and --ttl-gt 60 exclude each other',
    ],
    ['filter', 'INPUT', '-m length --length 0:100 -m length --length 1000:1500', /exclude each other/],
    ['filter', 'INPUT', '-p icmp -m icmp --icmp-type 8 -m icmp --icmp-type 0', /exclude each other/],
    [
      'nat',
      'PREROUTING',
      '-m conntrack --ctstate ESTABLISHED',
      /nat rules are asked only for what opens a connection/,
    ],
  ])('-t %s -A %s %s', (table, chain, words, detail) => {
    const ruleset = rulesOf(`*${table}\n-A ${chain} ${words} -j LOG\nCOMMIT\n`);
    const [note, ...more] = notesOf(`${table}:${chain}:1`, ruleset);
    expect(note).toMatch(/^contradiction: /);
    expect(note.slice('contradiction: '.length)).toEqual(
      typeof detail === 'string' ? detail : expect.stringMatching(detail),
    );
    expect(more).toEqual([]);
  });

  it.each([
    ['filter', 'INPUT', '-p tcp -m tcp --dport 80:90 -m tcp --dport 85:95'],
    ['filter', 'INPUT', '-m conntrack --ctstate NEW -m state --state NEW,RELATED'],
    ['filter', 'INPUT', '-m conntrack --ctstate DNAT -m conntrack --ctstate NEW'],
    ['filter', 'INPUT', '-p tcp -m multiport --ports 80 -m tcp --sport 81'],
    ['filter', 'INPUT', '-s 10.0.0.0/8 ! -d 10.0.0.0/8'],
    ['filter', 'INPUT', '-m mark --mark 0x1/0x1 -m mark --mark 0x2/0x2'],
    ['nat', 'PREROUTING', '-m conntrack --ctstate NEW,ESTABLISHED'],
    ['raw', 'PREROUTING', '-m conntrack --ctstate ESTABLISHED'],
  ])('is not -t %s -A %s %s', (table, chain, words) => {
    const ruleset = rulesOf(`*${table}\n-A ${chain} ${words} -j LOG\nCOMMIT\n`);
    expect(notesOf(`${table}:${chain}:1`, ruleset)).toEqual([]);
  });
});

describe('a rule before it that takes all it wants', () => {
  const SHADOWED = 'shadowed filter:INPUT:1: it takes every packet that this rule wants';
  it.each<[before: string, rule: string, told: string[]]>([
    ['-p tcp -m tcp --dport 1:1024 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT', [SHADOWED]],
    ['-p tcp -m tcp --dport 22 -j DROP', '-p tcp -m multiport --dports 22,80 -j ACCEPT', []],
    [
      '-p tcp -m multiport --dports 22,80 -j DROP',
      '-s 10.0.0.1/32 -p tcp -m tcp --dport 22 -j ACCEPT',
      [SHADOWED],
    ],
    ['-p udp -m udp --dport 1:1024 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT', []],
    ['-i eth+ -j DROP', '-i eth0 -j ACCEPT', [SHADOWED]],
    ['! -i eth0 -j DROP', '-i eth1 -j ACCEPT', [SHADOWED]],
    ['-i eth0 -j DROP', '-i eth+ -j ACCEPT', []],
    ['-m conntrack --ctstate INVALID,NEW -j DROP', '-m state --state NEW -p tcp -j ACCEPT', [SHADOWED]],
    ['-m conntrack --ctstate NEW -m limit --limit 1/sec -j DROP', '-m conntrack --ctstate NEW -j ACCEPT', []],
    ['-m addrtype --dst-type LOCAL -j DROP', '-p tcp -m addrtype --dst-type LOCAL -j ACCEPT', [SHADOWED]],
    ['-p tcp -j LOG', '-p tcp -m tcp --dport 22 -j ACCEPT', []],
    ['-p tcp -j LOG', '-p tcp -j LOG', ['duplicate filter:INPUT:1: it says the same']],
  ])('%s, then %s', (before, rule, told) => {
    const ruleset = rulesOf(`*filter\n-A INPUT ${before}\n-A INPUT ${rule}\nCOMMIT\n`);
    expect(notesOf('filter:INPUT:2', ruleset)).toEqual(told);
  });
});

describe('an nft rule', () => {
  it('is told what its words tell', () => {
    using temporary = scratch();
    const text = `table inet fw {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 1-1024 drop
		tcp dport { 22, 443 } accept
		tcp dport 80 meta l4proto udp drop
		ip daddr 10.0.0.1 ip daddr != 10.0.0.0/8 drop
		ct state new ct state established accept
		tcp dport 22 limit rate 1/second accept
		oifname "eth0" accept
		dnat ip to tcp dport map { 80 : 192.0.2.1 }
		accept
	}
	chain nowhere {
		drop
	}
}
`;
    const { ruleset } = loadGiven({ rulesFiles: [temporary.file('fw.nft', text)] }, new Diagnostics());
    const told = Array.from({ length: 9 }, (_, i) => notesOf(`inet:fw:input:${i + 1}`, ruleset).join('; '));
    expect(told).toEqual([
      '',
      'shadowed inet:fw:input:1: it takes every packet that this rule wants',
      'contradiction: tcp dport 80 and meta l4proto udp exclude each other; shadowed inet:fw:input:1: it takes every packet that this rule wants',
      'contradiction: ip daddr 10.0.0.1 and ip daddr != 10.0.0.0/8 exclude each other',
      'contradiction: ct state new and ct state established exclude each other',
      'shadowed inet:fw:input:1: it takes every packet that this rule wants',
      'impossible-interface: in PREROUTING and INPUT no interface to leave by is known',
      '',
      '',
    ]);
    expect(notesOf('inet:fw:nowhere:1', ruleset)).toEqual(['unreferenced: nothing leads to inet:fw:nowhere']);
  });
});

describe('what is told without packets', () => {
  it('is never contradicted by packets', async () => {
    let told = 0;
    await fc.assert(
      fc.asyncProperty(rule, rule, async (first, second) => {
        const rules = `*filter\n-A INPUT ${first} -j DROP\n-A INPUT ${second} -j ACCEPT\nCOMMIT\n`;
        const notes = notesOf('filter:INPUT:2', rulesOf(rules)).filter(
          (note) => !note.startsWith('duplicate'),
        );
        if (notes.length === 0) return;
        told++;
        const [, row] = await askAll(rules, PACKETS);
        expect(row.matched, rules + notes.join('\n')).toBe(0);
      }),
      { numRuns: 500 },
    );
    expect(told).toBeGreaterThan(50);
  });
});
