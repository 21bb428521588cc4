import { describe, expect, it } from 'vitest';
import {
  compareOtherwise,
  diagnose,
  type Diagnosis,
  nameOf,
  recordingIn,
  recordingsIn,
} from './diagnosis.js';
import { mutateNft } from './mutateNft.js';

/** Another directory of recordings may be measured: CORPUS=DIR SEED=2 COUNT=4 npx vitest run … nftCauses */
const { CORPUS = 'test/explain/recordings', SEED = '1', COUNT = '3' } = process.env;

describe('one thing in the given nft ruleset is not as on the host', () => {
  const recordings = recordingsIn(CORPUS, /^nft-/);

  it.each(recordings)('%s agrees with its log as it is', async (dir) => {
    const { comparison, findings } = await compareOtherwise(recordingIn(dir));
    expect(comparison.differences).toEqual([]);
    expect(findings).toEqual([]);
  });

  it('is named', { timeout: 3_600_000 }, async () => {
    const all: Diagnosis[] = [];
    for (const dir of recordings)
      all.push(
        ...(await diagnose(recordingIn(dir), nameOf(dir), 'nft-ruleset.nft', mutateNft, {
          seed: SEED,
          count: Number(COUNT),
        })),
      );
    const share = (most: number): number =>
      all.filter(({ place }) => place > 0 && place <= most).length / all.length;
    expect(all.length).toBeGreaterThan(2 * recordings.length);
    const missed = all
      .filter(({ place }) => place !== 1)
      .map((d) => `${d.place} ${d.recording} ${d.what}: ${d.said}`);
    expect(share(1), missed.join('\n')).toBeGreaterThanOrEqual(0.9);
    expect(share(3), missed.join('\n')).toBeGreaterThanOrEqual(0.97);
  });
});
