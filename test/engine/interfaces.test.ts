import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseMac } from '../../src/address/mac.js';
import { hasProgram } from '../capture/reading.js';
import { CAPTURE, HOST, LOG, scratch } from '../cli/examples.js';
import { run } from '../cli/run.js';
import { type EthernetFrame, ethernetFrames, pcapngOf, pcapOf } from './interfaces.js';

/** From the snapshot's ip-neigh.json. */
const PEERS = {
  eth0: parseMac('02:00:00:00:01:02')!,
  eth1: parseMac('02:00:00:00:02:02')!,
  docker0: parseMac('02:00:00:00:03:02')!,
  vethc0: parseMac('02:00:00:00:03:02')!,
};

let frames: EthernetFrame[] = [];
beforeAll(async () => {
  frames = await ethernetFrames(CAPTURE, HOST, PEERS);
});

const on = (...names: string[]): EthernetFrame[] => frames.filter((f) => names.includes(f.interface));

/** What a comparison came to, and the simulated host after it. */
async function outcome(
  captures: readonly (string | Uint8Array)[],
  options: readonly string[] = [],
  stdin?: Uint8Array,
): Promise<object> {
  using temporary = scratch();
  const paths = captures.map((c, i) => (typeof c === 'string' ? c : temporary.file(`${i}.cap`, c)));
  const named = options.map((o) => o.replaceAll('TMP', temporary.dir));
  const out = join(temporary.dir, 'out');
  const args = ['compare', ...paths, '--host', HOST, '--log', LOG, '--search', '0', ...named];
  const { status, stdout, stderr } = await run([...args, '--format', 'json', '--out', out], { stdin });
  if (status > 1) throw new Error(stderr);
  const { summary, differences } = JSON.parse(stdout) as Record<string, unknown>;
  const files = ['iptables-save.txt', 'conntrack.txt', 'conntrack-events.txt', 'kernel.log', 'logs.csv'];
  const texts = files.map((name) => [name, readFileSync(join(out, name), 'utf8')] as const);
  return { status, summary, differences, ...Object.fromEntries(texts) };
}

const NAMED = ['-i', 'TMP/0.cap=eth0', '-i', 'TMP/1.cap=docker0', '-i', 'TMP/2.cap=vethc0'];

describe('the docker recording gives the same result', () => {
  let expected: object = {};
  beforeAll(async () => {
    expected = await outcome([CAPTURE]);
    expect(expected).toMatchObject({ status: 0, summary: { packets: 66, matched: 31 }, differences: [] });
  });

  it('as a pcapng file of all interfaces, as dumpcap writes it', async () => {
    expect(await outcome([pcapngOf(frames)])).toEqual(expected);
  });

  it('as a pcapng file that tells directions', async () => {
    expect(await outcome([pcapngOf(frames, true)])).toEqual(expected);
  });

  it('as a pcapng file for each interface', async () => {
    expect(await outcome(['eth0', 'docker0', 'vethc0'].map((name) => pcapngOf(on(name))))).toEqual(expected);
  });

  it('as a pcap file for each interface, named on the command line', async () => {
    expect(
      await outcome(
        ['eth0', 'docker0', 'vethc0'].map((name) => pcapOf(on(name))),
        NAMED,
      ),
    ).toEqual(expected);
  });

  it('as a pcap file for each interface that the host has by its link address', async () => {
    const files = ['eth0', 'docker0'].map((name) => pcapOf(on(name)));
    const packets = on('eth0', 'docker0').length;
    expect(await outcome(files)).toMatchObject({ status: 0, summary: { packets, matched: 31 } });
  });

  it.skipIf(!hasProgram('zstd'))('compressed by zstd', async () => {
    const compressed = execFileSync('zstd', ['-qc'], { input: readFileSync(CAPTURE) });
    expect(await outcome([compressed])).toEqual(expected);
    expect(await outcome(['-'], [], compressed)).toEqual(expected);
  });

  it('gzipped, and through a pipe', async () => {
    expect(await outcome([gzipSync(readFileSync(CAPTURE))])).toEqual(expected);
    expect(await outcome(['-'], [], readFileSync(CAPTURE))).toEqual(expected);
    expect(await outcome(['-'], [], pcapngOf(frames))).toEqual(expected);
    expect(await outcome(['-'], [], gzipSync(pcapngOf(frames)))).toEqual(expected);
  });
});

describe('without a snapshot', () => {
  const TOLD = [
    ...['--rules', `${HOST}/iptables-save.txt`, '--sysctl', 'net.bridge.bridge-nf-call-iptables=1'],
    ...['--addr', '198.51.100.2/24@eth0', '--addr', '172.17.0.1/16@docker0'],
    ...[
      '--link',
      'eth0=02:00:00:00:01:01',
      '--link',
      'docker0=bridge',
      '--link',
      'docker0=02:00:00:00:03:01',
    ],
  ];

  it('the numbers in the capture are told by who is behind them', async () => {
    const args = ['compare', CAPTURE, ...TOLD, '--link', 'vethc0@docker0', '--log', LOG, '--format', 'json'];
    const { status, stdout } = await run(args);
    const { differences, assumptions } = JSON.parse(stdout) as Record<string, readonly string[]>;
    expect({ status, differences }).toEqual({ status: 0, differences: [] });
    expect(assumptions).toEqual(
      expect.arrayContaining([
        'Interface 2 of the capture was taken for eth0, by the addresses of its packets.',
        'Interface 4 of the capture was taken for docker0, by the addresses of its packets.',
        'Interface 5 of the capture was taken for vethc0, by the addresses of its packets.',
      ]),
    );
  });

  it('a port that was not told of shows what its bridge shows', async () => {
    const { stdout, stderr } = await run(['compare', CAPTURE, ...TOLD, '--log', LOG, '--format', 'json']);
    const { differences, summary } = JSON.parse(stdout) as {
      differences: readonly { field: string | null }[];
      summary: Record<string, number>;
    };
    expect(new Set(differences.map((d) => d.field))).toEqual(new Set(['PHYSIN']));
    expect(summary).toMatchObject({ predicted: 31, onlySimulated: 0, onlyHost: 0 });
    expect(stderr).toMatch(/22 seen on docker0 as well/);
  });
});
