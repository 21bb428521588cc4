import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { compareRecording } from '../../src/lab/agreement.js';
import { shell } from '../../src/lab/children.js';
import { missingForLab } from '../../src/lab/namespaces.js';
import { CAPTURE, examplesOf, HOST, scratch } from '../cli/examples.js';
import { run } from '../cli/run.js';

const CLI = new URL('../../dist/cli.js', import.meta.url).pathname;
const missing = missingForLab() ?? (existsSync(CLI) ? null : 'needs a build');
/** Where other tests have the kernel's log. */
const WAITS = /^note: waits for another lab, which has \/tmp\/lab\.lock.*\n/m;
const COMMAND = `lab ${CAPTURE} --host ${HOST}`;

describe.skipIf(missing !== null)(`nfreplay lab${missing ? ` (${missing})` : ''}`, () => {
  it(
    'does on this kernel what the simulation says, log, counters, connections and packets',
    { timeout: 180_000 },
    async () => {
      using temporary = scratch();
      const { status, stdout, stderr } = await run(`${COMMAND} --out ${temporary.dir}`);
      expect(stderr.replace(WAITS, '')).toBe(
        `note: the report is in ${temporary.dir}; a browser shows ${temporary.dir}/report.html\n`,
      );
      expect(stdout).toMatch(/^No difference: .*\(31 of 31 predicted lines paired\)/);
      expect(stdout).toMatch(
        /^the same on both: counters, connections, timeouts of connections, events of connections, packets that left$/m,
      );
      expect(status).toBe(0);

      // What it wrote is a recording, and one that was tampered with is told from the simulation.
      const recording = join(temporary.dir, 'lab');
      const after = join(recording, 'after/iptables-save.txt');
      const saved = readFileSync(after, 'utf8');
      expect(saved).toMatch(/^\[22:1198\] -A DOCKER-USER -j RETURN$/m);
      writeFileSync(after, saved.replace('[22:1198] -A DOCKER-USER', '[21:1198] -A DOCKER-USER'));
      const { counters, conntrack } = await compareRecording(recording, true);
      expect(counters).toEqual([
        '-[21:1198] -A DOCKER-USER -j RETURN',
        '+[22:1198] -A DOCKER-USER -j RETURN',
      ]);
      expect(conntrack).toEqual([]);
    },
  );

  it('says what it waits for', { timeout: 180_000 }, async () => {
    const holder = spawn('flock', ['/tmp/lab.lock', 'sh', '-c', 'echo; sleep 5']);
    await new Promise((locked) => holder.stdout.once('data', locked));
    const { status, stderr } = await run(`${COMMAND} --speed 10`);
    expect(stderr).toMatch(WAITS);
    expect(status).toBe(0);
  });

  it('runs as the last example of its help says, with little given', { timeout: 180_000 }, async () => {
    using temporary = scratch();
    const example = (await examplesOf('lab')).at(-1)!.replace('--out report', `--out ${temporary.dir}`);
    const { status, stdout } = await run(`${example} --speed 10`);
    expect(stdout).toMatch(/^No difference: /);
    expect(status).toBe(0);
  });

  it('as JSON has what the text has', { timeout: 180_000 }, async () => {
    const { status, stdout } = await run(`${COMMAND} --speed 10 --format json`);
    expect(JSON.parse(stdout)).toMatchObject({
      summary: { predicted: 31, matched: 31 },
      lab: { counters: [], conntrack: [], timeouts: [], events: [], egress: [] },
    });
    expect(status).toBe(0);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'leaves nothing behind when it gets a %s',
    { timeout: 180_000 },
    async (signal) => {
      using temporary = scratch();
      const env = { ...process.env, TMPDIR: temporary.dir };
      const child = spawn(process.execPath, [CLI, ...COMMAND.split(' '), '--speed', '0.001'], {
        env,
        stdio: 'ignore',
      });
      const capture = await captureOf(child, temporary.dir);
      expect(namespaceOf(capture)).not.toBe(namespaceOf(process.pid));
      const inside = processesIn(namespaceOf(capture)!);
      expect(inside).toContain(capture);
      child.kill(signal);
      for (
        let tries = 0;
        tries < 100 && (inside.some(isAlive) || readdirSync(temporary.dir).length > 0);
        tries++
      )
        await delay(100);
      expect(inside.filter(isAlive)).toEqual([]);
      expect(readdirSync(temporary.dir)).toEqual([]);
    },
  );

  it("refuses this machine's own namespace", () => {
    const inject = join(CLI, '../lab/inject.js');
    const own = readlinkSync('/proc/self/ns/net');
    expect(() => shell(`${process.execPath} ${inject} '${own}' lo 2>&1; exit $?`)).toThrow();
    expect(shell(`${process.execPath} ${inject} '${own}' lo 2>&1; echo $?`)).toBe(
      "refused: this is the machine's own network namespace\n97\n",
    );
  });

  it('says why namespaces cannot log, where they cannot', () => {
    const said = shell(`unshare --net ${process.execPath} ${CLI} ${COMMAND} 2>&1; echo $?`);
    expect(said).toBe(
      "nfreplay: the lab failed: namespaces cannot be let write to the kernel's log (/proc/sys/net/netfilter/nf_log_all_netns): No such file or directory\n2\n",
    );
  });

  it('needs root, and says so', () => {
    const said = shell(
      `setpriv --reuid 65534 --regid 65534 --clear-groups ${process.execPath} ${CLI} ${COMMAND} 2>&1; echo $?`,
    );
    expect(said).toBe(
      'nfreplay: lab needs root: it makes network namespaces\n    Use sudo, or replay, which needs none.\n2\n',
    );
  });
});

/** The number of the process that captures, once it does. */
async function captureOf(child: ChildProcess, directory: string): Promise<number> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended: ${child.exitCode}`);
    for (const pid of processes())
      if (commandOf(pid).some((word) => word.startsWith(directory) && word.endsWith('any.pcap'))) return pid;
    await delay(100);
  }
}

function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function commandOf(pid: number): string[] {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words[0].endsWith('tcpdump') ? words : [];
  } catch {
    return [];
  }
}

function namespaceOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null;
  }
}

function processesIn(namespace: string): number[] {
  return processes().filter((pid) => namespaceOf(pid) === namespace);
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
