import type { LabPacket, LabRun } from '../../src/lab/record.js';
import { Conversation, type Flow } from './flow.js';
import * as others from './otherConversations.js';
import { makeRules, restoreText, type RuleLine, type Translation } from './rules.js';
import { Random } from './random.js';
import { flowIn, hostInSix, ruleInSix } from './six.js';
import { TcpConversation } from './tcpConversation.js';
import { INTERFACES, NEIGHBOURS, OWN, PEERS, POLICY, ROUTES, type Side, SIDES, SYSCTLS } from './topology.js';

/** What a seed stands for. */
export interface Scenario {
  readonly family: 4 | 6;
  readonly name: string;
  readonly sysctls: Readonly<Record<string, string | number>>;
  readonly policies: Readonly<Record<string, string>>;
  readonly rules: readonly RuleLine[];
  readonly packets: readonly LabPacket[];
}

/** Level 1: TCP, UDP and ping with filters. 2: NAT, ICMP errors, ports used again. 3: the rest. */
export function makeScenario(seed: number, level: number, family: 4 | 6 = 4): Scenario {
  const random = new Random(family === 4 ? `${seed}/${level}` : `${seed}/${level}/6`);
  const name = `k${family === 6 ? '6' : ''}${level}`;
  const tag = `${name}.${seed}:`;
  const { lines, translations } = makeRules(random, level, tag);
  const sysctls = pickSysctls(random, level);
  const quick = 'net.netfilter.nf_conntrack_udp_timeout' in sysctls;
  const flows: Conversation[] = [];
  const ports = [random.integer(1024, 60000), random.integer(1024, 60000), 53, 4000, 900];
  for (let n = random.integer(3, level === 1 ? 5 : 8); n > 0; n--)
    flows.push(converse(random, level, flowIn(family, makeFlow(random, level, translations, ports)), quick));
  const policies: Record<string, string> = {};
  for (const hook of ['INPUT', 'FORWARD', 'OUTPUT'])
    if (random.chance(0.1)) policies[`filter ${hook}`] = 'DROP';
  const rules = family === 4 ? lines : lines.map(({ table, text }) => ({ table, text: ruleInSix(text) }));
  return { family, name: `${name}-${seed}`, sysctls, policies, rules, packets: interleave(random, flows) };
}

/** Longer than a jiffy of any kernel that is likely to run this, µs. */
const TICK = 10_500;
const HOST = { interfaces: INTERFACES, neighbours: NEIGHBOURS, routes: ROUTES, rules: POLICY };

/** The run that gives a scenario to the kernel. */
export function runOf(scenario: Scenario): LabRun {
  const tag = `${scenario.name.replace('-', '.')}:`;
  return {
    host: {
      ...(scenario.family === 4 ? HOST : hostInSix()),
      sysctls: { ...SYSCTLS, ...scenario.sysctls },
      setups: [
        {
          command: `ip${scenario.family === 6 ? '6' : ''}tables-legacy-restore`,
          input: restoreText(scenario.rules, scenario.policies),
        },
      ],
    },
    // A connection of which a tick has seen too little is counted twice (`__nf_conncount_add()`): a tick for each.
    packets: scenario.rules.some((r) => r.text.includes('connlimit'))
      ? scenario.packets.map((p) => ({ ...p, wait: Math.max(p.wait, TICK) }))
      : scenario.packets,
    isOurs: scenario.rules.some((r) => r.text.includes('-j LOG') || r.text.includes('-j TRACE'))
      ? (line) => line.startsWith(tag) || line.startsWith('TRACE: ')
      : null,
  };
}

function pickSysctls(random: Random, level: number): Record<string, string | number> {
  const out: Record<string, string | number> = {};
  const maybe = (probability: number, name: string, value: number): void => {
    if (random.chance(probability)) out[`net.netfilter.nf_conntrack_${name}`] = value;
  };
  maybe(0.5, 'acct', 1);
  if (level < 2) return out;
  maybe(0.15, 'tcp_be_liberal', 1);
  maybe(0.15, 'tcp_loose', 0);
  maybe(0.1, 'tcp_ignore_invalid_rst', 1);
  maybe(0.1, 'checksum', 0);
  maybe(0.15, 'tcp_max_retrans', 2);
  if (level >= 3 && random.chance(0.15)) {
    for (const name of ['udp_timeout', 'tcp_timeout_syn_sent', 'tcp_timeout_close', 'icmp_timeout'])
      out[`net.netfilter.nf_conntrack_${name}`] = 1;
    out['net.netfilter.nf_conntrack_udp_timeout_stream'] = 4;
  }
  if (level >= 3 && random.chance(0.15)) out['net.ipv4.ip_forward_use_pmtu'] = 0;
  return out;
}

