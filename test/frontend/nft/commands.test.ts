import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Diagnostics, formatDiagnostic } from '../../../src/source/diagnostic.js';
import { parseNftJson } from '../../../src/frontend/nft/json/json.js';
import { parseNft } from '../../../src/frontend/nft/read/parse.js';
import { tablesOfNft } from '../../../src/rules/nft/eval/load.js';
import { modelValues, printNft } from '../../../src/frontend/nft/print/print.js';

function read(
  text: string,
  include?: Parameters<typeof parseNft>[3],
  listed = false,
): { printed: string; said: string[] } {
  const diagnostics = new Diagnostics();
  const printed = printNft(parseNft(text, 'rules.nft', diagnostics, include, listed));
  return { printed, said: diagnostics.list.map(formatDiagnostic) };
}

const CHAIN = (...rules: string[]): string =>
  `table ip t {\n\tchain c {\n${rules.map((r) => `\t\t${r}\n`).join('')}\t}\n}\n`;

describe('commands', () => {
  const start = 'add table ip t; add chain ip t c\n';
  it.each([
    ['add appends', 'add rule ip t c accept\nadd rule ip t c drop', CHAIN('accept', 'drop')],
    ['the family is ip unless said', 'add rule t c accept', CHAIN('accept')],
    ['insert puts before', 'add rule t c accept\ninsert rule t c drop', CHAIN('drop', 'accept')],
    [
      'index counts from 0',
      'add rule t c accept\nadd rule t c drop\nadd rule t c index 0 return',
      CHAIN('accept', 'return', 'drop'),
    ],
    ['flush chain empties it', 'add rule t c accept\nflush chain t c', CHAIN()],
    ['flush table empties its chains', 'add rule t c accept\nflush table t', CHAIN()],
    ['flush ruleset leaves nothing', 'flush ruleset', ''],
    ['delete table', 'delete table t', ''],
    [
      'delete rule by index',
      'add rule t c accept\nadd rule t c drop\ndelete rule t c index 0',
      CHAIN('drop'),
    ],
    ['a block adds to what is there', 'table t { chain c { accept; }; }', CHAIN('accept')],
    ['semicolons part statements', 'add rule t c accept; add rule t c drop', CHAIN('accept', 'drop')],
    ['a backslash goes on', 'add rule t c tcp dport 22 \\\n  accept', CHAIN('tcp dport 22 accept')],
    ['rename', 'rename chain t c d\nrename chain t d c', CHAIN()],
  ])('%s', (_, text, expected) => {
    expect(read(start + text)).toEqual({ printed: expected, said: [] });
  });

  it('finds rules by the handles that nft -a writes', () => {
    const listed =
      'table ip t { # handle 1\n chain c { # handle 2\n accept # handle 7\n drop # handle 9\n }\n}\n';
    expect(read(`${listed}delete rule ip t c handle 7\nadd rule t c handle 9 return\n`).printed).toBe(
      CHAIN('drop', 'return'),
    );
    const [table] = parseNft(listed, 'x', new Diagnostics()).tables;
    expect([
      table.handle,
      table.chains.get('c')?.handle,
      table.chains.get('c')?.rules.map((r) => r.handle),
    ]).toEqual([1, 2, [7, 9]]);
  });

  it('adds and deletes elements', () => {
    const text = `table ip t { set s { type inet_service; elements = { 80 }; }; }
add element ip t s { 22, 443 }
delete element ip t s { http }`;
    expect(read(text).printed).toBe(
      'table ip t {\n\tset s {\n\t\ttype inet_service\n\t\telements = { 22, 443 }\n\t}\n}\n',
    );
  });
});

