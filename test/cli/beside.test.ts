import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratch } from './examples.js';
import { run } from './run.js';

const NAME = 'router-masquerade';

interface Row {
  readonly kind: string;
  readonly field: string | null;
  readonly simulated: string | null;
  readonly host: string | null;
  readonly rule: string | null;
}

/** The differences where a file of the snapshot has other words. */
async function differing(
  file: string,
  change: (text: string) => string,
): Promise<{ rows: Row[]; status: number }> {
  using temporary = scratch();
  const host = join(temporary.dir, 'host');
  cpSync(`rulesets/${NAME}`, host, { recursive: true });
  const path = join(host, file);
  const text = readFileSync(path, 'utf8');
  const changed = change(text);
  if (file !== 'sysctl.txt') expect(changed).not.toBe(text);
  writeFileSync(path, changed);
  const log = `captures/${NAME}/kernel.log`;
  const command = `compare captures/${NAME}/any.pcap --host ${host} --log ${log} --format json --search 0`;
  const { status, stdout } = await run(command);
  return { rows: (JSON.parse(stdout) as { differences: Row[] }).differences, status };
}

describe('beside the log lines', () => {
  it('nothing differs of a true snapshot, whose counters and connections behind the capture are known', async () => {
    expect(await differing('sysctl.txt', (text) => text)).toEqual({ rows: [], status: 0 });
  });

  it('a packet that leaves with another source', async () => {
    const { rows, status } = await differing('iptables-save.txt', (text) =>
      text.replace('-j MASQUERADE', '-j SNAT --to-source 198.51.100.77'),
    );
    expect(status).toBe(1);
    const source = rows.filter((d) => d.kind === 'egress' && d.field === 'SRC');
    expect(source[0]).toMatchObject({ simulated: '198.51.100.77', host: '198.51.100.2' });
  });

  it('packets that were to leave and did not, and the other way round', async () => {
    const dropped = await differing('iptables-save.txt', (text) =>
      text.replace('-A FORWARD -i eth1 -o eth0 -j ACCEPT', '-A FORWARD -i eth1 -o eth0 -j DROP'),
    );
    const leaving = dropped.rows.filter((d) => d.kind === 'egress');
    expect(leaving.length).toBeGreaterThan(0);
    expect(leaving.every((d) => d.simulated === null && d.host !== null)).toBe(true);

    const let_ = await differing('iptables-save.txt', (text) =>
      text.replace('-A FORWARD -j DROP\n', '-A FORWARD -j ACCEPT\n'),
    );
    const stayed = let_.rows.filter((d) => d.kind === 'egress' && d.host === null);
    expect(stayed.length).toBeGreaterThan(0);
  });

  it('a counter of the host behind the capture', async () => {
    const { rows } = await differing('after/iptables-save.txt', (text) =>
      text.replace(
        /\[(\d+):(\d+)\] (-A FORWARD -j DROP)/,
        (_, packets: string, bytes: string, rule: string) => `[${Number(packets) + 1}:${bytes}] ${rule}`,
      ),
    );
    expect(rows.map(({ kind, field, rule }) => ({ kind, field, rule }))).toEqual([
      { kind: 'counter', field: 'packets', rule: 'filter:FORWARD:5' },
    ]);
  });

  it('a connection that only the host has, and one that it does not', async () => {
    const { rows } = await differing('after/conntrack.txt', (text) => {
      const lines = text.trimEnd().split('\n');
      const [first] = lines;
      return `${[first.replace(/sport=(\d+)/, 'sport=1'), ...lines.slice(1)].join('\n')}\n`;
    });
    expect(rows.map((d) => d.kind)).toContain('conntrack');
    expect(rows.some((d) => d.host?.includes('sport=1 '))).toBe(true);
  });
});
