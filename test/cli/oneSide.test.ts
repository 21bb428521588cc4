import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { onlyOf } from '../capture/oneSide.js';
import { scratch } from './examples.js';
import { run } from './run.js';

interface Compared {
  readonly summary: { readonly matched: number };
  readonly differences: readonly { readonly kind: string; readonly reason: string | null }[];
  readonly assumptions: readonly string[];
}

/** Compares with captures of some interfaces alone, as `tcpdump -i` of each would have made them. */
async function compareOnly(name: string, ...interfaces: string[]): Promise<Compared & { status: number }> {
  using temporary = scratch();
  const host = `rulesets/${name}`;
  const any = readFileSync(`captures/${name}/any.pcap`);
  const links = JSON.parse(readFileSync(`${host}/ip-link.json`, 'utf8')) as Parameters<typeof onlyOf>[1];
  const files = interfaces.map((each) => temporary.file(`${each}.pcap`, onlyOf(any, links, each)));
  const told = interfaces.map((each, i) => `-i ${files[i]}=${each}`).join(' ');
  const { status, stdout } = await run(
    `compare ${files.join(' ')} ${told} --host ${host} --log captures/${name}/kernel.log --format json`,
  );
  return { status, ...(JSON.parse(stdout) as Compared) };
}

const ANSWER = 'it answers a connection that came in by an interface which was not captured';

describe('a capture of some of a router’s interfaces', () => {
  it.each<[recording: string, interfaces: string[], matched: number, undecidable: string[]]>([
    ['docker-published-port', ['eth0'], 26, ['docker0 was not captured', ANSWER]],
    ['docker-published-port', ['docker0'], 31, []],
    ['docker-published-port', ['eth0', 'docker0'], 31, []],
    ['router-masquerade', ['eth0'], 1, ['eth1 was not captured']],
    ['router-masquerade', ['eth1'], 4, ['eth0 was not captured']],
    ['router-masquerade', ['eth0', 'eth1'], 5, []],
    ['ping-to-itself', ['eth0'], 0, ['lo was not captured']],
  ])(
    '%s, %s: %i lines predicted, the rest is said to be undecidable',
    async (name, interfaces, matched, reasons) => {
      const { status, summary, differences } = await compareOnly(name, ...interfaces);
      expect(differences.filter((d) => d.kind !== 'undecidable')).toEqual([]);
      expect([...new Set(differences.map((d) => d.reason))]).toEqual(reasons);
      expect({ status, matched: summary.matched }).toEqual({ status: 0, matched });
    },
  );

  it('says what was assumed', async () => {
    const { assumptions } = await compareOnly('docker-published-port', 'docker0');
    expect(assumptions).toContain(
      'eth0 was not captured; packets that were seen only as they left were taken to have come in by it.',
    );
    const other = await compareOnly('router-masquerade', 'eth0');
    expect(other.assumptions.join()).toMatch(/left with an address of the host that others had sent/);
  });
});
