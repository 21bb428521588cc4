import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WordMap } from '../../src/rules/wordMap.js';

it('holds what a Map of the same keys holds, after any additions and deletions', () => {
  const key = fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 }));
  const steps = fc.array(fc.tuple(fc.constantFrom('set', 'delete'), key, fc.nat()), { maxLength: 300 });
  fc.assert(
    fc.property(steps, (list) => {
      const map = new WordMap<number>(2);
      const model = new Map<string, number>();
      for (const [what, k, value] of list) {
        if (what === 'set') {
          map.set(k, value);
          model.set(k.join(), value);
        } else expect(map.delete(k)).toBe(model.delete(k.join()));
      }
      expect(map.size).toBe(model.size);
      for (const [k, value] of model) expect(map.get(k.split(',').map(Number))).toBe(value);
      const held = [...map.entries()].map(([k, value]) => [k.join(), value] as const);
      expect(new Map(held)).toEqual(model);
    }),
  );
});
