import { describe, expect, it } from 'vitest';
import type { WhyResult } from '../../../src/explain/result.js';
import { ask, askAll, walkOf } from '../asking.js';

const PUBLISHED = `*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 10000 -j DNAT --to-destination 172.17.0.2:6379
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:DOCKER-USER - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -i eth0 -j DOCKER-USER
-A DOCKER-USER -p tcp -m tcp --dport 10000 -j DROP
-A DOCKER-USER -j RETURN
COMMIT
`;
const CLIENT = 'tcp 198.51.100.9:5000 > 198.51.100.2:10000 in eth0';
const ANSWER = 'tcp 172.17.0.2:6379 > 198.51.100.9:5000 in docker0';
const CONVERSATION = [`${CLIENT} flags SYN`, `${ANSWER} flags SYN,ACK`, `${CLIENT} flags ACK`];

function reasons({ evidence }: WhyResult): (string | number)[][] {
  return evidence.away.map((away) => [
    away.kind,
    'rule' in away ? away.rule.address : 'chain' in away ? away.chain : '',
    away.count,
  ]);
}

describe('a value that NAT has changed', () => {
  it('is told with the rule that changed it, and found again in the connection', async () => {
    const { evidence, advice, rule } = await ask('filter:DOCKER-USER:1', PUBLISHED, CONVERSATION);
    expect(rule.text).toBe('-A DOCKER-USER -p tcp -m tcp --dport 10000 -j DROP');
    expect([evidence.packets, evidence.reached, evidence.matched]).toEqual([3, 2, 0]);
    const [failed] = evidence.failed;
    expect([failed.name, failed.wanted, failed.count]).toEqual(['dport', '10000', 2]);
    const [seen] = failed.values;
    expect([seen.saw, seen.count]).toEqual(['6379', 2]);
    expect(seen.changed).toMatchObject([
      { from: '10000', made: '172.17.0.2:6379', rule: { address: 'nat:DOCKER:2' }, wanted: true, count: 2 },
    ]);
    expect(advice.map(({ kind, words, matched }) => [kind, words, matched])).toEqual([
      ['connection-tuple', '-m conntrack --ctorigdstport 10000', 2],
      ['value-seen', '--dport 6379', 2],
      ['value-before', '', 2],
    ]);
    expect(advice[0].changed.text).toBe('-A DOCKER-USER -p tcp -m conntrack --ctorigdstport 10000 -j DROP');
    expect(advice[2].changed.address).toBe('mangle:PREROUTING:1');
  });

  it('is tried in effect without the packets that would not have come any more', async () => {
    const { advice } = await ask('filter:DOCKER-USER:1', PUBLISHED, CONVERSATION);
    expect(advice[0].inEffect).toMatchObject({
      matched: 1,
      fates: [{ before: 'sent', after: 'dropped', count: 1, frames: [1] }],
      consequent: 2,
    });
  });

  it('is asked for in one direction where the answers come, too', async () => {
    const rules = PUBLISHED.replace('-A FORWARD -i eth0 -j', '-A FORWARD -j');
    const { advice } = await ask('filter:DOCKER-USER:1', rules, CONVERSATION);
    expect(advice[0].words).toBe('-m conntrack --ctorigdstport 10000 --ctdir ORIGINAL');
    expect(advice[0].matchedDirections).toEqual({ original: 2, reply: 0 });
  });

  it('needs both address and port where the rule asks for both', async () => {
    const rules = PUBLISHED.replace(
      '-A DOCKER-USER -p tcp -m tcp --dport 10000',
      '-A DOCKER-USER -d 198.51.100.2/32 -p tcp -m tcp --dport 10000',
    );
    const { evidence, advice } = await ask('filter:DOCKER-USER:1', rules, CONVERSATION);
    expect(evidence.failed[0].values[0].changed[0].made).toBe('172.17.0.2:6379');
    expect(advice[0].changed.text).toBe(
      '-A DOCKER-USER -p tcp -m conntrack --ctorigdst 198.51.100.2 --ctorigdstport 10000 -j DROP',
    );
    expect(advice[0].matched).toBe(2);
  });
});

