import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MatchDefinition } from '../../../src/rules/definition.js';
import { findMatch } from '../../../src/rules/matches/index.js';
import { OptionList } from '../../../src/rules/options.js';
import { setView } from '../../../src/rules/sets/view.js';
import { context, packet } from './packets.js';
import { readRule, save } from './reading.js';

const NAMES =
  'addrtype comment conntrack connmark dscp ecn icmp icmp6 iprange length mac mark multiport owner physdev pkttype state statistic tcp tcpmss tos ttl hl udp ' +
  'ah bpf cluster connbytes connlabel connlimit cpu dccp devgroup dst esp eui64 frag hashlimit hbh helper ipv6header ' +
  'limit mh nfacct osf policy quota rateest realm recent rpfilter rt sctp set socket string time u32';
const POSITION = { file: 'test', line: 1, column: 1 };

/** Any options of a match, with any words. */
function options(definition: MatchDefinition, version: 4 | 6): fc.Arbitrary<OptionList> {
  const word = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.stringMatching(/^[0-9a-fx:/.,-]{0,12}$/),
    fc.constantFrom(
      'random',
      'nth',
      'NEW',
      'LOCAL',
      'any',
      '0:65535',
      '1/2',
      '10.0.0.0/8',
      '::/0',
      '__proto__',
    ),
  );
  const given = fc.subarray([...definition.options]).chain((specs) =>
    fc.tuple(
      ...specs.map((spec) =>
        fc.record({
          name: fc.constant(spec.name),
          negated: spec.negatable ? fc.boolean() : fc.constant(false),
          args: fc.array(
            word.map((text) => ({ text, position: POSITION })),
            {
              minLength: Number(spec.args) || 0,
              maxLength: Number(spec.args) || 0,
            },
          ),
          position: fc.constant(POSITION),
        }),
      ),
    ),
  );
  const protocol = fc.constantFrom(null, 1, 6, 17, 58);
  return fc.tuple(given, protocol).map(([list, p]) => new OptionList(list, POSITION, () => {}, p, version));
}

describe('whatever the words and the bytes', () => {
  for (const name of NAMES.split(' '))
    for (const version of [4, 6] as const) {
      const definition = findMatch(name, version);
      if (!definition) continue;
      it(`${name} of IPv${version} reads, prints, tests and explains without a throw`, () => {
        const bytes = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 });
        const source = version === 4 ? '10.0.0.1' : 'fe80::1';
        fc.assert(
          fc.property(options(definition, version), bytes, fc.nat(100), (list, payload, snaplen) => {
            const data: unknown = definition.parse(list);
            definition.print(data, version);
            definition.list(data, true, version);
            definition.list(data, false, version);
            definition.reads(data);
            const routes = {
              addressType: () => 2,
              reversePath: () => true,
              pathMtu: () => 1500,
              nextHop: () => undefined,
              egress: () => null,
            };
            const parts = {
              shared: { get: <T>(_: string, __: string, make: () => T): T => make(), find: () => undefined },
              sets: setView(new Map(), { now: 0, tick: 0 }),
              tupleOf: () => null,
              findConnection: () => null,
              epoch: 0n,
            };
            const around = context({ random: () => 0.5, socket: () => undefined, routes, ...parts });
            const state: unknown = definition.start(data, around);
            const p = packet(list.protocol ?? 6, payload, { source, snaplen: Math.max(snaplen, 40) });
            const outcome = definition.test(data, p, around, state);
            const conditions = definition.explain(data, p, around, state, outcome);
            expect([0, 1, 2, 3]).toContain(outcome);
            if (outcome === 1) expect(conditions.every((c) => c.outcome === 1)).toBe(true);
            else expect(conditions.some((c) => c.outcome === outcome)).toBe(true);
          }),
          { numRuns: 100 },
        );
      });
    }
});

describe('what is printed is read back as the same', () => {
  const port = fc.nat(65535);
  const range = fc
    .tuple(port, port)
    .map(([a, b]) => (a === b ? `${a}` : `${Math.min(a, b)}:${Math.max(a, b)}`));
  const hex = fc.nat(0xffffffff).map((n) => `0x${n.toString(16)}`);
  const not = fc.constantFrom('', '! ');
  const v4 = fc.ipV4();
  const states = fc.subarray(['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'], {
    minLength: 1,
  });
  const text = fc.string({ minLength: 1, maxLength: 40 }).map((s) => `"${s.replace(/[\\"']/g, '\\$&')}"`);
  const rules = fc.oneof(
    fc.tuple(not, range).map(([n, r]) => `-p udp -m udp ${n}--dport ${r}`),
    fc.array(range, { minLength: 1, maxLength: 7 }).map((r) => `-p tcp -m multiport --dports ${r.join(',')}`),
    fc.tuple(not, states).map(([n, s]) => `-m conntrack ${n}--ctstate ${s.join(',')}`),
    fc
      .tuple(not, v4, fc.integer({ min: 0, max: 31 }))
      .map(([n, a, l]) => `-m conntrack ${n}--ctorigsrc ${a}/${l}`),
    fc.tuple(not, hex, hex).map(([n, a, b]) => `-m mark ${n}--mark ${a}/${b}`),
    fc.tuple(not, v4, v4).map(([n, a, b]) => `-m iprange ${n}--src-range ${a}-${b}`),
    text.map((t) => `-m comment --comment ${t}`),
    fc
      .integer({ min: 0, max: 2 ** 31 })
      .map((n) => `-m statistic --mode random --probability ${(n / 2 ** 31).toFixed(11)}`),
  );
  it('for rules of every shape', () => {
    fc.assert(
      fc.property(rules, (rule) => {
        const once = readRule(rule, 4, 'restore');
        expect(once.errors).toEqual([]);
        const printed = save(once, 4);
        const again = readRule(printed, 4, 'restore');
        expect(again.matches.map((m) => m.data)).toEqual(once.matches.map((m) => m.data));
        expect(save(again, 4)).toBe(printed);
      }),
      { numRuns: 1000 },
    );
  });
});
