import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCaptures } from '../../../src/capture/open.js';
import type { Observer } from '../../../src/engine/observer.js';
import { conntrackText, saveText } from '../../../src/engine/state.js';
import { loadGiven } from '../../../src/given.js';
import { runReplay } from '../../../src/run.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { docker } from '../../bench/rulesets.js';
import { writeHost } from '../../bench/topology.js';
import { writeTraffic } from '../../bench/traffic.js';

/** Captures of each kind that are tried. */
const CAPTURES = Number(process.env.NFREPLAY_CAPTURES ?? 30);
const CONNECTIONS = 40;
const PACKETS = 40 * CONNECTIONS;

/** Nothing of it switches connection tracking on; some of it reads what the packets of a flow may differ in. */
const UNTRACKED = `*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -m tos --tos 0x10/0xff
COMMIT
*filter
:FORWARD ACCEPT [0:0]
:TCP - [0:0]
-A FORWARD -p tcp -j TCP
-A FORWARD -s 10.0.1.16/28 -p udp -j DROP
-A FORWARD -p icmp -m icmp --icmp-type 8
-A FORWARD -d 10.0.0.0/9
-A TCP -p tcp -m tcp --tcp-flags PSH PSH -j RETURN
-A TCP -m length --length 900:65535
COMMIT
`;

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'nfreplay-steady-'));
  const { 'iptables-save.txt': rules } = docker();
  writeHost(join(dir, 'host'), { 'iptables-save.txt': rules });
  writeTraffic(join(dir, 'one.pcap'), { kind: 'published', packets: PACKETS, connections: CONNECTIONS });
  // A rule that asks who sends: what is true of one connection need not be of another.
  const asking = rules.replace('-A FORWARD', '-A FORWARD -s 192.0.2.1/32 -j DROP\n-A FORWARD');
  writeHost(join(dir, 'asking'), { 'iptables-save.txt': asking });
  writeHost(join(dir, 'untracked'), { 'iptables-save.txt': UNTRACKED });
  // Long enough for UDP to become a stream.
  const more = { packets: PACKETS, connections: CONNECTIONS, step: 5e6 };
  writeTraffic(join(dir, 'both.pcap'), { kind: 'published', withCopies: true, ...more });
  writeTraffic(join(dir, 'forwarded.pcap'), { kind: 'forwarded', withCopies: true, ...more });
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Sees every packet go through every hook. */
const WATCHER: Observer = {
  packet: () => undefined,
  hook: () => undefined,
  enter: () => undefined,
  skip: () => undefined,
  misses: () => false,
  watches: () => false,
  rule: () => undefined,
  verdict: () => undefined,
  route: () => undefined,
  end: () => undefined,
};

async function run(capture: string, observer: Observer | null, host = 'host'): Promise<object> {
  const given = loadGiven({ hostDir: join(dir, host) }, new Diagnostics());
  const source = openCaptures([capture]);
  await source.open();
  const { replay } = await runReplay(source, given, { observer });
  const { program, tracker } = replay.kernel;
  return {
    counts: replay.counts,
    saved: saveText(program, 4),
    connections: conntrackText(tracker, replay.lastTime),
    last: [replay.lastFrame, replay.lastTime, replay.clock.now],
  };
}

/** How many packets went the short way, and the long way as others of their flow did. */
async function ways(capture: string, host = 'host'): Promise<{ passed: number; again: number }> {
  const counts = { passed: 0, again: 0 };
  const observer = {
    ...WATCHER,
    keep: () => null,
    again: () => void counts.again++,
    passed: () => void counts.passed++,
  };
  await run(join(dir, capture), observer, host);
  return counts;
}

describe('packets of steady flows', () => {
  it('go the short way, all but the first ones of a connection', async () => {
    const { passed, again } = await ways('one.pcap', 'asking');
    // The first packet, and one in each direction of an established connection.
    expect(PACKETS - passed).toBe(3 * CONNECTIONS);
    expect(again).toBe(0);
  });

  it('go it from the first answer on, where no rule asks who talks to whom', async () => {
    const { passed } = await ways('one.pcap');
    // Of each protocol, a connection's packets in each direction are the example.
    expect(PACKETS - passed).toBeLessThan(CONNECTIONS + 2 * 3 + 3);
  });

  it('go it where nothing is tracked, all but the first ones of a flow', async () => {
    const { passed } = await ways('forwarded.pcap', 'untracked');
    // Half of the capture is packets that leave. Of 20 of a TCP connection five are the first of their kind one way.
    expect(passed).toBeGreaterThan(0.7 * 0.5 * PACKETS);
  });

  const WORLDS = [
    ['one.pcap', 'host'],
    ['both.pcap', 'asking'],
    ['both.pcap', 'host'],
    ['forwarded.pcap', 'untracked'],
  ] as const;

  it.each(WORLDS)('come to what every packet by itself comes to: %s, %s', async (name, host) => {
    const capture = join(dir, name);
    expect(await run(capture, null, host)).toEqual(await run(capture, WATCHER, host));
  });

  /** Some byte of some packets is another one. */
  const damages = fc.array(
    fc.record({ packet: fc.nat(PACKETS - 1), at: fc.nat(60), value: fc.nat(255), mends: fc.boolean() }),
    { minLength: 1, maxLength: 60 },
  );
  it.each(WORLDS)(
    'so does a capture some of whose bytes are others: %s, %s',
    async (name, host) => {
      const good = readFileSync(join(dir, name));
      const capture = join(dir, `damaged-${name}`);
      await fc.assert(
        fc.asyncProperty(damages, async (all) => {
          writeFileSync(capture, damaged(good, all));
          expect(await run(capture, null, host)).toEqual(await run(capture, WATCHER, host));
        }),
        { numRuns: CAPTURES },
      );
    },
    600_000,
  );
});

interface Damage {
  readonly packet: number;
  /** From the network header on. */
  readonly at: number;
  readonly value: number;
  /** The IP header's checksum is made right again, so that the packet is not refused for it. */
  readonly mends: boolean;
}

const RECORD = 16;
const COOKED = 20;

function damaged(good: Buffer, damages: readonly Damage[]): Buffer {
  const bytes = Buffer.from(good);
  const starts: number[] = [];
  for (let at = 24; at < bytes.length; at += RECORD + bytes.readUInt32LE(at + 8)) starts.push(at + RECORD);
  for (const { packet, at, value, mends } of damages) {
    const start = starts[packet];
    const ip = start + COOKED;
    if (ip + at >= (starts[packet + 1] ?? bytes.length)) continue;
    bytes[ip + at] = value;
    if (!mends) continue;
    bytes.writeUInt16BE(0, ip + 10);
    let sum = 0;
    for (let i = 0; i < 20; i += 2) sum += bytes.readUInt16BE(ip + i);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    bytes.writeUInt16BE(~sum & 0xffff, ip + 10);
  }
  return bytes;
}
