import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createStretcher,
  estimateClocks,
  fitClock,
  partsPerMillion,
  toCapture,
  type LogStretch,
} from '../../src/compare/clock.js';
import type { ObservedLine } from '../../src/compare/lines.js';
import { udp } from './lines.js';

const SECOND = 1e9;
const HOUR = 3600 * SECOND;

/** Evenly mixed numbers from 0 up to 1, always the same. */
function noise(i: number): number {
  const x = Math.sin(i * 12.9898) * 43758.5453;
  return x - Math.floor(x);
}

interface Case {
  /** ns of log time at capture time 0. */
  offset: number;
  ppm?: number;
  resolution?: number;
  /** Parts of the lines that each side keeps. */
  ours?: number;
  theirs?: number;
  span?: number;
  text?: (i: number, side: 'ours' | 'theirs') => string;
}

function estimate(c: Case): LogStretch {
  const { ppm = 0, resolution = 1e3, ours = 1, theirs = 1, span = 600 * SECOND } = c;
  const text = c.text ?? ((i) => udp({ id: i % 65536, spt: 1000 + (i % 7) }));
  const predicted: { text: string; time: number }[] = [];
  const observed: ObservedLine[] = [];
  for (let i = 0; i < 2000; i++) {
    const time = (span / 2000) * (i + noise(i));
    if (noise(i + 5000) < ours) predicted.push({ text: text(i, 'ours'), time });
  }
  for (let i = 0; i < 2000; i++) {
    const time = (span / 2000) * (i + noise(i)) + 40e3 + noise(i + 1) * 30e3;
    const log = c.offset + time * (1 + ppm / 1e6);
    const ns = Math.floor(log / resolution) * resolution;
    if (noise(i + 9000) < theirs)
      observed.push({
        text: text(i, 'theirs'),
        time: { clock: 'kernel', ns, resolution },
        file: 'log',
        line: i + 1,
      });
  }
  return estimateClocks(predicted, [observed])[0];
}

describe('the log clock is told from the lines', () => {
  it.each<[string, Case, number]>([
    ['boot time unknown', { offset: 4075 * SECOND }, 1e5],
    ['nine hours off', { offset: 9 * HOUR }, 1e5],
    ['half of the lines missing on both sides', { offset: HOUR, ours: 0.5, theirs: 0.5 }, 1e5],
    ['one in twenty left', { offset: HOUR, ours: 0.2, theirs: 0.25 }, 1e5],
    ['drifting 50 ppm', { offset: HOUR, ppm: 50 }, 2e5],
    [
      'drifting -200 ppm over a day, half missing',
      { offset: 0, ppm: -200, ours: 0.5, theirs: 0.5, span: 24 * HOUR },
      1e6,
    ],
    ['whole seconds', { offset: -9 * HOUR, resolution: SECOND }, 30e6],
    ['whole seconds, half missing', { offset: -9 * HOUR, resolution: SECOND, theirs: 0.5 }, 60e6],
    [
      'another prefix everywhere',
      { offset: HOUR, text: (i, side) => udp({ id: i, prefix: `${side}: ` }) },
      1e5,
    ],
    ['the same line over and over', { offset: HOUR, text: (i) => udp({ id: i % 40 }) }, 1e5],
  ])('%s', (_, c, within) => {
    const { fit } = estimate(c);
    const span = c.span ?? 600 * SECOND;
    for (const time of [0, span / 2, span]) {
      const log = c.offset + time * (1 + (c.ppm ?? 0) / 1e6);
      expect(Math.abs(toCapture(fit!, log) - time)).toBeLessThan(within);
    }
    expect(fit!.uncertainty).toBeLessThan(Math.max(1e6, (c.resolution ?? 0) / 4));
    if (c.ppm) expect(partsPerMillion(fit!)).toBeCloseTo(c.ppm, 0);
  });

  it('one common line is enough, and none is not', () => {
    const vote = { log: 5 * SECOND, capture: SECOND };
    expect(toCapture(fitClock([vote], 1e3)!, 6 * SECOND)).toBe(2 * SECOND);
    expect(fitClock([], 1e3)).toBeNull();
    expect(estimate({ offset: 0, text: (i, side) => udp({ id: i, src: side }) }).fit).toBeNull();
  });

  it('holds whatever the offset and drift', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e6, max: 1e6 }),
        fc.integer({ min: -300, max: 300 }),
        fc.double({ min: 0.3, max: 1, noNaN: true }),
        (seconds, ppm, theirs) => {
          const { fit } = estimate({ offset: seconds * SECOND, ppm, theirs });
          expect(Math.abs(toCapture(fit!, seconds * SECOND))).toBeLessThan(5e5);
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('several boots in one log', () => {
  /** A host that boots again in the middle of the capture: its clock starts afresh, and runs at another rate. */
  const boots = [
    { offset: 4075 * SECOND, ppm: 40, from: 0 },
    { offset: -300 * SECOND, ppm: -90, from: 300 * SECOND },
  ];
  const predicted: { text: string; time: number }[] = [];
  const observed: ObservedLine[] = [];
  for (let i = 0; i < 3000; i++) {
    const time = 0.2 * SECOND * (i + noise(i));
    const text = udp({ id: i % 900, spt: 1000 + (i % 3) });
    if (noise(i + 70) < 0.5) predicted.push({ text, time });
    const { offset, ppm } = boots[time < 300 * SECOND ? 0 : 1];
    const ns = Math.floor((offset + time * (1 + ppm / 1e6) + 40e3) / 1e3) * 1e3;
    const line = { text, time: { clock: 'kernel' as const, ns, resolution: 1e3 }, file: 'log', line: i + 1 };
    if (noise(i + 31) < 0.5) observed.push(line);
    // Some daemon wrote it twice.
    if (noise(i + 31) < 0.05) observed.push(line);
  }

  it('have a clock each, though half of the lines are missing and some stand twice', () => {
    const found = estimateClocks(predicted, [observed]);
    expect(found.map(({ firstLine }) => firstLine > 1000)).toEqual([false, true]);
    found.forEach(({ fit }, n) => {
      const { offset, ppm, from } = boots[n];
      expect(fit!.uncertainty).toBeLessThan(1e5);
      expect(partsPerMillion(fit!)).toBeCloseTo(ppm, 0);
      for (const time of [from, from + 300 * SECOND]) {
        const told = toCapture(fit!, offset + time * (1 + ppm / 1e6) + 40e3);
        expect(Math.abs(told - time)).toBeLessThan(2 * fit!.uncertainty + 5e4);
      }
    });
  });
});

describe('a clock that goes back begins another stretch', () => {
  const at = (ns: number, clock: 'kernel' | 'wall' = 'kernel') => ({
    time: { clock, ns, resolution: 1e3 },
  });
  it.each([
    ['going on', [at(1e9), at(2e9), at(1e13)], [0, 0, 0]],
    ['another boot', [at(100e9), at(200e9), at(1e9), at(300e9)], [0, 0, 1, 1]],
    ['two CPUs', [at(10.0002e9), at(10.0001e9)], [0, 0]],
    ['another clock', [at(1e9), at(2e9, 'wall')], [0, 1]],
    ['both clocks in turn', [at(1e9), at(1e9, 'wall'), at(2e9), at(2e9, 'wall')], [0, 1, 0, 1]],
    ['lines without time', [{ time: null }, at(1e9), { time: null }], [0, 1, 0]],
  ])('%s', (_, lines, numbers) => {
    const stretch = createStretcher();
    expect(lines.map(({ time }) => stretch(time, undefined))).toEqual(numbers);
  });
});
