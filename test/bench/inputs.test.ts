import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openCaptures } from '../../src/capture/open.js';
import { loadGiven } from '../../src/given.js';
import { verifyIpv4Header, verifyTransport } from '../../src/packet/checksum.js';
import { decodeLink, LinkLayer } from '../../src/packet/link.js';
import { decodePacket, type Packet } from '../../src/packet/packet.js';
import { CtState } from '../../src/rules/connection.js';
import { runReplay } from '../../src/run.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { createInputs } from './inputs.js';
import { measureKernel, missingForKernel } from './kernel.js';
import { table } from './page.js';
import { SCENARIOS } from './scenarios.js';
import type { TrafficKind } from './traffic.js';

const dir = mkdtempSync(join(tmpdir(), 'bench-test-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const inputs = createInputs(dir, 1);
/** Eight packets of each connection. */
const PACKETS = 3200;
const CONNECTIONS = 400;
const capture = (kind: TrafficKind, withCopies = false, packets = PACKETS): string =>
  inputs.capture({ kind, packets: withCopies ? 2 * packets : packets, connections: CONNECTIONS, withCopies });

describe('the traffic of the benchmark', () => {
  it.each<[TrafficKind, boolean]>([
    ['forwarded', false],
    ['published', false],
    ['published', true],
    ['services', true],
  ])('%s (with copies: %s) is packets whose checksums are right', async (kind, withCopies) => {
    const packets: Packet[] = [];
    const link = new LinkLayer();
    for await (const frame of openCaptures([capture(kind, withCopies)]).frames()) {
      const layer = decodeLink(frame.linkType, frame.bytes, link);
      if (typeof layer === 'string') throw new Error(layer);
      const packet = decodePacket(frame.bytes.slice(layer.network));
      if (typeof packet === 'string') throw new Error(packet);
      packets.push(packet);
    }
    expect(packets).toHaveLength(withCopies ? 2 * PACKETS : PACKETS);
    expect(packets.filter((p) => verifyIpv4Header(p) === 'bad' || verifyTransport(p) === 'bad')).toEqual([]);
    const share = (protocol: number): number =>
      packets.filter((p) => p.protocol === protocol).length / packets.length;
    expect([share(6), share(17), share(1)]).toEqual([0.7, 0.25, 0.05]);
  });
});

describe('the rulesets of the benchmark', () => {
  it.each(SCENARIOS)(
    '$name: all is understood, and every packet passes',
    async ({ name, rules, traffic }) => {
      const diagnostics = new Diagnostics();
      const given = loadGiven({ hostDir: inputs.host(name, rules) }, diagnostics);
      expect(diagnostics.list.filter((d) => d.severity !== 'note')).toEqual([]);
      expect(given.unusable).toEqual([]);
      const withCopies = traffic === 'services';
      const packets = name.endsWith('10000') ? CONNECTIONS : PACKETS;
      const source = openCaptures([capture(traffic, withCopies, packets)]);
      // Without a rule that asks for it there is no connection tracking.
      const tracked = !/^(none|linear|nft-\d)/.test(name);
      let sent = 0;
      let invalid = 0;
      const { replay } = await runReplay(source, given, {
        sinks: {
          sent(passage) {
            sent++;
            if (tracked && passage.state === CtState.invalid) invalid++;
          },
        },
      });
      expect({ ...replay.counts, sent }).toMatchObject({ received: packets, sent: packets, unexplained: 0 });
      expect(replay.counts.accounted).toBe(withCopies ? packets : 0);
      expect(invalid).toBe(0);
    },
  );

  const missing = missingForKernel();
  it.skipIf(missing !== null).each(SCENARIOS.filter(({ name }) => name !== 'kubernetes'))(
    `$name: the kernel lets every packet pass too${missing === null ? '' : ` (${missing})`}`,
    ({ rules, traffic }) => {
      const { frames, forwarded } = measureKernel(capture(traffic), rules(), 5);
      expect({ frames, forwarded }).toEqual({ frames: PACKETS, forwarded: PACKETS });
    },
  );
});

describe('the page of the benchmark', () => {
  it('is a table of Markdown', () => {
    expect(table([{ what: 'decode', result: '3/s', wanted: '2/s', other: '' }])).toBe(
      [
        '| measure | result | wanted | compared with |',
        '| ------- | ------ | ------ | ------------- |',
        '| decode  | 3/s    | 2/s    |               |',
      ].join('\n'),
    );
  });
});
