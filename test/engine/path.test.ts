import { describe, expect, it } from 'vitest';
import { fragments } from '../../src/lab/craft.js';
import { eventsOf, play } from './helpers/router.js';
import { packetOf } from './helpers/words.js';

const filter = (...rules: string[]): string => `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:A - [0:0]
:B - [0:0]
${rules.map((r) => `-A ${r}\n`).join('')}COMMIT
`;
/** Says with each packet what conntrack takes it for. */
const STATES = `*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
${['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED']
  .map((s) => `-A PREROUTING -m conntrack --ctstate ${s} -j LOG --log-prefix ${s}\n`)
  .join('')}COMMIT
`;
const PING = 'icmp 192.168.1.10 > 203.0.113.5 8/0 id 7 n 1 len 8';
const DATAGRAM = 'udp 192.168.1.10:1000 > 203.0.113.5:53';

describe('walking chains', () => {
  it('returns from a jump to behind it, from a goto to behind the jump before', async () => {
    const log = (name: string): string => `-j LOG --log-prefix ${name}`;
    const { logged } = await play(
      filter(
        'FORWARD -j A',
        `FORWARD ${log('f2')}`,
        `A ${log('a1')}`,
        'A -g B',
        `A ${log('a3')}`,
        `B ${log('b1')}`,
      ),
      [[0, 'eth1', PING]],
    );
    expect(logged).toEqual(['a1 b1 f2']);
  });

  it('ends a base chain by RETURN with its policy, and counts it', async () => {
    const { saved, left } = await play(filter('FORWARD -j RETURN', 'FORWARD -j DROP'), [[0, 'eth1', PING]]);
    expect(left).toHaveLength(1);
    expect(saved).toContain(':FORWARD ACCEPT [1:36]');
    expect(saved).toContain('[1:36] -A FORWARD -j RETURN');
    expect(saved).toContain('[0:0] -A FORWARD -j DROP');
  });

  it('traces every rule, return and policy', async () => {
    const raw = '*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -j TRACE\nCOMMIT\n';
    const { lines } = await play(raw + filter('FORWARD -j A', 'A -p udp'), [[0, 'eth1', PING]]);
    expect(lines.map((l) => l.split(' ')[1])).toEqual([
      'raw:PREROUTING:policy:2',
      'filter:FORWARD:rule:1',
      'filter:A:return:2',
      'filter:FORWARD:policy:2',
    ]);
  });
});

