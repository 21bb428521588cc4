import { describe, expect, it } from 'vitest';
import { wordsOf } from '../../../src/report/words.js';
import { compareRouter } from '../router.js';

describe('a kernel whose helper expects connections', () => {
  it.each([
    ['ftp', 'ftp-helper', 'iptables-save.txt', /^.* --helper ftp\n/m],
    ['tftp', 'tftp-helper-nft', 'nft-ruleset.nft', /^.*ct helper set .*\n/m],
  ])('%s: the rule that assigns it was not given', async (helper, name, file, rule) => {
    const { comparison, findings } = await compareRouter(name, { [file]: rule });
    expect(comparison.differences).not.toEqual([]);
    const [first] = findings;
    expect(first, JSON.stringify(findings)).toMatchObject({
      kind: 'helper',
      facts: { name: helper },
      left: 0,
    });
    expect(wordsOf(first).statement).toContain(helper);
  });
});
