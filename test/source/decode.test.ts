import { describe, expect, it } from 'vitest';
import { decodeText } from '../../src/source/decode.js';

describe('the text of a file', () => {
  it.each([
    ['no mark', [0x2a, 0xc3, 0xa4], '*ä'],
    ['UTF-8 with a mark', [0xef, 0xbb, 0xbf, 0x2a], '*'],
    ['UTF-16, low byte first', [0xff, 0xfe, 0x2a, 0, 0xe4, 0], '*ä'],
    ['UTF-16, high byte first', [0xfe, 0xff, 0, 0x2a], '*'],
    ['nothing', [], ''],
  ])('%s', (_what, bytes, text) => {
    expect(decodeText(Uint8Array.from(bytes))).toBe(text);
  });
});
