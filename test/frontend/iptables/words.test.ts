import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteWord, restoreWords } from '../../../src/frontend/iptables/words.js';

function words(line: string): string[] {
  return restoreWords(line, 0, 'x', 1, () => undefined).map((w) => w.text);
}

describe('words of a line of iptables-save text', () => {
  it.each([
    ['-A INPUT', ['-A', 'INPUT']],
    ['  -A\t INPUT  ', ['-A', 'INPUT']],
    ['--comment "a b"', ['--comment', 'a b']],
    ['--comment "a \\"q\\" \\\\ \\\'"', ['--comment', 'a "q" \\ \'']],
    ['--comment ""', ['--comment', '']],
    // A quote may open inside a word, and always ends it.
    ['a"b c"d', ['ab c', 'd']],
    // Outside quotes, backslashes and single quotes are ordinary characters.
    ["a\\ b 'c d'", ['a\\', 'b', "'c", "d'"]],
    ['a "never closed', ['a', 'never closed']],
  ])('%s', (line, expected) => {
    expect(words(line)).toEqual(expected);
  });

  it('knows where each word begins, and which quote is not closed', () => {
    const unclosed: number[] = [];
    const columns = restoreWords('  -A  "x y" z "', 0, 'f', 7, (c) => unclosed.push(c)).map(
      (w) => w.position,
    );
    expect(columns).toEqual([3, 7, 13, 15].map((column) => ({ file: 'f', line: 7, column })));
    expect(unclosed).toEqual([15]);
  });

  it('reads back every word that was quoted', () => {
    const word = fc.string().filter((s) => !s.includes('\n'));
    fc.assert(
      fc.property(fc.array(word), (list) => {
        expect(words(list.map(quoteWord).join(' '))).toEqual(list);
      }),
    );
  });
});
