import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasProgram } from '../capture/reading.js';
import { CAPTURE, HOST, LOG, scratch } from '../cli/examples.js';
import { run } from '../cli/run.js';
import { packetComment } from '../../src/report/annotation.js';

describe('the comment of a packet', () => {
  const line = { time: 0, frame: 1, rule: 'filter:FORWARD:1', level: 4, text: 'X: IN=eth0 ', doubt: null };
  it('says verdict, rule, NAT, lines and differences, and no control character', () => {
    const outcome = {
      verdict: 'DROP',
      rule: 'filter:INPUT:3',
      nat: '192.0.2.1:1 > 192.0.2.2:2',
      problem: '',
    };
    const difference = {
      kind: 'field' as const,
      time: 0,
      frame: 1,
      field: 'TTL',
      simulated: '63',
      host: '62\u001b[2J',
      rule: 'filter:FORWARD:1',
      reason: null,
      position: null,
      line: line.text,
      finding: null,
    };
    expect(packetComment({ outcome, lines: [line], differences: [difference] }).split('\n')).toEqual([
      'nfreplay: DROP by filter:INPUT:3',
      'NAT: 192.0.2.1:1 > 192.0.2.2:2',
      'log by filter:FORWARD:1: X: IN=eth0',
      'difference: TTL differs: simulated 63, host 62\\x1b[2J',
    ]);
  });
  it('says what took no part', () => {
    expect(packetComment({ outcome: null, lines: [], differences: [] })).toBe('nfreplay: took no part');
  });
});

describe.skipIf(!hasProgram('tshark'))('--annotate, read back by tshark (needs tshark)', () => {
  it('has every captured packet as it was, with its comment', async () => {
    using temporary = scratch();
    const log = temporary.file('kernel.log', readFileSync(LOG, 'utf8').replace('TTL=63', 'TTL=62'));
    const file = join(temporary.dir, 'annotated.pcapng');
    const { stderr } = await run(
      `compare ${CAPTURE} --host ${HOST} --log ${log} --search 0 --annotate ${file}`,
    );
    expect(stderr).not.toContain('defect');
    const fields = (path: string, ...names: string[]): string[] =>
      execFileSync('tshark', ['-r', path, '-T', 'fields', ...names.flatMap((n) => ['-e', n])], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
        .trimEnd()
        .split('\n');
    const original = ['frame.time_epoch', 'frame.len', 'sll.ifindex', 'ip.id', 'tcp.checksum'];
    expect(fields(file, ...original)).toEqual(fields(CAPTURE, ...original));
    const comments = fields(file, 'frame.comment');
    expect(comments).toHaveLength(66);
    expect(comments.filter((c) => c.includes('nfreplay: '))).toHaveLength(66);
    expect(comments[0]).toContain('nfreplay: ACCEPT by filter:');
    expect(comments[0]).toContain('NAT: 198.51.100.9:55180 > 172.17.0.2:6379');
    expect(comments.filter((c) => c.includes('difference: TTL differs: simulated 63, host 62'))).toHaveLength(
      1,
    );
  });

  it('keeps the names of interfaces, and the comments that were there', async () => {
    using temporary = scratch();
    const named = join(temporary.dir, 'named.pcapng');
    const file = join(temporary.dir, 'annotated.pcapng');
    await run(`compare ${CAPTURE} --host ${HOST} --log ${LOG} --out ${temporary.dir}/a`);
    const host = `${temporary.dir}/a/egress.pcapng`;
    writeFileSync(named, readFileSync(host));
    await run(`compare ${named} --host ${HOST} --log ${LOG} --search 0 --annotate ${file}`);
    const shown = (path: string): string[] =>
      execFileSync(
        'tshark',
        ['-r', path, '-T', 'fields', '-e', 'frame.interface_name', '-e', 'frame.comment'],
        {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      )
        .trimEnd()
        .split('\n');
    const before = shown(named);
    const after = shown(file);
    expect(before.length).toBeGreaterThan(10);
    expect(after.map((line) => line.split('\t')[0])).toEqual(before.map((line) => line.split('\t')[0]));
    expect(
      after.every((line, i) => line.startsWith(before[i].slice(0, 30)) && line.includes('nfreplay: ')),
    ).toBe(true);
  });
});
