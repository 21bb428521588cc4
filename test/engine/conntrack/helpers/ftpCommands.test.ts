import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpAddress, parseAddress } from '../../../../src/address/ip.js';
import { readDataPort, writeDataPort } from '../../../../src/engine/conntrack/helpers/ftpCommands.js';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

function read(text: string, direction: 0 | 1, version: 4 | 6): string {
  const found = readDataPort(bytes(text), direction, version);
  if (found === null || 'word' in found) return found ? 'partial' : 'none';
  const written = text.slice(found.from, found.to);
  return `${found.kind} ${found.address?.toString() ?? '-'} ${found.port} <${written}>`;
}

describe('what a client says of its data connection', () => {
  it.each<[text: string, version: 4 | 6, read: string]>([
    ['PORT 192,0,2,1,24,131\r\n', 4, 'PORT 192.0.2.1 6275 <192,0,2,1,24,131>'],
    ['port 192,0,2,1,24,131\r\n', 4, 'PORT 192.0.2.1 6275 <192,0,2,1,24,131>'],
    ['PORT and what follows 192,0,2,1,24,131\r\n', 4, 'partial'],
    ['PORT 192,0,2,1,24,131', 4, 'partial'],
    ['PORT 192,0,2,1,24,131\n', 4, 'partial'],
    ['PORT 192,0,2,1,24\r\n', 4, 'partial'],
    ['PORT 192,0,2,1,24,131,7\r\n', 4, 'partial'],
    // Empty numbers are 0, and what is over their 32 bits wraps.
    ['PORT 192,,2,1,,131\r\n', 4, 'PORT 192.0.2.1 131 <192,,2,1,,131>'],
    ['PORT 4294967488,0,2,1,0,21\r\n', 4, 'PORT 192.0.2.1 21 <4294967488,0,2,1,0,21>'],
    ['PORT', 4, 'partial'],
    ['PO', 4, 'partial'],
    ['PORTUGAL\r\n', 4, 'partial'],
    ['PASV\r\n', 4, 'none'],
    ['QUIT\r\n', 4, 'none'],
    ['NOOP\r\nPORT 192,0,2,1,24,131\r\n', 4, 'none'],
    ['227 Entering (192,0,2,1,24,131)\r\n', 4, 'none'],
    ['EPRT |1|192.0.2.1|6275|\r\n', 4, 'EPRT 192.0.2.1 6275 <|1|192.0.2.1|6275|>'],
    ['EPRT !1!192.0.2.1!6275!\r\n', 4, 'EPRT 192.0.2.1 6275 <!1!192.0.2.1!6275!>'],
    ['EPRT |1|192.0.2.1|6275\r\n', 4, 'partial'],
    ['EPRT |1|192.0.2.1|0|\r\n', 4, 'partial'],
    ['EPRT |1|192.0.2.1|65557|\r\n', 4, 'EPRT 192.0.2.1 21 <|1|192.0.2.1|65557|>'],
    ['EPRT |2|2001:db8::1|6275|\r\n', 4, 'partial'],
    ['EPRT |2|2001:db8::1|6275|\r\n', 6, 'EPRT 2001:db8::1 6275 <|2|2001:db8::1|6275|>'],
    ['EPRT |1|192.0.2.1|6275|\r\n', 6, 'partial'],
    ['EPRT |2|2001:db8:::1|6275|\r\n', 6, 'partial'],
    ['EPRT 11192.0.2.116275\r\n', 4, 'partial'],
  ])('%j', (text, version, expected) => expect(read(text, 0, version)).toBe(expected));
});

describe('what a server says of its data connection', () => {
  it.each<[text: string, version: 4 | 6, read: string]>([
    ['227 Entering Passive Mode (192,0,2,9,156,86)\r\n', 4, '227 192.0.2.9 40022 <192,0,2,9,156,86>'],
    // RFC 1123 section 4.1.2.6: without parentheses, too, and whatever ends it.
    ['227 =192,0,2,9,156,86\r\n', 4, '227 192.0.2.9 40022 <192,0,2,9,156,86>'],
    ['227 Mode 2 (192,0,2,9,156,86)\r\n', 4, 'partial'],
    ['227 Entering Passive Mode\r\n', 4, 'partial'],
    ['227-Entering\r\n', 4, 'none'],
    ['229 Extended (|||40022|)\r\n', 4, '229 - 40022 <|||40022|>'],
    ['229 Extended (|||40022|)\r\n', 6, '229 - 40022 <|||40022|>'],
    ['229 Extended (||1|40022|)\r\n', 6, 'partial'],
    ['229 Extended |||40022|\r\n', 6, 'partial'],
    ['229 Extended (|||40022', 6, 'partial'],
    ['229 (', 6, 'partial'],
    ['2', 4, 'partial'],
    ['220 ready\r\n', 4, 'none'],
    ['PORT 192,0,2,1,24,131\r\n', 4, 'none'],
  ])('%j', (text, version, expected) => expect(read(text, 1, version)).toBe(expected));
});

describe('an address and port', () => {
  it('are read as they are written', () => {
    const port = fc.integer({ min: 1, max: 65535 });
    const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(fc.constantFrom('PORT', 'EPRT', '227'), word, port, (kind, a, wanted) => {
        const address = new IpAddress(4, a);
        const text = `${kind} ${writeDataPort(kind, address, wanted)}\r\n`;
        const expected = { kind, address, port: wanted };
        expect(readDataPort(bytes(text), kind === '227' ? 1 : 0, 4)).toMatchObject(expected);
      }),
    );
    fc.assert(
      fc.property(word, word, word, word, port, (a, b, c, d, wanted) => {
        const address = new IpAddress(6, a, b, c, d);
        const text = `EPRT ${writeDataPort('EPRT', address, wanted)}\r\n`;
        expect(readDataPort(bytes(text), 0, 6)).toMatchObject({ address, port: wanted });
      }),
    );
  });

  it('of IPv6 are written in full', () => {
    const address = parseAddress('2001:db8::1') as IpAddress;
    expect(writeDataPort('EPRT', address, 21)).toBe('|2|2001:0db8:0000:0000:0000:0000:0000:0001|21|');
  });

  it('are sought in any bytes without harm', () => {
    const line = fc.tuple(
      fc.constantFrom('PORT ', 'EPRT ', '227 ', '229 (', ''),
      fc.uint8Array({ maxLength: 60 }),
    );
    fc.assert(
      fc.property(
        line,
        fc.constantFrom(0 as const, 1 as const),
        fc.constantFrom(4 as const, 6 as const),
        (parts, direction, version) => {
          const payload = Uint8Array.from([...bytes(parts[0]), ...parts[1]]);
          const found = readDataPort(payload, direction, version);
          if (found === null || 'word' in found) return;
          expect(found.to).toBeLessThanOrEqual(payload.length);
          expect(found.port).toBeLessThanOrEqual(65535);
        },
      ),
    );
  });
});