describe('elements with statements', () => {
  const set = (...properties: string[]): string => `table ip t {\n set s {\n${properties.join('\n')}\n }\n}`;
  const TYPE = 'type inet_service';

  it('have those of their set', () => {
    const said = read(set(TYPE, 'counter', 'elements = { 22, 80 counter packets 3 bytes 5 }'));
    expect(said.printed).toContain('{ 22 counter packets 0 bytes 0, 80 counter packets 3 bytes 5 }');
    expect(said.said).toEqual([]);
  });

  it.each([
    ['missing statement in set declaration', [TYPE, 'elements = { 22 counter }']],
    ['statement mismatch', [TYPE, 'counter', 'elements = { 22 limit rate 1/second }']],
    ['number of statements', [TYPE, 'counter', 'elements = { 22 counter limit rate 1/second }']],
  ])('are refused where the set has none such: %s', (why, properties) => {
    expect(read(set(...properties)).said.join()).toContain(why);
  });

  it('become one with what touches them, and what is said is said of the first', () => {
    const elements = 'elements = { 22-30 comment "a", 25-40 comment "b", 41, 50 comment "c" }';
    const { printed, said } = read(set(TYPE, 'flags interval', 'auto-merge', elements));
    expect(said).toEqual([]);
    expect(printed).toContain('{ 22-41 comment "a", 50 comment "c" }');
  });
});

describe('variables and include', () => {
  it('stand for their values, in sets and chains alike', () => {
    const text = `define lan = 10.0.0.0/8
define ports = { 22, 80 }
define more = { $ports, 443 }
table ip t { chain c {
  ip saddr $lan tcp dport $more accept
  ip saddr { $lan, 192.168.0.1 } drop
}; }`;
    expect(read(text)).toEqual({
      printed: CHAIN(
        'ip saddr 10.0.0.0/8 tcp dport { 22, 80, 443 } accept',
        'ip saddr { 10.0.0.0/8, 192.168.0.1 } drop',
      ),
      said: [],
    });
  });

  it('are known in the block that defines them, and in those inside it', () => {
    const inBlocks = `define a = 1
table ip t { define b = 2
 chain c { define d = 3
  redefine a = 4
  meta mark $a
  undefine a
  meta mark $b
  meta mark $d
 }
}
table ip t { define b = 5
 chain c { define d = 6
  meta mark $a
  meta mark $b
  meta mark $d
 }
}`;
    const marks = [4, 2, 3, 1, 5, 6].map((n) => `meta mark 0x0000000${n}`);
    expect(read(inBlocks)).toEqual({ printed: CHAIN(...marks), said: [] });
    expect(read('define a = 1\ntable ip t { define a = 2\n }').said.join()).toContain(
      "redefinition of symbol 'a'",
    );
    expect(read('table ip t { define a = 2\n }\ndefine b = $a').said.join()).toContain(
      "unknown identifier 'a'",
    );
  });

  it('stand in the prefix of a log, which is what the kernel writes', () => {
    const text = `define site = "rack 7"
define n = 5
table ip t { chain c {
  log prefix "$site-$n: "
}; }`;
    expect(read(text)).toEqual({ printed: CHAIN('log prefix "rack 7-5: "'), said: [] });
    const missing = read('table ip t { chain c {\n log prefix "a $b"\n}; }').said;
    expect(missing.join()).toContain("unknown identifier 'b'");
  });

  it('reads what is included, and says what is missing', () => {
    const given = read('include "a.nft"\n', (pattern) =>
      pattern === 'a.nft' ? [{ file: 'a.nft', text: 'table ip t { chain c { accept; }; }' }] : undefined,
    );
    expect(given).toEqual({ printed: CHAIN('accept'), said: [] });
    expect(read('include "b.nft"').said[0]).toContain('b.nft');
  });

  it('a file that includes itself ends', () => {
    const { said } = read('include "a"', () => [{ file: 'a', text: 'include "a"\n' }]);
    expect(said.join()).toContain('nested too deeply');
  });
});

