import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatMac } from '../../src/address/mac.js';
import { parseAddress } from '../../src/address/ip.js';
import { loadGiven } from '../../src/given.js';
import { collectScript } from '../../src/host/collect.js';
import { readHost } from '../../src/host/snapshot.js';
import { makeNamespace, shell as inside } from '../../src/lab/children.js';
import { missingForLab } from '../../src/lab/namespaces.js';
import { Protocol } from '../../src/packet/numbers.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { scratch } from '../cli/examples.js';

const pathOf = (program: string): string | null =>
  spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim() || null;

/** Shells, each with where the commands come from that a host without anything else has. */
const SHELLS: readonly (readonly [
  name: string,
  shell: string | null,
  tools: (name: string) => string | null,
])[] = [
  ['dash', pathOf('dash'), pathOf],
  ['busybox', pathOf('busybox'), () => pathOf('busybox')],
  ['sh', pathOf('sh'), pathOf],
];
const TOOLS = ['mkdir', 'ls', 'rm', 'uname', 'date', 'grep', 'cat', 'awk'];

let dir = '';
let shell: readonly string[] = [];

function prepare([name, path, toolOf]: (typeof SHELLS)[number]): void {
  dir = mkdtempSync(join(tmpdir(), 'nfreplay-collect-'));
  writeFileSync(join(dir, 'collect.sh'), collectScript());
  mkdirSync(join(dir, 'bin'));
  for (const tool of TOOLS) symlinkSync(toolOf(tool) ?? tool, join(dir, 'bin', tool));
  shell = name === 'busybox' ? [path ?? '', 'sh'] : [path ?? ''];
}
/** Puts a command of that name, which prints `text`, where the script looks first. */
function command(name: string, text: string, status = 0): void {
  const path = join(dir, 'bin', name);
  const print = text === '' ? '' : `cat <<'END'\n${text}\nEND\n`;
  writeFileSync(path, `#!/bin/sh\n${print}exit ${status}\n`);
  chmodSync(path, 0o755);
}

function collect(): { status: number | null; stderr: string } {
  // The script itself adds the usual places to the path; here they are to be empty.
  const script = readFileSync(join(dir, 'collect.sh'), 'utf8').replace(
    /^PATH=.*$/m,
    `PATH=${join(dir, 'bin')}`,
  );
  const [program, ...first] = shell;
  return spawnSync(program, [...first, '-c', script, 'collect.sh', join(dir, 'snap')], { encoding: 'utf8' });
}

describe.each(SHELLS.map((s) => ({ name: s[0], there: s[1] !== null, s })))(
  'the collecting script, by $name',
  ({ there, s }) => {
    beforeEach(({ skip }) => {
      skip(!there, 'not installed');
      prepare(s);
    });
    afterEach(() => {
      rmSync(dir, { recursive: true, force: true });
    });

    it('keeps what the commands print, for readHost to read', () => {
      command('ip', '[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK"]}]');
      command('sysctl', 'kernel.ostype = Linux\nnet.ipv4.ip_forward = 1');
      command('ss', 'tcp LISTEN 0 16 0.0.0.0:22 0.0.0.0:*');
      command('iptables-save', '*filter\nCOMMIT');
      command('iptables', 'iptables v1.8.9 (legacy)');
      const { status, stderr } = collect();
      expect(status).toBe(0);
      expect(stderr).toMatch(/Now capture/);
      const snap = join(dir, 'snap');
      expect(readFileSync(join(snap, 'sysctl.txt'), 'utf8')).toBe('net.ipv4.ip_forward = 1\n');
      expect(readFileSync(join(snap, 'iptables-save.txt'), 'utf8')).toBe('*filter\nCOMMIT\n');
      const diagnostics = new Diagnostics();
      const host = readHost(snap, diagnostics);
      expect(diagnostics.hasErrors).toBe(false);
      expect(host.sockets).toHaveLength(1);
      expect(host.sysctlNumber('net.ipv4.ip_forward')).toBe(1);
    });

    it('goes on without any of the commands, and says which were missing', () => {
      const { status, stderr } = collect();
      expect(status).toBe(0);
      expect(stderr).toMatch(/tcpdump is not installed/);
      expect(stderr).toMatch(/dmesg > .*kernel\.log/);
      const log = readFileSync(join(dir, 'snap/collect.log'), 'utf8');
      expect(log).toMatch(/no ip$/m);
      expect(log).toMatch(/no iptables-save$/m);
      expect(log).toMatch(/no nft$/m);
      expect(readdirSync(join(dir, 'snap'))).not.toContain('ip-link.json');
    });

    it('leaves no file of rules that could not be read, which would say that there are none, and says so', () => {
      for (const name of ['iptables-save', 'conntrack', 'id'])
        command(name, name === 'id' ? '1000' : '', name === 'id' ? 0 : 4);
      const { status, stderr } = collect();
      expect(status).toBe(0);
      expect(stderr).toMatch(/not whole.*\n(.*\n)* +iptables-save\.txt: iptables-save -c failed\n/);
      expect(stderr).toMatch(/run it as root/);
      const there = readdirSync(join(dir, 'snap'));
      expect(there).not.toContain('iptables-save.txt');
      if (existsSync('/proc/sys/net/netfilter/nf_conntrack_max'))
        expect(there).not.toContain('conntrack.txt');
    });

    it('tells when the kernel clock stood at 0', () => {
      collect();
      const { boot_epoch_s: boot } = JSON.parse(readFileSync(join(dir, 'snap/clock.json'), 'utf8')) as {
        boot_epoch_s: number;
      };
      const own = (performance.timeOrigin + performance.now()) / 1000 - Number(process.hrtime.bigint()) / 1e9;
      if (process.getuid?.() === 0) expect(Math.abs(boot - own)).toBeLessThan(0.001);
      const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
      expect(Math.abs(boot + uptime - Date.now() / 1000)).toBeLessThan(30);
    });

    it('writes into no directory that holds something', () => {
      mkdirSync(join(dir, 'snap'));
      writeFileSync(join(dir, 'snap/mine'), '');
      expect(collect()).toMatchObject({ status: 1, stderr: expect.stringMatching(/is not empty/) as string });
    });
  },
);

