import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { BOOT_TIME_AWK, parseClock } from '../../src/host/clock.js';

it.each([
  ['{"boot_epoch_s": 1795308421.313865934}', 1_795_308_421_313_866_000n],
  ['{"boot_epoch_s": 12}', 12_000_000_000n],
  ['{"boot_epoch_s": -0.5}', -500_000_000n],
  ['{"boot_epoch_s": 1e300}', null],
  ['{"boot_epoch_s": "12"}', null],
  ['{"__proto__": {"boot_epoch_s": 1}}', null],
  ['[]', null],
  ['null', null],
  ['{"boot_epoch_s": 12', null],
])('reads the clock %s', (text, ns) => {
  expect(parseClock(text)).toBe(ns);
});

it('is found among the timers of the kernel', () => {
  const base = (n: number, offset: string): string =>
    ` clock ${n}:\n  .base:       0\n  .index:      ${n}\n  .resolution: 1 nsecs\n  .offset:     ${offset} nsecs\nactive timers:\n`;
  const timers = `Timer List Version: v0.10\nnow at 5 nsecs\n\ncpu: 0\n${base(0, '0')}${base(1, '1795308421313865934')}${base(2, '7')}`;
  expect(execFileSync('awk', [BOOT_TIME_AWK], { input: timers, encoding: 'utf8' })).toBe(
    '1795308421.313865934\n',
  );
});
