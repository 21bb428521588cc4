import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Observer } from '../../../src/engine/observer.js';
import { parseSave } from '../../../src/frontend/iptables/save.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { told } from '../helpers/lines.js';
import { play as playNft, tablesOf } from '../helpers/nft.js';
import { play, type Sent } from '../helpers/router.js';

/** Rulesets of each kind that are tried. */
const RULESETS = Number(process.env.NFREPLAY_RULESETS ?? 60);

/** Sees every packet go through every hook, and every rule tried on it: no index, no record, no flow's way. */
const WATCHER: Observer = {
  packet: () => undefined,
  hook: () => undefined,
  enter: () => undefined,
  skip: () => undefined,
  misses: () => true,
  watches: () => false,
  rule: () => undefined,
  verdict: () => undefined,
  route: () => undefined,
  end: () => undefined,
};

const pick = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const maybe = (...values: string[]): fc.Arbitrary<string> => pick('', '', ...values);

/** One packet of a conversation: by which side, and what it says. */
interface Word {
  readonly back: boolean;
  readonly text: string;
}

/** Conversations from the LAN to the Internet and to a published port, their packets mixed. */
const TALK: fc.Arbitrary<{ readonly flow: number; readonly word: Word }[]> = fc.array(
  fc.record({
    flow: fc.nat({ max: 5 }),
    word: fc.record({
      back: fc.boolean(),
      text: fc
        .tuple(
          pick('A', 'A', 'A', 'PA', 'PA', 'FA', 'R', 'S', 'SA'),
          maybe('tos 16', 'tos 8'),
          maybe('ttl 1', 'ttl 5'),
          maybe('len 100', 'len 1600 df', 'len 1600'),
        )
        .map((parts) => parts.filter((part) => part !== '').join(' ')),
    }),
  }),
  { minLength: 10, maxLength: 60 },
);

const LAN = '192.168.1.10';
const WORLD = '203.0.113.5';
const ROUTER = '198.51.100.2';

interface Flow {
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  readonly port: number;
  /** From the Internet to the published port. */
  readonly inwards: boolean;
}

const FLOWS: readonly Flow[] = [
  { protocol: 'tcp', port: 1000, inwards: false },
  { protocol: 'tcp', port: 1001, inwards: true },
  { protocol: 'udp', port: 1002, inwards: false },
  { protocol: 'udp', port: 1003, inwards: true },
  { protocol: 'icmp', port: 1004, inwards: false },
  { protocol: 'tcp', port: 1005, inwards: false },
];

/** A handshake, or question and answer, of each flow, and what is said then. */
function packetsOf(talk: readonly { flow: number; word: Word }[], translated: boolean): [string, string][] {
  const begin = FLOWS.flatMap((_, flow) =>
    [
      { back: false, text: 'S' },
      { back: true, text: 'SA' },
      { back: false, text: 'A' },
    ].map((word) => ({ flow, word })),
  );
  return [...begin, ...talk].map(({ flow, word }, i) => packetOf(FLOWS[flow], word, i + 1, translated));
}

function packetOf(
  { protocol, port, inwards }: Flow,
  { back, text }: Word,
  id: number,
  translated: boolean,
): [string, string] {
  const device = inwards === back ? 'eth1' : 'eth0';
  const published = translated ? `${ROUTER}:8080` : `${LAN}:80`;
  const seen = translated ? ROUTER : LAN;
  const [client, server] = inwards
    ? [`${WORLD}:${port}`, back ? `${LAN}:80` : published]
    : [`${back ? seen : LAN}:${port}`, `${WORLD}:53`];
  const ends = back ? `${server} > ${client}` : `${client} > ${server}`;
  const rest = text.split(' ').slice(1).join(' ');
  if (protocol === 'icmp') {
    const [from, to] = back ? [WORLD, seen] : [LAN, WORLD];
    return [device, `icmp ${from} > ${to} ${back ? '0/0' : '8/0'} id ${port} n ${id} ipid ${id} ${rest}`];
  }
  if (protocol === 'udp') return [device, `udp ${ends} ipid ${id} ${rest}`];
  const [seq, ack] = back ? [5001, 101] : [101, 5001];
  const first = text.startsWith('S') ? 1 : 0;
  return [device, `tcp ${ends} ${text} seq ${seq - first} ack ${ack} win 60000 ipid ${id}`];
}

