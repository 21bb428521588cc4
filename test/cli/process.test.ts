import { execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CAPTURE, HOST, LOG } from './examples.js';

const PROGRAM = 'dist/cli.js';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], stdin: Buffer | null = null): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin ?? undefined);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe.skipIf(!existsSync(PROGRAM))('the built program as a process', () => {
  it('ends with the status of what it found', async () => {
    const compare = ['compare', CAPTURE, '--host', HOST, '--log', '-', '--search', '0'];
    const log = readFileSync(LOG);
    expect(await start(compare, log)).toMatchObject({ code: 0, stderr: '' });
    expect(await start(compare, log.subarray(log.indexOf('\n') + 1))).toMatchObject({ code: 1, stderr: '' });
    expect(await start(['frobnicate'])).toMatchObject({ code: 2, stdout: '' });
  });

  it.each(['text', 'json', 'ndjson', 'csv'])('prints the same %s with two threads', async (format) => {
    const replay = ['replay', CAPTURE, '--host', HOST, '--format', format];
    const alone = await start(replay);
    expect(await start([...replay, '--jobs', '2'])).toEqual(alone);
    expect(alone.code).toBe(0);
  });

  it('says why it does not use several threads, and does without', async () => {
    const replay = ['replay', '-', '--host', HOST];
    const capture = readFileSync(CAPTURE);
    const { stdout } = await start(replay, capture);
    expect(await start([...replay, '--jobs', '2'], capture)).toEqual({
      ...{ code: 0, stdout },
      stderr: 'note: not split: - can be read only once\n',
    });
    const random = ['captures/kube-service-random/any.pcap', '--host', 'rulesets/kube-service-random'];
    const alone = await start(['replay', ...random]);
    const several = await start(['replay', ...random, '--jobs', '3']);
    expect(several.stdout).toBe(alone.stdout);
    expect(several.stderr).toContain('not split: rule nat:');
  });

  it('reads a capture from a pipe', async () => {
    const { code, stdout } = await start(['packets', '-'], readFileSync(CAPTURE));
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(67);
  });

  it('ends quietly when its reader has seen enough', async () => {
    const run = promisify(execFile);
    const many = Array.from({ length: 200 }, () => CAPTURE).join(' ');
    const shell = `"${process.execPath}" ${PROGRAM} packets ${many} | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await run('bash', ['-c', shell]);
    expect(stdout).toMatch(/^ frame time .*\n0\n$/);
    expect(stderr).toBe('');
  });

  it.skipIf(!existsSync('dist/bundle'))('has all that its parts ask for', async () => {
    const parts = readdirSync('dist/bundle').map((name) => pathToFileURL(`dist/bundle/${name}`).href);
    const script = `for (const part of ${JSON.stringify(parts)}) await import(part);`;
    await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
    expect(parts.length).toBeGreaterThan(5);
  });
});