describe('conntrack around the rules', () => {
  it('takes a query for new, its answer for established, an error about it for related, the rest for invalid', async () => {
    const { logged } = await play(STATES, [
      [0, 'eth1', PING],
      [1, 'eth0', 'icmp 203.0.113.5 > 192.168.1.10 0/0 id 7 n 1 len 8'],
      [2, 'eth0', 'icmp 203.0.113.9 > 192.168.1.10 11/0 about icmp 192.168.1.10 > 203.0.113.5 8/0 id 7 n 1'],
      [3, 'eth0', 'icmp 203.0.113.9 > 192.168.1.10 11/0 about icmp 192.168.1.10 > 203.0.113.5 8/0 id 8 n 1'],
      [4, 'eth0', 'icmp 203.0.113.5 > 192.168.1.10 0/0 id 9 n 1'],
      [5, 'eth1', 'icmp 192.168.1.10 > 203.0.113.5 8/0 id 7 n 2 badsum'],
    ]);
    expect(logged).toEqual(['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'INVALID', 'INVALID']);
  });

  it('knows nothing of a connection whose first packet was dropped', async () => {
    const { logged, connections } = await play(STATES + filter('FORWARD -j DROP'), [
      [0, 'eth1', DATAGRAM],
      [1, 'eth1', DATAGRAM],
    ]);
    expect(logged).toEqual(['NEW', 'NEW']);
    expect(connections).toEqual([]);
  });

  it('forgets on the time of the capture', async () => {
    const answer = 'udp 203.0.113.5:53 > 192.168.1.10:1000';
    const { logged } = await play(STATES, [
      [0, 'eth1', DATAGRAM],
      [29.9, 'eth0', answer],
      [59, 'eth1', DATAGRAM],
      [200, 'eth0', answer],
    ]);
    expect(logged).toEqual(['NEW', 'ESTABLISHED', 'ESTABLISHED', 'NEW']);
  });

  it('keeps zones apart, of one direction too', async () => {
    const raw =
      '*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -i eth1 -j CT --zone-orig 2\nCOMMIT\n';
    const { logged, connections } = await play(raw + STATES, [
      [0, 'eth1', DATAGRAM],
      [1, 'eth0', 'udp 203.0.113.5:53 > 192.168.1.10:1000'],
      [2, 'eth0', DATAGRAM],
    ]);
    expect(logged).toEqual(['NEW', 'ESTABLISHED', 'NEW']);
    expect(connections[0]).toContain('dport=53 zone-orig=2 src=203.0.113.5');
  });

  it('does not take the tuple of an answer in one zone for that of a connection in another', async () => {
    const raw =
      '*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -j CT --zone-reply 2\nCOMMIT\n';
    const nat =
      '*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n';
    const { logged, left } = await play(raw + STATES + nat, [
      [0, 'eth1', DATAGRAM],
      [1, 'eth0', 'udp 203.0.113.5:53 > 192.168.1.10:1000'],
      [2, 'eth0', 'udp 203.0.113.5:53 > 192.168.1.10:1000'],
    ]);
    expect(logged).toEqual(['NEW', 'NEW', 'NEW']);
    expect(left).toHaveLength(3);
  });

  it('tells DCCP connections apart by their addresses alone, as Linux does since 6.15', async () => {
    const { logged } = await play(STATES, [
      [0, 'eth1', 'ip 192.168.1.10 > 203.0.113.5 proto 33 len 24'],
      [1, 'eth0', 'ip 203.0.113.5 > 192.168.1.10 proto 33 len 16'],
    ]);
    expect(logged).toEqual(['NEW', 'ESTABLISHED']);
  });

  it('is not switched on by a rule that only says not to track', async () => {
    const raw =
      '*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p tcp -j CT --notrack\nCOMMIT\n';
    expect((await play(raw, [[0, 'eth1', DATAGRAM]])).connections).toEqual([]);
  });
});

describe("the ticks of the host's clock", () => {
  const rules = {
    // nf_conncount_gc_list(): a connection that was dropped is counted until the tick is over.
    connlimit:
      '*filter\n-A FORWARD -m connlimit --connlimit-above 1 --connlimit-mask 0 -j LOG --log-prefix "two"\n-A FORWARD -j DROP\nCOMMIT\n',
    // limit_mt(): as much credit as one packet takes comes with each tick.
    limit:
      '*filter\n-A FORWARD -m limit --limit 250/s --limit-burst 1 -j RETURN\n-A FORWARD -j LOG --log-prefix "two"\nCOMMIT\n',
    hashlimit:
      '*filter\n-A FORWARD -m hashlimit --hashlimit-upto 250/s --hashlimit-burst 1 --hashlimit-name h -j RETURN\n-A FORWARD -j LOG --log-prefix "two"\nCOMMIT\n',
  };
  describe.each(['connlimit', 'limit', 'hashlimit'] as const)('are those of %s', (match) => {
    it.each([
      ['both in one', -1_500_000n, ['', 'two']],
      ['one between them', -3_000_000n, ['', '']],
      ['whole ones make no difference', -401_500_000n, ['', 'two']],
      ['not told: from the first packet on', undefined, ['', 'two']],
    ] as const)('%s', async (_, bootTime, logged) => {
      const packets = [0, 0.002].map(
        (at, i) => [at, 'eth1', `udp 192.168.1.10:${1000 + i} > 8.8.8.8:9`] as const,
      );
      expect((await play(rules[match], packets, { bootTime })).logged).toEqual(logged);
    });
  });
});

describe('fragments', () => {
  const whole = packetOf('udp 192.168.1.10:1000 > 203.0.113.5:53 len 400 ipid 77');
  const pieces = fragments(whole, 160);

  it('are put together before the rules see them, in whatever order', async () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
    ]) {
      const { logged, lines } = await play(
        STATES,
        order.map((i, n) => [n * 0.1, 'eth1', pieces[i]] as const),
      );
      expect(logged).toEqual(['', '', 'NEW']);
      expect(lines[0]).toContain('LEN=428');
    }
  });

  it('come singly where nothing tracks', async () => {
    const { saved } = await play(
      filter('FORWARD -f'),
      pieces.map((p, i) => [i, 'eth1', p] as const),
    );
    expect(saved).toContain('[2:288] -A FORWARD -f');
  });

  it('are given up after 30 s', async () => {
    const { logged } = await play(STATES, [
      [0, 'eth1', pieces[0]],
      [1, 'eth1', pieces[1]],
      [31, 'eth1', pieces[2]],
    ]);
    expect(logged).toEqual(['', '', '']);
  });
});

