import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { agreementText, compareRecording } from '../../src/lab/agreement.js';
import { ended, makeNamespace, type Namespace, shell } from '../../src/lab/children.js';
import { buildLab, type LabHost, missingForLab } from '../../src/lab/namespaces.js';
import { observe } from '../../src/lab/record.js';
import { type Puppet, startPuppet } from './puppet.js';
import { Random } from './random.js';
import { SYSCTLS } from './topology.js';

/*
 * FTP sessions between the TCP stacks of this kernel, through a router of this kernel that translates them: the helper writes
 * addresses of another length and lets in what it expects. What it counts, tracks and sends is what the simulation does; what
 * it logs meanwhile was recorded (test/engine/conntrack/helpers/recordings.test.ts).
 */

const { FTP_SEEDS = '2', FTP_FROM = '1', FTP_KEEP } = process.env;

const INSIDE = '10.1.0.2';
const OUTSIDE = '198.51.100.9';
const HOST = '198.51.100.2';

const rules = (nat: string): string => `*raw
-A PREROUTING -p tcp --dport 21 -j CT --helper ftp
COMMIT
*nat
${nat}
COMMIT
*filter
-A INPUT
-A FORWARD -m conntrack --ctstate RELATED -m helper --helper ftp
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -p tcp --dport 21 -j ACCEPT
-A FORWARD -j DROP
COMMIT
*mangle
-A POSTROUTING -p tcp --sport 21
-A POSTROUTING -m conntrack --ctstatus EXPECTED
COMMIT
`;

/** Who has the client, and what it takes for the server. */
const ROUTERS = {
  'masquerades the client': {
    nat: '-A POSTROUTING -o eth0 -j MASQUERADE',
    clientIsInside: true,
    server: OUTSIDE,
  },
  'sends the client to a server behind it': {
    nat: `-A PREROUTING -i eth0 -p tcp --dport 21 -j DNAT --to-destination ${INSIDE}`,
    clientIsInside: false,
    server: HOST,
  },
} as const;

function hostWith(nat: string): LabHost {
  return {
    interfaces: [
      { name: 'eth0', mac: '02:00:00:00:01:01', addresses: [`${HOST}/24`], peerMac: '02:00:00:00:01:02' },
      { name: 'eth1', mac: '02:00:00:00:02:01', addresses: ['10.1.0.1/24'], peerMac: '02:00:00:00:02:02' },
    ],
    neighbours: [],
    routes: [],
    sysctls: { ...SYSCTLS, 'net.netfilter.nf_conntrack_acct': 1 },
    setups: [{ command: 'iptables-legacy-restore', input: rules(nat) }],
  };
}

/** The ends of the host's interfaces get TCP stacks of their own. */
async function wire(peer: Namespace): Promise<{ ends: Namespace[]; close: () => Promise<void> }> {
  const made = [await makeNamespace(), await makeNamespace()];
  const ends = made.map(({ namespace }) => namespace);
  const addresses = [`${OUTSIDE}/24`, `${INSIDE}/24`];
  ends.forEach((end, i) => {
    shell(`ip link set p${i} down; ip link set p${i} netns ${end.pid}`, peer);
    shell(
      `for k in all default; do echo 1 > /proc/sys/net/ipv6/conf/$k/disable_ipv6; done; ip link set lo up
       ip link set p${i} arp on; ip addr add ${addresses[i]} dev p${i}; ip link set p${i} up
       ethtool -K p${i} tx off gso off tso off gro off > /dev/null 2>&1; true`,
      end,
    );
  });
  shell('ip route add default via 10.1.0.1', ends[1]);
  const close = async (): Promise<void> => {
    for (const { child } of made) child.stdin.end();
    await Promise.all(made.map(({ child }) => ended(child)));
  };
  return { ends, close };
}

/** One side of a control connection. */
interface Side {
  readonly puppet: Puppet;
  readonly address: string;
}

async function says(from: Side, to: Side, line: string): Promise<string> {
  await from.puppet.do('say', { as: 'control', text: `${line}\r\n` });
  return (await to.puppet.do('hear', { as: 'control' })).text ?? '';
}

