import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCaptures } from '../../src/capture/open.js';
import { dmesgLine } from '../../src/engine/state.js';
import { loadGiven } from '../../src/given.js';
import { suspectAddress } from '../../src/report/suspect.js';
import { runReplay } from '../../src/run.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { docker } from '../bench/rulesets.js';
import { writeHost } from '../bench/topology.js';
import { writeTraffic } from '../bench/traffic.js';
import { compareOtherwise, type Recording } from './diagnosis.js';
import { randomOf } from './random.js';

const PACKETS = 100_000;
const CONNECTIONS = 2000;
/** ns from one packet to the next: no connection is forgotten between two of its own, and 50 ppm come to milliseconds. */
const STEP = 2_000_000;
/** Published ports with 32 rules; TCP connections are logged as they begin, of UDP every packet. */
const RULES = docker()['iptables-save.txt'].replace(
  '-A FORWARD -j DOCKER-USER\n',
  [
    '-A FORWARD -p tcp -m conntrack --ctstate NEW -j LOG --log-prefix "NEW: "',
    '-A FORWARD -p udp -j LOG --log-prefix "UDP: "',
    '-A FORWARD -j DOCKER-USER\n',
  ].join('\n'),
);
const TIMEOUT = 600_000;

const dir = mkdtempSync(join(tmpdir(), 'nfreplay-long-'));
const recording: Recording = {
  capture: join(dir, 'any.pcap'),
  host: join(dir, 'host'),
  log: join(dir, 'kernel.log'),
};
let log: string[] = [];

beforeAll(async () => {
  writeTraffic(recording.capture, {
    kind: 'published',
    packets: PACKETS,
    connections: CONNECTIONS,
    withCopies: true,
    step: STEP,
  });
  writeHost(recording.host, { 'iptables-save.txt': RULES });
  const source = openCaptures([recording.capture]);
  await source.open();
  const { lines } = await runReplay(source, loadGiven({ hostDir: recording.host }, new Diagnostics()));
  log = [...lines].map((line) => dmesgLine(line));
  writeFileSync(recording.log, log.join(''));
}, TIMEOUT);

afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe(`a capture of ${PACKETS} packets`, () => {
  it.each([
    [
      'a rule too many',
      '-A DOCKER-USER -j RETURN\n',
      '-A DOCKER-USER -p udp -j DROP\n-A DOCKER-USER -j RETURN\n',
      'filter:DOCKER-USER:1',
    ],
    ['a translation', '--dport 8003 ', '--dport 9003 ', 'nat:DOCKER:5'],
  ])(
    '%s is found on some of its flows, and told on the whole',
    { timeout: TIMEOUT },
    async (_, from, to, who) => {
      expect(RULES).toContain(from);
      const tried: number[] = [];
      const before = process.cpuUsage().user;
      const { comparison, findings } = await compareOtherwise(
        recording,
        { 'iptables-save.txt': RULES.replace(from, to) },
        { tried: (count) => void tried.push(count) },
      );
      const seconds = (process.cpuUsage().user - before) / 1e6;
      expect(suspectAddress(findings[0].suspect)).toBe(who);
      expect(findings[0]).toMatchObject({ left: 0, explains: comparison.differences.length });
      // Progress counts them one by one.
      expect(tried).toEqual(tried.map((_, i) => i + 1));
      expect(tried.length).toBeGreaterThan(20);
      // Had each trial replayed the whole capture, it would be minutes.
      expect(seconds).toBeLessThan(60);
    },
  );

  it('is placed by a clock that is off, drifts and has half the lines', { timeout: TIMEOUT }, async () => {
    const random = randomOf('half');
    const start = 1_767_225_600_000 + 9 * 3_600_000;
    const first = Number(/^\[\s*(\d+\.\d+)\]/.exec(log[0])?.[1]);
    const shifted = log
      .filter(() => random.below(2) === 0)
      .map((line) =>
        line.replace(/^\[\s*(\d+\.\d+)\]/, (_, stamp: string) => {
          const us = Math.round((Number(stamp) - first) * 1e6 * (1 + 50e-6));
          const second = new Date(start + Math.floor(us / 1e6) * 1000).toISOString().slice(0, 19);
          return `${second}.${String(us % 1e6).padStart(6, '0')}+00:00 host kernel:`;
        }),
      );
    const { comparison, findings } = await compareOtherwise(recording, { 'kernel.log': shifted.join('') });
    const { matched, onlyHost, onlySimulated, fieldMismatch } = comparison.summary;
    expect({ matched, onlyHost, onlySimulated, fieldMismatch }).toEqual({
      matched: shifted.length,
      onlyHost: 0,
      onlySimulated: log.length - shifted.length,
      fieldMismatch: 0,
    });
    expect(findings[0]).toMatchObject({ kind: 'logLost', left: 0 });
    const clock = findings.find(({ kind }) => kind === 'clock');
    const { offset, drift } = clock?.facts as { offset: number; drift: number };
    expect(offset / 3_600e9).toBeCloseTo(9, 3);
    expect(drift * 1e6).toBeGreaterThan(49);
    expect(drift * 1e6).toBeLessThan(51);
  });
});