describe('what the host answers', () => {
  const answers = async (rules: string, words: string, device = 'eth1'): Promise<readonly string[]> =>
    (await play(rules, [[0, device, words]])).left;

  it.each([
    [
      'an echo',
      'icmp 192.168.1.10 > 192.168.1.1 8/0 id 1 n 1',
      ['eth1 icmp 192.168.1.1 > 192.168.1.10 0/0 ttl 64'],
    ],
    [
      'an RST from a closed port',
      'tcp 192.168.1.10:1 > 192.168.1.1:9 S',
      ['eth1 tcp 192.168.1.1:9 > 192.168.1.10:1 ttl 64'],
    ],
    [
      'that a port is closed',
      'udp 192.168.1.10:1 > 192.168.1.1:9',
      ['eth1 icmp 192.168.1.1 > 192.168.1.10 3/3 ttl 64'],
    ],
    [
      'that a protocol is unknown',
      'ip 192.168.1.10 > 192.168.1.1 proto 89 len 8',
      ['eth1 icmp 192.168.1.1 > 192.168.1.10 3/2 ttl 64'],
    ],
    ['that the TTL ran out', `${DATAGRAM} ttl 1`, ['eth1 icmp 192.168.1.1 > 192.168.1.10 11/0 ttl 64']],
    ['nothing to an RST', 'tcp 192.168.1.10:1 > 192.168.1.1:9 R', []],
    ['nothing to a broadcast', 'udp 192.168.1.10:1 > 192.168.1.255:9 broadcast', []],
    [
      'nothing to a broadcast address that came in a frame for the host alone',
      'udp 192.168.1.10:1 > 192.168.1.255:9',
      [],
    ],
    ['nothing to a ping of it', 'icmp 192.168.1.10 > 192.168.1.255 8/0 id 1 n 1', []],
  ])('%s', async (_, words, left) => {
    expect(await answers('', words)).toEqual(left);
  });

  it.each([
    ['icmp-port-unreachable', '3/3'],
    ['icmp-net-unreachable', '3/0'],
    ['icmp-host-prohibited', '3/10'],
    ['icmp-admin-prohibited', '3/13'],
  ])('REJECT with %s', async (kind, code) => {
    const rules = filter(`FORWARD -j REJECT --reject-with ${kind}`);
    expect(await answers(rules, DATAGRAM)).toEqual([`eth1 icmp 192.168.1.1 > 192.168.1.10 ${code} ttl 64`]);
  });

  it('sends its answers through OUTPUT', async () => {
    const { lines } = await play(filter('OUTPUT -j LOG --log-prefix "out: "'), [
      [0, 'eth1', 'icmp 192.168.1.10 > 192.168.1.1 8/0 id 1 n 1'],
    ]);
    expect(lines[0]).toMatch(/^out: IN= OUT=eth1 SRC=192\.168\.1\.1 DST=192\.168\.1\.10 .* TYPE=0/);
  });

  it('shows filter OUTPUT the way out that was chosen before nat OUTPUT translated', async () => {
    const nat =
      '*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A INPUT -j SNAT --to-source 203.0.113.9\nCOMMIT\n';
    const { lines, left } = await play(nat + filter('OUTPUT -j LOG --log-prefix "out: "'), [
      [0, 'eth1', 'udp 192.168.1.10:1 > 192.168.1.1:9'],
    ]);
    expect(lines[0]).toMatch(/OUT=eth0 SRC=192\.168\.1\.1 DST=192\.168\.1\.10 /);
    expect(left[0]).toMatch(/^eth1 /);
  });
});

describe('fragments', () => {
  const datagram = packetOf('udp 192.168.1.10:1000 > 203.0.113.5:53 len 1200');
  const sent = fragments(datagram, 616).map((f, i) => [i / 1000, 'eth1', f] as const);
  const seen = async (before: string): Promise<number> => {
    const mangle = `*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n${before}-A FORWARD -j LOG --log-prefix f\nCOMMIT\n`;
    return (await play(mangle, sent)).lines.length;
  };

  it.each([
    ['no rule', '', 2],
    ['-m mark', '-A PREROUTING -p tcp -m mark --mark 1\n', 2],
    ['-m socket', '-A PREROUTING -p tcp -m socket\n', 1],
    ['-j TPROXY', '-A PREROUTING -p tcp -j TPROXY --on-port 5\n', 1],
  ])('with %s', async (_, before, count) => {
    expect(await seen(before)).toBe(count);
  });
});

describe('a bridge', () => {
  const rows = [[0, 'vethc0', 'udp 172.17.0.2:1 > 203.0.113.5:2']] as const;
  const log = filter('FORWARD -j LOG --log-prefix "f: "');

  it('names its port where br_netfilter looks in', async () => {
    const { lines } = await play(log, rows, { sysctls: ['net.bridge.bridge-nf-call-iptables=1'] });
    expect(lines[0]).toContain('IN=docker0 OUT=eth0 PHYSIN=vethc0');
  });

  it('has what it takes in for all tracked before the host drops it', async () => {
    const dropping = `${filter('INPUT -j DROP')}${STATES}`;
    const sysctls = ['net.bridge.bridge-nf-call-iptables=1'];
    const discover = 'udp 0.0.0.0:68 > 255.255.255.255:67 broadcast';
    const entry =
      'udp src=0.0.0.0 dst=255.255.255.255 sport=68 dport=67 [UNREPLIED] src=255.255.255.255 dst=0.0.0.0 sport=67 dport=68';
    const connections = async (device: string): Promise<readonly string[]> =>
      (await play(dropping, [[0, device, discover]], { sysctls })).connections;
    expect(await connections('vethc0')).toEqual([entry]);
    expect(await connections('eth1')).toEqual([]);
    expect(await eventsOf(dropping, [[0, 'vethc0', discover]], sysctls)).toEqual([]);
  });
});
