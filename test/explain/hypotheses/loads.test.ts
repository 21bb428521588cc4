import { describe, expect, it } from 'vitest';
import type { FindingFacts } from '../../../src/explain/finding.js';
import { wordsOf } from '../../../src/report/words.js';
import { compareRouter } from '../router.js';

/** Of the one finding that is expected. */
async function loadIn(name: string): Promise<{ facts: FindingFacts['reloaded']; statement: string }> {
  const { comparison, findings } = await compareRouter(name);
  expect(comparison.differences).not.toEqual([]);
  const [first] = findings;
  expect(first, JSON.stringify(findings)).toMatchObject({ kind: 'reloaded', left: 0 });
  return { facts: first.facts as FindingFacts['reloaded'], statement: wordsOf(first).statement };
}

describe('a kernel whose rules were loaded anew while it was captured', () => {
  it.each([
    // limit, quota and statistic begin again, recent and hashlimit do not.
    ['loaded-anew', 0.7, 1.0],
    ['limits-anew', 0.7, 0.8],
    // The bucket was not empty: the first packets after that fare as they would have.
    ['limit-anew-early', 0.3, 0.42],
    // A set that rules fill is empty again, too.
    ['loaded-anew-nft', 0.7, 0.9],
  ])('%s', async (name, from, to) => {
    const { facts, statement } = await loadIn(name);
    expect(facts).toMatchObject({ to: 'same', isLater: true });
    expect(facts.at / 1e9).toBeGreaterThan(from);
    expect(facts.at / 1e9).toBeLessThan(to);
    expect(statement).toContain('the same rules anew');
  });
});

describe('a kernel whose rules were flushed while it was captured', () => {
  it.each([
    // iptables -F: the policy of FORWARD goes on to drop.
    ['flushed', 'filter'],
    // nft flush ruleset
    ['flushed-nft', 'nft'],
  ])('%s', async (name, without) => {
    const { facts, statement } = await loadIn(name);
    expect(facts).toMatchObject({ to: { without }, isLater: true });
    expect(facts.at / 1e9).toBeGreaterThan(0.6);
    expect(facts.at / 1e9).toBeLessThan(0.7);
    expect(statement).toContain(`without the rules of ${without}`);
  });
});
