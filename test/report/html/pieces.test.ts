import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packetPieces, pageHtml } from '../../../src/report/html/page.js';
import { type PieceTable, writePieces } from '../../../src/report/html/pieces.js';
import type { Cell } from '../../../src/report/csv.js';

/** What the page itself does with a table, run from its own script. */
function readerOf(tables: Readonly<Record<string, PieceTable>>): (name: string) => Promise<Cell[][]> {
  const script = readFileSync('dist/report/html/client/pieces.js', 'utf8');
  const head = JSON.stringify({ tables });
  const page = {
    byId: () => ({ textContent: head }),
    document: {
      querySelectorAll: (selector: string) =>
        tables[/data-piece="(\w+)"/.exec(selector)![1]].encoded.map((textContent) => ({ textContent })),
    },
    ...{ Blob, Response, DecompressionStream, TextDecoder, Uint8Array, DataView, performance, setTimeout },
  };
  const open = runInNewContext(`${script}\nopenTable`, page) as (name: string) => {
    held: number;
    row(index: number): Promise<readonly Cell[]>;
  };
  return async (name) => {
    const table = open(name);
    const rows: Cell[][] = [];
    for (let i = 0; i < table.held; i++) rows.push([...(await table.row(i))]);
    return rows;
  };
}

function piecesOf(rows: readonly (readonly Cell[])[]): PieceTable {
  const writer = writePieces<readonly Cell[]>((row) => row, Infinity);
  for (const row of rows) writer.push(row);
  return writer.finish();
}

const octet = fc.integer({ min: 0, max: 255 });
const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'<>&" /!-scriptäß日') }),
  fc.constantFrom('', '01.2.3.4', '1.2.3', 'fe80::1', '</script>', '256.1.1.1'),
);
const whole = fc.oneof(
  fc.nat(),
  fc.integer({ min: 0, max: 2 ** 53 - 2 }),
  fc.constantFrom(0, -1, 255, 256, 65_535, 2 ** 32, 2 ** 53 - 2),
);
const COLUMNS = {
  'addresses, hardly one twice': fc.oneof({ arbitrary: address, weight: 20 }, { arbitrary: text, weight: 1 }),
  'texts that come again': fc.constantFrom('eth0', 'docker0', '', 'filter:FORWARD:1'),
  texts: fc.oneof(text, address, fc.constant(null)),
  'numbers and gaps': fc.option(whole),
  numbers: fc.nat({ max: 70_000 }),
};

describe('a table in the page', () => {
  it.each(Object.entries(COLUMNS))('is read as it was written: %s', async (_, cell) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, fc.nat()), { minLength: 1, maxLength: 60 }), async (rows) => {
        const table = piecesOf(rows);
        for (const piece of table.encoded) expect(piece).toMatch(/^[!-~]*$/);
        for (const piece of table.encoded) expect(piece).not.toMatch(/[<&>]/);
        expect(await readerOf({ packets: table })('packets')).toEqual(rows);
      }),
      { numRuns: 200 },
    );
  });

  it('goes over the end of its pieces', async () => {
    const rows = Array.from({ length: 12_345 }, (_, i): Cell[] => [i, i * 1000, `10.0.${i >> 8}.${i & 255}`]);
    const table = piecesOf(rows);
    expect(table.pieces).toEqual([8000, 4345]);
    expect(await readerOf({ packets: table })('packets')).toEqual(rows);
  });

  it('of 100,000 packets of which no two have anything in common is whole in less than 2 MB', async () => {
    let state = 1;
    /** Park and Miller's generator: the same packets each time. */
    const random = (below: number): number => {
      state = (state * 48_271) % 0x7fff_ffff;
      return state % below;
    };
    const pieces = packetPieces();
    const ip = (): string => [random(256), random(256), random(256), random(256)].join('.');
    let time = 0;
    const some: string[] = [];
    for (let frame = 1; frame <= 100_000; frame++) {
      time += random(2_000_000);
      const [src, dst, sport, dport] = [ip(), ip(), random(65_536), random(65_536)];
      const isDropped = random(2) === 1;
      if (frame % 33_333 === 1) some.push(`${src}:${sport} ${dst}:${dport}`);
      pieces.push({
        ...{ frame, time, interface: 'eth0', direction: 'in', family: '4', src, dst, sport, dport },
        ...{ protocol: random(2) === 1 ? 6 : 17, length: 40 + random(1460), captured: 96, problem: '' },
        verdict: isDropped ? 'DROP' : 'ACCEPT',
        rule: isDropped ? 'filter:FORWARD:2' : 'filter:FORWARD:policy',
        ...{ nat: '', logs: 0 },
      });
    }
    const html = pageHtml({
      ...{ verdict: { kind: 'nothing', text: '' }, figures: [], epoch: 0n, lines: [], held: null },
      ...{ assumptions: [], rules: [], packets: pieces.finish(), walks: [], inputs: [] },
    });
    expect(Buffer.byteLength(html)).toBeLessThan(2_000_000);
    const [head] = /(?<=id="head">)[^<]*/.exec(html)!;
    const { tables } = JSON.parse(head) as { tables: Record<string, { pieces: number[] }> };
    expect(tables.packets.pieces.reduce((sum, n) => sum + n, 0)).toBe(100_000);
    const encoded = [...html.matchAll(/data-piece="packets">([^<]*)</g)].map(([, piece]) => piece);
    const { total, pieces: counts } = { total: 0, ...tables.packets };
    const rows = await readerOf({ packets: { total, pieces: counts, encoded } })('packets');
    const read = rows.filter(([frame]) => (frame as number) % 33_333 === 1);
    expect(read.map((r) => `${r[4]}:${r[7]} ${r[5]}:${r[8]}`)).toEqual(some);
  });
});
