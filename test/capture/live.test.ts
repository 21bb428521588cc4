import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { CaptureError, Frame } from '../../src/capture/frame.js';
import { type LiveFrames, liveFrames } from '../../src/capture/live/frames.js';
import type { LiveLane } from '../../src/capture/live/lane.js';
import { type FragileLane, resumed } from '../../src/capture/live/resume.js';
import { tcpdump } from '../../src/capture/live/tcpdump.js';
import { scratch } from '../cli/examples.js';
import { DATA, pcapHeader, pcapRecord } from './bytes.js';

/** An interface that a test captures on: it says what comes, and when it ends. */
function lane(name: string): LiveLane & {
  readonly stream: PassThrough;
  frame(nanoseconds: number, ...data: number[]): void;
  end(why: string | null): void;
  lost: number | null;
  isStopped: boolean;
} {
  const stream = new PassThrough();
  stream.write(pcapHeader({ nanoseconds: true, linkType: 101 }));
  let end: (why: string | null) => void = () => undefined;
  const ended = new Promise<string | null>((resolve) => (end = resolve));
  return {
    interface: name,
    stream,
    bytes: stream,
    lag: 0,
    started: Promise.resolve(null),
    ended,
    lost: null,
    isStopped: false,
    frame: (fraction, ...data) => void stream.write(pcapRecord({ seconds: 1, fraction, data })),
    end(why) {
      stream.end();
      end(why);
    },
    dropped() {
      return this.lost;
    },
    stop() {
      this.isStopped = true;
      this.end(null);
    },
  };
}

const seen = ({ number, time, interface: name, bytes }: Frame): string =>
  `${number} ${time} ${name} ${[...bytes].join('.')}`;

async function all(frames: LiveFrames): Promise<string[]> {
  const list: string[] = [];
  for await (const frame of frames.frames()) list.push(seen(frame));
  return list;
}

describe('several interfaces being captured', () => {
  it('are one capture, by time, and end when all have ended', async () => {
    const [a, b] = [lane('eth0'), lane('eth1')];
    const frames = liveFrames([a, b], () => 1_000_000_000n);
    const list = all(frames);
    a.frame(30, 1);
    a.frame(50, 2);
    b.frame(20, 3);
    b.frame(40, 4);
    a.end(null);
    b.end('tcpdump was ended by SIGKILL');
    expect(await list).toEqual(['1 20 eth1 3', '2 30 eth0 1', '3 40 eth1 4', '4 50 eth0 2']);
    expect(frames.errors).toMatchObject([
      { file: 'eth1', message: 'the capture on it has ended: tcpdump was ended by SIGKILL' },
    ]);
  });

  it('go on where one of them has ended, which is said at once', async () => {
    const [a, b] = [lane('eth0'), lane('eth1')];
    const frames = liveFrames([a, b], () => BigInt(Date.now()) * 1_000_000n);
    const list = all(frames);
    a.end('it went down');
    await expect.poll(() => frames.errors.length).toBe(1);
    b.frame(1, 7);
    frames.stop();
    expect(await list).toHaveLength(1);
    expect(b.isStopped).toBe(true);
  });

  it('add up what was lost; null where no engine tells', () => {
    const [a, b] = [lane('eth0'), lane('eth1')];
    const frames = liveFrames([a, b]);
    expect(frames.dropped()).toBeNull();
    a.lost = 3;
    expect(frames.dropped()).toBe(3);
    b.lost = 4;
    expect(frames.dropped()).toBe(7);
    a.end(null);
    b.end(null);
  });

  it('say what is wrong with a stream', async () => {
    const a = lane('eth0');
    const frames = liveFrames([a]);
    const list = all(frames);
    a.stream.write(Buffer.from(new Uint32Array([1, 0, 0xffff_ffff, 1]).buffer));
    a.end(null);
    expect(await list).toEqual([]);
    expect(frames.errors.map((e) => e.message).join()).toMatch(/says it is 4294967295 bytes long/);
  });
});

