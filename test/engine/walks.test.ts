import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openCaptures } from '../../src/capture/open.js';
import type { Observer } from '../../src/engine/observer.js';
import { conntrackText, nftText, saveText } from '../../src/engine/state.js';
import { parseSave } from '../../src/frontend/iptables/save.js';
import { loadGiven } from '../../src/given.js';
import type { Rule } from '../../src/rules/model.js';
import { runReplay } from '../../src/run.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { told } from './helpers/lines.js';
import { play as playNft, tablesOf } from './helpers/nft.js';
import { play, type Sent } from './helpers/router.js';
import { packetOf } from './helpers/words.js';

/** Rulesets of each kind that are tried. */
const RULESETS = Number(process.env.NFREPLAY_RULESETS ?? 60);

/** Is told of every step, so that every rule is walked. */
const RECORDER: Observer = {
  packet: () => undefined,
  hook: () => undefined,
  enter: () => undefined,
  skip: () => undefined,
  rule: () => undefined,
  verdict: () => undefined,
  change: () => undefined,
  route: () => undefined,
  end: () => undefined,
};

const pick = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const words = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((all) => all.filter((part) => part !== '').join(' '));
/** Often nothing. */
const maybe = (part: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.option(part, { nil: '', freq: 2 });
/** Mostly nothing. */
const seldom = (part: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant('') }, { weight: 1, arbitrary: part });

const HOSTS = ['192.168.1.10', '192.168.1.11', '203.0.113.5', '203.0.113.6', '198.51.100.2'];
const PORTS = [22, 53, 80, 443, 1000, 1001];

const PACKETS: fc.Arbitrary<Sent[]> = fc
  .array(
    fc.record({
      device: pick('eth0', 'eth1'),
      from: pick(...HOSTS),
      to: pick(...HOSTS),
      source: pick(...PORTS),
      destination: pick(...PORTS),
      kind: pick(
        'tcp S',
        'tcp A',
        'tcp SA',
        'tcp R',
        'udp',
        'udp',
        'icmp',
        'sctp',
        'ip',
        'fragment',
        'first',
      ),
      cut: fc.option(fc.integer({ min: 20, max: 44 }), { nil: 0, freq: 4 }),
    }),
    { minLength: 5, maxLength: 40 },
  )
  .map((all) =>
    all.map(({ device, from, to, source, destination, kind, cut }, i): Sent => {
      const ends = `${from}:${source} > ${to}:${destination}`;
      const [protocol, flags] = kind.split(' ');
      const text =
        protocol === 'tcp' ? `tcp ${ends} ${flags} seq ${i} ack 1`
        : protocol === 'udp' ? `udp ${ends} len 20`
        : protocol === 'icmp' ? `icmp ${from} > ${to} 8/0 id ${source} n 1`
        : protocol === 'sctp' ? `sctp ${ends} tag 7 INIT 9`
        : protocol === 'ip' ? `ip ${from} > ${to} proto 89 len 20`
        : protocol === 'first' ? `tcp ${ends} S mf ipid ${i + 2}`
        : `ip ${from} > ${to} proto 6 len 24 offset 8 ipid ${i + 2}`; // prettier-ignore
      const bytes = packetOf(text);
      return [i / 100, device, cut ? bytes.subarray(0, cut) : bytes];
    }),
  );

/** Leaves out what the front end refuses, rule by rule. */
function accepted(rules: fc.Arbitrary<string>, isRight: (rule: string) => boolean): fc.Arbitrary<string> {
  const known = new Map<string, boolean>();
  return rules.filter((rule) => {
    let right = known.get(rule);
    if (right === undefined) known.set(rule, (right = isRight(rule)));
    return right;
  });
}

