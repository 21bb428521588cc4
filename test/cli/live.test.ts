import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Child,
  ended,
  makeNamespace,
  type Namespace,
  shell,
  start,
  until,
} from '../../src/lab/children.js';
import { withKernelLog } from '../../src/lab/kernelLog.js';
import { missingForLab } from '../../src/lab/namespaces.js';
import { readAll } from '../capture/reading.js';
import { examplesOf, scratch } from './examples.js';

const CLI = new URL('../../dist/cli.js', import.meta.url).pathname;
const missing =
  missingForLab(['ip', 'unshare', 'nsenter', 'iptables', 'tcpdump', 'flock', 'bash']) ??
  (existsSync(CLI) ? null : 'needs a build');

const hasCap = existsSync('node_modules/cap/build/Release/cap.node');
const JOURNALD = '/lib/systemd/systemd-journald';

/** What a machine that has much to do may take. */
const LONG = { timeout: 30_000 };

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

  /** The command, capturing on what `options` say, with a log that nobody writes unless they name one. */
  function live(dir: string, ...options: string[]): Child {
    const rules = join(dir, 'rules');
    shell(`iptables-save > ${rules}; [ -e ${dir}/empty ] || : > ${dir}/empty`, host);
    const told = ['--rules', rules, '--addr', '192.0.2.1/24@eth0', '--addr', '198.51.100.1/24@eth1'];
    const log = options.includes('--log') ? [] : ['--log', join(dir, 'empty')];
    return start(
      ...(['nsenter', '--target', String(host.pid), '--net', 'node', CLI, 'live'] as [string, ...string[]]),
      ...[...told, ...log, '--window', '1', ...options],
    );
  }
  const send = (to = '192.0.2.1'): string => shell(`bash -c 'echo a longer word > /dev/udp/${to}/9'`, peer);

  function listen(child: Child): { out: string; err: string } {
    const heard = { out: '', err: '' };
    child.stdout.on('data', (text: Buffer) => (heard.out += text.toString()));
    child.stderr.on('data', (text: Buffer) => (heard.err += text.toString()));
    return heard;
  }

  it.skipIf(!hasCap)(
    'captures two interfaces with cap, says that one goes down, goes on when it is up, and leaves a whole report',
    { timeout: 120_000 },
    async () => {
      using temporary = scratch();
      const { dir } = temporary;
      shell(`ip link add eth1 type veth peer name eth1 netns ${peer.pid}`, host);
      shell('ip link set eth1 up; ip addr add 198.51.100.1/24 dev eth1', host);
      shell('ip link set eth1 up; ip addr add 198.51.100.2/24 dev eth1', peer);
      const [kept, out] = [join(dir, 'kept.pcapng'), join(dir, 'out')];
      const child = live(
        dir,
        ...['-i', 'eth0', '-i', 'eth1', '--via', 'cap', '--filter', 'udp port 9', '--snaplen', '50'],
        ...['--ring', '8', '--write', kept, '--out', out],
      );
      const heard = listen(child);
      try {
        await until(child, child.stderr, 'capturing on eth0, eth1');
        send();
        send('198.51.100.1');
        // Nobody writes the log: both are said once their window has passed.
        await expect.poll(() => heard.out, LONG).toMatch(/IN=eth0[^]*IN=eth1|IN=eth1[^]*IN=eth0/);
        shell('ip link set eth1 down', host);
        await expect.poll(() => heard.err, LONG).toMatch(/eth1: the interface went down/);
        shell('ip link set eth1 up', host);
        await expect.poll(() => heard.err, LONG).toMatch(/eth1: the capture goes on\n/);
        await expect.poll(() => heard.err, LONG).toMatch(/eth1 is down[^]*eth1 is up again/);
        send('198.51.100.1');
        await expect.poll(() => heard.out.match(/IN=eth1/g)?.length, LONG).toBe(2);
        child.kill('SIGINT');
        expect(await ended(child)).toBe(1);
      } finally {
        child.kill('SIGKILL');
      }
      expect(heard.err).not.toMatch(/has ended/);
      expect(heard.out).toMatch(/3 packets, 3 predicted, 0 logged, 0 alike, 3 only simulated/);
      const files = readdirSync(out);
      expect(files.filter((name) => name.endsWith('.part'))).toEqual([]);
      expect(files).toEqual(
        expect.arrayContaining(['report.html', 'findings.json', 'differences.csv', 'packets.csv']),
      );
      expect(readFileSync(join(out, 'report.html'), 'utf8').trimEnd()).toMatch(/<\/html>$/);
      const { frames } = await readAll([kept]);
      expect(frames.map((f) => [f.interface, f.captured, f.originalLength]).sort()).toEqual([
        ['eth0', 50, 56],
        ['eth1', 50, 56],
        ['eth1', 50, 56],
      ]);
    },
  );

  it('runs as the examples of its help say', { timeout: 180_000 }, async () => {
    using temporary = scratch();
    const { dir } = temporary;
    shell('ip link add docker0 type bridge; ip link set docker0 up', host);
    shell(`node ${CLI} collect --run ${dir}/snapshot 2>&1`, host);
    const log = temporary.file('kern.log', '');
    const examples = (await examplesOf('live')).filter((line) => hasCap || /--via tcpdump|any/.test(line));
    expect(examples.length).toBeGreaterThan(1);
    for (const example of examples) {
      const command = example.replace('/var/log/kern.log', log);
      const said = shell(`cd ${dir} && node ${CLI} ${command} --duration 1 2>&1; echo status $?`, host);
      expect(said, example).toMatch(/^note: capturing on /m);
      expect(said, example).toMatch(/ packets?, \d+ predicted, \d+ logged[^]*status 0\n$/);
    }
    expect(readdirSync(dir)).toContain('kept.pcapng');
  });

  it('says of all interfaces which one goes down', { timeout: 120_000 }, async () => {
    using temporary = scratch();
    const child = live(temporary.dir, '-i', 'any', '--via', 'tcpdump');
    const heard = listen(child);
    try {
      await until(child, child.stderr, 'capturing on any');
      send();
      await expect.poll(() => heard.out, LONG).toMatch(/IN=eth0/);
      shell('ip link set eth0 down', host);
      await expect.poll(() => heard.err, LONG).toMatch(/eth0 is down/);
      shell('ip link set eth0 up', host);
      await expect.poll(() => heard.err, LONG).toMatch(/eth0 is up again/);
      child.kill('SIGINT');
      expect(await ended(child)).toBe(1);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('ends with its summary where the program that captures dies', { timeout: 120_000 }, async () => {
    using temporary = scratch();
    const child = live(temporary.dir, '-i', 'eth0', '--via', 'tcpdump');
    const heard = listen(child);
    try {
      await until(child, child.stderr, 'capturing on eth0');
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
      expect(children).toMatch(/^\d+$/);
      process.kill(Number(children), 'SIGKILL');
      expect(await ended(child)).toBe(2);
    } finally {
      child.kill('SIGKILL');
    }
    expect(heard.err).toMatch(/eth0: the capture on it has ended: tcpdump was ended by SIGKILL/);
    expect(heard.out).toMatch(/\d+ packets?, \d+ predicted, 0 logged/);
  });

  it('follows a file that is cut off while it runs', { timeout: 180_000 }, async () => {
    using temporary = scratch();
    const log = temporary.file('kern.log', '');
    await withKernelLog(true, async () => {
      const writer = start('sh', '-c', `exec dmesg -W >> ${log}`);
      const child = live(
        temporary.dir,
        '-i',
        'eth0',
        '--via',
        'tcpdump',
        '--filter',
        'udp port 9',
        '--log',
        log,
      );
      const heard = listen(child);
      try {
        await until(child, child.stderr, 'capturing on eth0');
        // A planted difference shows that its line was read.
        for (const planted of ['FIRST', 'SECOND']) {
          shell(`iptables -R ${LOG(planted)}`, host);
          send();
          await expect.poll(() => heard.out, LONG).toContain(`${planted}: `);
          truncateSync(log);
        }
        child.kill('SIGINT');
        expect(await ended(child)).toBe(1);
      } finally {
        child.kill('SIGKILL');
        writer.kill('SIGKILL');
      }
      expect(heard.out).toMatch(/2 packets, 2 predicted, 2 logged, 0 alike, 2 with other fields/);
    });
  });

  it.skipIf(!existsSync(JOURNALD))(
    `follows the journal${existsSync(JOURNALD) ? '' : ' (needs systemd-journald)'}`,
    { timeout: 180_000 },
    async () => {
      using temporary = scratch();
      const { dir } = temporary;
      shell(`iptables-save > ${dir}/rules`, host);
      const told = `--rules ${dir}/rules --addr 192.0.2.1/24@eth0 --log journal`;
      // A journal of its own, where nobody else sees it.
      const script = temporary.file(
        'journal.sh',
        `mount -t tmpfs none /run; mkdir -p /run/systemd/journal /run/log/journal
[ -s /etc/machine-id ] || { echo 0123456789abcdef0123456789abcdef > ${dir}/id; mount --bind ${dir}/id /etc/machine-id; }
${JOURNALD} 2>/dev/null & journald=$!
trap 'kill $journald' EXIT
until journalctl -k -n 1 >/dev/null 2>&1; do :; done
nsenter --net=/proc/$1/ns/net node ${CLI} live -i eth0 --via tcpdump --filter 'udp port 9' ${told} --window 2 &
live=$!
trap 'kill -INT $live' INT
wait $live || wait $live
`,
      );
      await withKernelLog(true, async () => {
        const child = start('unshare', '-m', 'bash', script, String(host.pid));
        const heard = listen(child);
        try {
          await until(child, child.stderr, 'following the journal');
          send();
          shell(`iptables -R ${LOG('PLANTED')}`, host);
          send();
          await until(child, child.stdout, 'PREFIX differs');
          child.kill('SIGINT');
          await ended(child);
        } finally {
          child.kill('SIGKILL');
        }
        expect(heard.out).toMatch(/2 packets, 2 predicted, 2 logged, 1 alike, 1 with other fields/);
      });
    },
  );
});

describe.skipIf(!existsSync(CLI))('live, without what it needs', () => {
  it('says how to install cap where it is not there', { timeout: 60_000 }, async () => {
    using temporary = scratch();
    const { dir } = temporary;
    const modules = join(dir, 'node_modules');
    cpSync(dirname(CLI), join(dir, 'dist'), { recursive: true });
    cpSync('package.json', join(dir, 'package.json'));
    mkdirSync(modules);
    for (const name of ['commander', 'pcap-parser'])
      symlinkSync(join(process.cwd(), 'node_modules', name), join(modules, name));
    // As it is where it was built for another Node.js.
    mkdirSync(join(modules, 'cap'));
    temporary.file('node_modules/cap/package.json', '{"name":"cap","main":"cap.js"}');
    temporary.file(
      'node_modules/cap/cap.js',
      "throw Object.assign(new Error('no library'), { code: 'ERR_DLOPEN_FAILED' });",
    );
    temporary.file('rules', '*filter\nCOMMIT\n');
    temporary.file('log', '');
    const child = start(
      ...(['node', join(dir, 'dist/cli.js'), 'live', '-i', 'lo', '--via', 'cap'] as [string, ...string[]]),
      ...['--rules', join(dir, 'rules'), '--log', join(dir, 'log')],
    );
    let said = '';
    child.stderr.on('data', (text: Buffer) => (said += text.toString()));
    expect(await ended(child)).toBe(2);
    expect(said).toMatch(/the optional package cap, which captures, is not installed \(ERR_DLOPEN_FAILED\)/);
    expect(said).toMatch(/apt install libpcap-dev.*npm install cap; or capture with --via tcpdump/);
  });
});