describe('a capture that ends where its interface goes down', () => {
  const record = (fraction: number, ...data: number[]): Buffer =>
    Buffer.from(pcapRecord({ seconds: 1, fraction, data }));
  const header = (linkType = 101): Buffer => Buffer.from(pcapHeader({ nanoseconds: true, linkType }));

  /** One child after the other: what each writes, and what is said of its beginning and end. */
  function children(
    ...list: readonly {
      readonly writes: Buffer[];
      readonly refused?: boolean;
      readonly why?: string | null;
    }[]
  ): () => FragileLane {
    let count = 0;
    return () => {
      const { writes, refused = false, why = null } = list[count++];
      const refusal: CaptureError = { file: 'eth0', kind: 'unreadable', message: 'it is down', advice: '' };
      return {
        interface: 'eth0',
        bytes: Readable.from(writes),
        lag: 0,
        started: Promise.resolve(refused ? refusal : null),
        ended: Promise.resolve(why),
        dropped: () => 1,
        wentDown: () => why === 'down',
        stop: () => undefined,
      };
    };
  }

  it('goes on when it is up, without half a record and a second header, and says so', async () => {
    const lane = resumed(
      children(
        { writes: [header(), record(10, 1), record(20, 2, 2, 2).subarray(0, 17)], why: 'down' },
        { writes: [], refused: true },
        { writes: [Buffer.concat([header(), record(30, 3).subarray(0, 5)]), record(30, 3).subarray(5)] },
      ),
      1,
    );
    const frames = liveFrames([lane], () => 1_000_000_000n);
    expect(await all(frames)).toEqual(['1 10 eth0 1', '2 30 eth0 3']);
    expect(frames.warnings).toEqual([
      'eth0: the interface went down; the capture goes on when it is up',
      'eth0: the capture goes on',
    ]);
    expect(frames.errors).toEqual([]);
    expect(frames.dropped()).toBe(2);
    const [gap, ...more] = frames.interruptions();
    expect(more).toEqual([]);
    expect(gap.interface).toBe('eth0');
    expect(gap.to).toBeGreaterThanOrEqual(gap.from);
  });

  it('ends where it was ended otherwise, and where it is stopped while the interface is down', async () => {
    const killed = resumed(children({ writes: [header(), record(10, 1)], why: 'killed' }), 1);
    const frames = liveFrames([killed], () => 1_000_000_000n);
    expect(await all(frames)).toHaveLength(1);
    expect(frames.errors).toMatchObject([{ message: 'the capture on it has ended: killed' }]);

    const down = resumed(children({ writes: [header()], why: 'down' }), 50);
    const waiting = liveFrames([down]);
    const list = all(waiting);
    await expect.poll(() => waiting.warnings.length).toBe(1);
    waiting.stop();
    expect(await list).toEqual([]);
    expect(waiting.errors).toEqual([]);
    expect(waiting.interruptions()[0].to).toBe(Infinity);
  });
});

describe('tcpdump as the engine', () => {
  const path = process.env.PATH;
  afterEach(() => {
    process.env.PATH = path;
  });
  /** Puts a script in the place of tcpdump. */
  function instead(temporary: ReturnType<typeof scratch>, script: string): void {
    chmodSync(temporary.file('tcpdump', `#!/bin/sh\n${script}\n`), 0o755);
    process.env.PATH = `${temporary.dir}:${path}`;
  }

  it('is asked for every byte, nanoseconds, and what the options say', async () => {
    using temporary = scratch();
    instead(
      temporary,
      `echo "$*" > ${temporary.dir}/asked; echo 'tcpdump: listening on eth0' >&2; exec cat ${DATA}eth-nano.pcap`,
    );
    const options = { filter: 'tcp port 443', snaplen: 96, ring: 5 << 20 };
    const one = tcpdump('eth0', options);
    expect(await one.started).toBeNull();
    expect(await all(liveFrames([one]))).toHaveLength(60);
    expect(readFileSync(join(temporary.dir, 'asked'), 'utf8').trim()).toBe(
      '-i eth0 -n -U -w - --time-stamp-precision=nano -s 96 -B 5120 -- tcp port 443',
    );
    const plain = tcpdump('any', {});
    await plain.started;
    plain.bytes.resume();
    await plain.ended;
    expect(readFileSync(join(temporary.dir, 'asked'), 'utf8').trim()).toBe(
      '-i any -n -U -w - --time-stamp-precision=nano -s 0 -B 65536',
    );
  });

  it('tells what was lost, as it says when it is asked and when it ends', async () => {
    using temporary = scratch();
    const said = '10 packets captured\n12 packets received by filter\n3 packets dropped by kernel';
    instead(
      temporary,
      `echo 'tcpdump: listening on eth0' >&2; printf '${said.replaceAll('\n', '\\n')}\\n' >&2`,
    );
    const one = tcpdump('eth0', {});
    one.bytes.resume();
    expect(await one.ended).toMatch(/tcpdump ended \(0\)/);
    expect(one.dropped()).toBe(3);
  });

  it.each([
    [
      "tcpdump: eth0: You don't have permission to perform this capture on that device",
      'unreadable',
      /setcap cap_net_raw,cap_net_admin=ep "\$\(command -v tcpdump\)"/,
    ],
    ['tcpdump: eth9: No such device exists', 'missing', /ip link/],
    ["tcpdump: can't parse filter expression: syntax error", 'unreadable', /^$/],
  ])('says why it cannot begin: %s', async (words, kind, advice) => {
    using temporary = scratch();
    instead(temporary, `echo "${words}" >&2; exit 1`);
    const error = await tcpdump('eth0', {}).started;
    expect(error).toMatchObject({ kind, message: `it cannot be captured on: ${words.slice(9)}` });
    expect(error?.advice).toMatch(advice);
  });

  it('says what to install where there is none', async () => {
    using temporary = scratch();
    process.env.PATH = temporary.dir;
    const error = await tcpdump('eth0', {}).started;
    expect(error).toMatchObject({ kind: 'tool missing', message: 'tcpdump is not installed' });
    expect(error?.advice).toMatch(/apt install tcpdump.*--via cap/);
  });
});
