import { describe, expect, it } from 'vitest';
import { wordsOf } from '../../src/report/words.js';
import {
  compareOtherwise,
  exampleRecordings,
  type Recording,
  recordingIn,
  recordingsIn,
} from './diagnosis.js';
import { begunLate } from './disturb/capture.js';
import type { Disturb } from './disturb/disturbance.js';
import { lostAndSaid, lostSilently, wrongClock } from './disturb/log.js';
import { elementGone, forwardingOff, routeChanged } from './disturb/snapshot.js';
import { randomOf } from './random.js';

/** Another directory of recordings may be measured, and more of them (CONTRIBUTING.md). */
const { CORPUS, SEED = '1', COUNT } = process.env;

/** Recordings a kind that are looked at. */
const count = COUNT === undefined ? 2 : Number(COUNT);
/** Draws of what is to be otherwise, until one makes a difference; what was drawn before is not tried again. */
const MOST_TRIED = 40;

const RECORDINGS: readonly Recording[] =
  CORPUS === undefined
    ? [...exampleRecordings(), ...recordingsIn('test/explain/recordings', /./).map(recordingIn)]
    : recordingsIn(CORPUS, /./).map(recordingIn);

/** Which share of those that make a difference has to be named first, and among the first three. */
const FIRST = 0.9;
const AMONG_THREE = 0.97;

/** Where the finding that names it stands, from 1; 0: not among the first three. */
interface Named {
  readonly place: number;
  readonly said: string;
}

/** null: the recording has nothing of the kind, or none makes a difference. */
async function disturbed(
  recording: Recording,
  disturb: Disturb,
  { seed, isSilent }: { readonly seed: string; readonly isSilent: boolean },
): Promise<Named | null> {
  const random = randomOf(`${seed}/${recording.capture}`);
  const tried = new Set<string>();
  for (let tries = 0; tries < MOST_TRIED; tries++) {
    const disturbance = disturb(recording, random);
    if (!disturbance) return null;
    const { what, contents, isNamed } = disturbance;
    if (tried.has(what)) continue;
    tried.add(what);
    const { comparison, findings } = await compareOtherwise(recording, contents);
    const { differences } = comparison;
    if (isSilent) expect(differences, recording.capture).toEqual([]);
    else if (differences.length === 0) continue;
    const first = findings.slice(0, 3);
    const said = first.map((f) => `${f.kind} ${f.explains}/${f.left}: ${wordsOf(f).statement}`);
    const place = first.findIndex(isNamed) + 1;
    return { place, said: [`${place} ${recording.capture}: ${what}`, ...said].join('\n    ') };
  }
  return null;
}

/** In an order by chance, so that a few of them are a fair sample. */
function shuffled(list: readonly Recording[], seed: string): Recording[] {
  const random = randomOf(seed);
  return list
    .map((recording) => ({ recording, key: random.below(2 ** 30) }))
    .sort((a, b) => a.key - b.key)
    .map(({ recording }) => recording);
}

describe('what is wrong with the inputs, not with the rules, is named as what it is', () => {
  it.each<[string, Disturb, isSilent: boolean]>([
    ['the first third of the capture is not there', begunLate, false],
    ['an element of an ipset is not in the snapshot', elementGone, false],
    ['a route is not as in the snapshot', routeChanged, false],
    ['forwarding is off in the snapshot', forwardingOff, false],
    ['a fifth of the log is lost', lostSilently, false],
    ['a fifth of the log is lost, and the log says so', lostAndSaid, false],
    ['the clock is nine hours ahead and drifts', wrongClock, true],
  ])('%s', { timeout: 3_600_000 }, async (name, disturb, isSilent) => {
    const all: Named[] = [];
    for (const recording of shuffled(RECORDINGS, `${SEED}/${name}`)) {
      const named = await disturbed(recording, disturb, { seed: SEED, isSilent });
      if (named) all.push(named);
      if (all.length === count) break;
    }
    expect(all).not.toEqual([]);
    const missed = all.flatMap(({ place, said }) => (place === 1 ? [] : [said])).join('\n');
    const share = (most: number): number =>
      all.filter(({ place }) => place > 0 && place <= most).length / all.length;
    if (COUNT !== undefined) console.log(`${name}: ${share(1)} ${share(3)} of ${all.length}\n${missed}`);
    expect(share(1), missed).toBeGreaterThanOrEqual(FIRST);
    expect(share(3), missed).toBeGreaterThanOrEqual(AMONG_THREE);
  });
});
