import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeptText } from '../../src/source/keptText.js';
import { Tape } from '../../src/source/tape.js';

/** Few letters, so that two texts are often the same. */
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', 'é', ' ', '\t', '\u00a0', '\u{1f512}'), maxLength: 9 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
);

/** The same texts, as one that was written and read again has them. */
function onTape(texts: readonly string[]): KeptText[] {
  const tape = new Tape<KeptText | string>({
    write: (item, to) => to.text(String(item)),
    read: (from) => from.text(),
  });
  for (const each of texts) tape.push(each);
  return [...tape] as KeptText[];
}

describe('a kept text', () => {
  it('is the text again', () => {
    fc.assert(
      fc.property(fc.array(text), (texts) => {
        expect(onTape(texts).map(String)).toEqual(texts);
        expect(texts.map((each) => KeptText.of(each).toString())).toEqual(texts);
      }),
    );
  });

  it('equals what is the same without the space at the end, wherever it is kept', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const isSame = a.trimEnd() === b.trimEnd();
        const [first, second] = onTape([a, b]);
        expect(first.equals(second)).toBe(isSame);
        expect(KeptText.of(a).equals(second)).toBe(isSame);
        if (isSame) expect(first.hash).toBe(KeptText.of(b).hash);
      }),
      { numRuns: 1000 },
    );
  });
});
