import { setTimeout as delay } from 'node:timers/promises';
import { ended, makeNamespace, type Namespace, shell } from './children.js';

/** An interface of the host under test; but for bridges and VRFs, its other end is held by a peer that never answers. */
export interface LabInterface {
  readonly name: string;
  readonly kind?: 'veth' | 'bridge' | 'vrf';
  /** The bridge or VRF that it belongs to. */
  readonly master?: string;
  /** The table of a VRF. */
  readonly table?: number;
  /** What `link add` may be told; a port's own address matters to nobody. */
  readonly mac?: string;
  /** Who sends to it and is sent to. */
  readonly peerMac?: string;
  /** What `addr add` takes: `198.51.100.2/24`. */
  readonly addresses: readonly string[];
  readonly mtu?: number;
  readonly group?: number;
  /** It is left down. */
  readonly down?: boolean;
}

/** Whom the host reaches without asking. */
export interface LabNeighbour {
  readonly interface: string;
  readonly address: string;
  readonly mac: string;
}

/** What loads rules: a command, and what it reads. */
export interface LabSetup {
  readonly command: string;
  readonly input: string;
}

/** A host to build in a network namespace. */
export interface LabHost {
  readonly interfaces: readonly LabInterface[];
  readonly neighbours: readonly LabNeighbour[];
  /** What `ip route replace` takes, in order. */
  readonly routes: readonly string[];
  /** The routes are all there are: those that the kernel makes for addresses go first. */
  readonly hasAllRoutes?: boolean;
  /** What `ip rule` takes: `add fwmark 1 table 100 pref 1000`; `-6 add …`. */
  readonly rules?: readonly string[];
  /** By name: `net.ipv4.ip_forward`. */
  readonly sysctls: Readonly<Record<string, string | number>>;
  readonly usesIpv6?: boolean;
  readonly setups: readonly LabSetup[];
}

/** The namespaces of one run: the host under test, and one for all the peers. */
export interface Lab {
  readonly host: Namespace;
  readonly peer: Namespace;
  /** What `ip` and the kernel refused, in their words. */
  readonly refused: readonly string[];
  /** Removes everything; it also goes when this process ends in whatever way. */
  close(): Promise<void>;
}

/** Whether this machine lets us build namespaces: root, and the tools. null: it does, else why not. */
export function missingForLab(tools: readonly string[] = TOOLS): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = tools.filter((tool) => {
    try {
      shell(`command -v ${tool}`);
      return false;
    } catch {
      return true;
    }
  });
  return missing.length === 0 ? null : `needs ${missing.join(', ')}`;
}

const TOOLS = ['ip', 'unshare', 'nsenter', 'iptables-legacy-restore', 'iptables-legacy-save', 'conntrack', 'tcpdump', 'flock']; // prettier-ignore

/** How long a host with IPv6 addresses goes on telling the multicast routers of its groups, ms. */
const IPV6_SETTLES = 1500;

/** Builds the host. @throws LabError where the machine does not play along */
export async function buildLab(host: LabHost): Promise<Lab> {
  const holders = [await makeNamespace(), await makeNamespace()];
  const [inside, peer] = holders.map((h) => h.namespace);
  const refused: string[] = [];
  const close = async (): Promise<void> => {
    for (const { child } of holders) child.stdin.end();
    await Promise.all(holders.map(({ child }) => ended(child)));
  };
  try {
    shell(quietScript(host.usesIpv6 ?? false), inside);
    shell(quietScript(false), peer);
    shell('ip -batch -', inside, linkBatch(host, peer));
    shell('ip -batch -', peer, peerBatch(host));
    setSysctls(host, inside);
    refused.push(...addressing(host, inside));
    // What new addresses make the host send is over before there are rules, whose limits it would use up.
    if (host.usesIpv6) await delay(IPV6_SETTLES);
    for (const { command, input } of host.setups) shell(command, inside, input);
    // Conntrack's own sysctls are there once the module is; rules may be what loads it.
    refused.push(...setSysctls(host, inside));
  } catch (error) {
    await close();
    throw error;
  }
  return { host: inside, peer, refused, close };
}

/** The interface whose other end is the peer's: itself, or the first port of a bridge. */
export function wiredTo({ interfaces }: LabHost, name: string): LabInterface | undefined {
  const found = interfaces.find((i) => i.name === name);
  if (found?.kind === 'bridge') return interfaces.find((i) => isWired(i) && i.master === name);
  return found && isWired(found) ? found : undefined;
}

function isWired({ kind = 'veth' }: LabInterface): boolean {
  return kind === 'veth';
}

/** The peer's end of an interface. */
export function peerEnd({ interfaces }: LabHost, { name }: LabInterface): string {
  return `p${interfaces.findIndex((i) => i.name === name)}`;
}

/** No packets of their own: no IPv6 discovery, no multicast reports. */
function quietScript(usesIpv6: boolean): string {
  const six = usesIpv6
    ? [
        'autoconf 0',
        'accept_ra 0',
        'router_solicitations 0',
        'accept_dad 0',
        'dad_transmits 0',
        'addr_gen_mode 1',
        'mldv1_unsolicited_report_interval 0',
        'mldv2_unsolicited_report_interval 0',
      ]
    : ['disable_ipv6 1'];
  return `cd /proc/sys/net/ipv6/conf 2>/dev/null && for k in all default; do
${six.map((setting) => `set -- ${setting}; echo $2 > $k/$1`).join('\n')}
done
echo 1 > /proc/sys/net/ipv6/mld_qrv
echo 0 > /proc/sys/net/ipv4/igmp_max_memberships
ip link set lo up`;
}

