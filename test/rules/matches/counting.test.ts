import { describe, expect, it } from 'vitest';
import type { Packet } from '../../../src/packet/packet.js';
import { type Connection, CtStatus } from '../../../src/rules/connection.js';
import type { Context, SharedTables } from '../../../src/rules/context.js';
import { Outcome } from '../../../src/rules/verdict.js';
import { connection, context, packet, tuple, udpPacket } from './packets.js';
import { readRule } from './reading.js';

/** The tables that rules share, as the engine keeps them. */
function sharedTables(): SharedTables {
  const tables = new Map<string, unknown>();
  return {
    get<T>(kind: string, name: string, make: () => T): T {
      const key = `${kind} ${name}`;
      if (!tables.has(key)) tables.set(key, make());
      return tables.get(key) as T;
    },
    find: <T>(kind: string, name: string) => tables.get(`${kind} ${name}`) as T | undefined,
  };
}

/** Loads rules of one match each; gives back what runs a packet through all of them, whatever they answer. */
function load(...rules: string[]): (p: Packet, parts?: Partial<Context>) => Outcome[] {
  const shared = sharedTables();
  const around = context({ shared });
  const loaded = rules.map((rule) => {
    const { matches, errors } = readRule(rule, 4);
    expect(errors).toEqual([]);
    const { definition, data } = matches[0];
    return { definition, data, state: definition.start(data, around) as unknown };
  });
  return (p, parts = {}) =>
    loaded.map(({ definition, data, state }) => {
      const here = context({ shared, ...parts });
      const outcome = definition.test(data, p, here, state);
      const before = JSON.stringify(state);
      const conditions = definition.explain(data, p, here, state, outcome);
      expect(JSON.stringify(state)).toBe(before);
      expect(conditions.at(-1)!.outcome).toBe(outcome);
      return outcome;
    });
}

const MS = 1_000_000;
const sized = (bytes: number): Packet => packet(17, new Array<number>(bytes - 20).fill(0));

describe('rates, as Linux 6.18 with HZ=250 counted packets of 128 bytes', () => {
  // Milliseconds; then limit, hashlimit upto, above by bytes, and above by comparing, of the rules below.
  const observed = [
    [21, 1, 1, 0, 0],
    [92, 1, 1, 0, 0],
    [158, 0, 0, 0, 0],
    [232, 1, 1, 0, 0],
    [297, 0, 0, 0, 0],
    [366, 0, 0, 0, 0],
    [461, 1, 1, 0, 0],
    [532, 0, 0, 0, 1],
    [614, 0, 0, 0, 1],
    [699, 1, 1, 0, 1],
    [774, 0, 0, 0, 1],
    [856, 1, 1, 0, 1],
    [932, 0, 0, 0, 1],
    [1054, 1, 1, 0, 1],
    [1193, 0, 0, 0, 1],
    [1264, 1, 1, 0, 1],
    [1332, 0, 0, 1, 1],
    [1407, 0, 0, 0, 1],
    [1473, 1, 1, 1, 1],
    [1539, 0, 0, 0, 1],
    [1612, 0, 0, 1, 1],
    [1681, 1, 1, 0, 1],
    [1750, 0, 0, 1, 1],
    [1816, 0, 0, 0, 1],
  ];
  it('limit and hashlimit', () => {
    const run = load(
      '-m limit --limit 5/sec --limit-burst 2',
      '-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name a',
      '-m hashlimit --hashlimit-above 1kb/s --hashlimit-mode srcip --hashlimit-name b',
      '-m hashlimit --hashlimit-above 5/sec --hashlimit-burst 2 --hashlimit-rate-match --hashlimit-mode srcip --hashlimit-name c',
    );
    const p = sized(128);
    expect(observed.map(([ms]) => [ms, ...run(p, { now: ms * MS })])).toEqual(observed);
  });

  it('gives every address a bucket of its own, and every port where asked', () => {
    const run = load(
      '-m hashlimit --hashlimit-upto 1/min --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-name a',
      '-m hashlimit --hashlimit-upto 1/min --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-srcmask 24 --hashlimit-name b',
      '-m hashlimit --hashlimit-upto 1/min --hashlimit-burst 1 --hashlimit-mode dstport --hashlimit-name c',
      '-m hashlimit --hashlimit-upto 1/min --hashlimit-burst 1 --hashlimit-name d',
    );
    expect(run(udpPacket(1, 53, { source: '10.0.0.1' }))).toEqual([1, 1, 1, 1]);
    expect(run(udpPacket(1, 53, { source: '10.0.0.1' }))).toEqual([0, 0, 0, 0]);
    expect(run(udpPacket(1, 54, { source: '10.0.0.2' }))).toEqual([1, 0, 1, 0]);
    expect(run(udpPacket(1, 55, { source: '10.0.1.1' }))).toEqual([1, 1, 1, 0]);
  });

  it('forgets an entry after its expiry, at the next sweep', () => {
    const rule =
      '-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-htable-expire 1500 --hashlimit-name a';
    const run = load(rule);
    const p = udpPacket(1, 2);
    expect([0, 100, 1590, 3000, 4500].map((ms) => run(p, { now: ms * MS })[0])).toEqual([1, 0, 0, 0, 0]);
    expect(run(p, { now: 7000 * MS })).toEqual([1]);
  });

  it('shares one table among rules of one name', () => {
    const rule =
      '-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name one';
    const run = load(rule, rule, rule);
    expect(run(udpPacket(1, 2))).toEqual([1, 1, 0]);
  });

  it('says so where the ports were not captured, and drops where there are none', () => {
    const run = load('-m hashlimit --hashlimit-upto 1/hour --hashlimit-mode srcport --hashlimit-name a');
    expect(run(udpPacket(1, 2, { snaplen: 21 }))).toEqual([Outcome.unknown]);
    expect(run(packet(17, [1]))).toEqual([Outcome.hotdrop]);
  });

  it('drops what says that no header follows, where ports are asked for (IPv6 only)', () => {
    const by = (mode: string): string =>
      `-m hashlimit --hashlimit-upto 1/hour --hashlimit-mode ${mode} --hashlimit-name ${mode}`;
    const run = load(by('dstport'), by('srcip'));
    expect(run(packet(59, [], { source: 'fe80::1' }))).toEqual([Outcome.hotdrop, Outcome.hit]);
    expect(run(packet(59, [], { source: '10.0.0.1' }))).toEqual([Outcome.hit, Outcome.hit]);
  });
});

