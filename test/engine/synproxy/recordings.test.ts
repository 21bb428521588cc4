import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compare } from '../../../src/index.js';
import { scratch } from '../../cli/examples.js';
import { run } from '../../cli/run.js';

const DIR = join(import.meta.dirname, 'recordings');

/** What a machine that has much to do may take, ms. */
const LONG = 60_000;

/**
 * Real clients and servers around a host of Linux 6.18, captured by tcpdump on all interfaces. What a file says that a replay
 * cannot or need not know is left out: times, how many hold an entry, when it ends.
 */
const LEFT_OUT: Record<string, readonly (readonly [RegExp, string])[]> = {
  'kernel.log': [[/^\[[^\]]*\] /gm, '']],
  'iptables-save.txt': [[/^#.*\n/gm, '']],
  'ip6tables-save.txt': [[/^#.*\n/gm, '']],
  'nft-ruleset.nft': [],
  'conntrack.txt': [
    [/^((\S+ +){3}\S+) +\d+ /gm, '$1 '],
    [/ use=\d+.*/g, ''],
  ],
  'conntrack-events.txt': [
    [/^( *\[\w+\] \S+ +\d+) \d+ (?=[A-Z]|src=)/gm, '$1 '],
    [/ +/g, ' '],
  ],
};

function read(dir: string, name: string): string {
  const text = readFileSync(join(dir, name), 'utf8');
  const rest = (LEFT_OUT[name] ?? []).reduce((left, [what, by]) => left.replace(what, by), text);
  return name === 'conntrack.txt' ? rest.split('\n').sort().join('\n') : rest;
}

describe('SYNPROXY', { timeout: LONG }, () => {
  it.each(readdirSync(DIR))(
    '%s: log, counters, connections, events and what left are the kernel’s',
    async (name) => {
      const dir = join(DIR, name);
      const [capture, host] = [join(dir, 'any.pcap'), join(dir, 'host')];
      using temporary = scratch();
      const { status, stderr } = await run(['replay', capture, '--host', host, '--out', temporary.dir]);
      expect({ status, stderr }).toMatchObject({ status: 0 });
      const files = [
        ...['kernel.log', 'conntrack-events.txt'].map((file) => join(dir, file)),
        ...readdirSync(join(dir, 'after')).map((file) => join(dir, 'after', file)),
      ];
      for (const file of files) {
        const base = file.slice(file.lastIndexOf('/') + 1);
        if (!existsSync(file)) continue;
        expect(read(temporary.dir, base), base).toBe(read(join(file, '..'), base));
      }
      const { value } = await compare({ captures: [capture], host, logs: [join(dir, 'kernel.log')] });
      expect(value?.differences).toEqual([]);
    },
  );
});
