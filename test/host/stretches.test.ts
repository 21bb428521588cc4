import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpNetwork, parseAddress } from '../../src/address/ip.js';
import type { RouteEntry } from '../../src/host/routeModel.js';
import { Stretches } from '../../src/host/stretches.js';

describe('stretches of addresses', () => {
  const prefix = fc.tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 32 }));
  const address = fc.oneof(
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.constantFrom(0, 1, 0x7effffff, 0x7f000000, 0x7fffffff, 0x80000000, 0xffffffff),
  );

  it('lie whole inside or outside of every prefix', () => {
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 12 }), fc.array(address, { maxLength: 12 }), (all, asked) => {
        const networks = all.map(([start, length]) => {
          const base = parseAddress([24, 16, 8, 0].map((shift) => (start >>> shift) & 255).join('.'));
          return IpNetwork.ofPrefix(base!, length);
        });
        const entries = networks.map((destination, i) => ({ destination, prefixLength: all[i][1] }));
        const stretches = new Stretches(entries as unknown as RouteEntry[]);
        // The first and last addresses of the prefixes, and their neighbours, are where it could go wrong.
        const edges = networks.flatMap(({ address: { a } }, i) => {
          const end = (a >>> 0) + 2 ** (32 - all[i][1]);
          return [(a >>> 0) - 1, a >>> 0, end - 1, end];
        });
        const every = [...asked, ...edges].filter((n) => n >= 0 && n <= 0xffffffff).map((n) => n | 0);
        for (const one of every)
          for (const other of every) {
            if (stretches.of(one) !== stretches.of(other)) continue;
            for (const network of networks)
              expect(network.contains(one, 0, 0, 0)).toBe(network.contains(other, 0, 0, 0));
            expect(one >>> 24 === 127).toBe(other >>> 24 === 127);
            expect(one === 0).toBe(other === 0);
          }
      }),
    );
  });
});
