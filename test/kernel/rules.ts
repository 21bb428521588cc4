import { OWN, PEERS, SIDES, type Side } from './topology.js';
import type { Random } from './random.js';

/** One line of an iptables-restore file, with the table that it belongs to. */
export interface RuleLine {
  readonly table: string;
  readonly text: string;
}

/** A translation that the scenario's rules make, so that peers can answer what they would have seen. */
export interface Translation {
  readonly kind: 'source' | 'destination';
  /** source: leaves by it; destination: comes in by it. */
  readonly side: Side;
  /** source: the new one. destination: where it goes, and under which address and port it is known. */
  readonly address: string;
  readonly port?: number;
  readonly knownAs?: string;
  readonly knownPort?: number;
  readonly to?: Side;
}

export interface Rules {
  readonly lines: readonly RuleLine[];
  readonly translations: readonly Translation[];
}

const HOOKS: Record<string, readonly string[]> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};
const STATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'];

/** Rules that show what conntrack thinks of every packet, and others that meddle. */
export function makeRules(random: Random, level: number, tag: string): Rules {
  const lines: RuleLine[] = [];
  const translations: Translation[] = [];
  let logs = 0;
  const add = (table: string, text: string): void => void lines.push({ table, text });
  const log = (): string => {
    const options = random.chance(0.25)
      ? random.pick(' --log-tcp-sequence', ' --log-tcp-options', ' --log-ip-options')
      : '';
    return `-j LOG --log-prefix "${tag}${logs++} "${options}`;
  };
  for (const [table, chain] of [
    ['mangle', 'PREROUTING'],
    ['mangle', 'POSTROUTING'],
    ['filter', 'INPUT'],
    ['filter', 'OUTPUT'],
  ])
    for (const state of STATES)
      if (random.chance(0.7)) add(table, `-A ${chain} -m conntrack --ctstate ${state} ${log()}`);
  if (level >= 2) addTranslations(random, level, add, translations);
  const users = level >= 2 ? ['UA', 'UB', 'UC'].slice(0, random.integer(0, 3)) : [];
  for (const table of level >= 2 ? ['raw', 'mangle', 'filter'] : ['filter']) {
    const chains = HOOKS[table];
    // A user chain serves one hook: what its rules may say depends on it.
    const home = users.map(() => random.pick(...chains));
    for (const chain of chains)
      for (let n = random.integer(0, table === 'filter' ? 3 : 1); n > 0; n--) {
        const own = users.filter((_, i) => home[i] === chain).map((u) => `${u}${table[0]}`);
        add(table, `-A ${chain} ${rule(random, level, table, chain, own, log, false)}`);
      }
    users.forEach((user, i) => {
      const later = users.filter((_, k) => k > i && home[k] === home[i]).map((u) => `${u}${table[0]}`);
      for (let n = random.integer(1, 3); n > 0; n--)
        add(table, `-A ${user}${table[0]} ${rule(random, level, table, home[i], later, log, true)}`);
    });
  }
  for (const chain of HOOKS.nat) if (level >= 2 && random.chance(0.4)) add('nat', `-A ${chain} ${log()}`);
  if (level >= 3 && random.chance(0.15))
    add(
      'raw',
      `-A PREROUTING -p ${random.pick('tcp', 'udp', 'icmp')} -m limit --limit 1/hour --limit-burst 3 -j TRACE`,
    );
  return { lines, translations };
}

