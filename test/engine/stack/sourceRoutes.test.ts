import { describe, expect, it } from 'vitest';
import { openCaptures } from '../../../src/capture/open.js';
import type { FrameSource } from '../../../src/capture/frame.js';
import { type Given, loadGiven } from '../../../src/given.js';
import { compareWithHost, readLogs, runReplay } from '../../../src/run.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';

/**
 * Packets that were routed by their source, as a host of Linux 6.18 that takes them got, forwarded and answered them: echo
 * and timestamp requests, closed ports, REJECT, a TTL that ran out, an unknown protocol, and routes that end amid an address.
 */
const DIR = 'test/engine/stack/sourceRoutes';

describe('packets that are routed by their source', () => {
  async function inputs(): Promise<{ given: Given; frames: FrameSource; diagnostics: Diagnostics }> {
    const diagnostics = new Diagnostics();
    const frames = openCaptures([`${DIR}/any.pcap`]);
    await frames.open();
    return { given: loadGiven({ hostDir: `${DIR}/host` }, diagnostics), frames, diagnostics };
  }

  it('are logged, forwarded and answered as the kernel does', async () => {
    const { frames, given, diagnostics } = await inputs();
    const observed = await readLogs([{ file: `${DIR}/kernel.log` }], diagnostics);
    const { comparison } = await compareWithHost(frames, given, { observed });
    expect(comparison.differences).toEqual([]);
    expect(comparison.summary).toMatchObject({ predicted: 38, matched: 38 });
  });

  it('have answers that are all foreseen', async () => {
    const { frames, given } = await inputs();
    const { replay } = await runReplay(frames, given);
    expect(replay.counts).toMatchObject({ received: 23, accounted: 23, sent: 0, unexplained: 0 });
  });
});