describe('recent, as Linux 6.18 answered', () => {
  it('counts stamps, and takes away', () => {
    const run = load(
      '-m recent --name a --set',
      '-m recent --name a --rcheck --hitcount 3',
      '-m recent --name b --rcheck',
      '-m recent --name b --update --hitcount 2',
      '-m recent --name c --set',
      '-m recent --name c --remove',
      '-m recent --name c --rcheck',
    );
    const answers = [1, 2, 3, 4].map(() => run(udpPacket(1, 2)));
    expect(answers).toEqual([
      [1, 0, 0, 0, 1, 1, 0],
      [1, 0, 0, 0, 1, 1, 0],
      [1, 1, 0, 0, 1, 1, 0],
      [1, 1, 0, 0, 1, 1, 0],
    ]);
  });

  it('keeps as many stamps as the greediest rule asks for, to the next power of two', () => {
    const run = load(
      '-m recent --name d --rcheck --hitcount 33',
      '-m recent --name d --set',
      '-m recent --name f --update --hitcount 5 --seconds 1',
      '-m recent --name f --set',
    );
    let sums = [0, 0, 0, 0];
    for (let i = 0; i < 40; i++) sums = run(udpPacket(1, 2), { now: i * 11 * MS }).map((o, k) => o + sums[k]);
    expect(sums).toEqual([7, 40, 35, 40]);
  });

  it('looks back as far as --seconds, and reaps', () => {
    const run = load('-m recent --update --seconds 2 --reap --rsource', '-m recent --set');
    const at = (ms: number): Outcome => run(udpPacket(1, 2), { now: ms * MS })[0];
    expect([0, 1000, 3000, 5004, 8000].map(at)).toEqual([0, 1, 1, 0, 0]);
  });

  it('compares under the mask, by destination, and by TTL where asked', () => {
    const run = load(
      '-m recent --name n --mask 255.255.255.0 --rcheck',
      '-m recent --name n --mask 255.255.255.0 --set',
      '-m recent --name t --rcheck --rttl',
      '-m recent --name t --set --rdest',
    );
    expect(run(udpPacket(1, 2, { source: '10.0.0.1', destination: '10.0.0.7' }))).toEqual([0, 1, 0, 1]);
    expect(run(udpPacket(1, 2, { source: '10.0.0.7', ttl: 9 }))).toEqual([1, 1, 0, 1]);
    expect(run(udpPacket(1, 2, { source: '10.0.0.7', ttl: 64 }))).toEqual([1, 1, 1, 1]);
  });

  it('drops the longest unseen of a hundred and one', () => {
    const run = load('-m recent --name full --rcheck', '-m recent --name full --set');
    for (let i = 1; i <= 101; i++) expect(run(udpPacket(1, 2, { source: `10.1.0.${i}` }))[0]).toBe(0);
    expect(run(udpPacket(1, 2, { source: '10.1.0.2' }))[0]).toBe(1);
    expect(run(udpPacket(1, 2, { source: '10.1.0.1' }))[0]).toBe(0);
  });
});

