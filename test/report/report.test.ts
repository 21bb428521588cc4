import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/explain/finding.js';
import { writeCsv, writeCsvFile, type Cell } from '../../src/report/csv.js';
import { comparisonJson, comparisonNdjson, printJson } from '../../src/report/json.js';
import { comparisonText } from '../../src/report/text.js';
import { isoTime, span } from '../../src/report/time.js';
import { differenceColumns, ruleColumns, verdictColumns } from '../../src/report/tables.js';
import { wordsOf } from '../../src/report/words.js';
import { writeComparison } from '../../src/report/write.js';
import { compare, EPOCH, hostOf, predicted, udp } from '../compare/lines.js';

const ours = Array.from({ length: 6 }, (_, i) => predicted(udp({ id: i + 1 }), i * 1e6));
const clean = compare(ours, hostOf(ours));
const evil = '\u001b[31mred\u0007 \u202e';
const wrong = compare(
  [...ours, predicted(udp({ id: 9, prefix: `=cmd|' ${evil}: ` }), 6e6)],
  hostOf(ours)
    .filter((_, i) => i !== 1)
    .map((o) => ({ ...o, text: o.text.replace('ID=4 ', 'ID=4 DF ').replace('ID=5 ', 'ID=5 MF ') })),
);
const finding: Finding = {
  kind: 'ruleExtra',
  facts: { rule: 'filter:FORWARD:3' },
  confidence: 0.9,
  explains: 2,
  left: 1,
  suspect: {
    backend: 'iptables',
    family: 'ip',
    table: 'filter',
    chain: 'FORWARD',
    rule: 3,
    text: `-j LOG ${evil}`,
  },
  evidence: [{ frame: 2, text: 'packet 2 is not logged' }],
};

async function csv(columns: Parameters<typeof writeCsv<Cell[]>>[1], rows: Cell[][]): Promise<string> {
  const out = new PassThrough();
  const [result] = await Promise.all([readAll(out), writeCsv(out, columns, rows)]);
  return result;
}