/** Who speaks to whom, each side seeing what the translations show it, mostly. */
function makeFlow(
  random: Random,
  level: number,
  translations: readonly Translation[],
  ports: readonly number[],
): Flow {
  const reuse = level >= 2 && random.chance(0.4);
  const sourcePort = reuse ? random.pick(...ports) : random.integer(1024, 65000);
  const known = translations.filter((t) => t.kind === 'destination');
  if (known.length > 0 && random.chance(0.5)) {
    const t = random.pick(...known);
    const from = random.chance(0.8) ? t.side : random.pick<Side>(...SIDES);
    const source = random.pick(...PEERS[from]);
    const knownPort = t.knownPort ?? 80;
    const to = t.to as Side;
    const client = {
      interface: from,
      source,
      destination: t.knownAs as string,
      sourcePort,
      destinationPort: knownPort,
    };
    const seen = sourceAfter(random, translations, to, source);
    return {
      client,
      server: {
        interface: to,
        source: t.address,
        destination: seen,
        sourcePort: t.port ?? knownPort,
        destinationPort: sourcePort,
      },
    };
  }
  const from = random.pick<Side>(...SIDES);
  const source = random.pick(...PEERS[from]);
  const destinationPort = random.pick(80, 443, 53, 3000, ...(level >= 2 ? ports : []));
  if (random.chance(0.3)) {
    const destination = random.chance(0.8)
      ? OWN[from]
      : random.pick(...Object.values(OWN), '198.51.100.3', '198.51.100.255', '192.168.1.255');
    return { client: { interface: from, source, destination, sourcePort, destinationPort }, server: null };
  }
  const to = random.pick<Side>(...SIDES.filter((s) => s !== from || level >= 3));
  const destination = random.pick(...PEERS[to]);
  return {
    client: { interface: from, source, destination, sourcePort, destinationPort },
    server: {
      interface: to,
      source: destination,
      destination: sourceAfter(random, translations, to, source),
      sourcePort: destinationPort,
      destinationPort: sourcePort,
    },
  };
}

function sourceAfter(random: Random, translations: readonly Translation[], to: Side, source: string): string {
  const t = translations.find((x) => x.kind === 'source' && x.side === to);
  return t && random.chance(0.85) ? t.address : source;
}

function converse(random: Random, level: number, flow: Flow, quick: boolean): Conversation {
  const kind = random.weighted<string>([
    [8, 'tcp'],
    [3, 'udp'],
    [2, 'ping'],
    [level >= 3 ? 2 : 0, 'sctp'],
    [level >= 3 ? 1 : 0, 'gre'],
    [level >= 3 ? 1 : 0, 'dccp'],
    [level >= 3 ? 1 : 0, 'odd'],
    [level >= 2 ? 1 : 0, 'fragments'],
  ]);
  if (kind === 'tcp') {
    const tcp = new TcpConversation(random, flow);
    tcp.run(random.integer(0, 12));
    return withErrors(random, level, tcp);
  }
  const c = new Conversation(random, flow);
  if (kind === 'udp') others.udp(c, quick);
  else if (kind === 'ping') others.ping(c);
  else if (kind === 'sctp') others.sctp(c);
  else if (kind === 'gre') others.gre(c);
  else if (kind === 'dccp') others.dccp(c);
  else if (kind === 'odd') others.unknownProtocol(c);
  else others.fragmented(c);
  return withErrors(random, level, c);
}

function withErrors(random: Random, level: number, c: Conversation): Conversation {
  if (level >= 2 && random.chance(0.35)) others.icmpErrors(c);
  return c;
}

/** Conversations at the same time, each in its own order. */
export function interleave(random: Random, flows: readonly Conversation[]): LabPacket[] {
  const queues = flows.map((f) => [...f.packets]).filter((q) => q.length > 0);
  const out: LabPacket[] = [];
  while (queues.length > 0) {
    const queue = random.pick(...queues);
    out.push(...queue.splice(0, random.integer(1, 4)));
    if (queue.length === 0) queues.splice(queues.indexOf(queue), 1);
  }
  return out;
}

/** The same scenario without LOG and TRACE, whose rules then only count: it needs no kernel log of its own. */
export function silent(scenario: Scenario): Scenario {
  return {
    ...scenario,
    rules: scenario.rules.map((r) => ({ ...r, text: r.text.replace(/ -j (LOG --.*|TRACE)$/, '') })),
  };
}