/** Refusals in a row after which a generator of random rules is taken for a broken one: fast-check would wait for ever. */
const MOST_REFUSED = 1000;

function patient(isRight: (rule: string) => boolean): (rule: string) => boolean {
  let refused = 0;
  return (rule) => {
    refused = isRight(rule) ? 0 : refused + 1;
    if (refused > MOST_REFUSED)
      throw new Error(`${refused} random rules in a row were refused, such as: ${rule}`);
    return refused === 0;
  };
}

describe('iptables: flows that are followed, and every packet by itself', () => {
  const match = pick(
    '', '', '', `-s ${LAN}/32`, `-d ${LAN}/32`, `-d ${WORLD}/32`, '-i eth0', '-o eth0', '! -i eth1',
    '-p tcp -m tcp --dport 80', '-p tcp -m tcp --sport 1000', '-p udp -m udp --dport 53', '-p tcp -m tcp --tcp-flags PSH PSH',
    '-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN', '-m conntrack --ctstate NEW', '-m conntrack --ctstate RELATED,ESTABLISHED',
    '-m conntrack --ctstatus ASSURED', '-m conntrack --ctdir REPLY', '-m conntrack --ctstate DNAT', '-m tos --tos 0x10/0xff', '-m ttl --ttl-lt 5', '-m length --length 100:200',
    '-m mark --mark 0x1/0x1', '-m connmark --mark 0x1/0x1', '-m limit --limit 5/sec --limit-burst 2', '-m statistic --mode nth --every 2 --packet 0', '-m comment --comment why', '-m addrtype --dst-type LOCAL',
    '-p icmp -m icmp --icmp-type 8', '-p tcp -m multiport --dports 80,53', '-m connbytes --connbytes 4 --connbytes-dir both --connbytes-mode packets', '-m quota --quota 500', '-m pkttype --pkt-type unicast',
    '-m set --match-set fixed src', '-m set ! --match-set pairs dst,dst', '-m set --match-set seen src', '-m set --match-set counted src', '-m set --match-set timed dst', '-i eth1', '-d 192.168.0.0/16', '! -s 203.0.113.0/24', '-p udp -m udp ! --sport 1002', '-i eth+',
  ); // prettier-ignore
  const target = pick(
    '',
    '',
    '',
    '-j ACCEPT',
    '-j RETURN',
    '-j A',
    '-g A',
    '-j LOG --log-prefix "a "',
    '-j MARK --set-xmark 0x1/0x1',
    '-j CONNMARK --set-xmark 0x1/0x1',
    '-j TOS --set-tos 0x08/0xff',
    '-j TTL --ttl-dec 1',
    '-j DROP',
    '-j REJECT --reject-with icmp-port-unreachable',
    '-j SET --add-set seen src',
    '-j SET --del-set seen dst',
    '-j SET --add-set timed src --exist --timeout 1',
  );
  const ipsets = `create fixed hash:ip family inet
add fixed ${LAN}
create pairs hash:ip,port family inet
add pairs ${WORLD},udp:53
create seen hash:net family inet
create counted hash:ip family inet counters
add counted ${LAN}
create timed hash:ip family inet timeout 1
add timed ${WORLD} timeout 1
`; // prettier-ignore
  const isRight = (rule: string): boolean => {
    const diagnostics = new Diagnostics();
    parseSave(`*mangle\n:A - [0:0]\n:C - [0:0]\n-A C ${rule}\nCOMMIT\n`, '', 4, diagnostics);
    return !diagnostics.hasErrors;
  };
  const chain = fc.array(
    fc
      .tuple(match, match, target)
      .map((parts) => parts.filter((part) => part !== '').join(' '))
      .filter(patient(isRight)),
    { maxLength: 8 },
  );
  /** Rules that track nothing are fewer than all. */
  const untracked = (rules: readonly string[]): string[] =>
    rules.filter((rule) => !/-m conn|-j CONNMARK/.test(rule));
  const ruleset = fc
    .tuple(fc.tuple(chain, chain, chain, chain), pick('nothing', 'connections', 'NAT'), fc.boolean())
    .map(([chains, tracked, drops]) => {
      const [pre, forward, called, post] = tracked === 'nothing' ? chains.map(untracked) : chains;
      const translates = tracked === 'NAT';
      const last =
        tracked === 'nothing' ? '' : '-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\n';
      const lines = (name: string, rules: readonly string[]): string => {
        const out = name === 'PREROUTING' ? /(! )?-o eth0/g : name === 'POSTROUTING' ? /(! )?-i eth[01+]/g : /$^/;
        return rules
          .map((rule) => `-A ${name} ${rule.replace(out, '').replace('-j REJECT --reject-with icmp-port-unreachable', '')}\n`)
          .join('');
      }; // prettier-ignore
      const inner = called.map((rule) => rule.replace(/-[jg] A$/, '-j RETURN'));
      const nat = translates
        ? `*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -d ${ROUTER}/32 -p tcp -m tcp --dport 8080 -j DNAT --to-destination ${LAN}:80\n-A PREROUTING -d ${ROUTER}/32 -p udp -m udp --dport 8080 -j DNAT --to-destination ${LAN}:80\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n`
        : '';
      const reject = forward.filter((rule) => rule.includes('REJECT')).map((rule) => `-A FORWARD ${rule}\n`);
      return {
        translates,
        text: `*mangle\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:A - [0:0]\n${lines('PREROUTING', pre)}${lines('A', inner)}${lines('POSTROUTING', post)}COMMIT\n${nat}*filter\n:FORWARD ${drops ? 'DROP' : 'ACCEPT'} [0:0]\n:A - [0:0]\n${
          drops ? '-A FORWARD -p udp -j ACCEPT\n' : ''
        }${reject.join('').replaceAll(/-m (ttl|tos) \S+ \S+/g, '')}${lines('FORWARD', forward).replaceAll(/-j (TOS|TTL) \S+ \S+/g, '')}${lines('A', inner).replaceAll(/-j (TOS|TTL) \S+ \S+/g, '')}${last}COMMIT\n`,
      };
    });

  it('come to the same, over random rulesets', async () => {
    await fc.assert(
      fc.asyncProperty(ruleset, TALK, fc.boolean(), async ({ text, translates }, talk, counts) => {
        const packets = packetsOf(talk, translates).map(([device, words], i): Sent => [
          i / 20,
          device,
          words,
        ]);
        const sysctls = [`net.netfilter.nf_conntrack_acct=${Number(counts)}`];
        const each = await play(text, packets, { observer: WATCHER, sysctls, ipsets });
        expect(await play(text, packets, { sysctls, ipsets })).toEqual(each);
        const unseen = await play(text, packets, { sysctls, ipsets, isUnseen: true });
        expect({ ...unseen, left: each.left }).toEqual(each);
      }),
      { numRuns: RULESETS },
    );
  }, 600_000);
});

