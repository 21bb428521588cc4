import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromDmesg, takeApart } from '../../src/observed/line.js';

const digits = fc.stringMatching(/^[0-9]{0,11}$/);
const piece = fc.constantFrom(
  '[',
  ']',
  ' ',
  '.',
  '<',
  '>',
  'T12',
  'kernel: ',
  'host ',
  'L1: IN=eth0 OUT= ',
  '#012',
);
const stamp = fc
  .tuple(
    fc.constantFrom('', ' ', '    '),
    digits,
    fc.constantFrom('.', ''),
    digits,
    fc.constantFrom('] ', ']', ' ]'),
  )
  .map((parts) => `[${parts.join('')}`);
const line = fc.array(fc.oneof(stamp, piece, digits), { maxLength: 8 }).map((parts) => parts.join(''));

describe("dmesg's own form", () => {
  it('is taken apart as every other form', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.tuple(stamp, line), ([begin, end]) => {
        const text = `${begin}${end}`;
        const found = fromDmesg(text);
        if (!found) return;
        taken++;
        expect(found).toEqual(takeApart(text, {}));
      }),
      { numRuns: 5000 },
    );
    expect(taken).toBeGreaterThan(500);
  });
});
