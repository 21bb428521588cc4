import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
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
import { collectScript } from '../../src/host/collect.js';
import { readHost } from '../../src/host/snapshot.js';
import { Diagnostics } from '../../src/source/diagnostic.js';

const SHELL = ['dash', 'sh'].find((shell) => spawnSync(shell, ['-c', ':']).status === 0) ?? 'sh';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nfreplay-collect-'));
  writeFileSync(join(dir, 'collect.sh'), collectScript());
  mkdirSync(join(dir, 'bin'));
  for (const tool of ['mkdir', 'ls', 'rm', 'uname', 'date', 'grep', 'cat', 'awk'])
    symlinkSync(
      execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(),
      join(dir, 'bin', tool),
    );
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** Puts a command of that name, which prints `text`, where the script looks first. */
function command(name: string, text: string): void {
  const path = join(dir, 'bin', name);
  writeFileSync(path, `#!/bin/sh\ncat <<'END'\n${text}\nEND\n`);
  chmodSync(path, 0o755);
}

function collect(): { status: number | null; stderr: string } {
  const shell = execFileSync('sh', ['-c', `command -v ${SHELL}`], { encoding: 'utf8' }).trim();
  // The script itself adds the usual places to the path; here they are to be empty.
  const script = readFileSync(join(dir, 'collect.sh'), 'utf8').replace(
    /^PATH=.*$/m,
    `PATH=${join(dir, 'bin')}`,
  );
  return spawnSync(shell, ['-c', script, 'collect.sh', join(dir, 'snap')], { encoding: 'utf8' });
}

describe('the collecting script', () => {
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
    const log = readFileSync(join(dir, 'snap/collect.log'), 'utf8');
    expect(log).toMatch(/no ip$/m);
    expect(log).toMatch(/no iptables-save$/m);
    expect(log).toMatch(/no nft$/m);
    expect(readdirSync(join(dir, 'snap'))).not.toContain('ip-link.json');
  });

  it('tells when the kernel clock stood at 0', () => {
    collect();
    const { boot_epoch_s: boot } = JSON.parse(readFileSync(join(dir, 'snap/clock.json'), 'utf8')) as {
      boot_epoch_s: number;
    };
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    expect(Math.abs(boot + uptime - Date.now() / 1000)).toBeLessThan(30);
  });

  it('writes into no directory that holds something', () => {
    mkdirSync(join(dir, 'snap'));
    writeFileSync(join(dir, 'snap/mine'), '');
    expect(collect()).toMatchObject({ status: 1, stderr: expect.stringMatching(/is not empty/) as string });
  });
});
