import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratch } from './examples.js';
import { run } from './run.js';

const NAMES = readdirSync('captures', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Without the comments, which hold the time. */
function rules(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('#') && line !== '');
}

/** Without what depends on when it was listed: the time left, and how often an entry was referred to. */
function connections(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^((?:\S+ +){4})\d+ /, '$1').replace(/ use=\d+.*$/, ''))
    .sort();
}

describe('what the kernel did in each recording is what is predicted', () => {
  it('has a line on each in captures/README.md', () => {
    const page = readFileSync('captures/README.md', 'utf8');
    for (const name of NAMES) expect(page).toContain(`\`${name}\``);
    expect(readdirSync('rulesets').filter((name) => !name.endsWith('.md'))).toEqual(NAMES);
  });

  it.each(NAMES)('%s: every log line', async (name) => {
    const { status, stdout } = await run(
      `compare captures/${name}/any.pcap --host rulesets/${name} --log captures/${name}/kernel.log --format json`,
    );
    const { summary, differences } = JSON.parse(stdout) as {
      summary: Record<string, number>;
      differences: unknown[];
    };
    expect({ status, differences }).toEqual({ status: 0, differences: [] });
    expect(summary.matched).toBe(
      readFileSync(`captures/${name}/kernel.log`, 'utf8').trimEnd().split('\n').length,
    );
  });

  it.each(NAMES)('%s: counters and connections', async (name) => {
    using temporary = scratch();
    const { status } = await run(
      `replay captures/${name}/any.pcap --host rulesets/${name} --out ${temporary.dir}`,
    );
    expect(status).toBe(0);
    const after = `rulesets/${name}/after`;
    expect(rules(join(temporary.dir, 'iptables-save.txt'))).toEqual(rules(join(after, 'iptables-save.txt')));
    if (name.startsWith('nft-'))
      expect(rules(join(temporary.dir, 'nft-ruleset.nft'))).toEqual(rules(join(after, 'nft-ruleset.nft')));
    expect(connections(join(temporary.dir, 'conntrack.txt'))).toEqual(
      connections(join(after, 'conntrack.txt')),
    );
    expect(existsSync(join(temporary.dir, 'kernel.log.part'))).toBe(false);
    // The host's own counters stand beside the simulated ones.
    const [head, ...rows] = readFileSync(join(temporary.dir, 'rules.csv'), 'utf8').trimEnd().split('\r\n');
    expect(head).toBe('rule,family,table,chain,number,packets,bytes,host_packets,host_bytes,text');
    for (const row of rows) {
      if (name.startsWith('nft-')) continue;
      const [, , , , , packets, bytes, hostPackets, hostBytes] = row.split(',');
      expect([packets, bytes], row).toEqual([hostPackets, hostBytes]);
    }
  });
});
