import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ended, makeNamespace, type Namespace, shell, start, until } from '../../src/lab/children.js';
import { withKernelLog } from '../../src/lab/kernelLog.js';
import { missingForLab } from '../../src/lab/namespaces.js';
import { scratch } from './examples.js';

const CLI = new URL('../../dist/cli.js', import.meta.url).pathname;
const missing =
  missingForLab(['ip', 'unshare', 'nsenter', 'iptables', 'tcpdump', 'flock', 'bash']) ??
  (existsSync(CLI) ? null : 'needs a build');

const LOG = (prefix: string): string => `INPUT 1 -p udp --dport 9 -j LOG --log-prefix "${prefix}: "`;

describe.skipIf(missing !== null)(`live, on a veth pair${missing ? ` (${missing})` : ''}`, () => {
  let holders: Awaited<ReturnType<typeof makeNamespace>>[];
  let host: Namespace;
  let peer: Namespace;
  beforeEach(async () => {
    holders = [await makeNamespace(), await makeNamespace()];
    [host, peer] = holders.map((h) => h.namespace);
    shell(`ip link add eth0 type veth peer name eth0 netns ${peer.pid}`, host);
    shell('ip link set lo up; ip link set eth0 up; ip addr add 192.0.2.1/24 dev eth0', host);
    shell('ip link set lo up; ip link set eth0 up; ip addr add 192.0.2.2/24 dev eth0', peer);
    shell(`iptables -I ${LOG('LIVE')}; iptables -A INPUT -p udp -j DROP`, host);
  });
  afterEach(() => {
    for (const { child } of holders) child.stdin.end();
  });

  it('says a planted difference while it runs, and ends with the summary', { timeout: 180_000 }, async () => {
    using temporary = scratch();
    const snap = join(temporary.dir, 'snap');
    shell(`node ${CLI} collect --run ${snap} 2>&1`, host);
    await withKernelLog(true, async () => {
      const live = ['live', '-i', 'eth0', '--via', 'tcpdump', '--host', snap, '--log', 'dmesg'];
      const options = ['--filter', 'udp port 9', '--duration', '60', '--window', '1'];
      const child = start('nsenter', '--target', String(host.pid), '--net', 'node', CLI, ...live, ...options);
      let out = '';
      child.stdout.on('data', (text: Buffer) => (out += text.toString()));
      try {
        await until(child, child.stderr, 'capturing on eth0');
        const send = (): string => shell(`bash -c 'echo x > /dev/udp/192.0.2.1/9'`, peer);
        send();
        await delay(500);
        shell(`iptables -R ${LOG('PLANTED')}`, host);
        send();
        await until(child, child.stdout, 'PREFIX differs');
        expect(child.exitCode).toBeNull();
        child.kill('SIGINT');
        expect(await ended(child)).toBe(1);
      } finally {
        child.kill('SIGKILL');
      }
      expect(out).toMatch(/simulated LIVE: \n +host {6}PLANTED: /);
      expect(out).toMatch(/2 packets, 2 predicted, 2 logged, 1 alike, 1 with other fields/);
    });
  });
});