describe('iptables: the fast walk and the recorded one', () => {
  const address = pick(
    ...HOSTS.map((h) => `${h}/32`),
    '192.168.1.0/24',
    '203.0.113.0/30',
    '192.168.0.10/255.255.0.255',
  );
  const port = pick(...PORTS.map(String), '1000:1010', '0:1023', '443:80');
  const not = pick('', '', '', '! ');
  const ports = (side: string): fc.Arbitrary<string> =>
    fc.tuple(not, port).map(([negation, value]) => `${negation}--${side} ${value}`);
  const protocol = fc.oneof(
    fc
      .tuple(pick('tcp', 'udp'), maybe(ports('sport')), maybe(ports('dport')))
      .map(([name, ...more]) => `-p ${name} -m ${name} ${more.join(' ')}`),
    pick(
      '-p icmp',
      '-p sctp',
      '-p 89',
      '! -p tcp',
      '-p tcp -m tcp --tcp-flags SYN,ACK SYN',
      '-p tcp -m tcp --tcp-option 2',
    ),
    fc
      .tuple(
        pick('tcp', 'udp', 'sctp'),
        not,
        pick('sports', 'dports', 'ports'),
        pick('22,53', '80,1000:1010', '443'),
      )
      .map(([name, negation, side, list]) => `-p ${name} -m multiport ${negation}--${side} ${list}`),
  );
  const other = pick(
    '-m comment --comment why',
    '-m conntrack --ctstate NEW',
    '-m mark --mark 0x1/0x1',
    '-m limit --limit 5/sec --limit-burst 2',
    '-m statistic --mode nth --every 2 --packet 0',
    '-m owner --uid-owner 5',
    '-f',
  );
  const interfaces = fc
    .tuple(not, pick('-i eth0', '-i eth1', '-i eth+', '-o eth0'))
    .map(([negation, text]) => negation + text);
  const target = pick(
    '', '-j ACCEPT', '-j DROP', '-j RETURN', '-j MARK --set-xmark 0x1/0x1', '-j LOG --log-prefix "a "',
    '-j LOG --log-prefix "b "', '-j A', '-j B', '-g B', '-j REJECT --reject-with icmp-port-unreachable', '-j TOS --set-tos 0x10/0xff',
  ); // prettier-ignore
  const rule = words(
    seldom(other),
    maybe(fc.tuple(not, address).map(([negation, value]) => `${negation}-s ${value}`)),
    maybe(fc.tuple(not, address).map(([negation, value]) => `${negation}-d ${value}`)),
    maybe(interfaces),
    maybe(protocol),
    maybe(other),
    target,
  );
  const chain = fc.array(
    accepted(rule, (text) => {
      const diagnostics = new Diagnostics();
      parseSave(`*filter\n:A - [0:0]\n:B - [0:0]\n:C - [0:0]\n-A C ${text}\nCOMMIT\n`, '', 4, diagnostics);
      return !diagnostics.hasErrors;
    }),
    { minLength: 30, maxLength: 70 },
  );
  const ruleset = fc.tuple(chain, chain, chain, chain, fc.boolean()).map(([input, forward, a, b, tracks]) => {
    const lines = (name: string, rules: readonly string[]): string[] => rules.map((r) => `-A ${name} ${r}`);
    const calling = a.map((r) => r.replace(/-[jg] A\b/, '-j B'));
    const called = b.map((r) => r.replace(/-[jg] [AB]\b/, '-j ACCEPT'));
    const all = [
      ...lines('INPUT', input),
      ...lines('FORWARD', forward),
      ...lines('A', calling),
      ...lines('B', called),
    ]
      .map((line) => (line.startsWith('-A INPUT') ? line.replace(/(! )?-o eth0/, '') : line))
      // What tracks connections puts fragments together before any rule sees them.
      .map((line) => (tracks ? line : line.replace('-m conntrack --ctstate NEW', '')));
    return `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n${all.join('\n')}\nCOMMIT\n`;
  });

  it('come to the same, over random rulesets', async () => {
    await fc.assert(
      fc.asyncProperty(ruleset, PACKETS, async (rules, packets) => {
        const recorded = await play(rules, packets, { observer: RECORDER });
        expect(await play(rules, packets)).toEqual(recorded);
      }),
      { numRuns: RULESETS },
    );
  }, 600_000);
});