describe('packets that never come to a rule', () => {
  const away: [what: string, rule: string, rules: string, packets: string[], expected: unknown[][]][] = [
    ['go through another hook', 'filter:INPUT:1', PUBLISHED, CONVERSATION, [['other-hook', '', 3]]],
    [
      'miss the jump to its chain',
      'filter:DOCKER-USER:1',
      PUBLISHED,
      ['tcp 172.17.0.9:5 > 203.0.113.1:80 in docker0'],
      [['jump-missed', 'filter:FORWARD:1', 1]],
    ],
    [
      'are not asked of nat once their connection is known',
      'nat:DOCKER:2',
      PUBLISHED,
      CONVERSATION,
      [['skipped', 'nat:PREROUTING', 2]],
    ],
    [
      'are decided in a table before',
      'filter:INPUT:1',
      `*mangle\n-A PREROUTING -p udp -j DROP\nCOMMIT\n*filter\n-A INPUT -j ACCEPT\nCOMMIT\n`,
      ['udp 198.51.100.9:5 > 198.51.100.2:53 in eth0'],
      [['decided', 'mangle:PREROUTING:1', 1]],
    ],
    [
      'are decided by a chain that the one before jumped to',
      'filter:INPUT:2',
      `*filter\n:A - [0:0]\n-A INPUT -j A\n-A INPUT -j ACCEPT\n-A A -p udp -j DROP\nCOMMIT\n`,
      ['udp 198.51.100.9:5 > 198.51.100.2:53 in eth0'],
      [['decided', 'filter:A:1', 1]],
    ],
    [
      'return before it',
      'filter:A:2',
      `*filter\n:A - [0:0]\n-A INPUT -j A\n-A INPUT -j ACCEPT\n-A A -p udp -j RETURN\n-A A -j DROP\nCOMMIT\n`,
      ['udp 198.51.100.9:5 > 198.51.100.2:53 in eth0'],
      [['returned', 'filter:A:1', 1]],
    ],
    [
      'go elsewhere for good',
      'filter:A:2',
      `*filter\n:A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A A -g B\n-A A -j DROP\nCOMMIT\n`,
      ['udp 198.51.100.9:5 > 198.51.100.2:53 in eth0'],
      [['went-elsewhere', 'filter:A:1', 1]],
    ],
    [
      'fall to the policy of a hook before',
      'mangle:POSTROUTING:1',
      `*mangle\n-A POSTROUTING -j MARK --set-mark 1\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\nCOMMIT\n`,
      ['udp 198.51.100.9:5 > 172.17.0.2:53 in eth0'],
      [['decided', 'filter:FORWARD:policy', 1]],
    ],
    [
      'have no route',
      'filter:INPUT:1',
      `*filter\n-A INPUT -j ACCEPT\nCOMMIT\n`,
      ['udp 127.0.0.1:5 > 198.51.100.2:53 in eth0'],
      [['lost', '', 1]],
    ],
    [
      'meet no rule that switches connection tracking on',
      'nat:PREROUTING:1',
      `*nat\n-A PREROUTING -j MARK --set-mark 1\nCOMMIT\n`,
      ['udp 198.51.100.9:5 > 198.51.100.2:53 in eth0'],
      [['skipped', 'nat:PREROUTING', 1]],
    ],
  ];
  it.each(away)('%s', async (_what, rule, rules, packets, expected) => {
    const result = await ask(rule, rules, packets);
    expect(result.evidence.reached).toBe(rule === 'nat:DOCKER:2' ? 1 : 0);
    expect(reasons(result)).toEqual(expected);
    expect(result.evidence.awayTotal).toBe(expected.reduce((sum, [, , count]) => sum + Number(count), 0));
  });

  it('counts every packet once: those that came, and those that did not', async () => {
    const { evidence } = await ask('filter:DOCKER-USER:2', PUBLISHED, [
      ...CONVERSATION,
      'udp 198.51.100.9:5 > 198.51.100.2:53 in eth0',
    ]);
    expect(evidence.packets).toBe(4);
    expect(evidence.awayTotal + evidence.reached).toBe(4);
  });
});

