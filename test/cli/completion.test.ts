import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasProgram } from '../capture/reading.js';
import { scratch } from './examples.js';
import { run } from './run.js';

const COMMANDS = ['replay', 'compare', 'why', 'rules', 'packets', 'log', 'collect', 'completion', 'man'];

describe.skipIf(!hasProgram('bash'))('bash completion, asked in bash (needs bash)', () => {
  it.each([
    ['the commands', ['comp'], ['compare', 'completion']],
    ['the options of a command', ['compare', '--ann'], ['--annotate']],
    ['only those of the command', ['packets', '--ann'], []],
    ['the choices of an option', ['replay', '--format', ''], ['text', 'json', 'ndjson', 'csv']],
    ['the choices of an argument', ['completion', ''], ['bash', 'zsh', 'fish']],
    ['no word where a file is due', ['replay', ''], []],
  ])('completes %s', async (_what, typed, wanted) => {
    using temporary = scratch();
    const { stdout } = await run('completion bash');
    const file = temporary.file('nfreplay.bash', stdout);
    const line = ['nfreplay', ...typed].map((word) => `'${word}'`).join(' ');
    const ask = `source '${file}'; COMP_WORDS=(${line}); COMP_CWORD=${typed.length}; _nfreplay; ((\${#COMPREPLY[@]})) && printf '%s\\n' "\${COMPREPLY[@]}" || true`;
    const answer = execFileSync('bash', ['--norc', '-c', ask], { encoding: 'utf8' });
    expect(answer.split('\n').filter((word) => word !== '')).toEqual(wanted);
  });
});

describe.each(['zsh', 'fish'])('%s completion', (shell) => {
  it('names every command, and the choices of options', async () => {
    const { stdout, status } = await run(`completion ${shell}`);
    expect(status).toBe(0);
    for (const command of COMMANDS) expect(stdout).toContain(command);
    expect(stdout).toContain('text json ndjson csv');
    expect(stdout).toContain('annotate');
  });

  it.skipIf(!hasProgram(shell))(`is read by ${shell} (needs ${shell})`, async () => {
    using temporary = scratch();
    const file = temporary.file('completion', (await run(`completion ${shell}`)).stdout);
    const { status, stderr } = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

it('refuses a shell that it does not know', async () => {
  const { status, stderr } = await run('completion tcsh');
  expect(status).toBe(2);
  expect(stderr).toContain('bash, zsh, fish');
});

describe('the manual page', () => {
  it('has every command with its options and examples', async () => {
    const { stdout } = await run('man');
    for (const command of COMMANDS) expect(stdout).toContain(`\n.SS ${command}\n`);
    expect(stdout).toContain('\n.B \\-\\-annotate <file.pcapng>\n');
    expect(stdout).toContain('nfreplay compare captures/docker');
  });

  it.skipIf(!hasProgram('groff'))('is set by groff without a warning (needs groff)', async () => {
    using temporary = scratch();
    const file = temporary.file('nfreplay.1', (await run('man')).stdout);
    const { status, stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Tascii', '-P-cbou', join(file)], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('EXIT STATUS');
    expect(stdout).toContain('$ nfreplay compare captures/docker-published-port'.slice(2));
  });
});
