import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { type Cell, writeCsv } from '../../src/report/csv.js';

/** One row as it is written, behind the header. */
async function written(...cells: readonly Cell[]): Promise<string> {
  const to = new PassThrough();
  const columns = cells.map((cell, i) => ({ name: `c${i}`, of: () => cell }));
  const [all] = await Promise.all([text(to), writeCsv(to, columns, [null])]);
  return all.slice(all.indexOf('\r\n') + 2);
}

describe('a row of CSV', () => {
  it('has quotes only where they are needed', async () => {
    expect(await written('a "b"', 'c, d', -1, null, 'e')).toBe('"a ""b""","c, d",-1,,e\r\n');
  });

  it('is no formula, and one line', async () => {
    expect(await written('=1+1', '@SUM(A1)', 'a\r\nb')).toBe("'=1+1,'@SUM(A1),a\\r\\nb\r\n");
  });
});