describe('chains at hooks', () => {
  const IP_HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
  const DEVICE_HOOKS = ['ingress', 'egress'];
  // Asked of Linux 6.18, one by one.
  it.each([
    ['filter', ['ip', 'ip6', 'bridge'], IP_HOOKS],
    ['filter', ['inet'], [...IP_HOOKS, 'ingress']],
    ['filter', ['arp'], ['input', 'output']],
    ['filter', ['netdev'], DEVICE_HOOKS],
    ['nat', ['ip', 'ip6', 'inet'], ['prerouting', 'input', 'output', 'postrouting']],
    ['nat', ['arp', 'bridge', 'netdev'], []],
    ['route', ['ip', 'ip6', 'inet'], ['output']],
    ['route', ['arp', 'bridge', 'netdev'], []],
  ])('of type %s in %j are at %j', (type, families, hooks) => {
    for (const family of families) {
      const taken = [...IP_HOOKS, ...DEVICE_HOOKS].filter((hook) => {
        const device = DEVICE_HOOKS.includes(hook) ? 'device "lo" ' : '';
        const { said } = read(
          `table ${family} t {\n chain c { type ${type} hook ${hook} ${device}priority 0\n }\n}`,
        );
        return said.length === 0;
      });
      expect(taken).toEqual(hooks);
    }
  });

  it('of devices name one', () => {
    const { said } = read('table inet t {\n chain c { type filter hook ingress priority 0\n }\n}');
    expect(said.join()).toContain("Missing `device' in this chain definition");
  });
});

it.each([
  [
    'two meters of one name',
    '',
    'meter m { ip saddr limit rate 1/second } drop\n  meter m { ip saddr limit rate 1/second } drop',
  ],
  [
    'a meter with the name of a set',
    'set m { type ipv4_addr; }',
    'meter m { ip saddr limit rate 1/second } drop',
  ],
])('%s are refused', (_, set, rules) => {
  const { said } = read(`table ip t {\n ${set}\n chain c {\n  ${rules}\n }\n}`);
  expect(said.join()).toContain('there is a set or meter m already');
});

it.each([
  ['set s { }', 'set definition does not specify key'],
  ['set s { type mark; }\n set s { elements = { 1 }\n }', 'set definition does not specify key'],
  ['chain c {\n tcp dport 5 dnat to [$a]:53\n }', 'unexpected ['],
  ['chain c {\n tcp dport 5 dnat to [ fe80::1 ]:53\n }', 'unexpected ['],
])('%j is refused', (block, why) => {
  expect(read(`define a = fe80::1\ntable ip6 t {\n ${block}\n}\n`).said.join()).toContain(why);
});

it('elements are some, unless a variable stands for none', () => {
  const set = (elements: string): string =>
    `define none = { }\ntable ip t {\n set s { type mark\n elements = ${elements}\n }\n}`;
  expect(read(set('$none')).said).toEqual([]);
  expect(read(set('{ }')).said.join()).toContain('4:15: error: unexpected }, expecting an element');
});

it('reads line ends of Windows, and says that nft does not', () => {
  const { printed, said } = read('table ip t {\r\n chain c {\r\n  accept\r\n }\r\n}\r\n');
  expect(printed).toBe(CHAIN('accept'));
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/^rules.nft:1:13: warning: nft refuses lines that end in a carriage return/);
});

