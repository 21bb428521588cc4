import { describe, expect, it } from 'vitest';
import { parseNft } from '../../../src/frontend/nft/read/parse.js';
import { parseNftJson } from '../../../src/frontend/nft/json/json.js';
import { printNft } from '../../../src/frontend/nft/print/print.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';

function listed(text: string): string {
  const diagnostics = new Diagnostics();
  const printed = printNft(parseNft(text, 'listed', diagnostics, undefined, true));
  expect(diagnostics.list).toEqual([]);
  return printed;
}

const inChain = (rule: string, sets = ''): string =>
  `table inet t {\n${sets}\tchain c {\n\t\t${rule}\n\t}\n}\n`;

const SETS = `\tset s {
\t\ttype ipv4_addr . inet_service
\t\tsize 65535
\t\tflags dynamic,timeout
\t}

\tset names {
\t\ttype ipv4_addr . ifname
\t}

`;

/* What hosts list that have nft 1.0.7 to 1.1.6, which 1.0.6 would refuse. */
describe('a listing of a later nft', () => {
  it.each([
    'ip saddr . "lo" @names accept',
    'ip saddr . 22 @s accept',
    'fib saddr . iif check missing drop',
    'fib daddr check vmap { missing : drop, exists : accept }',
    'ip saddr . ip daddr vmap { 1.1.1.1 . 2.2.2.2 counter packets 0 bytes 0 : accept }',
    'last used never accept',
    'meta mark set ip dscp << 2',
    'meta mark set meta mark | ct mark',
  ])('%s', (rule) => {
    expect(listed(inChain(rule, SETS))).toBe(inChain(rule, SETS));
  });

  it.each([
    ['tcp option mptcp subtype mp-join', 'tcp option mptcp subtype 1'],
    ['limit rate 1/second burst 5 packets accept', 'limit rate 1/second accept'],
  ])('%s, in the words of 1.0.6', (rule, old) => {
    expect(listed(inChain(rule))).toBe(inChain(old));
  });

  it.each([
    ['typeof ip saddr : ct timeout', 'type'],
    ['typeof ip saddr : ct expectation', 'type'],
    ['typeof ip saddr . ip daddr . tcp dport : queue', 'type'],
    ['typeof numgen inc mod 2 : ipv4_addr . inet_service', 'type'],
  ])('a map of %s', (type) => {
    const diagnostics = new Diagnostics();
    parseNft(`table inet t {\n\tmap m {\n\t\t${type}\n\t}\n}\n`, 'listed', diagnostics, undefined, true);
    expect(diagnostics.list).toEqual([]);
  });
});

/* What nft 1.1.3 lists of headers inside tunnels, where it lists more, or less, than was written. */
describe('a header inside a tunnel', () => {
  it.each([
    'udp dport 4789 vxlan ether type 8021q vxlan ip saddr 1.2.3.4',
    'udp dport 4789 @th,0,8 { 0x0, 0x8 } vxlan icmp id 5',
    'udp dport 6081 geneve type 25944 geneve vni 10',
    'udp dport 6081 geneve type { 0x800, 0x86dd }',
    'meta protocol ip meta mark set gre @nh,96,32 map { 1.2.3.4 : 0x00000005 }',
    'meta l4proto gre gre ip ttl { 1, 2 }',
    'meta protocol ip gre igmp type membership-query',
  ])('%s', (rule) => {
    expect(listed(inChain(rule))).toBe(inChain(rule));
  });

  it('may be what a set is of', () => {
    const text = `table netdev x {
\tset x {
\t\ttypeof vxlan ip saddr . vxlan ip daddr
\t\telements = { 3.3.3.3 . 4.4.4.4 }
\t}

\tset y {
\t\ttypeof vxlan ip saddr
\t\tsize 65535
\t\tflags dynamic
\t}

\tset v {
\t\ttypeof vxlan vni
\t\telements = { 1, 2 }
\t}

\tchain y {
\t\tudp dport 4789 vxlan ip saddr . vxlan ip daddr @x counter packets 0 bytes 0
\t\tudp dport 4789 update @y { vxlan ip saddr }
\t\tudp dport 4789 vxlan vni @v
\t}
}
`;
    expect(listed(text)).toBe(text);
  });

  it.each([
    'vxlan',
    'udp dport 4789 vxlan',
    'gre ether',
    'udp dport 4789 geneve ip option rr exists',
    'gretap vni 3',
  ])('%s is refused', (rule) => {
    const diagnostics = new Diagnostics();
    parseNft(inChain(rule), 'written', diagnostics);
    expect(diagnostics.list[0]).toMatchObject({ severity: 'error', position: { line: 3 } });
  });
});

