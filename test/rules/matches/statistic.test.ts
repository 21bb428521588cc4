import { describe, expect, it } from 'vitest';
import { statistic } from '../../../src/rules/matches/statistic.js';
import { Outcome } from '../../../src/rules/verdict.js';
import { context, tcpPacket } from './packets.js';
import { readRule } from './reading.js';

/** `x` for each packet that the rule picks. */
function picks(rule: string, packets: number, random: () => number = () => NaN): string {
  const [{ definition, data }] = readRule(rule, 4).matches;
  const around = context({ random });
  const state: unknown = definition.start(data, around);
  let out = '';
  for (let i = 0; i < packets; i++)
    out += definition.test(data, tcpPacket(1, 2), around, state) === Outcome.hit ? 'x' : '.';
  return out;
}

describe('-m statistic', () => {
  it.each([
    ['--every 3 --packet 0', 'x..x..x..'],
    ['--every 3 --packet 1', '.x..x..x.'],
    ['--every 3 --packet 2', '..x..x..x'],
    ['! --every 3 --packet 0', '.xx.xx.xx'],
    ['--every 1 --packet 0', 'xxxxxxxxx'],
  ])('nth %s', (options, expected) => {
    expect(picks(`-m statistic --mode nth ${options}`, 9)).toBe(expected);
  });

  it('random compares 31 bits with the probability', () => {
    const draws = [0, 0.4999999999, 0.5, 0.75];
    const random = (): number => draws.shift()!;
    expect(picks('-m statistic --mode random --probability 0.5', 4, random)).toBe('xx..');
  });

  it('does not draw where the answer is certain', () => {
    const random = (): number => {
      throw new Error('drawn');
    };
    expect(picks('-m statistic --mode random --probability 1', 2, random)).toBe('xx');
    expect(picks('-m statistic --mode random --probability 0', 2, random)).toBe('..');
    expect(picks('-m statistic --mode random ! --probability 0', 2, random)).toBe('xx');
  });

  it('is not pure', () => {
    expect(statistic.pure).toBe(false);
  });
});