describe('errors', () => {
  it('have the place and a caret, and the rest is read', () => {
    const { printed, said } = read(
      'table ip t {\n\tchain c {\n\t\ttcp dport 99999 accept\n\t\taccept\n\t}\n}\n',
    );
    expect(said).toEqual([
      'rules.nft:3:13: error: Service out of range\n    \\t\\ttcp dport 99999 accept\n                  ^~~~~',
    ]);
    expect(printed).toBe(CHAIN('tcp dport 99999 accept', 'accept'));
  });

  it.each([
    ['ip saddr . 234 timeout 1s', 'ip saddr . 234 timeout 1s'],
    ['ip saddr . http', 'ip saddr . 80'],
    ['1.2.3.4 . tcp dport', '1.2.3.4 . tcp dport'],
  ])('adds elements with constants: %s', (written, listed) => {
    const set = 'set s { type ipv4_addr . inet_service; flags timeout; }';
    const { printed, said } = read(`table ip t { ${set}; chain c { add @s { ${written} }; }; }`);
    expect(said).toEqual([]);
    expect(printed).toContain(`\t\tadd @s { ${listed} }\n`);
    // A set that rules add to has a size, whatever it was made with.
    expect(printed).toContain('\t\tsize 65535\n\t\tflags dynamic,timeout\n');
  });

  // Each as this kernel's nft lists it: what stands between keeps nft from leaving the protocol out.
  it.each([
    ['ip', 'log reject with tcp reset', 'meta l4proto tcp log reject with tcp reset'],
    ['ip', 'ip saddr 1.2.3.4 reject with tcp reset', 'ip saddr 1.2.3.4 reject with tcp reset'],
    ['ip', 'tcp dport 5 log reject with tcp reset', 'tcp dport 5 log reject with tcp reset'],
    ['ip6', 'ct protocol tcp log reject with tcp reset', 'ct protocol tcp log reject with tcp reset'],
    [
      'inet',
      'tcp dport 5 log reject with icmp host-unreachable',
      'meta nfproto ipv4 tcp dport 5 log reject with icmp host-unreachable',
    ],
    [
      'inet',
      'meta protocol ip6 log reject with icmpv6 no-route',
      'meta nfproto ipv6 meta protocol ip6 log reject with icmpv6 no-route',
    ],
    ['inet', 'tcp dport 5 reject with icmpv6 no-route', 'tcp dport 5 reject with icmpv6 no-route'],
    [
      'inet',
      'icmp type echo-request log reject with icmp host-unreachable',
      'icmp type echo-request log reject with icmp host-unreachable',
    ],
    [
      'inet',
      'ip saddr 1.2.3.4 log reject with icmp host-unreachable',
      'ip saddr 1.2.3.4 log reject with icmp host-unreachable',
    ],
  ])('asks in %s for the protocol that a refusal is of: %s', (family, written, listed) => {
    // prettier-ignore
    const { printed, said } = read(`table ${family} t { chain c { ${written}; }; }`);
    expect(said).toEqual([]);
    expect(printed.split('\n')[2]).toBe(`\t\t${listed}`);
  });

  it('reads what versions after 1.0.6 list: who owns a table, and named priorities on more hooks', () => {
    const text = [
      'table inet firewalld { # progname firewalld',
      '\tflags owner,persist',
      '',
      '\tchain nat_OUTPUT {',
      '\t\ttype nat hook output priority dstnat + 10; policy accept;',
      '\t}',
      '',
      '\tchain nat_INPUT {',
      '\t\ttype nat hook input priority srcnat; policy accept;',
      '\t}',
      '}\n',
    ].join('\n');
    const listed = text
      .replace(' # progname firewalld', '')
      .replace('dstnat + 10', '-90')
      .replace('srcnat', '100');
    expect(read(text)).toEqual({ printed: listed, said: [] });
  });

  it.each([
    ['table ip t { chain c { frobnicate 5 }', 'frobnicate'],
    ['add rule ip t c accept', 'no table'],
    ['table ip t { chain c { type filter hook input priority foo; }; }', 'priority'],
    ['table ip t { set s { type foo; }; }', 'unknown datatype foo'],
    ['table ip t { chain c { tcp dport $x accept; }; }', "unknown identifier 'x'"],
    ['bogus', 'bogus'],
    ['table ip t { chain c { type nat hook prerouting priority -300; }; }', 'behind conntrack'],
    ['table ip t { chain c { tcp dport vmap { 1-5 : drop, 3 : accept }; }; }', 'conflicting intervals'],
  ])('%s', (text, expected) => {
    expect(read(text).said.join('\n')).toContain(expected);
  });

  it('asks for iptables-save where nft cannot show a rule', () => {
    const { printed, said } = read(
      '# Warning: table ip filter is managed by iptables-nft, do not touch!\ntable ip t {\n\tchain c {\n\t\txt match "string" counter packets 0 bytes 0 drop\n\t}\n}\n',
    );
    expect(said).toHaveLength(2);
    for (const line of said) expect(line).toContain('iptables-save');
    expect(printed).toBe(CHAIN('xt match "string" counter packets 0 bytes 0 drop'));
  });

  it.each([undefined, null, [], { range: [5, 1] }])('say that a set named %j has no name', (name) => {
    const diagnostics = new Diagnostics();
    const items = [
      { table: { family: 'ip', name: 't' } },
      { set: { family: 'ip', table: 't', name, type: 'mark' } },
    ];
    const ruleset = parseNftJson(JSON.stringify({ nftables: items }), 'x.json', diagnostics);
    expect(diagnostics.hasErrors).toBe(true);
    expect(ruleset.tables[0].sets.size).toBe(0);
  });

  it('JSON that is none is reported with its place', () => {
    const diagnostics = new Diagnostics();
    parseNftJson('{ "nftables": [ }', 'x.json', diagnostics);
    expect(diagnostics.list[0].position?.file).toBe('x.json');
    expect(diagnostics.hasErrors).toBe(true);
  });
});