describe('the text for a terminal', () => {
  it('says first that there is no difference', () => {
    expect(comparisonText(clean, []).split('\n')).toEqual([
      'No difference: the host logged what the ruleset says (6 of 6 predicted lines paired).',
      '',
      '6 packets, 6 predicted, 6 logged, 6 alike',
      'log clock told from 6 lines to within 1 µs',
      '',
    ]);
  });

  it('puts the findings before the differences, and shows no control characters', () => {
    const shown = comparisonText(wrong, [finding], { width: 300 });
    expect(shown.split('\n')[0]).toMatch(
      /^4 differences from the host's log: 7 predicted lines, 5 logged\.$/,
    );
    expect(shown.indexOf('as if it had no rule filter:FORWARD:3')).toBeGreaterThan(0);
    expect(shown.indexOf('FORWARD:3')).toBeLessThan(shown.indexOf('line only simulated: packet 2'));
    expect(shown).toContain('\\x1b[31mred\\x07 \\u202e');
    expect(shown.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    expect(shown).toContain('DF differs: packet 4, 0.003000 s, kernel.log:4');
  });

  it('colours only where asked', () => {
    expect(comparisonText(wrong, [finding])).not.toContain('\u001b');
    expect(comparisonText(wrong, [finding], { color: true })).toContain('\u001b[');
  });

  it('fits a screen, however much differs', () => {
    const many = Array.from({ length: 500 }, (_, i) => predicted(udp({ id: i + 1 }), i * 1e6));
    const lines = comparisonText(compare(many, []), [finding, finding, finding, finding], { width: 80 });
    expect(lines.split('\n').length).toBeLessThan(50);
    expect(Math.max(...lines.split('\n').map((l) => l.length))).toBeLessThanOrEqual(80);
    expect(lines).toContain('and 488 more differences');
    const low = comparisonText(compare(many, []), [finding], { width: 80, height: 24 });
    expect(low.split('\n').length).toBeLessThanOrEqual(24);
    expect(low).toMatch(/^line only simulated/m);
    expect(comparisonText(compare(many, []), [], { width: 40, height: 5 })).toContain(
      'and 499 more differences',
    );
    expect(comparisonText(compare(many, []), [], { height: 24, most: 20 })).toContain('and 480 more');
  });
});

describe('JSON', () => {
  it('is the object of the command line contract', () => {
    const json = comparisonJson(wrong, [finding]);
    expect(json).toMatchObject({
      version: 1,
      summary: {
        packets: 7,
        predicted: 7,
        observed: 5,
        matched: 3,
        fieldMismatch: 2,
        onlySimulated: 2,
        onlyHost: 0,
        suppressed: 0,
      },
      assumptions: [],
    });
    expect(json.differences).toHaveLength(4);
    expect((json.differences as object[])[0]).toMatchObject({
      kind: 'onlySimulated',
      time: '2026-11-22T00:25:24.713000Z',
      packet: 2,
      field: null,
      host: null,
    });
    expect((json.findings as object[])[0]).toMatchObject({
      kind: 'ruleExtra',
      confidence: 0.9,
      explains: 2,
      left: 1,
      suspect: { table: 'filter', chain: 'FORWARD', rule: 3 },
      statement: 'The host decides as if it had no rule filter:FORWARD:3.',
      evidence: [{ frame: 2 }],
    });
  });

  it('reads back what was printed, and is safe to look at', () => {
    const json = comparisonJson(wrong, [finding]);
    expect(JSON.parse(printJson(json, 2))).toEqual(JSON.parse(JSON.stringify(json)));
    expect(printJson(json)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  it('as lines: one object each, summary first', () => {
    const lines = [...comparisonNdjson(wrong, [finding])].map((l) => JSON.parse(l) as { type: string });
    expect(lines.map((l) => l.type)).toEqual([
      'summary',
      'clock',
      'finding',
      ...Array<string>(4).fill('difference'),
    ]);
  });
});

describe('CSV', () => {
  const column = { name: 'a', of: (row: Cell[]) => row[0] };
  it.each<[Cell, string]>([
    ['plain', 'plain'],
    [-5, '-5'],
    [null, ''],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['=1+1', "'=1+1"],
    ['+49', "'+49"],
    ['-j DROP', "'-j DROP"],
    ['@x', "'@x"],
    ['two\r\nlines\t', 'two\\r\\nlines\\t'],
    ['\u001b[2J', '\\x1b[2J'],
    ['größe', 'größe'],
  ])('%j is %s', async (cell, written) => {
    expect(await csv([column], [[cell]])).toBe(`a\r\n${written}\r\n`);
  });

  it('has its header where there are no rows', async () => {
    expect(await csv([column], [])).toBe('a\r\n');
  });

  it('differences.csv and its fellows have the documented columns', () => {
    const names = (columns: readonly { name: string }[]): string => columns.map((c) => c.name).join();
    expect(names(differenceColumns(EPOCH))).toBe(
      'kind,time,packet,field,simulated,host,rule,finding,reason,file,line',
    );
    expect(names(ruleColumns)).toBe(
      'rule,family,table,chain,number,packets,bytes,host_packets,host_bytes,text',
    );
    expect(names(verdictColumns(EPOCH))).toBe(
      'frame,time,interface,direction,family,src,dst,protocol,sport,dport,length,captured,problem,verdict,rule,nat,logs',
    );
  });

  it('reads no further ahead than its reader takes', async () => {
    const total = 100_000;
    let made = 0;
    function* rows(): Generator<Cell[]> {
      for (; made < total; made++) yield ['198.51.100.9'];
    }
    const out = new PassThrough();
    const written = writeCsv(out, [column], rows());
    let before = -1;
    while (made === 0 || made !== before) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // Some batches of 500 stand in the buffers of streams.
    expect(made).toBeLessThan(20_000);
    const text = await readAll(out);
    await written;
    expect(text.split('\r\n')).toHaveLength(total + 2);
  });

  it('files are there when they are whole, and not before', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'nfreplay-report-'));
    try {
      await writeComparison(dir, wrong, [finding]);
      expect(readdirSync(dir).sort()).toEqual(['differences.csv', 'findings.csv', 'findings.json']);
      const lines = readFileSync(join(dir, 'differences.csv'), 'utf8').split('\r\n');
      expect(lines).toHaveLength(6);
      expect(lines[1]).toMatch(/^onlySimulated,2026-11-22T00:25:24.713000Z,2,,/);
      expect(readFileSync(join(dir, 'findings.csv'), 'utf8')).toContain(
        '1,ruleExtra,0.9,2,1,filter:FORWARD:3,The host decides as if it had no rule filter:FORWARD:3.',
      );
      function* broken(): Generator<Cell[]> {
        yield ['x'];
        throw new Error('no more');
      }
      await expect(writeCsvFile(join(dir, 'broken.csv'), [column], broken())).rejects.toThrow('no more');
      expect(readdirSync(dir)).toHaveLength(3);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('times and words', () => {
  it.each<[bigint, number, number, string]>([
    [0n, 0, 6, '1970-01-01T00:00:00.000000Z'],
    [EPOCH, 1500, 9, '2026-11-22T00:25:24.712001500Z'],
    [0n, -1, 6, '1969-12-31T23:59:59.999999Z'],
    [10n ** 30n, 0, 6, ''],
  ])('%i + %i ns', (epoch, ns, digits, iso) => expect(isoTime(epoch, ns, digits)).toBe(iso));

  it.each([
    [40, '40 ns'],
    [40e3, '40 µs'],
    [1.25e9, '1.25 s'],
    [9 * 3600e9, '9 h'],
  ])('%i ns is %s', (ns, words) => expect(span(ns)).toBe(words));

  it('tells what is left where nothing explains it', () => {
    const beside = { counters: 0, leaving: 0, connections: 0 };
    const facts = {
      rule: 'filter:INPUT:1',
      onlySimulated: 1,
      onlyHost: 0,
      fields: ['MARK', 'TTL'],
      ...beside,
    };
    expect(wordsOf({ kind: 'unexplained', facts }).statement).toBe(
      'filter:INPUT:1: 1 line only simulated; MARK, TTL differ.',
    );
  });
});
