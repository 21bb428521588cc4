import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingForLab } from '../../src/lab/namespaces.js';
import { exchanges } from '../frontend/iptables/exchanges.js';

/** What iptables is held to here without root: this says that it is still what iptables-legacy answers. */
const SESSIONS = join(import.meta.dirname, '../frontend/iptables/sessions');
const namespace = `nfrs${process.pid}`;

const missing = missingForLab();
const why = missing ? ` (${missing})` : '';

describe.skipIf(missing !== null)(`recorded sessions are what iptables-legacy says here${why}`, () => {
  const bin = mkdtempSync(join(tmpdir(), 'nfreplay-sessions-'));

  beforeAll(() => {
    for (const program of ['iptables', 'ip6tables'])
      for (const part of ['', '-save', '-restore'])
        symlinkSync(`/usr/sbin/${program}-legacy${part}`, join(bin, `${program}${part}`));
  });
  afterAll(() => rmSync(bin, { recursive: true, force: true }));

  it.each(readdirSync(SESSIONS))('%s', { timeout: 120_000 }, (file) => {
    const recorded = readFileSync(join(SESSIONS, file), 'utf8');
    const script = exchanges(recorded)
      .map(({ command }, i) => `echo '@@ ${i}'\n${command}`)
      .join('\n');
    execFileSync('ip', ['netns', 'add', namespace]);
    try {
      const said = execFileSync('ip', ['netns', 'exec', namespace, 'bash', '-c', 'exec 2>&1; exec bash'], {
        input: script,
        encoding: 'utf8',
        env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
      });
      const commands = exchanges(recorded).map(({ command }) => command);
      const again = said
        .replace(/^# .* by ip6?tables-save .*\n|^# Completed on .*\n/gm, '')
        .replace(/^@@ (\d+)$/gm, (_, i) => `$ ${commands[Number(i)]}`);
      expect(again).toBe(recorded);
    } finally {
      execFileSync('ip', ['netns', 'del', namespace]);
    }
  });
});
