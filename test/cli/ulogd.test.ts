import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scratch } from './examples.js';
import { run } from './run.js';

/**
 * What ulogd 2.0.8 wrote, in five forms at once, of the NFLOG messages of a router of Linux 6.18: TCP with DNAT, echoes, UDP that is
 * refused, IPv6. Its rules send to group 5, to which ulogd listens, and one to group 9.
 */
const DIR = 'test/cli/ulogd';
const CAPTURE = `${DIR}/any.pcap --host ${DIR}/host`;

async function compare(log: string, more = '') {
  const { status, stdout } = await run(`compare ${CAPTURE} --log ${log} --format json ${more}`);
  const { summary, differences, findings } = JSON.parse(stdout) as {
    summary: Record<string, number>;
    differences: { kind: string; field: string | null; simulated: string | null; host: string | null }[];
    findings: { statement: string }[];
  };
  return { status, summary, differences, findings };
}

describe('what NFLOG rules send, as ulogd tells of it', () => {
  it.each(['logemu', 'gprint', 'json', 'oprint', 'xml'])('%s agrees', async (form) => {
    const { status, summary, differences, findings } = await compare(`${DIR}/${form}.txt`);
    expect({ status, differences, findings }).toEqual({ status: 0, differences: [], findings: [] });
    expect(summary).toMatchObject({ packets: 50, predicted: 28, observed: 28, matched: 28 });
  });

  it('agrees in several forms at once', async () => {
    const { status, summary } = await compare(`${DIR}/json.txt --log ${DIR}/oprint.txt`);
    expect(status).toBe(0);
    expect(summary).toMatchObject({ predicted: 28, observed: 28, matched: 28 });
  });

  it('shows a line that is missing and a mark that is another', async () => {
    using temporary = scratch();
    const lines = readFileSync(`${DIR}/gprint.txt`, 'utf8').split('\n');
    const text = lines
      .filter((_, i) => i !== 3)
      .join('\n')
      .replace('oob.mark=42', 'oob.mark=7');
    const { status, differences } = await compare(temporary.file('gprint.txt', text), '--search 0');
    expect(status).toBe(1);
    expect(
      differences.map(({ kind, field, simulated, host }) => (field ? [field, simulated, host] : kind)),
    ).toEqual(['onlySimulated', ['MARK', '0x2a', '0x7']]);
  });

  it('is compared beside what LOG rules write to the kernel log', async () => {
    using temporary = scratch();
    const rules = readFileSync(`${DIR}/host/iptables-save.txt`, 'utf8').replace(
      '-A INPUT -p icmp -j NFLOG',
      '-A INPUT -p icmp -j LOG --log-prefix "told: "\n-A INPUT -p icmp -j NFLOG',
    );
    const file = temporary.file('rules', rules);
    const { stdout } = await run(`replay ${CAPTURE} --rules ${file} --format json`);
    const { lines } = JSON.parse(stdout) as { lines: { text: string }[] };
    const kernel = lines
      .filter(({ text }) => text.startsWith('told: '))
      .map(({ text }, i) => `[ ${100 + i}.000000] ${text}\n`);
    expect(kernel.length).toBeGreaterThan(0);
    const both = await compare(
      `${temporary.file('kernel.log', kernel.join(''))} --log ${DIR}/json.txt`,
      `--rules ${file} --search 0`,
    );
    expect(both.summary).toMatchObject({ predicted: 28 + kernel.length, observed: 28 + kernel.length });
    expect(both.differences.filter(({ kind }) => kind !== 'egress')).toEqual([]);
  });

  it('names the rule whose prefix is another', async () => {
    using temporary = scratch();
    const rules = readFileSync(`${DIR}/host/iptables-save.txt`, 'utf8').replace('"in:"', '"else "');
    const { status, findings } = await compare(
      `${DIR}/json.txt`,
      `--rules ${temporary.file('rules', rules)}`,
    );
    expect(status).toBe(1);
    expect(findings[0].statement).toMatch(/filter:INPUT:1/);
  });
});
