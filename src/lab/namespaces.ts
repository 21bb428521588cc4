import { type Child, ended, shell, start, until } from './children.js';

/** An interface of the host under test; its other end is held by a peer that never answers by itself. */
export interface LabInterface {
  readonly name: string;
  readonly mac: string;
  /** `198.51.100.2/24`. */
  readonly addresses: readonly string[];
  /** Who sends to it and is sent to. */
  readonly peerMac: string;
  /** Addresses that are behind the peer's MAC. */
  readonly neighbours: readonly string[];
  /** It is a bridge, and this is its only port, which the peer is behind. */
  readonly port?: string;
  readonly mtu?: number;
}

/** A host to build in a network namespace. */
export interface LabHost {
  readonly interfaces: readonly LabInterface[];
  /** What `ip route add` takes. */
  readonly routes: readonly string[];
  /** What `ip rule add` takes. */
  readonly rules?: readonly string[];
  /** By name: `net.ipv4.ip_forward`. */
  readonly sysctls: Readonly<Record<string, string | number>>;
  /** Loads the rules; run in the host's namespace. */
  readonly setup: string;
}

/** The namespaces of one run: the host under test, and one for all the peers. */
export interface Lab {
  readonly host: string;
  readonly peer: string;
  /** Removes everything; it also goes when this process ends in whatever way. */
  close(): Promise<void>;
}

let runs = 0;

/** Whether this machine lets us build namespaces: root, and the tools. null: it does, else why not. */
export function missingForLab(tools: readonly string[] = TOOLS): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const tool of tools)
    try {
      shell(`command -v ${tool}`);
    } catch {
      return `needs ${tool}`;
    }
  return null;
}

const TOOLS = ['ip', 'iptables-legacy-restore', 'iptables-legacy-save', 'conntrack', 'tcpdump', 'flock'];

/** Builds the host. @throws LabError where the machine does not play along */
export async function buildLab(host: LabHost): Promise<Lab> {
  const prefix = `nfr${process.pid}x${runs++}`;
  const names = { host: `${prefix}h`, peer: `${prefix}p` };
  const guard = await watchdog([names.host, names.peer]);
  const lab: Lab = {
    ...names,
    async close() {
      guard.stdin.end();
      await ended(guard);
    },
  };
  try {
    shell(`ip netns add ${names.host} && ip netns add ${names.peer}`);
    shell(quietScript(), names.host);
    shell(quietScript(), names.peer);
    shell('ip -batch -', names.host, linkBatch(host, names.peer));
    shell(peerScript(host), names.peer);
    shell(sysctlScript(host.sysctls), names.host);
    shell('ip -batch -', names.host, addressBatch(host));
    shell(
      host.interfaces.map((i) => `ethtool -K ${i.port ?? i.name} tx off rx off >/dev/null 2>&1`).join(';') +
        '; true',
      names.host,
    );
    if (host.setup) shell(host.setup, names.host);
  } catch (error) {
    await lab.close();
    throw error;
  }
  return lab;
}

/** A process that outlives us by a moment: it removes the namespaces when its standard input ends, by whatever cause. */
async function watchdog(names: readonly string[]): Promise<Child> {
  const list = names.join(' ');
  const script = `trap '' INT TERM HUP; echo ready; cat >/dev/null
for n in ${list}; do for p in $(ip netns pids $n 2>/dev/null); do kill -9 $p; done; ip netns del $n 2>/dev/null; done`;
  const guard = start('setsid', 'sh', '-c', script);
  await until(guard, guard.stdout, 'ready');
  return guard;
}

/** No packets of their own: no IPv6 discovery, no multicast reports. */
function quietScript(): string {
  return `cd /proc/sys/net/ipv6/conf
for k in all default; do echo 1 > $k/disable_ipv6; done
echo 0 > /proc/sys/net/ipv4/igmp_max_memberships
ip link set lo up`;
}

function linkBatch({ interfaces }: LabHost, peer: string): string {
  return interfaces
    .flatMap((i, n) => {
      const veth = i.port ?? i.name;
      const mac = i.port ? '' : `address ${i.mac} `;
      return [
        ...(i.port ? [`link add ${i.name} address ${i.mac} type bridge mcast_snooping 0`] : []),
        `link add ${veth} ${mac}type veth peer name p${n} address ${i.peerMac} netns ${peer}`,
        ...(i.port ? [`link set ${i.port} master ${i.name}`, `link set ${i.port} multicast off up`] : []),
        ...(i.mtu ? [`link set ${i.name} mtu ${i.mtu}`] : []),
      ];
    })
    .join('\n');
}

function peerScript({ interfaces }: LabHost): string {
  return interfaces.map((_, n) => `ip link set p${n} up arp off multicast off`).join('\n');
}

function addressBatch({ interfaces, routes, rules = [] }: LabHost): string {
  return [
    ...interfaces.flatMap((i) => [
      ...i.addresses.map((a) => `addr add ${a} dev ${i.name}`),
      `link set ${i.name} multicast off up`,
      ...i.neighbours.map((a) => `neigh replace ${a} lladdr ${i.peerMac} dev ${i.name} nud permanent`),
    ]),
    ...routes.map((r) => `route add ${r}`),
    ...rules.map((r) => `rule add ${r}`),
  ].join('\n');
}

function sysctlScript(sysctls: LabHost['sysctls']): string {
  return Object.entries(sysctls)
    .map(([name, value]) => `echo ${value} > /proc/sys/${name.replace(/\./g, '/')}`)
    .join('\n');
}