describe('nft: flows that are followed, and every packet by itself', () => {
  const test = pick(
    '', '', '', `ip saddr ${LAN}`, `ip daddr != ${LAN}`, 'iifname "eth0"', 'oifname "eth1"', 'tcp dport 80', 'tcp sport { 1000, 1005 }', 'udp dport 53',
    'tcp flags & (psh|ack) == ack', 'tcp flags psh', 'ct state new', 'ct state established,related', 'ct status assured', 'ct direction reply', 'ct original proto-dst 80', 'ip dscp 4', 'ip ttl < 5', 'ip length > 100', 'meta length > 100',
    'meta mark 1', 'ct mark 1', 'limit rate 5/second burst 2 packets', 'numgen inc mod 2 == 0', 'ip saddr @fixed', 'ip saddr @seen', 'quota over 500 bytes', 'meta l4proto { tcp, udp }', 'ip saddr . tcp dport @pairs',
  ); // prettier-ignore
  const act = pick(
    '', 'counter', 'counter', 'counter name "whole"', 'accept', 'counter accept', 'return', 'jump a', 'goto a', 'log prefix "a "', 'meta mark set 1', 'ct mark set 1', 'ip dscp set 2', 'counter drop',
    'update @seen { ip saddr counter }', 'ct state vmap { established : jump a, new : accept }', 'ip daddr vmap @verdicts', 'tcp dport vmap { 80 : accept }', 'reject',
  ); // prettier-ignore
  const SETS = `set fixed { type ipv4_addr; elements = { ${LAN}, 203.0.113.9 } }
  set pairs { type ipv4_addr . inet_service; elements = { ${LAN} . 53, ${WORLD} . 80 } }
  set seen { type ipv4_addr; size 100; flags dynamic; }
  counter whole { packets 0 bytes 0 }
  map verdicts { type ipv4_addr : verdict; elements = { ${WORLD} : accept, ${LAN} : jump a } }`;
  const NAT = `chain post {
    type nat hook postrouting priority 100; policy accept;
    oifname "eth0" masquerade
  }
  chain before {
    type nat hook prerouting priority -100; policy accept;
    ip daddr ${ROUTER} tcp dport 8080 dnat to ${LAN}:80
    ip daddr ${ROUTER} udp dport 8080 dnat to ${LAN}:80
  }`;
  const isRight = (rule: string): boolean => {
    try {
      return tablesOf(`table ip t {\n  ${SETS}\n  chain a { }\n  chain c { ${rule}\n  }\n}`).length > 0;
    } catch {
      return false;
    }
  };
  // A filter that lets nothing through would be waited for for ever.
  if (!isRight('counter')) throw new Error('the sets and objects that all random rules have are refused');
  const chain = fc.array(
    fc
      .tuple(maybe('counter'), test, test, act)
      .map((parts) => parts.filter((part) => part !== '').join(' '))
      .filter(patient((rule) => rule !== '' && isRight(rule))),
    { maxLength: 8 },
  );
  const untracked = (rules: readonly string[]): string[] => rules.filter((rule) => !/\bct /.test(rule));
  const ruleset = fc.tuple(fc.tuple(chain, chain, chain), fc.boolean()).map(([chains, isTracked]) => {
    const [pre, forward, called] = isTracked ? chains : chains.map(untracked);
    const body = (rules: readonly string[]): string => rules.map((rule) => `    ${rule}\n`).join('');
    return `table ip t {
  ${SETS}
  chain a {\n${body(
    called.map((rule) =>
      rule
        .replace(/(jump|goto) a$/, 'accept')
        .replace('jump a', 'accept')
        .replace('vmap @verdicts', `${WORLD} accept`),
    ),
  )}  }
  chain pre {\n    type filter hook prerouting priority -150; policy accept;\n${body(pre.filter((rule) => !rule.includes('reject') && !rule.includes('oifname')))}  }
  chain forward {\n    type filter hook forward priority 0; policy accept;\n${body(forward)}  }
  ${isTracked ? NAT : ''}
}`;
  });

  it('come to the same, over random rulesets', async () => {
    await fc.assert(
      fc.asyncProperty(ruleset, TALK, async (rules, talk) => {
        const steps = packetsOf(talk, true).map(([device, words], i) => ({
          at: i / 50,
          words: `${device}: ${words}`,
        }));
        const each = await playNft(rules, steps, WATCHER);
        const plain = ({ lines, ...rest }: typeof each) => ({
          ...rest,
          lines: lines.map(told),
        });
        expect(plain(await playNft(rules, steps))).toEqual(plain(each));
        const unseen = await playNft(rules, steps, WATCHER, true);
        expect(plain(await playNft(rules, steps, undefined, true))).toEqual(plain(unseen));
      }),
      { numRuns: RULESETS },
    );
  }, 600_000);
});

