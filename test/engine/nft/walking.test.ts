import { describe, expect, it } from 'vitest';
import { play } from '../helpers/nft.js';

const SYN = 'eth0: tcp 198.51.100.9:1000 > 198.51.100.2:22 S';
const UDP = 'eth0: udp 198.51.100.9:1000 > 198.51.100.2:53 len 10';
const FORWARDED = 'eth0: tcp 198.51.100.9:1000 > 192.168.1.10:80 S';

/** A table with an input chain of these rules; `more` stands before the chain. */
function input(rules: readonly string[], more = ''): string {
  return `table inet t {
${more}
\tchain in {
\t\ttype filter hook input priority filter; policy accept;
${rules.map((rule) => `\t\t${rule}\n`).join('')}\t}
}
`;
}

const log = (name: string): string => `log prefix "${name}: "`;
const USER = `chain u {\n${log('U1')}\ntcp dport 22 return\n${log('U2')}\n}\nchain v {\njump u\n${log('V')}\n}\n`;

describe('the steps of a rule run in the order written', () => {
  it.each<[rules: string[], logged: string]>([
    [[`${log('A')} tcp dport 23 ${log('B')}`, log('C')], 'A C'],
    [[`tcp dport 22 ${log('A')} accept`, log('C')], 'A'],
    [[`jump u`, log('C')], 'U1 C'],
    [[`goto u`, log('C')], 'U1'],
    [[`jump v`, log('C')], 'U1 V C'],
    [[`tcp dport vmap { 22 : jump u, 1-21 : drop } `, log('C')], 'U1 C'],
    [[`tcp dport vmap { 22 : goto u }`, log('C')], 'U1'],
    [[`tcp dport vmap { 22 : continue } ${log('A')}`, log('C')], 'A C'],
    [[`tcp dport vmap { 23 : accept } ${log('A')}`, log('C')], 'C'],
    [[`tcp dport vmap { 23 : accept, * : continue } ${log('A')}`], 'A'],
    [[`return`, log('C')], ''],
    [[`meta mark set 5 meta mark 5 ${log('A')}`, `meta mark 5-9 ${log('C')}`], 'A C'],
    [[`meta mark set tcp dport map { 22 : 7, 80 : 8 } ${log('A')}`, `meta mark 7 ${log('C')}`], 'A C'],
    [[`meta mark set tcp dport map { 80 : 8 } ${log('A')}`, log('C')], 'C'],
  ])('%s', async (rules, logged) => {
    expect((await play(input(rules, USER), [SYN])).logged).toEqual([logged]);
  });

  // nft 1.0.6 makes one comparison of both (`nft --debug=netlink`): cmp neq of the four bytes.
  it.each<[rule: string, logged: string]>([
    ['tcp sport != 1000 tcp dport != 22', ''],
    ['tcp sport != 1000 tcp dport != 23', 'A'],
    ['tcp dport != 22 tcp sport != 999', 'A'],
    ['tcp sport != 1000 counter tcp dport != 23', 'A'],
    ['tcp sport != 1000 ip ttl != 63', ''],
    ['ip saddr != 198.51.100.9 ip daddr != 198.51.100.3', ''],
    ['udp sport != 1000 udp dport != 23', ''],
  ])('%s', async (rule, logged) => {
    expect((await play(input([`${rule} ${log('A')}`]), [SYN])).logged).toEqual([logged]);
    const { rules } = await play(input([`${rule} ${log('A')}`]), [SYN]);
    expect((await play(rules, [SYN])).logged).toEqual([logged]);
  });

  it('counts where the counter stands', async () => {
    const { rules } = await play(input(['counter tcp dport 22 counter tcp dport 23 counter']), [SYN, UDP]);
    expect(rules).toContain(
      'counter packets 2 bytes 78 tcp dport 22 counter packets 1 bytes 40 tcp dport 23',
    );
    expect(rules).toContain('tcp dport 23 counter packets 0 bytes 0');
  });
});