const CLI = new URL('../../dist/cli.js', import.meta.url).pathname;
const missing =
  missingForLab(['ip', 'unshare', 'nsenter', 'iptables-legacy', 'nft', 'ipset', 'conntrack', 'ss']) ??
  (existsSync(CLI) ? null : 'needs a build');

describe.skipIf(missing !== null)(`collect --run${missing ? ` (${missing})` : ''}`, () => {
  it('makes a snapshot of a host that a replay can use', { timeout: 60_000 }, async () => {
    using temporary = scratch();
    const { namespace: host, child } = await makeNamespace();
    try {
      inside(
        `ip link set lo up
ip link add br0 type bridge; ip link set br0 up
ip link add eth0 address 02:00:00:00:01:01 type veth peer name port0; ip link set port0 master br0
ip link set eth0 up; ip link set port0 up
ip addr add 192.0.2.1/24 dev eth0; ip -6 addr add 2001:db8::1/64 dev eth0 nodad
ip route add 198.51.100.0/24 via 192.0.2.9; ip rule add fwmark 7 lookup 100 pref 500
ip neigh add 192.0.2.9 lladdr 02:00:00:00:09:09 dev eth0
sysctl -qw net.ipv4.conf.eth0.rp_filter=2
ipset create blocked hash:ip; ipset add blocked 203.0.113.7
iptables-legacy -A INPUT -m set --match-set blocked src -j DROP
iptables-legacy -A INPUT -m conntrack --ctstate NEW -j LOG --log-prefix 'new: '
ip6tables-legacy -A INPUT -p tcp --dport 22 -j ACCEPT
nft add table inet t; nft add chain inet t c '{ type filter hook input priority 10; }'
conntrack -I -s 192.0.2.9 -d 192.0.2.1 -p udp --sport 1 --dport 2 -t 100`,
        host,
      );
      const snap = join(temporary.dir, 'snap');
      const said = inside(`node ${CLI} collect --run ${snap} 2>&1`, host);
      expect(said).toMatch(/tcpdump -i any -n -s 0 -w \S+any\.pcap/);
      expect(said).toMatch(/(dmesg -w|journalctl -k -f)/);
      const diagnostics = new Diagnostics();
      const given = loadGiven({ hostDir: snap }, diagnostics);
      expect(diagnostics.list.filter((d) => d.severity === 'error')).toEqual([]);
      const { host: read, sets, ruleset } = given;
      const eth0 = read.deviceByName('eth0')!;
      expect(formatMac(eth0.mac)).toBe('02:00:00:00:01:01');
      expect(read.deviceByName('port0')?.master?.name).toBe('br0');
      expect(read.addressesOf(eth0).map((a) => a.address.toString())).toEqual(
        expect.arrayContaining(['192.0.2.1', '2001:db8::1']),
      );
      expect(read.routing.lookup({ destination: parseAddress('198.51.100.5')! })?.gateway?.toString()).toBe(
        '192.0.2.9',
      );
      expect(read.neighbours.map((n) => formatMac(n.mac))).toContain('02:00:00:00:09:09');
      expect(read.sysctlNumber('net.ipv4.conf.eth0.rp_filter')).toBe(2);
      expect(read.conntrack.map((c) => c.protocol)).toContain(Protocol.udp);
      expect([...sets.keys()]).toEqual(['blocked']);
      expect(ruleset.tables.map((t) => `${t.family} ${t.name}`).sort()).toEqual(
        expect.arrayContaining(['inet t', 'ip filter', 'ip6 filter']),
      );
      expect(JSON.parse(readFileSync(join(snap, 'ip-rule.json'), 'utf8'))).toEqual(
        expect.arrayContaining([expect.objectContaining({ priority: 500, table: '100' })]),
      );
      // What is there is left alone.
      expect(() => inside(`node ${CLI} collect --run ${snap}`, host)).toThrow(/is not empty/);
    } finally {
      child.stdin.end();
    }
  });
});