describe('advice', () => {
  const tried: [
    what: string,
    rule: string,
    rules: string,
    packets: string[],
    kind: string,
    changed: string,
  ][] = [
    [
      'an earlier place',
      'filter:INPUT:2',
      `*filter\n-A INPUT -p udp -j ACCEPT\n-A INPUT -p udp -m udp --dport 53 -j DROP\nCOMMIT\n`,
      ['udp 198.51.100.9:5 > 198.51.100.2:53 in eth0'],
      'earlier',
      'filter:INPUT:1',
    ],
    [
      'the hook through which the packets go',
      'filter:INPUT:1',
      `*filter\n-A INPUT -p udp -m udp --dport 53 -j DROP\nCOMMIT\n`,
      ['udp 198.51.100.9:5 > 172.17.0.2:53 in eth0'],
      'hook',
      'filter:FORWARD:1',
    ],
    [
      'the interface',
      'filter:INPUT:1',
      `*filter\n-A INPUT -i eth1 -p udp -m udp --dport 53 -j DROP\nCOMMIT\n`,
      ['udp 198.51.100.9:5 > 198.51.100.2:53 in eth0'],
      'interface',
      'filter:INPUT:1',
    ],
  ];
  it.each(tried)('%s', async (_what, rule, rules, packets, kind, changed) => {
    const { advice } = await ask(rule, rules, packets);
    expect(advice[0]).toMatchObject({ kind, changed: { address: changed }, matched: 1 });
    expect(advice[0].inEffect.fates).toMatchObject([{ after: 'dropped', count: 1 }]);
  });

  it('is not given where nothing would match', async () => {
    const rules = `*filter\n-A INPUT -p udp -m udp --dport 99 -j DROP\nCOMMIT\n`;
    const { advice } = await ask('filter:INPUT:1', rules, ['udp 198.51.100.9:5 > 198.51.100.2:53 in eth0']);
    expect(advice).toEqual([]);
  });

  it('is not given for a rule that matches', async () => {
    const rules = `*filter\n-A INPUT -p udp -m udp --dport 53 -j DROP\nCOMMIT\n`;
    const { advice, tried: count } = await ask('filter:INPUT:1', rules, [
      'udp 198.51.100.9:5 > 198.51.100.2:53 in eth0',
    ]);
    expect([advice, count]).toEqual([[], 0]);
  });

  it('never makes a loop of a jump', async () => {
    const rules = `*filter\n:A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A A -p udp -j DROP\n-A INPUT -j B\n-A B -j A\nCOMMIT\n`;
    const { evidence, advice } = await ask('filter:B:1', rules, [
      'udp 198.51.100.9:5 > 198.51.100.2:53 in eth0',
    ]);
    expect(evidence.reached).toBe(0);
    expect(advice.every(({ changed }) => !changed.address.startsWith('filter:A:'))).toBe(true);
  });
});

describe('where a value came from', () => {
  it('is a rule that set the mark', async () => {
    const rules = `*mangle\n-A PREROUTING -p udp -j MARK --set-mark 7\nCOMMIT\n*filter\n-A INPUT -m mark --mark 5 -j DROP\nCOMMIT\n`;
    const { evidence } = await ask('filter:INPUT:1', rules, ['udp 198.51.100.9:5 > 198.51.100.2:53 in eth0']);
    expect(evidence.failed[0].values[0].changed).toMatchObject([
      { from: '0x0', made: '0x7', rule: { address: 'mangle:PREROUTING:1' } },
    ]);
    expect(evidence.setters).toMatchObject([
      { rule: { address: 'mangle:PREROUTING:1' }, reached: 1, matched: 1 },
    ]);
  });

  it('is the kernel, which lowers the time to live', async () => {
    const rules = `*mangle\n-A FORWARD -m ttl --ttl-eq 64 -j DROP\nCOMMIT\n`;
    const { evidence } = await ask('mangle:FORWARD:1', rules, ['udp 198.51.100.9:5 > 172.17.0.2:53 in eth0']);
    expect(evidence.failed[0].values[0]).toMatchObject({ saw: '63', changed: [{ from: '64', rule: null }] });
  });

  it('is the packet that opened the connection', async () => {
    const rules = `*filter\n-A FORWARD -m conntrack --ctstate NEW -j ACCEPT\n-A FORWARD -m conntrack --ctstate NEW -j DROP\nCOMMIT\n`;
    const { evidence } = await ask('filter:FORWARD:2', rules, [
      'udp 198.51.100.9:5 > 172.17.0.2:53 in eth0',
      'udp 172.17.0.2:53 > 198.51.100.9:5 in docker0',
    ]);
    expect(evidence.failed[0].values[0]).toMatchObject({ saw: 'ESTABLISHED', since: 1, count: 1 });
  });
});

