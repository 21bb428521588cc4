import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConnectionEntry } from '../../../src/engine/conntrack/entry.js';
import { ConnectionTable, DEFAULT_ZONE } from '../../../src/engine/conntrack/table.js';
import { invertTuple } from '../../../src/engine/conntrack/tuple.js';
import { Direction, Tuple } from '../../../src/rules/connection.js';

function tupleOf(port: number): Tuple {
  const tuple = new Tuple();
  tuple.protocol = 17;
  tuple.s0 = port * 7;
  tuple.d0 = 1;
  tuple.sourcePort = port;
  tuple.destinationPort = 53;
  return tuple;
}

function entryOf(port: number, expires: number): ConnectionEntry {
  const reply = new Tuple();
  invertTuple(reply, tupleOf(port));
  const entry = new ConnectionEntry(port, tupleOf(port), reply);
  entry.expires = expires;
  return entry;
}

describe('the table of connections', () => {
  it('has what a map of both tuples has, whatever comes and goes', () => {
    const step = fc.record({ port: fc.integer({ min: 0, max: 600 }), add: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { minLength: 200, maxLength: 1500 }), (steps) => {
        const table = new ConnectionTable();
        const model = new Map<number, ConnectionEntry>();
        for (const { port, add } of steps) {
          const known = model.get(port);
          if (add && !known) {
            const entry = entryOf(port, 10);
            table.insert(entry, 0);
            model.set(port, entry);
          } else if (!add && known) {
            table.destroy(known);
            model.delete(port);
          }
        }
        expect([...table.entries()]).toEqual([...model.values()]);
        expect(table.size).toBe(model.size);
        for (let port = 0; port <= 600; port++) {
          const entry = model.get(port);
          const { original, reply } = entryOf(port, 10);
          const there = table.find(original, DEFAULT_ZONE, 0);
          expect(there && [there.entry, there.direction]).toEqual(entry ? [entry, 0] : null);
          const back = table.find(reply, DEFAULT_ZONE, 0);
          expect(back && [back.entry, back.direction]).toEqual(entry ? [entry, 1] : null);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('finds a tuple that is its own inverse as the reply, also when it has grown', () => {
    const own = tupleOf(1);
    own.s0 = own.d0;
    own.sourcePort = own.destinationPort = 0;
    const entry = new ConnectionEntry(1, own, own.copy());
    entry.expires = 10;
    const table = new ConnectionTable();
    table.insert(entry, 0);
    for (let port = 2; port < 3000; port++) {
      expect(table.find(own, DEFAULT_ZONE, 0)?.direction).toBe(Direction.reply);
      table.insert(entryOf(port, 10), 0);
    }
  });

  it('lets go of what has expired when it has doubled, without being asked', () => {
    const table = new ConnectionTable();
    let ended = 0;
    table.onDestroy = () => ended++;
    for (let port = 0; port < 60_000; port++) table.insert(entryOf(port, port + 100), port);
    expect(table.size).toBeLessThan(20_000);
    expect(ended).toBe(60_000 - table.size);
  });
});
