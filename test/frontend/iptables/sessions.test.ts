import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runIpset } from '../../../src/frontend/ipset/command.js';
import { runScript, type ScriptHost } from '../../../src/frontend/iptables/script.js';
import type { IpSets } from '../../../src/rules/sets/set.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { exchanges } from './exchanges.js';

/** What iptables-legacy 1.8.9 said to these commands, one after another in a fresh network namespace. */
const SESSIONS = join(import.meta.dirname, 'sessions');

describe.each(readdirSync(SESSIONS))('%s', (file) => {
  const session = exchanges(readFileSync(join(SESSIONS, file), 'utf8'));
  const said = session.map(() => '');
  const script = session.map(({ command }) => command).join('\n');
  const sets: IpSets = new Map();
  const host: ScriptHost = {
    write: (_, text, at) => (said[at.line - 1] += text),
    hasSet: (name) => sets.has(name),
    other({ name, arguments: words, position }) {
      const problem = name === 'ipset' ? runIpset(words, sets, 0) : null;
      if (problem) said[position.line - 1] += `ipset v7.17: ${problem.message}\n`;
      return problem ? 1 : 0;
    },
  };
  runScript(script, file, host, new Diagnostics());

  it.each(session.map((exchange, i) => ({ ...exchange, i })))('$i: $command', ({ said: real, i }) => {
    expect(said[i]).toBe(real);
  });
});