describe('what the rules alone tell', () => {
  const rules = `*filter
:LONELY - [0:0]
-A INPUT -s 10.0.0.0/8 -j ACCEPT
-A INPUT -s 10.1.0.0/16 -p udp -j DROP
-A INPUT -s 10.0.0.0/7 -j DROP
-A INPUT -p tcp -j LOG
-A INPUT -p tcp -j LOG
-A INPUT ! -s 10.0.0.0/7 -j ACCEPT
-A INPUT ! -s 10.0.0.0/6 -j ACCEPT
-A LONELY -j DROP
COMMIT
`;
  const told: [rule: string, notes: [string, string | undefined][]][] = [
    ['filter:INPUT:1', []],
    ['filter:INPUT:2', [['shadowed', 'filter:INPUT:1']]],
    ['filter:INPUT:3', []],
    ['filter:INPUT:5', [['duplicate', 'filter:INPUT:4']]],
    ['filter:INPUT:7', [['shadowed', 'filter:INPUT:6']]],
    ['filter:LONELY:1', [['unreferenced', undefined]]],
  ];
  it.each(told)('%s', async (rule, expected) => {
    const { notes } = await ask(rule, rules, []);
    expect(notes.map((note) => [note.kind, note.rule?.address])).toEqual(expected);
  });
});

describe('all rules', () => {
  it('has a row each, with what kept it from matching', async () => {
    const rules = `*filter
:A - [0:0]
:B - [0:0]
-A INPUT -p udp -j A
-A INPUT -p tcp -j ACCEPT
-A INPUT -j DROP
-A A -p udp -m udp --dport 53 -j ACCEPT
-A B -j DROP
COMMIT
`;
    const rows = await askAll(rules, [
      'udp 198.51.100.9:5 > 198.51.100.2:53 in eth0',
      'udp 198.51.100.9:6 > 198.51.100.2:53 in eth0',
    ]);
    expect(
      rows.map((row) => [row.rule.address, row.reached, row.matched, row.state, row.by?.address]),
    ).toEqual([
      ['filter:INPUT:1', 2, 2, 'fires', undefined],
      ['filter:INPUT:2', 0, 0, 'shadowed', 'filter:INPUT:1'],
      ['filter:INPUT:3', 0, 0, 'shadowed', 'filter:INPUT:1'],
      ['filter:A:1', 2, 2, 'fires', undefined],
      ['filter:B:1', 0, 0, 'unreferenced', undefined],
    ]);
  });
});