describe('what a chain decides', () => {
  const chain = (name: string, priority: string, policy: string, rules: string): string =>
    `\tchain ${name} {\n\t\ttype filter hook input priority ${priority}; policy ${policy};\n${rules}\n\t}\n`;
  const tables = (...chains: string[]): string =>
    chains.map((c, i) => `table inet t${i} {\n${c}}\n`).join('');

  it('accept ends only its own chain', async () => {
    const rules = tables(
      chain('a', 'mangle', 'accept', `${log('A')} accept`),
      chain('b', 'filter', 'accept', log('B')),
    );
    expect((await play(rules, [SYN])).logged).toEqual(['A B']);
  });

  it('drop and a policy of drop end the way', async () => {
    const later = chain('b', 'filter', 'accept', log('B'));
    expect((await play(tables(chain('a', 'mangle', 'drop', log('A')), later), [SYN])).logged).toEqual(['A']);
    expect(
      (await play(tables(chain('a', 'mangle', 'accept', `${log('A')} drop`), later), [SYN])).logged,
    ).toEqual(['A']);
  });

  // nf_hook_entries_grow(): asked of Linux 6.18.
  it('of equal priorities the chain that was made last runs first', async () => {
    const rules = tables(chain('a', 'filter', 'accept', log('A')), chain('b', 'filter', 'accept', log('B')));
    expect((await play(rules, [SYN])).logged).toEqual(['B A']);
  });

  it('a dormant table decides nothing', async () => {
    const rules = `table inet t {\n\tflags dormant\n\n${chain('a', 'filter', 'drop', log('A'))}}\n`;
    expect((await play(rules, [SYN])).logged).toEqual(['']);
  });

  it('queue without a listener loses the packet, with bypass goes on behind the chain', async () => {
    const later = chain('b', 'filter', 'accept', log('B'));
    const queue = (how: string): string => chain('a', 'mangle', 'accept', `queue ${how}\n${log('A')}`);
    expect((await play(tables(queue('to 1'), later), [SYN])).logged).toEqual(['']);
    expect((await play(tables(queue('flags bypass to 1'), later), [SYN])).logged).toEqual(['B']);
  });
});

describe('connection tracking', () => {
  const raw = (rule: string): string =>
    `table ip r {\n\tchain p {\n\t\ttype filter hook prerouting priority raw; policy accept;\n\t\t${rule}\n\t}\n}\n`;

  it('runs only where a rule asks for it; notrack does not', async () => {
    expect((await play(input([log('A')]), [SYN])).conntrack).toBe('');
    expect((await play(raw('udp dport 5 notrack'), [SYN])).conntrack).toBe('');
    expect((await play(input(['ct state new']), [FORWARDED])).conntrack).toContain('sport=1000 dport=80');
  });

  it('gives a packet without a connection a state and nothing else', async () => {
    const ack = 'eth0: tcp 198.51.100.9:1000 > 198.51.100.2:22 FR';
    const rules = input([
      `ct state invalid ${log('I')}`,
      `ct state untracked ${log('U')}`,
      `ct mark 0 ${log('M')}`,
      `ct mark != 1 ${log('N')}`,
    ]);
    expect((await play(rules, [ack])).logged).toEqual(['I']);
    expect((await play(raw('notrack') + rules, [SYN])).logged).toEqual(['U']);
  });

  it('keeps the mark', async () => {
    const rules = input([
      `ct mark 9 ${log('B')}`,
      'ct mark set tcp dport map { 80 : 9 }',
      `ct mark 9 ${log('A')}`,
    ]);
    const { conntrack, logged } = await play(rules, ['eth0: tcp 198.51.100.9:1 > 198.51.100.2:80 S']);
    expect(logged).toEqual(['A']);
    expect(conntrack).toContain('mark=9');
  });
});

