import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CAPTURE, HOST, LOG, logLines, scratch } from './examples.js';
import { run } from './run.js';

interface Json {
  readonly version: number;
  readonly summary: Readonly<Record<string, number>>;
  readonly differences: readonly Readonly<Record<string, unknown>>[];
  readonly findings: readonly unknown[];
  readonly assumptions: readonly string[];
}

const BASE = `compare ${CAPTURE} --host ${HOST}`;

async function comparing(lines: readonly string[]): Promise<Json & { status: number }> {
  using temporary = scratch();
  const file = temporary.file('kernel.log', lines.map((line) => `${line}\n`).join(''));
  const { status, stdout } = await run([
    ...BASE.split(' '),
    '--log',
    file,
    '--format',
    'json',
    '--search',
    '0',
  ]);
  return { ...(JSON.parse(stdout) as Json), status };
}

describe('compare, on the docker recording', () => {
  it('pairs all 31 lines and exits with 0', async () => {
    const { status, summary, differences } = await comparing(logLines());
    expect({ status, summary, differences }).toEqual({
      status: 0,
      summary: {
        packets: 66,
        predicted: 31,
        observed: 31,
        matched: 31,
        fieldMismatch: 0,
        onlySimulated: 0,
        onlyHost: 0,
        suppressed: 0,
      },
      differences: [],
    });
  });

  it('reports a line that was removed as only simulated', async () => {
    const lines = logLines();
    const [removed] = lines.splice(6, 1);
    const { status, summary, differences } = await comparing(lines);
    expect(status).toBe(1);
    expect(summary).toMatchObject({
      predicted: 31,
      observed: 30,
      matched: 30,
      onlySimulated: 1,
      onlyHost: 0,
    });
    expect(differences).toHaveLength(1);
    expect(differences[0]).toMatchObject({
      kind: 'onlySimulated',
      rule: 'filter:FORWARD:1',
      host: null,
      simulated: removed.slice(removed.indexOf(']') + 2).trimEnd(),
    });
  });

  it.each([
    ['TTL=63', 'TTL=62', 'TTL', '63', '62'],
    ['DPT=6379', 'DPT=6380', 'DPT', '6379', '6380'],
    ['OUT=docker0', 'OUT=eth1', 'OUT', 'docker0', 'eth1'],
    ['ACK PSH', 'ACK', 'PSH', '', null],
  ])('reports %s changed to %s as that field', async (from, to, field, simulated, host) => {
    const lines = logLines();
    expect(lines[6]).toContain(from);
    lines[6] = lines[6].replace(from, to);
    const { status, summary, differences } = await comparing(lines);
    expect(status).toBe(1);
    expect(summary).toMatchObject({ matched: 30, fieldMismatch: 1, onlySimulated: 0, onlyHost: 0 });
    expect(differences).toHaveLength(1);
    expect(differences[0]).toMatchObject({
      kind: 'field',
      field,
      simulated,
      host,
      rule: 'filter:FORWARD:1',
      position: { line: 7 },
    });
  });

  it('reports a line that was added as only on the host', async () => {
    const lines = logLines();
    const added = lines[6].replace(/ID=\d+/, 'ID=4711').replace(/SPT=\d+/, 'SPT=999');
    lines.splice(7, 0, added);
    const { status, summary, differences } = await comparing(lines);
    expect(status).toBe(1);
    expect(summary).toMatchObject({ observed: 32, matched: 31, onlySimulated: 0, onlyHost: 1 });
    expect(differences).toHaveLength(1);
    expect(differences[0]).toMatchObject({ kind: 'onlyHost', simulated: null, position: { line: 8 } });
  });

  it('reads the same log from journalctl, short and JSON', async () => {
    using temporary = scratch();
    const short = logLines().map(
      (line) => `Nov 22 00:25:24 host kernel: ${line.slice(line.indexOf(']') + 2)}`,
    );
    const json = logLines().map((line) =>
      JSON.stringify({
        __REALTIME_TIMESTAMP: String(
          1795307124711794 + Math.round((Number(line.slice(1, 13)) - 4075.248816) * 1e6),
        ),
        _TRANSPORT: 'kernel',
        MESSAGE: line.slice(line.indexOf(']') + 2),
      }),
    );
    for (const lines of [short, json]) {
      const file = temporary.file('journal', lines.map((line) => `${line}\n`).join(''));
      const { status, stdout } = await run(`${BASE} --log ${file}`);
      expect(stdout).toContain('31 of 31 predicted lines paired');
      expect(status).toBe(0);
    }
  });

  it('reads the log from standard input', async () => {
    const { status } = await run(`${BASE} --log -`, { stdin: readFileSync(LOG) });
    expect(status).toBe(0);
  });

  it('prints the differences as CSV, and as one object a line', async () => {
    using temporary = scratch();
    const file = temporary.file('kernel.log', logLines().slice(1).join('\n'));
    const csv = await run(`${BASE} --log ${file} --format csv --search 0`);
    const [head, ...rows] = csv.stdout.trimEnd().split('\r\n');
    expect(head).toBe('kind,time,packet,field,simulated,host,rule,finding,reason,file,line');
    expect(rows).toHaveLength(1);
    expect(rows[0]).toContain('onlySimulated,2026-11-22T00:25:24.711794Z,1,');
    expect((await run(`${BASE} --log ${file} --csv - --search 0`)).stdout).toBe(csv.stdout);
    const nd = await run(`${BASE} --log ${file} --format ndjson --search 0`);
    const types = nd.stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types).toContain('summary');
    expect(types.filter((t) => t === 'difference')).toHaveLength(1);
  });

  it('writes its report and the simulated host into a directory, and no half of a file', async () => {
    using temporary = scratch();
    const out = join(temporary.dir, 'a/report');
    const { status } = await run(`${BASE} --log ${LOG} --out ${out}`);
    expect(status).toBe(0);
    const { readdirSync } = await import('node:fs');
    expect(readdirSync(out).sort()).toEqual([
      'conntrack-events.txt',
      'conntrack.txt',
      'differences.csv',
      'egress.pcapng',
      'findings.csv',
      'findings.json',
      'ip6tables-save.txt',
      'iptables-save.txt',
      'kernel.log',
      'logs.csv',
      'packets.csv',
      'report.html',
      'rules.csv',
    ]);
  });

  it('finds the rule that a host with another ruleset has not', async () => {
    const fixed = 'rulesets/docker-published-port-fixed/iptables-save.txt';
    const { status, stdout } = await run(`${BASE} --rules ${fixed} --log ${LOG} --format json --search 20`);
    expect(status).toBe(1);
    const { differences, findings } = JSON.parse(stdout) as {
      differences: readonly unknown[];
      findings: readonly { suspect: unknown; explains: number }[];
    };
    // Lines, packets sent, counters and connections.
    expect(findings[0].explains).toBe(86);
    expect(differences).toHaveLength(86);
    expect(findings[0].suspect).toMatchObject({ table: 'filter', chain: 'DOCKER-USER', rule: 1 });
  });
});