describe('quota and connbytes, as Linux 6.18 answered', () => {
  it('uses the quota up with the first packet that does not fit', () => {
    const run = load('-m quota --quota 100', '-m quota ! --quota 100');
    expect([28, 40, 88, 28].map((bytes) => run(sized(bytes)))).toEqual([
      [1, 0],
      [1, 0],
      [0, 1],
      [0, 1],
    ]);
  });

  it('counts only connections that are accounted', () => {
    const run = load(
      '-m connbytes --connbytes 0: --connbytes-dir both --connbytes-mode packets',
      '-m connbytes ! --connbytes 0: --connbytes-dir both --connbytes-mode packets',
      '-m connbytes --connbytes 1:2 --connbytes-dir original --connbytes-mode packets',
      '-m connbytes --connbytes 0:0 --connbytes-dir reply --connbytes-mode packets',
      '-m connbytes --connbytes 50:60 --connbytes-dir both --connbytes-mode avgpkt',
    );
    const p = udpPacket(1, 2);
    expect(run(p)).toEqual([0, 0, 0, 0, 0]);
    expect(run(p, { connection: connection({ packets: [0, 0], bytes: [0, 0] }) })).toEqual([0, 0, 0, 0, 0]);
    expect(run(p, { connection: connection({ packets: [3, 0], bytes: [181, 0] }) })).toEqual([1, 0, 0, 1, 1]);
  });
});

describe('connlimit, as Linux 6.18 counted', () => {
  /** A conntrack table of UDP flows from one host, by their source port. */
  function host() {
    const flows = new Map<number, Connection>();
    const closed = new Set<number>();
    const rules = load(...[0, 1, 2, 3, 4, 5].map((n) => `-m connlimit --connlimit-above ${n}`));
    let now = 0;
    const parts: Partial<Context> = {
      findConnection: (t) => {
        const found = flows.get(t.sourcePort);
        return found && found.status & CtStatus.confirmed ? found : null;
      },
      isClosed: (c) => closed.has(c.original.sourcePort),
    };
    return {
      flows,
      closed,
      /** How many connections the rule counts at this packet; `confirm` says what becomes of it afterwards. */
      send: (port: number, { confirm = true, sameTick = false, assured = false } = {}): number => {
        now += sameTick ? 0 : 10 * MS;
        let flow = flows.get(port);
        if (!flow) {
          flow = connection({ original: tuple('10.0.0.1', port, '10.0.0.2', 9, 17), status: 0 });
          if (confirm) flows.set(port, flow);
        }
        const count = rules(udpPacket(port, 9), { ...parts, now, connection: flow }).filter((o) => o === 1);
        if (confirm) flow.status |= CtStatus.confirmed;
        if (assured) flow.status |= CtStatus.assured;
        return count.length;
      },
    };
  }

  it('counts flows that were accepted, each once', () => {
    const { send, flows } = host();
    expect([1, 1, 2, 3, 1, 2, 3, 4].map((port) => send(port))).toEqual([1, 1, 2, 3, 3, 3, 3, 4]);
    flows.delete(1);
    flows.delete(2);
    expect([3, 4, 1, 5].map((port) => send(port))).toEqual([2, 2, 3, 4]);
  });

  it('forgets at the next packet what was dropped', () => {
    const { send } = host();
    expect([1, 1, 2, 3].map((port) => send(port, { confirm: false }))).toEqual([1, 1, 1, 1]);
  });

  it('looks for the dropped only once a tick', () => {
    const { send } = host();
    const burst = [1, 2, 3, 4].map((port) => send(port, { confirm: false, sameTick: true }));
    expect(burst).toEqual([1, 2, 3, 4]);
    expect(send(5, { confirm: false })).toBe(1);
  });

  it('counts one that closed only for its own packets', () => {
    const { send, closed } = host();
    expect([31, 32, 33].map((port) => send(port))).toEqual([1, 2, 3]);
    closed.add(31);
    expect([31, 31, 32, 31, 33].map((port) => send(port))).toEqual([3, 3, 2, 3, 3]);
  });

  it('counts one that was assured before the rule saw it never in, but throws out what is gone', () => {
    const { send, flows } = host();
    expect(send(1)).toBe(1);
    send(2, { assured: true });
    expect([2, 2].map((port) => send(port))).toEqual([2, 2]);
    flows.delete(1);
    expect(send(2, { sameTick: true })).toBe(2);
    expect(send(2)).toBe(1);
    const late = host();
    late.flows.set(
      7,
      connection({
        original: tuple('10.0.0.1', 7, '10.0.0.2', 9, 17),
        status: CtStatus.confirmed | CtStatus.assured,
      }),
    );
    expect([1, 7, 7].map((port) => late.send(port))).toEqual([1, 1, 1]);
  });

  it('counts one in that is confirmed and not assured, though the list was looked through in this tick', () => {
    const { send } = host();
    expect([1, 1, 1].map((port, i) => send(port, { sameTick: i > 0 }))).toEqual([1, 1, 1]);
  });

  it('drops what has no tuple', () => {
    const rule = load('-m connlimit --connlimit-above 1');
    expect(rule(udpPacket(1, 2), { tupleOf: () => null })).toEqual([Outcome.hotdrop]);
  });
});
