import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runScript } from '../../../src/frontend/iptables/script.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { exchanges } from './exchanges.js';

/** What iptables-legacy 1.8.9 said to these commands, one after another in a fresh network namespace. */
const SESSIONS = join(import.meta.dirname, 'sessions');

describe.each(readdirSync(SESSIONS))('%s', (file) => {
  const session = exchanges(readFileSync(join(SESSIONS, file), 'utf8'));
  const said = session.map(() => '');
  const script = session.map(({ command }) => command).join('\n');
  const host = {
    write: (_stream: string, text: string, at: { line: number }) => (said[at.line - 1] += text),
    other: () => undefined,
  };
  runScript(script, file, host, new Diagnostics());

  it.each(session.map((exchange, i) => ({ ...exchange, i })))('$i: $command', ({ said: real, i }) => {
    expect(said[i]).toBe(real);
  });
});
