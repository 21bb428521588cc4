import { bench, describe } from 'vitest';
import { compare, hostOf, predicted, udp } from './lines.js';

/** `npx vitest bench --config test/vitest.config.ts`: 100,000 lines against 100,000. */
const ours = Array.from({ length: 100_000 }, (_, i) =>
  predicted(udp({ prefix: `L${i % 3}: `, id: Math.floor(i / 3) % 65536 }), Math.floor(i / 3) * 1e5),
);
const host = hostOf(ours);
const flood = ours.map((p) => ({ ...p, text: udp() }));
const once = { iterations: 3, warmupIterations: 1, time: 0, warmupTime: 0 };

describe('100,000 lines', () => {
  bench('all alike', () => void compare(ours, host), once);
  bench(
    'half missing',
    () =>
      void compare(
        ours,
        host.filter((_, i) => i % 2),
      ),
    once,
  );
  bench(
    'a field of each differs',
    () =>
      void compare(
        ours,
        host.map((o) => ({ ...o, text: `${o.text}MARK=0x5 ` })),
      ),
    once,
  );
  bench(
    'one line over and over, half missing',
    () =>
      void compare(
        flood,
        hostOf(flood).filter((_, i) => i % 2),
      ),
    once,
  );
});