/** Where a command or an answer says that its sender listens. */
function readPlace(line: string, fallback: string): { address: string; port: number } {
  const extended = /\|([^|]*)\|([^|]*)\|(\d+)\|/.exec(line);
  if (extended) return { address: extended[2] || fallback, port: Number(extended[3]) };
  const [a, b, c, d, high, low] = (/\d+(,\d+){5}/.exec(line)?.[0] ?? '').split(',').map(Number);
  return { address: [a, b, c, d].join('.'), port: high * 256 + low };
}

const COMMANDS = ['PORT', 'EPRT', 'PASV', 'EPSV', 'NOOP'] as const;

async function session(random: Random, client: Side, server: Side, called: string): Promise<void> {
  await server.puppet.do('listen', { as: 'control', address: server.address, port: 21 });
  await client.puppet.do('connect', { as: 'control', address: called, port: 21 });
  await server.puppet.do('accept', { as: 'control' });
  await says(server, client, '220 ready');
  await says(client, server, 'USER somebody');
  await says(server, client, '230 welcome');
  for (let n = random.integer(3, 7); n > 0; n--) {
    const command = random.pick(...COMMANDS);
    if (command === 'NOOP') {
      await says(client, server, 'NOOP');
      await says(server, client, '200 ok');
      continue;
    }
    const isActive = command === 'PORT' || command === 'EPRT';
    const [listener, caller] = isActive ? [client, server] : [server, client];
    if (!isActive) await says(client, server, command);
    const wanted = random.chance(0.5) ? 0 : random.integer(1024, 9999);
    const { address } = listener;
    const { port = 0 } = await listener.puppet.do('listen', { as: 'data', address, port: wanted });
    const six = `${address.replaceAll('.', ',')},${port >> 8},${port & 255}`;
    const told = {
      PORT: `PORT ${six}`,
      EPRT: `EPRT |1|${address}|${port}|`,
      PASV: `227 Entering Passive Mode (${six}).`,
      EPSV: `229 Entering Extended Passive Mode (|||${port}|)`,
    }[command];
    const place = readPlace(await says(listener, caller, told), called);
    if (isActive) await says(server, client, '200 ok');
    await caller.puppet.do('connect', { as: 'data', from: caller.address, ...place });
    await listener.puppet.do('accept', { as: 'data' });
    await says(client, server, 'RETR something');
    await says(server, client, '150 here it comes');
    await server.puppet.do('say', { as: 'data', text: 'x'.repeat(random.integer(1, 4000)) });
    await server.puppet.do('close', { as: 'data' });
    await client.puppet.do('drain', { as: 'data' });
    await client.puppet.do('close', { as: 'data' });
    await says(server, client, '226 done');
  }
  await says(client, server, 'QUIT');
  await says(server, client, '221 bye');
  for (const { puppet } of [server, client]) {
    await puppet.do('close', { as: 'control' });
    if (puppet === server.puppet) await client.puppet.do('drain', { as: 'control' });
  }
}

const missing = missingForLab([
  ...'ip unshare nsenter iptables-legacy-restore conntrack tcpdump flock ethtool'.split(' '),
]);
const why = missing ? ` (${missing})` : '';

describe.skipIf(missing !== null)(
  `FTP sessions go through this kernel as through the simulation${why}`,
  () => {
    for (const [name, { nat, clientIsInside, server }] of Object.entries(ROUTERS))
      for (let seed = Number(FTP_FROM); seed < Number(FTP_FROM) + Number(FTP_SEEDS); seed++)
        it(`a router that ${name}, seed ${seed}`, { timeout: 120_000 }, async () => {
          const directory = mkdtempSync(join(tmpdir(), 'nfreplay-ftp-'));
          const lab = await buildLab(hostWith(nat));
          const { ends, close } = await wire(lab.peer);
          try {
            await observe(lab, { isOurs: null, settle: 300 }, directory, async (inside) => {
              const outer = { puppet: await startPuppet(inside, ends[0]), address: OUTSIDE };
              const inner = { puppet: await startPuppet(inside, ends[1]), address: INSIDE };
              const [one, other] = clientIsInside ? [inner, outer] : [outer, inner];
              await session(new Random(`ftp/${seed}`), one, other, server);
            });
            const disagreement = agreementText(await compareRecording(directory));
            if (disagreement !== '' && FTP_KEEP !== undefined)
              cpSync(directory, join(FTP_KEEP, String(seed)), { recursive: true });
            expect(disagreement).toBe('');
          } finally {
            rmSync(directory, { recursive: true, force: true });
            await close();
            await lab.close();
          }
        });
  },
);