describe('nft: the fast walk and the recorded one', () => {
  const WIDE = ['2001:db8:2::10', '2001:db8:2::11', '2001:db8:9::5'];
  const address = fc.oneof(
    pick('saddr', 'daddr').chain((side) =>
      fc.oneof(
        pick(
          ...HOSTS,
          '192.168.1.0/24',
          '203.0.113.0/30',
          '!= 192.168.1.10',
          '{ 192.168.1.10, 203.0.113.5 }',
          '@hosts',
        ).map((value) => `ip ${side} ${value}`),
        pick(...WIDE, '2001:db8:2::/64', '{ 2001:db8:2::10, 2001:db8:9::5 }').map(
          (value) => `ip6 ${side} ${value}`,
        ),
      ),
    ),
  );
  const ports = fc
    .tuple(
      pick('tcp', 'udp', 'sctp', 'th'),
      pick('sport', 'dport'),
      pick(...PORTS.map(String), '1000-1010', '!= 80', '{ 22, 53 }', '{ 80, 1000-1010 }', '> 500'),
    )
    .map((parts) => parts.join(' '));
  const other = pick(
    'meta l4proto tcp', 'meta l4proto { tcp, udp }', 'iifname "eth0"', 'iifname != "eth0"', 'oifname "eth1"', 'iifname "eth*"',
    'ct state new', 'meta mark 1', 'counter', 'limit rate 5/second burst 2 packets', 'ip protocol udp', 'ip frag-off & 0x1fff != 0',
  ); // prettier-ignore
  const verdict = pick(
    '', 'accept', 'drop', 'return', 'counter', 'log prefix "a "', 'meta mark set 1', 'jump a', 'jump b', 'goto b', 'counter drop',
    'ip daddr set 203.0.113.6', 'tcp dport set 1000', 'reject', 'tcp dport vmap { 22 : drop, 80 : jump b }', 'update @seen { ip saddr counter }',
  ); // prettier-ignore
  const rule = words(seldom(other), maybe(address), maybe(ports), maybe(other), verdict).filter(
    (r) => r !== '',
  );
  const SETS = `set hosts { type ipv4_addr; elements = { 192.168.1.11, 203.0.113.6 } }
  set seen { type ipv4_addr; size 100; flags dynamic; }`;
  const chain = fc.array(
    accepted(rule, (text) => {
      try {
        return (
          tablesOf(`table inet t {\n${SETS}\nchain b { }\nchain a { }\nchain c { ${text}\n}\n}`).length > 0
        );
      } catch {
        return false;
      }
    }),
    { minLength: 30, maxLength: 70 },
  );
  const ruleset = fc.tuple(chain, chain, chain).map(([forward, a, b]) => {
    const body = (rules: readonly string[]): string => rules.join('\n    ');
    const calling = a.map((r) => r.replace(/(jump|goto) a$/, 'jump b'));
    const called = b.map((r) => r.replace(/(jump|goto) [ab]$/, 'accept').replace('jump b', 'accept'));
    return `table inet t {
  ${SETS}
  chain b {\n    ${body(called)}\n  }
  chain a {\n    ${body(calling)}\n  }
  chain forward {\n    type filter hook forward priority 0; policy accept;\n    ${body(forward)}\n  }
}`;
  });
  const packets = fc.array(
    fc
      .tuple(
        pick('eth0', 'eth1'),
        fc.oneof(
          fc.tuple(pick(...HOSTS), pick(...HOSTS)),
          fc.tuple(pick(...WIDE), pick(...WIDE)).map(([a, b]): [string, string] => [`[${a}]`, `[${b}]`]),
        ),
        pick(...PORTS),
        pick(...PORTS),
        pick('tcp', 'udp'),
      )
      .map(
        ([device, [from, to], source, destination, kind]) =>
          `${device}: ${kind} ${from}:${source} > ${to}:${destination} ${kind === 'tcp' ? 'S' : 'len 4'}`,
      ),
    { minLength: 5, maxLength: 40 },
  );

  it('come to the same, over random rulesets', async () => {
    await fc.assert(
      fc.asyncProperty(ruleset, packets, async (rules, steps) => {
        const plain = ({ lines, ...rest }: Awaited<ReturnType<typeof playNft>>) => ({
          ...rest,
          lines: lines.map(told),
        });
        const recorded = await playNft(rules, steps, RECORDER);
        expect(plain(await playNft(rules, steps))).toEqual(plain(recorded));
      }),
      { numRuns: RULESETS },
    );
  }, 600_000);
});