function addTranslations(
  random: Random,
  level: number,
  add: (table: string, text: string) => void,
  translations: Translation[],
): void {
  for (let n = random.integer(0, 2); n > 0; n--) {
    const side = random.pick('eth0', 'eth0', 'eth1') as Side;
    const to = random.pick<Side>('docker0', 'docker0', 'eth1', 'eth0');
    const address = random.pick(...PEERS[to]);
    const known = random.pick(OWN[side], '198.51.100.3');
    const knownPort = random.pick(80, 8080, 53);
    const port = random.pick(80, 3000, 53);
    const limit = random.chance(0.5) ? `-i ${side} ` : '';
    const proto = random.pick('tcp', 'udp', 'tcp', ...(level >= 3 ? ['sctp'] : []));
    const what = random.weighted([
      [5, `-p ${proto} -m ${proto} --dport ${knownPort} -j DNAT --to-destination ${address}:${port}`],
      [2, `-j DNAT --to-destination ${address}`],
      [1, `-p tcp -j DNAT --to-destination ${address}:${port}-${port + 3}`],
      [1, `-p udp -j REDIRECT --to-ports ${port}`],
      [1, `-j NETMAP --to ${to === 'docker0' ? '172.17.0.0/24' : '192.168.1.0/24'}`],
    ]);
    add('nat', `-A ${random.chance(0.85) ? `PREROUTING ${limit}` : 'OUTPUT '}-d ${known} ${what}`);
    translations.push({
      kind: 'destination',
      side,
      to,
      address,
      port: what.includes(':') ? port : undefined,
      knownAs: known,
      knownPort,
    });
  }
  for (let n = random.integer(0, 2); n > 0; n--) {
    const side = random.pick<Side>('eth0', 'eth0', 'eth0', 'docker0', 'eth1');
    const address = random.pick(OWN[side], OWN[side], '198.51.100.77');
    const from = random.chance(0.5)
      ? `-s ${random.pick('192.168.1.0/24', '172.17.0.0/16', '10.9.0.0/16')} `
      : '';
    const what = random.weighted([
      [4, '-j MASQUERADE'],
      [3, `-j SNAT --to-source ${address}`],
      [1, `-p tcp -j SNAT --to-source ${address}:4000-4003`],
      [1, `-p udp -j MASQUERADE --to-ports 5000-5001`],
      [1, `-j SNAT --to-source 198.51.100.80-198.51.100.83${random.pick('', ' --persistent')}`],
      [level >= 3 ? 1 : 0, `-p tcp -j MASQUERADE --random`],
    ]);
    add('nat', `-A POSTROUTING ${from}-o ${side} ${what}`);
    translations.push({ kind: 'source', side, address: what.includes('MASQ') ? OWN[side] : address });
  }
  if (random.chance(0.2))
    add('nat', `-A INPUT -j SNAT --to-source ${random.pick('192.168.1.254', '198.51.100.9')}`);
}

function matches(random: Random, level: number, chain: string, table: string): string {
  const parts: string[] = [];
  const proto = random.pick('tcp', 'tcp', 'udp', 'icmp', ...(level >= 3 ? ['sctp', '47', 'all'] : []));
  if (proto !== 'all' && random.chance(0.6)) {
    parts.push(`-p ${proto}`);
    if (proto === 'tcp' && random.chance(0.5))
      parts.push(
        random.pick(
          '--tcp-flags SYN,ACK SYN',
          '--tcp-flags RST RST',
          '--tcp-flags FIN FIN',
          '--dport 80',
          '--sport 1024:',
          '--tcp-flags ACK,PSH ACK,PSH',
          '--tcp-option 8',
        ),
      );
    if (proto === 'udp' && random.chance(0.4)) parts.push(random.pick('--dport 53', '--sport 1024:65535'));
    if (proto === 'icmp' && random.chance(0.4))
      parts.push(random.pick('--icmp-type 8', '--icmp-type 3', '--icmp-type 0', '--icmp-type 11'));
  }
  if (['PREROUTING', 'INPUT', 'FORWARD'].includes(chain) && random.chance(0.3))
    parts.push(`-i ${random.pick(...SIDES)}`);
  if (['OUTPUT', 'POSTROUTING', 'FORWARD'].includes(chain) && random.chance(0.3))
    parts.push(`-o ${random.pick(...SIDES)}`);
  if (random.chance(0.15))
    parts.push(
      `${random.pick('-s', '-d')} ${random.pick('192.168.1.0/24', '172.17.0.0/16', '198.51.100.0/24', '203.0.113.0/24')}`,
    );
  if (level >= 2 && table !== 'raw' && random.chance(0.06))
    parts.push(
      `-m connlimit --connlimit-${random.pick('above', 'upto')} ${random.integer(0, 3)} --connlimit-mask ${random.pick(0, 16, 32)} --connlimit-${random.pick('saddr', 'daddr')}`,
    );
  if (table !== 'raw' && random.chance(0.5))
    parts.push(
      random.pick(
        `-m conntrack --ctstate ${random.pick('NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'RELATED,ESTABLISHED', 'SNAT', 'DNAT')}`,
        `-m conntrack --ctdir ${random.pick('ORIGINAL', 'REPLY')}`,
        `-m conntrack --ctstatus ${random.pick('ASSURED', 'SEEN_REPLY', 'CONFIRMED', 'EXPECTED', 'NONE')}`,
        `-m conntrack --ctreplsrc ${random.pick('172.17.0.0/16', '198.51.100.0/24')}`,
        `-m connmark --mark ${random.pick('0x1', '0x0', '0x2/0x2')}`,
        `-m mark --mark ${random.pick('0x1', '0x64', '0')}`,
        ...(level >= 3
          ? [
              `-m connbytes --connbytes ${random.pick('2:', '3:6', '200:')} --connbytes-dir ${random.pick('original', 'reply', 'both')} --connbytes-mode ${random.pick('packets', 'bytes', 'avgpkt')}`,
              `-m conntrack --ctexpire ${random.pick('0:30', '31:120', '121:300', '301:')}`,
            ]
          : []),
      ),
    );
  return parts.join(' ');
}

