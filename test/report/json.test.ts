import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonPieces, printJson } from '../../src/report/json.js';

const printed = (value: object): string => [...jsonPieces(value)].join('');

describe('JSON a piece at a time', () => {
  it('is what it is as a whole, to the byte', () => {
    const row = fc.dictionary(fc.string(), fc.jsonValue());
    const value = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(row));
    fc.assert(
      fc.property(value, (value) => {
        expect(printed(value)).toBe(`${printJson(value, 2)}\n`);
      }),
    );
  });

  it('has rows that are made as they are printed, and leaves out what is undefined', () => {
    const rows = function* (): Generator<object> {
      yield { a: 1 };
      yield { a: [] };
    };
    expect(printed({ version: 1, none: undefined, rows: rows(), empty: new Set() })).toBe(
      `${printJson({ version: 1, rows: [{ a: 1 }, { a: [] }], empty: [] }, 2)}\n`,
    );
  });

  it('holds few rows at a time, however many there are', () => {
    let made = 0;
    let printed = 0;
    const rows = function* (): Generator<object> {
      for (; made < 20_000; made++) yield { text: 'x'.repeat(1000) };
    };
    for (const piece of jsonPieces({ rows: rows() })) {
      printed += piece.match(/text/g)?.length ?? 0;
      expect(made - printed).toBeLessThan(2);
      expect(piece.length).toBeLessThan(70_000);
    }
    expect(printed).toBe(20_000);
  });
});