describe('an indexed chain', () => {
  const rules = (...more: string[]): string => `table ip t {
  chain forward {
    type filter hook forward priority 0; policy accept;
    ${Array.from({ length: 20 }, (_, i) => `ip daddr 10.0.0.${i} drop`).join('\n    ')}
    ${more.join('\n    ')}
  }
}`;

  it('is asked again where a rule has given the packet another address', async () => {
    const { logged } = await playNft(
      rules(
        'ip daddr 203.0.113.6 log prefix "before "',
        'ip daddr set 203.0.113.6',
        'ip daddr 203.0.113.6 log prefix "behind "',
        'ip daddr 203.0.113.5 log prefix "never "',
      ),
      ['eth1: udp 192.168.1.10:1000 > 203.0.113.5:53'],
    );
    expect(logged).toEqual(['behind']);
  });

  it('runs what comes before a condition, whether that hits or not', async () => {
    const { rules: listed } = await playNft(rules('counter ip daddr 203.0.113.6 drop'), [
      'eth1: udp 192.168.1.10:1000 > 203.0.113.5:53',
    ]);
    expect(listed).toContain('counter packets 1 bytes 28 ip daddr 203.0.113.6 drop');
  });
});

const ROOT = join(import.meta.dirname, '../..');

/** Rules that no packet of the captures matches, so many that the chain is walked by its index. */
const PADDING = Array.from({ length: 40 }, (_, i) => [
  `-s 240.0.0.${i}/32 -p tcp -m tcp --dport ${i} -j DROP`,
  `-p udp -m udp --dport ${60_000 + i} -d 240.0.0.${i}/32 -j DROP`,
]).flat();

describe('recorded captures: the fast walk and the recorded one', () => {
  for (const name of readdirSync(join(ROOT, 'captures'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name))
    it(`come to the same: ${name}`, async () => {
      const run = async (isPadded: boolean, observer: Observer | null): Promise<object> => {
        const diagnostics = new Diagnostics();
        const given = loadGiven({ hostDir: join(ROOT, 'rulesets', name) }, diagnostics);
        const own = new Set<Rule>();
        for (const table of given.ruleset.tables)
          for (const chain of table.chains.values()) for (const rule of chain.rules) own.add(rule);
        if (isPadded)
          for (const table of given.ruleset.tables)
            if (!table.nft && table.family === 'ip')
              for (const chain of table.chains.values()) chain.rules.unshift(...padding(chain.name));
        const source = openCaptures([join(ROOT, 'captures', name, 'any.pcap')]);
        await source.open();
        const { lines, replay } = await runReplay(source, given, { observer });
        const { program, tracker } = replay.kernel;
        let indexed = 0;
        for (const chain of program.chains) {
          const kept = chain.rules.filter(({ rule }) => own.has(rule));
          if (isPadded && chain.index) indexed++;
          chain.rules.splice(0, chain.rules.length, ...kept);
          chain.chain.rules.splice(0, chain.chain.rules.length, ...kept.map(({ rule }) => rule));
        }
        if (isPadded && given.ruleset.tables.some(({ nft }) => !nft)) expect(indexed).toBeGreaterThan(0);
        return {
          lines: [...lines].map(told),
          counts: replay.counts,
          saved: saveText(program, 4),
          nft: nftText(program, replay.lastTime),
          connections: conntrackText(tracker, replay.lastTime),
        };
      };
      const recorded = await run(false, RECORDER);
      expect(await run(false, null)).toEqual(recorded);
      expect(await run(true, null)).toEqual(recorded);
    });
});

/** PADDING as rules of a chain of that name. */
function padding(chain: string): Rule[] {
  const text = `*filter\n:${chain} - [0:0]\n${PADDING.map((rule) => `-A ${chain} ${rule}\n`).join('')}COMMIT\n`;
  const [table] = parseSave(text, 'padding', 4, new Diagnostics());
  return table.chains.get(chain)?.rules ?? [];
}
