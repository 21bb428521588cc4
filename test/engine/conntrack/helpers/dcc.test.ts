import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DccOffer, readDcc } from '../../../../src/engine/conntrack/helpers/dcc.js';

const OWN = '192.168.1.2';
const NUMBER = '3232235778';

function read(text: string): DccOffer | null {
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  return readDcc(bytes, (address) => String(address) === OWN);
}

const offer = (rest: string): string => `PRIVMSG you :\x01DCC ${rest}\x01\r\n`;

describe('a message of IRC offers', () => {
  it.each([
    offer(`SEND file ${NUMBER} 5000 77`),
    offer(`CHAT chat ${NUMBER} 5000`),
    offer(`MOVE file ${NUMBER} 5000 77`),
    offer(`TSEND file ${NUMBER}   5000 77`),
    offer(`SCHAT chat ${NUMBER} 5000`),
    `\r\n ${offer(`CHAT chat ${NUMBER} 5000`)}`,
    offer(`CHAT chat ${NUMBER} 5000`).replace('PRIVMSG', 'privmsg'),
    // 32 and 16 bits are kept.
    offer(`SEND f ${2 ** 32 + Number(NUMBER)} ${65536 + 5000} 1`),
  ])('a port: %j', (text) => {
    const found = read(text);
    expect(found?.port).toBe(5000);
    expect(text.slice(found?.from, found?.to)).toMatch(/^\d+ +\d+$/);
  });

  it.each([
    offer(`SEND f 3232235777 5000 77`),
    offer(`SEND f ${NUMBER} 0 77`),
    offer(`GET f ${NUMBER} 5000 77`),
    `NOTICE you :\x01DCC SEND f ${NUMBER} 5000 77\x01\r\n`,
    `PRIVMSG you :look \x01DCC SEND f ${NUMBER} 5000 77\x01\r\n`,
    `PRIVMSG you :x :\x01DCC SEND f ${NUMBER} 5000 77\x01\r\n`,
    `PRIVMSG you :\x01DCC SEND f ${NUMBER} 5000 77\x01`,
    `PRIVMSG you :\x01DCC SEND ${'f'.repeat(5000)} ${NUMBER} 5000 77\x01\r\n`,
    'PRIVMSG',
    '',
  ])('nothing: %j', (text) => {
    expect(read(text)).toBeNull();
  });

  it('whatever it says, within its bounds', () => {
    const part = fc.constantFrom(
      'PRIVMSG ',
      ' :',
      '\x01DCC ',
      'SEND ',
      'f ',
      `${NUMBER} `,
      '5000 ',
      '\n',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(part, fc.string()), { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        const found = read(text);
        if (!found) return;
        expect(found.from).toBeLessThan(found.to);
        expect(found.to).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});
