import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadGiven } from '../../src/given.js';
import { agreementText, compareRecording } from '../../src/lab/agreement.js';
import { missingForLab } from '../../src/lab/namespaces.js';
import { linesOf, tracesNft } from '../../src/lab/ourLines.js';
import { type LabPacket, record } from '../../src/lab/record.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { Conversation, type Flow } from './flow.js';
import * as others from './otherConversations.js';
import { Random } from './random.js';
import { interleave } from './scenario.js';
import { flowIn, hostInSix } from './six.js';
import { TcpConversation } from './tcpConversation.js';
import { INTERFACES, NEIGHBOURS, OWN, PEERS, POLICY, ROUTES, type Side, SIDES, SYSCTLS } from './topology.js';

/*
 * Rulesets in the shapes that container engines, hosting panels, routers and intrusion blockers load, with conversations to
 * the ports that they name: what the kernel logs, counts, tracks and sends is what the simulation does.
 */

const {
  FIREWALL_SEEDS = '1',
  FIREWALL_FROM = '1',
  FIREWALLS = join(import.meta.dirname, 'firewalls'),
  FIREWALL_KEEP,
} = process.env;

/** How the rules in a file are given to the kernel; its packets are of IPv6 where the rules are. */
const LOADERS = new Map([
  ['.v4', 'iptables-legacy-restore'],
  ['.v6', 'ip6tables-legacy-restore'],
  ['.nft', 'nft -f -'],
]);
/** Nobody's addresses here, and such as no packet may come from. */
const STRANGERS = {
  4: ['203.0.113.66', '192.0.2.7', '100.64.0.9', '10.0.0.9', '127.0.0.9', '240.0.0.1', '0.0.0.0'],
  6: ['2001:db8:bad::66', 'fd99::7', 'fe80::9', '::1', 'ff02::9'],
} as const;
const EVERYBODY = {
  4: ['198.51.100.255', '192.168.1.255', '224.0.0.251', '255.255.255.255'],
  6: ['ff02::1', 'ff02::fb', 'ff05::2'],
} as const;
const CONVERSATIONS = 26;

const missing = missingForLab();
const why = missing ? ` (${missing})` : '';

describe.skipIf(missing !== null)(`rules of whole programs decide as in this kernel${why}`, () => {
  for (const file of readdirSync(FIREWALLS).filter((name) => LOADERS.has(extname(name))))
    for (let seed = Number(FIREWALL_FROM); seed < Number(FIREWALL_FROM) + Number(FIREWALL_SEEDS); seed++)
      it(`${file}, seed ${seed}`, { timeout: 120_000 }, async () => {
        const kind = extname(file);
        const family = kind === '.v6' ? 6 : 4;
        const path = join(FIREWALLS, file);
        const rules = readFileSync(path, 'utf8');
        const sets = path.slice(0, -kind.length) + '.ipset';
        const random = new Random(`${file}/${seed}`);
        const host = {
          interfaces: INTERFACES,
          neighbours: NEIGHBOURS,
          routes: ROUTES,
          rules: POLICY,
          ...(family === 6 ? hostInSix() : {}),
          sysctls: { ...SYSCTLS, 'net.netfilter.nf_conntrack_acct': seed % 2 },
          setups: [
            ...(existsSync(sets) ? [{ command: 'ipset restore', input: readFileSync(sets, 'utf8') }] : []),
            { command: LOADERS.get(kind) ?? '', input: rules },
          ],
        };
        const { ruleset } = loadGiven({ rulesFiles: [path] }, new Diagnostics());
        const directory = mkdtempSync(join(tmpdir(), 'nfreplay-firewalls-'));
        try {
          await record(
            {
              host,
              packets: packetsFor(random, rules, family),
              isOurs: linesOf(ruleset, host),
              traces: tracesNft(ruleset),
            },
            directory,
          );
          const disagreement = agreementText(await compareRecording(directory));
          if (disagreement !== '' && FIREWALL_KEEP !== undefined)
            cpSync(directory, join(FIREWALL_KEEP, `${file}-${seed}`), { recursive: true });
          expect(disagreement).toBe('');
        } finally {
          rmSync(directory, { recursive: true, force: true });
        }
      });
});

