import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runScript } from '../../../src/frontend/iptables/script.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';

/** What iptables-legacy 1.8.9 said to these commands, one after another in a fresh network namespace. */
const SESSIONS = join(import.meta.dirname, 'sessions');

interface Exchange {
  readonly command: string;
  readonly said: string;
}

function exchanges(text: string): Exchange[] {
  const [, ...parts] = text.split(/^\$ /m);
  return parts.map((part) => {
    const end = part.indexOf('\n');
    return { command: part.slice(0, end), said: part.slice(end + 1) };
  });
}

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
