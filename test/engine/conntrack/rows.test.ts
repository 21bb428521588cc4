import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConnectionEntry } from '../../../src/engine/conntrack/entry.js';
import { ConnectionTable } from '../../../src/engine/conntrack/table.js';
import { TcpSide, TcpState } from '../../../src/engine/conntrack/tcpState.js';
import { Tuple } from '../../../src/rules/connection.js';

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const byte = fc.integer({ min: 0, max: 255 });
const port = fc.integer({ min: 0, max: 65_535 });

const ONE_WORD = { s1: 0, s2: 0, s3: 0, d1: 0, d2: 0, d3: 0 };

const tuple = fc
  .record({
    ...{ s0: word, s1: word, s2: word, s3: word, d0: word, d1: word, d2: word, d3: word },
    ...{ version: fc.constantFrom(4, 6), protocol: byte, sourcePort: port, destinationPort: port },
  })
  // An IPv4 address is one word.
  .map((values) => Object.assign(new Tuple(), values, values.version === 4 ? ONE_WORD : {}));

const side = fc
  .record({ end: word, maxEnd: word, maxWindow: fc.nat(2 ** 31 - 1), maxAck: word, scale: byte, flags: byte })
  .map((values) => Object.assign(new TcpSide(), values));

const tcp = fc
  .record({
    ...{ state: fc.nat(9), original: side, reply: side, lastDirection: fc.nat(1), lastSegment: fc.nat(5) },
    ...{
      lastSequence: word,
      lastAck: word,
      lastEnd: word,
      lastWindow: port,
      lastScale: byte,
      lastFlags: byte,
    },
    retransmissions: fc.nat(1000),
  })
  .map((values) => Object.assign(new TcpState(), values));

describe('a connection in the table', () => {
  it('is what it was before it went in, while it is there and when it has left', () => {
    const time = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    const all = fc.record({ original: tuple, reply: tuple, tcp: fc.option(tcp), expires: time, born: time });
    fc.assert(
      fc.property(fc.array(all, { minLength: 1, maxLength: 20 }), (wanted) => {
        const table = new ConnectionTable();
        const entries = wanted.map(({ original, reply, tcp, expires, born }, id) => {
          const entry = new ConnectionEntry(id, original, reply);
          entry.expires = expires;
          entry.born = born;
          if (tcp) entry.keepTcp(tcp);
          return entry;
        });
        const look = (): void =>
          entries.forEach((entry, i) => {
            const { original, reply, expires, born } = entry;
            expect({ original, reply, expires, born, tcp: entry.tcpState() }).toEqual(wanted[i]);
          });
        for (const entry of entries) table.insert(entry, 0);
        look();
        const odd = entries.filter((_, i) => i % 2 === 1);
        for (const entry of odd) table.destroy(entry);
        look();
        // Rows that are free again are written over.
        for (const entry of odd) table.insert(new ConnectionEntry(99, entry.reply, entry.original), 0);
        look();
      }),
    );
  });

  it('keeps what few have beside it', () => {
    const entry = new ConnectionEntry(1, new Tuple(), new Tuple());
    expect([entry.labels, entry.helper, entry.master, entry.zone, entry.zoneDirections]).toEqual([
      ...[null, null, null],
      ...[0, 3],
    ]);
    entry.zoneDirections = 2;
    entry.zone = 65_535;
    entry.helper = 'ftp';
    entry.fromHost = true;
    entry.dead = true;
    entry.fromHost = false;
    expect([entry.zone, entry.zoneDirections, entry.helper, entry.fromHost, entry.dead]).toEqual([
      ...[65_535, 2, 'ftp'],
      ...[false, true],
    ]);
  });
});
