import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tape, type TapeReader, type TapeWriter } from '../../src/source/tape.js';

interface Item {
  readonly text: string;
  readonly number: number;
  readonly big: bigint;
  readonly int: number;
  readonly word: string;
}

function itemTape(): Tape<Item> {
  return new Tape<Item>({
    write({ text, number, big, int, word }: Item, to: TapeWriter) {
      to.text(text);
      to.number(number);
      to.big(big);
      to.int(int);
      to.string(word);
    },
    read: (from: TapeReader): Item => ({
      text: from.text().toString(),
      number: from.number(),
      big: from.big(),
      int: from.int(),
      word: from.string(),
    }),
  });
}

const item = fc.record({
  text: fc.string({ unit: 'grapheme', maxLength: 40 }),
  number: fc.double({ noNaN: true }),
  big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  int: fc.integer(),
  word: fc.string({ unit: 'grapheme', maxLength: 5 }),
});

describe('a tape', () => {
  it('gives again what was put on it, as often as it is asked', () => {
    fc.assert(
      fc.property(
        fc.array(item, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(1, 700, 3000),
        (some, times) => {
          const tape = itemTape();
          const all: Item[] = [];
          for (let n = 0; n < times; n++) for (const each of some) all.push(each);
          for (const each of all) tape.push(each);
          expect(tape.length).toBe(all.length);
          for (let reading = 0; reading < 2; reading++) {
            let at = 0;
            for (const each of tape)
              if (!Object.is(each, all[at])) expect(each).toEqual(all[at++]);
              else at++;
            expect(at).toBe(all.length);
          }
          tape.close();
        },
      ),
      { numRuns: 20 },
    );
  });

  it('is read by several at once', () => {
    const tape = itemTape();
    for (let n = 0; n < 40_000; n++)
      tape.push({ text: `${n} `.repeat(20), number: n, big: 1n, int: -n, word: '' });
    const first = tape[Symbol.iterator]();
    const second = tape[Symbol.iterator]();
    for (let n = 0; n < 40_000; n++) {
      expect((first.next().value as Item).number).toBe(n);
      if (n % 2 === 1) expect((second.next().value as Item).number).toBe(n >> 1);
    }
    expect(first.next().done).toBe(true);
    tape.close();
  });

  it('takes an item that is longer than what it writes at once', () => {
    const tape = itemTape();
    const long = 'é'.repeat(3_000_000);
    const items = ['a', long, 'b', long, 'c', long, 'd'].map((text, n) => ({
      text,
      number: n,
      big: 0n,
      int: 0,
      word: text,
    }));
    for (const each of items) tape.push(each);
    expect([...tape]).toEqual(items);
    tape.close();
  });
});
