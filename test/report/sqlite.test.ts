import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasProgram } from '../capture/reading.js';
import { CAPTURE, HOST, logLines, scratch } from '../cli/examples.js';
import { run } from '../cli/run.js';

const TABLES = ['packets', 'rules', 'logs', 'differences', 'findings'];

describe.skipIf(!hasProgram('sqlite3'))('the CSV files in a database (needs sqlite3)', () => {
  const temporary = scratch();
  const database = join(temporary.dir, 'report.db');
  beforeAll(async () => {
    const lines = logLines();
    lines.splice(6, 1);
    const log = temporary.file('kernel.log', lines.map((line) => `${line}\n`).join(''));
    const out = join(temporary.dir, 'out');
    await run(`compare ${CAPTURE} --host ${HOST} --log ${log} --out ${out} --search 1`);
    const imports = TABLES.map((name) => `.import --csv ${join(out, `${name}.csv`)} ${name}\n`).join('');
    const rejecting = join(temporary.dir, 'rejecting.csv');
    await run(
      `replay captures/default-reject/any.pcap --host rulesets/default-reject --out ${join(temporary.dir, 'more')}`,
    );
    renameSync(join(temporary.dir, 'more/packets.csv'), rejecting);
    execFileSync('sqlite3', [database], { input: `${imports}.import --csv ${rejecting} rejecting\n` });
  }, 120_000);
  afterAll(() => temporary[Symbol.dispose]());

  function ask(question: string): string[] {
    const answer = execFileSync('sqlite3', ['-list', database, question], { encoding: 'utf8' });
    return answer.trimEnd().split('\n');
  }

  it.each([
    [
      'packets',
      'frame time interface direction family src dst protocol sport dport length captured problem verdict rule nat logs',
    ],
    ['rules', 'rule family table chain number packets bytes host_packets host_bytes text'],
    ['logs', 'time packet rule level text doubt'],
    ['differences', 'kind time packet field simulated host rule finding reason file line'],
    ['findings', 'finding kind confidence explains left suspect statement advice evidence'],
  ])('%s has its columns in their order', (table, columns) => {
    expect(ask(`select name from pragma_table_info('${table}')`)).toEqual(columns.split(' '));
  });

  it('which sources had most packets, and which of them were dropped?', () => {
    const most = ask(
      `select src, count(*) from packets where verdict <> '' group by src order by count(*) desc, src limit 1`,
    );
    expect(most).toEqual([expect.stringMatching(/^(198\.51\.100\.9|172\.17\.0\.2)\|\d+$/)]);
    const dropped = (table: string): string[] =>
      ask(
        `select src, rule, count(*) from ${table} where verdict in ('DROP', 'REJECT') group by src, rule order by 3 desc, 2`,
      );
    expect(dropped('packets')).toEqual(['']);
    expect(dropped('rejecting')).toEqual(['198.51.100.9|filter:INPUT:9|2', '198.51.100.9|filter:INPUT:1|1']);
  });

  it('which rules were never hit?', () => {
    const never = ask(`select rule from rules where number <> '' and packets + 0 = 0 order by rule`);
    expect(never).toContain('filter:FORWARD:7');
    expect(never).not.toContain('filter:FORWARD:1');
  });

  it('do the counters agree with the host?', () => {
    expect(
      ask(`select count(*) from rules where number <> '' and host_packets <> '' and packets <> host_packets`),
    ).toEqual(['0']);
  });

  it('how many differences has each rule, and what does the host say of them?', () => {
    expect(ask(`select rule, kind, count(*) from differences group by rule, kind`)).toEqual([
      'filter:FORWARD:1|onlySimulated|1',
    ]);
    const joined = `select d.packet, p.src from differences d join packets p on p.frame = d.packet`;
    expect(ask(joined)).toEqual([expect.stringMatching(/^\d+\|/)]);
  });

  it('when did the lines come? (times that the database reads)', () => {
    const [span] = ask(
      `select count(*), round((julianday(max(time)) - julianday(min(time))) * 86400) from logs`,
    );
    expect(span).toBe('31|0.0');
    expect(ask(`select count(*) from logs where datetime(time) is null`)).toEqual(['0']);
  });
});