describe('values of the running simulation', () => {
  it('are printed instead of those that were read', () => {
    const text =
      'table ip t { counter n { }; set s { type ipv4_addr; flags dynamic; }; chain c { counter; quota 100 bytes; }; }';
    const ruleset = parseNft(text, 'x', new Diagnostics());
    const counter = ruleset.tables[0].chains.get('c')?.rules[0].statements[0];
    const printed = printNft(ruleset, {
      ...modelValues,
      counter: (of) => (of === counter ? { packets: 1, bytes: 60 } : { packets: 2, bytes: 120 }),
      quotaUsed: () => 40,
      elements: () => [
        {
          key: { kind: 'integer', value: 5, type: 'mark' },
          data: null,
          timeout: null,
          expires: 1500,
          comment: null,
          statements: [],
        },
      ],
    });
    expect(printed).toContain('counter n {\n\t\tpackets 2 bytes 120');
    expect(printed).toContain('counter packets 1 bytes 60\n\t\tquota 100 bytes used 40 bytes\n');
    expect(printed).toContain('elements = { 0x00000005 expires 1s500ms }');
  });
});

describe('hostile text', () => {
  const corpus = readFileSync(join(import.meta.dirname, 'nft-1.0.6.txt'), 'utf8');
  const words = [
    ...new Set(
      corpus
        .split('\n')
        .filter((l) => !l.startsWith('J '))
        .join(' ')
        .split(/\s+/),
    ),
  ];
  const word = fc.oneof(
    fc.constantFrom(...words),
    fc.constantFrom('{', '}', '(', '"', '$', '@', '-', '.', ',', ';', '\n', '/', '99999999999999999999'),
    fc.string({ maxLength: 4 }),
  );
  const family = fc.constantFrom('ip', 'ip6', 'inet', 'bridge', 'arp', 'netdev');

  it('is never thrown at, and what is printed reads back as itself', () => {
    fc.assert(
      fc.property(family, fc.array(word, { maxLength: 40 }), (name, parts) => {
        const first = read(`table ${name} t {\n chain c {\n${parts.join(' ')}\n}\n}\n`).printed;
        const second = read(first, undefined, true).printed;
        expect(read(second, undefined, true).printed).toBe(second);
      }),
      { numRuns: 1000 },
    );
  });

  const programs = join(import.meta.dirname, 'programs');
  const rulesets = readdirSync(programs)
    .filter((name) => /\.(nft|listed|json)$/.test(name))
    .map((name) => readFileSync(join(programs, name), 'utf8'));

  it('made of real rulesets is read whole', () => {
    const cut = fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(60),
      fc.oneof(word, fc.constant('')),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...rulesets),
        fc.array(cut, { minLength: 1, maxLength: 6 }),
        (text, cuts) => {
          let changed = text;
          for (const [at, length, put] of cuts) {
            const from = Math.floor(at * changed.length);
            changed = changed.slice(0, from) + put + changed.slice(from + length);
          }
          const diagnostics = new Diagnostics();
          const json = text.startsWith('{');
          const ruleset = json
            ? parseNftJson(changed, 'x', diagnostics)
            : parseNft(changed, 'x', diagnostics);
          diagnostics.list.forEach(formatDiagnostic);
          tablesOfNft(ruleset, { rule: () => '', statement: () => '' });
          const printed = printNft(ruleset);
          const second = read(printed, undefined, true).printed;
          expect(read(second, undefined, true).printed).toBe(second);
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 150) },
    );
  });

  it('of JSON too', () => {
    const json = readFileSync(join(import.meta.dirname, 'rulesets/nft-L3-1.json'), 'utf8');
    fc.assert(
      fc.property(
        fc.nat(json.length),
        fc.nat(30),
        fc.constantFrom('null', '1', '"x"', '[]', '{}', '', ','),
        (at, length, put) => {
          const diagnostics = new Diagnostics();
          printNft(parseNftJson(json.slice(0, at) + put + json.slice(at + length), 'x', diagnostics));
          diagnostics.list.forEach(formatDiagnostic);
        },
      ),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const rule = { family: 'ip', table: 't', chain: 'c', expr: [value] };
        const items = [
          { table: { family: 'ip', name: 't' } },
          { chain: { family: 'ip', table: 't', name: 'c' } },
          { rule },
        ];
        printNft(parseNftJson(JSON.stringify({ nftables: items }), 'x', new Diagnostics()));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['parentheses', `meta mark ${'('.repeat(100_000)}`],
    ['braces', `tcp dport ${'{'.repeat(100_000)}`],
    ['operators', `meta mark set meta mark${' | 1'.repeat(50_000)}`],
    ['hashes of hashes', `${'jhash '.repeat(50_000)}ip saddr mod 2 1`],
    ['dots', `ip saddr ${'1.1.1.1 . '.repeat(50_000)}`],
    ['keys', `ip saddr${' . ip saddr'.repeat(50_000)} @x`],
  ])('%s without end are refused', (_, rule) => {
    expect(read(`table ip t {\nchain c {\n${rule}\n}\n}\n`).said.length).toBeGreaterThan(0);
  });

  it('variables that double each time end', () => {
    const doubling = 'redefine a = { $a, $a }\n'.repeat(60);
    expect(read(`define a = { 1, 2 }\n${doubling}`).said.join()).toContain('too much');
  });
});

describe('what ends a statement', () => {
  const errors = (text: string): number => {
    const diagnostics = new Diagnostics();
    parseNft(text, 'text', diagnostics);
    return diagnostics.list.filter(({ severity }) => severity === 'error').length;
  };

  // Each given to nft 1.0.6.
  it.each([
    'table ip t { chain c { }\n}',
    'table ip t { chain c { accept; }\n}',
    'table ip t { chain c { }; chain d { }; }',
    'table ip t { set s { type mark; elements = { 1 }\n}\n}',
  ])('%j is taken', (text) => {
    expect(errors(text)).toBe(0);
  });
  it.each([
    'table ip t { chain c { } }',
    'table ip t { chain c { accept }\n}',
    'table ip t { counter x { } chain c { }\n}',
    'table ip t { chain c { type filter hook input priority 0; policy accept }\n}',
    'table ip t { } table ip u { }',
  ])('%j is refused', (text) => {
    expect(errors(text)).toBeGreaterThan(0);
  });
});