function linkBatch(host: LabHost, peer: Namespace): string {
  const rows = host.interfaces.map((i) => {
    const mac = i.mac ? ` address ${i.mac}` : '';
    const mtu = i.mtu ? ` mtu ${i.mtu}` : '';
    switch (i.kind ?? 'veth') {
      case 'bridge':
        return `link add ${i.name}${mac}${mtu} type bridge mcast_snooping 0`;
      case 'vrf':
        return `link add ${i.name} type vrf table ${i.table ?? 0}`;
      case 'veth': {
        const other = i.peerMac ? ` address ${i.peerMac}` : '';
        return `link add ${i.name}${mac}${mtu} type veth peer name ${peerEnd(host, i)}${other} netns ${peer.pid}`;
      }
    }
  });
  for (const i of host.interfaces) {
    if (i.master) rows.push(`link set ${i.name} master ${i.master}`);
    if (i.group) rows.push(`link set ${i.name} group ${i.group}`);
    rows.push(`link set ${i.name} multicast off`);
  }
  return rows.join('\n');
}

function peerBatch(host: LabHost): string {
  return host.interfaces
    .filter(isWired)
    .map((i) => `link set ${peerEnd(host, i)} up arp off multicast off`)
    .join('\n');
}

/** Addresses, routes and rules. @returns what was refused */
function addressing(host: LabHost, inside: Namespace): string[] {
  const { interfaces, neighbours, routes, rules = [] } = host;
  // A checksum that is left to the device is not one to capture.
  const offloads = interfaces.filter(isWired).map((i) => `ethtool -K ${i.name} tx off rx off`);
  shell(`{ ${offloads.join('\n')}\n} >/dev/null 2>&1; true`, inside);
  const flush = host.hasAllRoutes ? ['route flush table main'] : [];
  const six = (rule: string): boolean => rule.startsWith('-6 ');
  return [
    ...ipBatch(
      [
        ...interfaces.flatMap((i) => i.addresses.map((a) => `addr add ${a} dev ${i.name}`)),
        ...interfaces.filter((i) => !i.down).map((i) => `link set ${i.name} up`),
        ...neighbours.map(
          (n) => `neigh replace ${n.address} lladdr ${n.mac} dev ${n.interface} nud permanent`,
        ),
        ...flush,
      ],
      inside,
    ),
    ...ipBatch([...flush, ...rules.filter(six).map((r) => `rule ${r.slice(3)}`)], inside, '-6'),
    ...ipBatch(
      [...routes.map((r) => `route replace ${r}`), ...rules.filter((r) => !six(r)).map((r) => `rule ${r}`)],
      inside,
    ),
  ];
}

/** Runs commands of `ip`, each whatever became of the others. @returns those that were refused, with the reason */
function ipBatch(rows: readonly string[], inside: Namespace, family = ''): string[] {
  const said = shell(`ip ${family} -force -batch - 2>&1; true`, inside, `${rows.join('\n')}\n`);
  const refused: string[] = [];
  let why = '';
  for (const line of said.split('\n')) {
    const failed = /^Command failed -:(\d+)$/.exec(line);
    if (failed) {
      refused.push(`ip ${family === '' ? '' : '-6 '}${rows[Number(failed[1]) - 1]}: ${why}`);
      why = '';
    } else if (why === '') why = line.replace(/^(Error|RTNETLINK answers): /, '');
  }
  return refused;
}

/** @returns those that could not be set */
function setSysctls({ sysctls }: LabHost, inside: Namespace): string[] {
  const wanted = Object.entries(sysctls).filter(([name]) => isSysctl(name));
  const paths = wanted.map(([name]) => `${path(name)}\0`).join('');
  const said = shell('cd /proc/sys && xargs -0 -r grep -s "" /dev/null; true', inside, paths);
  const now = new Map(said.split('\n').map((l) => [l.slice(0, l.indexOf(':')), l.slice(l.indexOf(':') + 1)]));
  // One that is as it should be is left alone: setting ip_forward also sets what each interface does.
  const rows = wanted.filter(([name, value]) => now.get(path(name)) !== String(value));
  const script =
    'cd /proc/sys && while read -r name value; do { echo "$value" > "$name"; } 2>/dev/null || echo "$name $value"; done; true';
  return shell(script, inside, rows.map(([name, value]) => `${path(name)} ${value}\n`).join(''))
    .split('\n')
    .filter((l) => l !== '')
    .map((l) => `sysctl ${l.replace(' ', '=').replaceAll('/', '.')}`);
}

/** `net.ipv4.conf.eth0/100.rp_filter` as a path: a slash is a dot in a name there. */
function path(name: string): string {
  return name.replace(/[./]/g, (c) => (c === '.' ? '/' : '.'));
}

/** Only what is under net, and no way out of it. */
function isSysctl(name: string): boolean {
  return (
    /^net(\.[^\s.]+)+$/.test(name) &&
    path(name)
      .split('/')
      .every((part) => !/^\.*$/.test(part))
  );
}