it('leaves out tunnels of nft 1.1.4 and later, and says so; rules that ask for them stay as they are', () => {
  const rule = 'tunnel name "vxlan-t" counter packets 0 bytes 0';
  const tunnel =
    '\ttunnel vxlan-t {\n\t\tid 20\n\t\tip saddr 192.0.2.1\n\t\tvxlan {\n\t\t\tgbp 200\n\t\t}\n\t}\n\n';
  const diagnostics = new Diagnostics();
  const ruleset = parseNft(inChain(rule, tunnel), 'listed', diagnostics, undefined, true);
  expect(diagnostics.list.map((d) => `${d.severity}: ${d.message}`)).toEqual([
    'warning: tunnel vxlan-t is left out',
    'error: tunnel: what a device of tunnels knows of a packet is in no capture',
  ]);
  expect(printNft(ruleset)).toBe(inChain(rule));
});

describe('a chain without a name', () => {
  const rule = `tcp dport 22 jump {
\t\t\tip saddr 1.1.1.1 accept
\t\t\tcounter packets 0 bytes 0 drop
\t\t}`;

  it('stands in its rule', () => {
    expect(listed(inChain(rule))).toBe(inChain(rule));
    expect(listed(inChain('goto { accept; }'))).toBe(inChain('goto {\n\t\t\taccept\n\t\t}'));
  });

  it('is a chain of the table, with rules of its own', () => {
    const [table] = parseNft(inChain(rule), 'written', new Diagnostics()).tables;
    const bound = [...table.chains.values()].find((c) => c.isBound);
    expect(bound?.rules).toHaveLength(2);
    expect(table.chains.get('c')?.rules[0].statements.at(-1)).toEqual({
      kind: 'verdict',
      verdict: { kind: 'jump', chain: bound?.name },
    });
  });

  // nft 1.0.6 has no JSON of its own for it: "stmt ops chain have no json callback".
  it('is text in JSON', () => {
    const expr = [
      { match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right: 22 } },
      rule.slice(13),
    ];
    const of = { family: 'inet', table: 't', chain: 'c' };
    const json = {
      nftables: [
        { table: { family: 'inet', name: 't' } },
        { chain: { family: 'inet', table: 't', name: 'c' } },
        { rule: { ...of, expr } },
      ],
    };
    const diagnostics = new Diagnostics();
    expect(printNft(parseNftJson(JSON.stringify(json), 'json', diagnostics, true))).toBe(inChain(rule));
    expect(diagnostics.list).toEqual([]);
  });

  it.each(['jump {\n}; add table ip x'])('of JSON cannot add a table: %s', (text) => {
    const of = { family: 'inet', table: 't', chain: 'c' };
    const json = {
      nftables: [
        { table: { family: 'inet', name: 't' } },
        { chain: { family: 'inet', table: 't', name: 'c' } },
        { rule: { ...of, expr: [text] } },
      ],
    };
    const { tables } = parseNftJson(JSON.stringify(json), 'json', new Diagnostics(), true);
    expect(tables.map((t) => t.name)).toEqual(['t']);
  });

  it('nested without end is refused', () => {
    const diagnostics = new Diagnostics();
    parseNft(inChain('jump {\n'.repeat(5000)), 'hostile', diagnostics);
    expect(diagnostics.hasErrors).toBe(true);
  });
});

it.each([
  ['::1234:1234:1234:1234:1234:1234:1234', '0:1234:1234:1234:1234:1234:1234:1234'],
  ['1234:1234:1234:1234:1234:1234:1234::', '1234:1234:1234:1234:1234:1234:1234:0'],
])('%s leaves out one group', (written, address) => {
  expect(listed(inChain(`ip6 saddr ${written}`))).toBe(inChain(`ip6 saddr ${address}`));
});

describe('what nft 1.0.6 refuses by its words', () => {
  it.each([
    ['table inet t {\nchain policy {\n}\n}\n', 2],
    ['table inet t {\nchain c {\njump fwd\n}\n}\n', 3],
    ['define tcp = 5\n', 1],
    ['table inet t {\nchain c {\nlog prefix accept\n}\n}\n', 3],
    ['table inet t {\nchain c {\naccept comment drop\n}\n}\n', 3],
    ['table inet export {\n}\n', 1],
    ['table inet t {\nset ip { type ipv4_addr; }\n}\n', 2],
    ['table netdev t {\nchain c {\ntype filter hook ingress priority 0;\n}\n}\n', 3],
  ])('%j', (text, line) => {
    const diagnostics = new Diagnostics();
    parseNft(text, 'written', diagnostics);
    expect(diagnostics.list[0]).toMatchObject({ severity: 'error', position: { line } });
  });

  it('is taken where the kernel has it', () => {
    expect(listed('table inet t {\n\tchain policy {\n\t}\n}\n')).toBe(
      'table inet t {\n\tchain policy {\n\t}\n}\n',
    );
  });
});
