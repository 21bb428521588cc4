import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnsOf, cut, padEnd, padStart, table, wrap } from '../../src/source/columns.js';
import { formatDiagnostic } from '../../src/source/diagnostic.js';

describe('columns of a terminal', () => {
  it.each([
    ['DROP', 4],
    ['防火墙', 6],
    ['e\u0301', 1],
    ['👩‍👩‍👧', 2],
    ['', 0],
  ])('%j takes %i', (text, columns) => expect(columnsOf(text)).toBe(columns));

  it.each([
    ['-j LOG', 6, '-j LOG'],
    ['-j LOG', 5, '-j L…'],
    ['防火墙规则', 6, '防火…'],
    ['防火墙规则', 5, '防火…'],
    ['a👩‍👩‍👧b', 3, 'a…'],
  ])('cuts %j to %i', (text, width, cutText) => expect(cut(text, width)).toBe(cutText));

  it('never gets wider than asked for, and keeps what fits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, width) => {
        const kept = cut(text, width);
        expect(columnsOf(kept)).toBeLessThanOrEqual(width);
        if (columnsOf(text) <= width) expect(kept).toBe(text);
      }),
    );
  });

  it('pads by what is seen', () => {
    expect(padEnd('防火', 6)).toBe('防火  ');
    expect(padStart('防火', 6)).toBe('  防火');
  });

  it('puts columns under each other', () => {
    const rows = [
      ['rule', 'packets', ''],
      ['filter:入口:1', '12', '-j DROP'],
      ['filter:INPUT:10', '3', '-j LOG'],
    ];
    expect(table(rows, '<><')).toEqual([
      'rule             packets',
      'filter:入口:1         12  -j DROP',
      'filter:INPUT:10        3  -j LOG',
    ]);
  });

  it('wraps at spaces, later lines under the first', () => {
    expect(wrap('the host dropped 防火墙 what the rules accept', '1. ', 20)).toEqual([
      '1. the host dropped',
      '   防火墙 what the',
      '   rules accept',
    ]);
  });
});

describe('a caret', () => {
  it('stands under its place, behind wide letters too', () => {
    const lineText = '-A INPUT -m comment --comment 防火墙 -j FOO';
    const column = lineText.indexOf('FOO') + 1;
    const [, line, caret] = formatDiagnostic({
      severity: 'error',
      message: 'unknown target',
      position: { file: 'rules', line: 1, column },
      length: 3,
      lineText,
    }).split('\n');
    expect(columnsOf(line.slice(0, line.indexOf('FOO')))).toBe(caret.indexOf('^'));
    expect(caret.endsWith('^~~')).toBe(true);
  });
});
