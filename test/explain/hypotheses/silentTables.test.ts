import { describe, expect, it } from 'vitest';
import { wordsOf } from '../../../src/report/words.js';
import { compareRouter } from '../router.js';

const FILE = 'nft-ruleset.nft';

describe('a kernel with a table of nft that drops without a log, beside rules of iptables', () => {
  it('agrees where the table is given', async () => {
    const { comparison } = await compareRouter('silent-table');
    expect(comparison.differences).toEqual([]);
  });

  it('is told of where nobody said what tables nft has', async () => {
    const { findings } = await compareRouter('silent-table', { without: [FILE] });
    const [first] = findings;
    expect(first, JSON.stringify(findings)).toMatchObject({
      kind: 'otherTables',
      suspect: { backend: 'nft' },
      facts: { onHost: true },
      left: 0,
    });
    const { statement, advice } = wordsOf(first);
    expect(statement).toContain('one of nft that drops in INPUT and FORWARD without a log');
    expect(advice).toContain('nft list ruleset');
  });

  it('is not thought of where nft was said to have none', async () => {
    const { comparison, findings } = await compareRouter('silent-table', { gone: { [FILE]: /^[^]*$/ } });
    expect(comparison.differences).not.toEqual([]);
    expect(findings.map(({ kind }) => kind)).not.toContain('otherTables');
  });
});
