import { cpSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openCaptures } from '../../../src/capture/open.js';
import type { Comparison } from '../../../src/compare/result.js';
import { isDisagreement } from '../../../src/compare/result.js';
import { loadGiven } from '../../../src/given.js';
import { compareWithHost, readLogs } from '../../../src/run.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { scratch } from '../../cli/examples.js';

/**
 * A host of Linux 6.18 whose servers run as nobody and whose clients as root, with LOG --log-uid, and --uid-owner and
 * --socket-exists on what they send; what acknowledges the peer's FIN after close() has no socket any more.
 */
const DIR = 'test/engine/evidence/owners';

async function compareListing(rewrite: (listing: string) => string): Promise<Comparison> {
  using temporary = scratch();
  cpSync(`${DIR}/host`, temporary.dir, { recursive: true });
  temporary.file('ss-listen.txt', rewrite(readFileSync(`${DIR}/host/ss-listen.txt`, 'utf8')));
  const diagnostics = new Diagnostics();
  const frames = openCaptures([`${DIR}/any.pcap`]);
  await frames.open();
  const observed = await readLogs([{ file: `${DIR}/kernel.log` }], diagnostics);
  const given = loadGiven({ hostDir: temporary.dir }, diagnostics);
  return (await compareWithHost(frames, given, { observed })).comparison;
}

describe('whose packets the host sends', () => {
  it('is told by ss -e of what leaves by a port that somebody is bound to', async () => {
    const { differences, summary } = await compareListing((listing) => listing);
    expect(differences).toEqual([]);
    expect(summary).toMatchObject({ observed: 67, matched: 67 });
  });

  it('is not known without it: no line is held against its owner, nor against rules that ask for one', async () => {
    const { differences, summary } = await compareListing((listing) => listing.replaceAll(/ uid:.*/g, ''));
    expect(differences.filter(isDisagreement)).toEqual([]);
    expect(new Set(differences.map((d) => d.reason))).toEqual(
      new Set([
        '-m owner --uid-owner 65534 -j LOG --log-prefix "by nobody: ": the capture does not tell whose process sent the packet',
      ]),
    );
    expect(summary.observed - summary.matched).toBe(differences.length);
  });

  it('is held against rules where it is known', async () => {
    const { differences } = await compareListing((listing) => listing.replaceAll('uid:65534', 'uid:0'));
    expect(differences.filter(isDisagreement).length).toBeGreaterThan(0);
  });
});