describe('the walk of one packet', () => {
  it('has every hook, chain, rule, change and verdict in order', async () => {
    const { trips } = await walkOf(1, PUBLISHED, CONVERSATION);
    const [{ events }] = trips;
    const short = events.map((e) => {
      switch (e.kind) {
        case 'hook':
          return e.hook;
        case 'chain':
          return `${'>'.repeat(e.depth + 1)} ${e.chain}`;
        case 'rule':
          return `${e.outcome} ${e.rule.address}`;
        case 'verdict':
          return `${e.verdict} ${e.rule?.address}`;
        case 'change':
          return `${e.field} ${e.from} ${e.to} ${e.rule?.address}`;
        case 'skip':
          return `skip ${e.chain}`;
        case 'route':
          return e.decision;
        case 'done':
          return e.what;
        case 'end':
          return e.end;
      }
    });
    expect(short).toEqual([
      'PREROUTING',
      '> nat:PREROUTING',
      'hit nat:PREROUTING:1',
      '>> nat:DOCKER',
      'miss nat:DOCKER:1',
      'hit nat:DOCKER:2',
      'ACCEPT nat:DOCKER:2',
      'ip.destination 198.51.100.2 172.17.0.2 nat:DOCKER:2',
      'destinationPort 10000 6379 nat:DOCKER:2',
      'forward',
      'ip.ttl 64 63 undefined',
      'FORWARD',
      '> filter:FORWARD',
      'hit filter:FORWARD:1',
      '>> filter:DOCKER-USER',
      'miss filter:DOCKER-USER:1',
      'hit filter:DOCKER-USER:2',
      'RETURN filter:DOCKER-USER:2',
      'ACCEPT filter:FORWARD:policy',
      'POSTROUTING',
      '> nat:POSTROUTING',
      'ACCEPT nat:POSTROUTING:policy',
      'sent',
    ]);
  });

  it('tells an answer of the host apart', async () => {
    const rules = `*filter\n-A INPUT -p udp -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n`;
    const { trips } = await walkOf(1, rules, ['udp 198.51.100.9:5 > 198.51.100.2:53 in eth0']);
    expect(trips.map(({ how, answer, events }) => [how, answer, events.at(-1)])).toMatchObject([
      ['received', false, { end: 'dropped', reason: 'filter:INPUT:1' }],
      ['sent', true, { end: 'sent' }],
    ]);
  });

  it('is empty for a frame that started nothing', async () => {
    expect((await walkOf(9, PUBLISHED, CONVERSATION)).trips).toEqual([]);
  });
});

describe('where a value came from', () => {
  const RULES = `*mangle
-A PREROUTING -p tcp -j MARK --set-xmark 0x2/0xffffffff
-A PREROUTING -p udp -j TTL --ttl-set 10
-A PREROUTING -p tcp -j CONNMARK --set-xmark 0x7/0xffffffff
COMMIT
*nat
-A PREROUTING -p tcp -m tcp --dport 10000 -j DNAT --to-destination 172.17.0.2:6379
COMMIT
*filter
-A FORWARD -p tcp -m mark --mark 0x1 -j DROP
-A FORWARD -p tcp -m connmark --mark 0x1 -j DROP
-A FORWARD -p udp -m ttl --ttl-eq 64 -j DROP
-A FORWARD -p udp -m ttl --ttl-lt 5 -j DROP
-A FORWARD -p tcp -m ttl --ttl-eq 64 -j DROP
-A FORWARD -d 198.51.100.2/32 -j DROP
-A FORWARD -s 172.17.0.0/16 -m conntrack --ctstate NEW -j DROP
COMMIT
`;
  const PACKETS = [
    'udp 198.51.100.9:5 > 172.17.0.2:53 in eth0',
    'tcp 198.51.100.9:5 > 198.51.100.2:10000 in eth0',
    'tcp 172.17.0.2:6379 > 198.51.100.9:5 in docker0 flags SYN,ACK',
  ];
  it.each([
    [1, 'mark', '0x2', '0x0 > 0x2 mangle:PREROUTING:1', null],
    [2, 'mark', '0x7', '0x0 > 0x7 mangle:PREROUTING:3', null],
    [3, 'ttl', '9', '64 > 10 mangle:PREROUTING:2', null],
    [4, 'ttl', '9', '64 > 10 mangle:PREROUTING:2', null],
    [5, 'ttl', '63', '64 > 63 kernel', null],
    [6, 'destination', '172.17.0.2', '198.51.100.2 > 172.17.0.2:6379 nat:PREROUTING:1', null],
    [7, 'ctstate', 'ESTABLISHED,DNAT', '', 2],
  ])('filter:FORWARD:%i: %s %s', async (number, name, saw, origin, since) => {
    const { evidence } = await ask(`filter:FORWARD:${number}`, RULES, PACKETS);
    const value = evidence.failed.find((f) => f.name === name)?.values.find((v) => v.saw === saw);
    const told = value?.changed.map((c) => `${c.from} > ${c.made} ${c.rule?.address ?? 'kernel'}`);
    expect([told?.join(), value?.since]).toEqual([origin, since]);
  });
});