function packetsFor(random: Random, rules: string, family: 4 | 6): LabPacket[] {
  const named = [...rules.matchAll(/(?:[ds]ports?|ports) (?:\{ )?([\d:,-]+(?:, [\d-]+)*)/g)];
  const ports = [
    ...new Set([...named.flatMap((found) => found[1].split(/[-:, ]+/).map(Number)), 22, 53, 80, 443]),
  ];
  const forwarded = [
    ...rules.matchAll(/dport (\d+) .*(?:-j DNAT --to-destination|dnat (?:ip )?to) ([\d.]+):(\d+)\n/g),
  ].map(([, port, to, toPort]) => ({ port: Number(port), to, toPort: Number(toPort) }));
  const flows: Conversation[] = [];
  for (let n = CONVERSATIONS; n > 0; n--) {
    const flow = random.chance(forwarded.length > 0 ? 0.25 : 0)
      ? inward(random, random.pick(...forwarded))
      : between(random, family, ports, /masquerade/i.test(rules));
    flows.push(converse(random, flowIn(family, flow)));
  }
  return interleave(random, flows);
}

/** To a port of the host that is another's. */
function inward(random: Random, { port, to, toPort }: { port: number; to: string; toPort: number }): Flow {
  const source = random.pick(...PEERS.eth0);
  const sourcePort = random.integer(1024, 65000);
  const side: Side = to.startsWith('172.') ? 'docker0' : 'eth1';
  return {
    client: { interface: 'eth0', source, destination: OWN.eth0, sourcePort, destinationPort: port },
    server: {
      interface: side,
      source: to,
      destination: source,
      sourcePort: toPort,
      destinationPort: sourcePort,
    },
  };
}

function between(random: Random, family: 4 | 6, ports: readonly number[], masquerades: boolean): Flow {
  const sourcePort = random.chance(0.2) ? random.pick(...ports) : random.integer(1024, 65000);
  const destinationPort = random.chance(0.85) ? random.pick(...ports) : random.integer(1, 65535);
  const from = random.pick<Side>(...SIDES);
  const source = random.chance(0.15)
    ? random.pick<string>(...STRANGERS[family])
    : random.pick(...PEERS[from]);
  const client = { interface: from, source, sourcePort, destinationPort };
  if (random.chance(0.1))
    return { client: { ...client, destination: random.pick<string>(...EVERYBODY[family]) }, server: null };
  if (random.chance(0.4)) return { client: { ...client, destination: OWN[from] }, server: null };
  const to = random.pick<Side>(...SIDES.filter((side) => side !== from));
  const destination = random.pick(...PEERS[to]);
  const seen = masquerades && to === 'eth0' && random.chance(0.85) ? OWN.eth0 : source;
  return {
    client: { ...client, destination },
    server: {
      interface: to,
      source: destination,
      destination: seen,
      sourcePort: destinationPort,
      destinationPort: sourcePort,
    },
  };
}

function converse(random: Random, flow: Flow): Conversation {
  const kind = random.weighted<string>([
    [8, 'tcp'],
    [5, 'udp'],
    [3, 'ping'],
    [1, 'gre'],
    [1, 'odd'],
    [1, 'fragments'],
  ]);
  let c = new Conversation(random, flow);
  if (kind === 'tcp') {
    const tcp = new TcpConversation(random, flow);
    tcp.run(random.integer(0, 9));
    c = tcp;
  } else if (kind === 'udp') others.udp(c, false);
  else if (kind === 'ping') others.ping(c);
  else if (kind === 'gre') others.gre(c);
  else if (kind === 'odd') others.unknownProtocol(c);
  else others.fragmented(c);
  if (random.chance(0.25)) others.icmpErrors(c);
  return c;
}