function rule(
  random: Random,
  level: number,
  table: string,
  chain: string,
  users: readonly string[],
  log: () => string,
  inUser: boolean,
): string {
  const tests = matches(random, level, chain, table);
  const choices: (readonly [number, () => string])[] = [[4, log]];
  if (users.length > 0) choices.push([4, () => `${random.pick('-j', '-j', '-g')} ${random.pick(...users)}`]);
  if (inUser) choices.push([2, () => '-j RETURN']);
  if (table === 'filter') {
    choices.push([2, () => '-j ACCEPT'], [level === 1 ? 1 : 2, () => '-j DROP']);
    choices.push([
      1,
      () =>
        `-j REJECT --reject-with ${random.pick('icmp-port-unreachable', 'icmp-host-prohibited', 'icmp-net-unreachable', 'icmp-proto-unreachable')}`,
    ]);
    if (tests.startsWith('-p tcp')) choices.push([1, () => '-j REJECT --reject-with tcp-reset']);
  }
  if (table === 'raw') {
    choices.push([1, () => '-j NOTRACK'], [0.5, () => '-j DROP']);
    if (level >= 3)
      choices.push([1, () => `-j CT --zone${random.pick('', '-orig', '-reply')} ${random.integer(1, 2)}`]);
  }
  if (table === 'mangle') {
    choices.push([3, () => `-j MARK --set-xmark ${random.pick('0x1', '0x64', '0x2/0x2')}`]);
    choices.push([
      2,
      () =>
        `-j CONNMARK ${random.pick('--set-xmark 0x1', '--save-mark', '--restore-mark', '--set-xmark 0x2/0x2')}`,
    ]);
    if (level >= 3) {
      choices.push([
        1,
        () => `-j TTL ${random.pick('--ttl-set 1', '--ttl-dec 1', '--ttl-inc 5', '--ttl-set 64')}`,
      ]);
      choices.push([1, () => `-j TOS --set-tos ${random.pick('0x10/0x3f', '0x00/0xff')}`]);
      if (chain !== 'INPUT') choices.push([0.5, () => '-j DROP']);
    }
  }
  return `${tests} ${random.weighted(choices)()}`;
}

/** What iptables-restore reads; empty for no rules at all, so that nothing is registered. */
export function restoreText(
  lines: readonly RuleLine[],
  policies: Readonly<Record<string, string>> = {},
): string {
  return Object.entries(HOOKS)
    .filter(([table]) => lines.some((l) => l.table === table))
    .map(([table, hooks]) => {
      const own = lines.filter((l) => l.table === table);
      const named = new Set(own.flatMap((l) => l.text.match(/(?<=^-A |-[jg] )U[ABC][a-z]/g) ?? []));
      const chains = [
        ...hooks.map((h) => `:${h} ${policies[`${table} ${h}`] ?? 'ACCEPT'} [0:0]`),
        ...[...named].map((n) => `:${n} - [0:0]`),
      ];
      return [`*${table}`, ...chains, ...own.map((l) => l.text), 'COMMIT'].join('\n') + '\n';
    })
    .join('');
}