describe('a flow', () => {
  const RULES = (forward: string): string =>
    `*filter\n:FORWARD ACCEPT [0:0]\n${forward}-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\nCOMMIT\n`;

  const SETS =
    'create blocked hash:ip\nadd blocked 192.0.2.1\ncreate counted hash:ip counters\ncreate timed hash:ip timeout 9\ncreate seen hash:ip\n';

  /** How many of the packets of a long conversation went the way of others. */
  async function followed(rules: string, change = (text: string, _i: number) => text): Promise<number> {
    let again = 0;
    const observer: Observer = { ...WATCHER, keep: () => null, again: () => void again++ };
    const packets = Array.from({ length: 20 }, (_, i): Sent => {
      const ends = i % 2 ? `${WORLD}:53 > ${LAN}:1000` : `${LAN}:1000 > ${WORLD}:53`;
      return [i / 10, i % 2 ? 'eth0' : 'eth1', change(`udp ${ends}`, i)];
    });
    const { saved } = await play(rules, packets, { observer, ipsets: SETS });
    expect(saved).toContain('[19:532] -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT');
    return again;
  }

  it.each<[packets: number, why: string, rules: string]>([
    [17, 'both directions have gone their way once', ''],
    [17, 'ports and addresses stay the same', `-A FORWARD -s ${WORLD}/32 -p udp -m udp --sport 9 -j DROP\n`],
    [0, 'a rule acts on each', '-A FORWARD -j LOG --log-prefix "x "\n'],
    [0, 'a rule reads what differs', '-A FORWARD -m length --length 500 -j DROP\n'],
    [0, 'a rule remembers', '-A FORWARD -m limit --limit 1/min -j LOG\n'],
    [17, 'no packet of it comes to the test', `-A FORWARD -s 192.0.2.1/32 -m limit --limit 1/min -j LOG\n`],
    [17, 'a set that no rule changes is asked', '-A FORWARD -m set --match-set blocked src -j DROP\n'],
    [0, 'a set counts who asks', '-A FORWARD -m set --match-set counted src -j LOG --log-prefix "x "\n'],
    [0, 'elements of a set end', '-A FORWARD -m set --match-set timed src -j LOG --log-prefix "x "\n'],
    [
      0,
      'a rule changes sets',
      '-A FORWARD -m set --match-set blocked src\n-A FORWARD -j SET --add-set seen src\n',
    ],
    [17, 'the TOS that a rule reads stays the same', '-A FORWARD -m tos --tos 0x10/0xff -j DROP\n'],
  ])('has %i of 20 packets go the way of others where %s', async (count, _why, rules) => {
    expect(await followed(RULES(rules))).toBe(count);
  });

  it('is asked again where another packet has changed a set since', async () => {
    const rules = RULES(
      '-A FORWARD -m tos --tos 0x10/0xff -j SET --add-set seen src\n-A FORWARD -m set --match-set seen dst -m comment --comment seen\n',
    );
    const { saved } = await play(
      rules,
      Array.from({ length: 20 }, (_, i): Sent => {
        const ends = i % 2 ? `${WORLD}:53 > ${LAN}:1000` : `${LAN}:1000 > ${WORLD}:53`;
        return [i / 10, i % 2 ? 'eth0' : 'eth1', `udp ${ends}${i === 10 ? ' tos 16' : ''}`];
      }),
      { ipsets: SETS },
    );
    expect(saved).toContain('[5:140] -A FORWARD -m set --match-set seen dst -m comment --comment seen');
  });

  it('is asked again where what a rule reads has changed', async () => {
    const rules = RULES('-A FORWARD -m tos --tos 0x10/0xff -j DROP\n');
    expect(await followed(rules, (text, i) => (i < 10 ? text : `${text} tos 8`))).toBe(15);
  });
});
