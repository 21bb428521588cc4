import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvRow } from '../../src/report/csv.js';
import { escapeControls } from '../../src/source/text.js';

describe('a row of CSV', () => {
  it('is what a package for CSV makes of it', () => {
    const sign = fc.constantFrom('"', ',', '=', '+', '-', '@', '\r', '\n', '\t', '＝', ' ', 'a', "'");
    const text = fc.oneof(
      fc.string(),
      fc.array(sign, { maxLength: 4 }).map((signs) => signs.join('')),
    );
    const cell = fc.oneof(text, fc.integer(), fc.double(), fc.constant(null));
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1, maxLength: 6 }), (cells) => {
        const shown = cells.map((cell) => (typeof cell === 'string' ? escapeControls(cell) : cell));
        expect(csvRow(cells)).toBe(
          stringify([shown], {
            record_delimiter: 'windows',
            quote_record_delimiter: true,
            escape_formulas: true,
          }),
        );
      }),
    );
  });

  it('has quotes only where they are needed, and no formulas', () => {
    expect(csvRow(['a "b"', 'c, d', '=1+1', -1, null, 'e'])).toBe(`"a ""b""","c, d",'=1+1,-1,,e\r\n`);
  });
});
