import { readFileSync } from 'node:fs';
import type { Recording } from '../diagnosis.js';
import type { Random } from '../random.js';
import { startOf } from './capture.js';
import type { Disturb } from './disturbance.js';

/** A log of fewer lines tells too little. */
const FEWEST = 10;

const STAMP = /^\[\s*(\d+\.\d+)\]/;

function linesOf({ log }: Recording): string[] {
  return readFileSync(log, 'utf8').trimEnd().split('\n');
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** A fifth of the lines lost; `marker` says in the log how many were before the next line that is there. */
function losing(
  recording: Recording,
  random: Random,
  marker: (lost: number) => string | null,
): string | null {
  const all = linesOf(recording);
  if (all.length < FEWEST) return null;
  const kept: string[] = [];
  let lost = 0;
  for (const line of all) {
    if (random.below(5) === 0) {
      lost++;
      continue;
    }
    const said = lost > 0 ? marker(lost) : null;
    if (said !== null) kept.push(`${STAMP.exec(line)?.[0]} ${said}`);
    lost = 0;
    kept.push(line);
  }
  return joined(kept);
}

export const lostSilently: Disturb = (recording, random) => {
  const log = losing(recording, random, () => null);
  return log === null
    ? null
    : {
        what: 'a fifth of the lines lost',
        contents: { 'kernel.log': log },
        isNamed: (f) => f.kind === 'logLost',
      };
};

export const lostAndSaid: Disturb = (recording, random) => {
  const log = losing(recording, random, (lost) => `** ${lost} printk messages dropped **`);
  return log === null
    ? null
    : {
        what: 'a fifth of the lines lost, which the log says',
        contents: { 'kernel.log': log },
        isNamed: (f) => f.kind === 'logLost' && f.facts.reason?.includes('printk messages dropped') === true,
      };
};

/** ns, and ns a second. */
const OFF = 9 * 3_600_000_000_000;
const DRIFT = 50_000;

/** Lines with the time of day in place of that since boot, by a clock that is wrong and goes wrong. */
export const wrongClock: Disturb = (recording) => {
  const lines = linesOf(recording);
  if (lines.length < 3) return null;
  const start = startOf(readFileSync(recording.capture));
  const first = Number(STAMP.exec(lines[0])?.[1]);
  const stamped = lines.map((line) =>
    line.replace(STAMP, (_, stamp: string) => {
      const passed = Number(stamp) - first;
      const ms = (Number(start) + OFF + passed * (1e9 + DRIFT)) / 1e6;
      return `${new Date(ms).toISOString().replace('Z', '000+00:00')} host kernel:`;
    }),
  );
  return {
    what: 'the clock nine hours ahead and fast by 50 ppm',
    contents: { 'kernel.log': joined(stamped) },
    isNamed: (f) => f.kind === 'clock' && Math.abs(f.facts.offset - OFF) < 1e9,
  };
};