describe('translation', () => {
  const nat = (hook: string, priority: string, rule: string): string =>
    `table inet n {\n\tchain c {\n\t\ttype nat hook ${hook} priority ${priority}; policy accept;\n\t\t${log('N')}\n\t\t${rule}\n\t\t${log('M')}\n\t}\n}\n`;
  const dport = (words: string): string => `eth0: tcp 198.51.100.9:1000 > 198.51.100.2:${words}`;

  it.each<[rule: string, words: string, logged: string, reply: string]>([
    ['dnat ip to 192.168.1.10', '80 S', 'N', 'src=192.168.1.10 dst=198.51.100.9 sport=80'],
    [
      'tcp dport 80 dnat ip to 192.168.1.10:8080',
      '80 S',
      'N',
      'src=192.168.1.10 dst=198.51.100.9 sport=8080',
    ],
    ['tcp dport 81 dnat ip to 192.168.1.10', '80 S', 'N M', 'src=198.51.100.2 dst=198.51.100.9 sport=80'],
    ['dnat ip to tcp dport map { 80 : 192.168.1.7 }', '80 S', 'N', 'src=192.168.1.7'],
    ['dnat ip to tcp dport map { 81 : 192.168.1.7 }', '80 S', 'N M', 'src=198.51.100.2'],
    [
      'dnat ip addr . port to tcp dport map { 80 : 192.168.1.7 . 8 }',
      '80 S',
      'N',
      'src=192.168.1.7 dst=198.51.100.9 sport=8',
    ],
    // Linux 6.18: the first port of a range that is free.
    ['tcp dport 80 redirect to :5000-5003', '80 S', 'N', 'src=198.51.100.2 dst=198.51.100.9 sport=5000'],
    ['tcp dport 81 dnat ip to 192.168.1.10; dnat ip6 to 2001:db8:2::5', '80 S', 'N M', 'src=198.51.100.2'],
  ])('%s', async (rule, words, logged, reply) => {
    const played = await play(nat('prerouting', 'dstnat', rule), [dport(words)]);
    expect(played.logged).toEqual([logged]);
    expect(played.conntrack).toContain(`[UNREPLIED] src=${reply.slice(4)}`);
  });

  it('of IPv6 alone tracks no connection of IPv4: Linux 6.18 counted no packet', async () => {
    const played = await play(nat('prerouting', 'dstnat', 'dnat ip6 to 2001:db8:2::5'), [dport('80 S')]);
    expect([played.logged, played.conntrack]).toEqual([[''], '']);
  });

  it('asks the rules once a connection, and masquerades', async () => {
    const rules = nat('postrouting', 'srcnat', 'oifname "eth0" masquerade');
    const out = 'eth1: tcp 192.168.1.10:1000 > 203.0.113.5:80 S';
    const played = await play(rules, [out, out]);
    expect(played.logged).toEqual(['N', '']);
    expect(played.conntrack).toContain('dst=198.51.100.2 sport=80 dport=1000');
  });
});

describe('answers', () => {
  it.each<[rule: string, words: string, sent: string[]]>([
    ['reject with tcp reset', SYN, ['eth0 22 > 1000 #1']],
    ['reject with tcp reset', UDP, []],
    ['reject with icmpv6 no-route', SYN, ['eth0 22 > 1000 #1']],
  ])('%s to %s', async (rule, words, sent) => {
    // Without the answer of the rule, the closed port answers a SYN itself.
    const { sent: seen } = await play(input([rule, 'meta l4proto udp drop']), [words]);
    expect(seen).toEqual(sent);
  });
});

describe('sets', () => {
  it('let their elements go when their time is over', async () => {
    const set = 'set s {\ntype ipv4_addr\nflags dynamic,timeout\ntimeout 2s\n}\n';
    const at = (seconds: number, words: string) => ({ at: seconds, words });
    const rules = [`ip saddr @s ${log('A')}`, `udp dport 53 update @s { ip saddr } ${log('B')}`];
    const { logged, rules: after } = await play(input(rules, set), [
      at(0, UDP),
      at(1, SYN),
      at(1.5, UDP),
      at(3, SYN),
      at(4, SYN),
    ]);
    expect(logged).toEqual(['B', 'A', 'A B', 'A', '']);
    expect(after).not.toContain('elements');
  });

  it('add does not start an element anew', async () => {
    const set = 'set s {\ntype ipv4_addr\nflags dynamic,timeout\ntimeout 2s\n}\n';
    const rules = [`ip saddr @s ${log('A')}`, `udp dport 53 add @s { ip saddr }`];
    const { logged } = await play(input(rules, set), [
      { at: 0, words: UDP },
      { at: 1.5, words: UDP },
      { at: 2.5, words: SYN },
    ]);
    expect(logged).toEqual(['', 'A', '']);
  });
});

describe('what nobody can tell', () => {
  it('taints what comes after it', async () => {
    const { lines } = await play(input([log('A'), `symhash mod 2 1 accept`, log('B')]), [SYN]);
    expect(lines.map((l) => l.doubt)).toEqual([null, expect.stringContaining('symhash')]);
  });

  it('chains that lead back to themselves end', async () => {
    const loop = 'chain a {\njump b\n}\nchain b {\ngoto a\n}\n';
    const { lines } = await play(input([`jump a`, log('B')], loop), [SYN]);
    expect(lines.map((l) => l.doubt)).toEqual([expect.stringContaining('jump a')]);
  });
});
