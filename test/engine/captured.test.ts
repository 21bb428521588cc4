import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasProgram } from '../capture/reading.js';
import { scratch } from '../cli/examples.js';
import { run } from '../cli/run.js';

/**
 * One talk through a Docker host of Linux 6.18, captured by everything at once: dumpcap 4.0.17 on three interfaces, tcpdump
 * 4.99.3 on any with both kinds of header, on one interface, one direction, and through a pipe into dumpcap.
 */
const DIR = 'test/engine/captured/';

/** What a machine that has much to do may take, ms. */
const LONG = 60_000;

interface Outcome {
  readonly status: number;
  readonly differences: readonly unknown[];
  /** Each with what it says behind its time. */
  readonly lines: readonly string[];
  readonly counters: readonly string[];
}

async function outcome(captures: readonly string[], stdin?: Uint8Array): Promise<Outcome> {
  using temporary = scratch();
  const options = ['--host', `${DIR}host`, '--log', `${DIR}kernel.log`, '--search', '0', '--format', 'json'];
  const args = ['compare', ...captures, ...options, '--out', temporary.dir];
  const { status, stdout, stderr } = await run(args, { stdin });
  if (status > 1) throw new Error(stderr);
  const { differences } = JSON.parse(stdout) as { differences: readonly unknown[] };
  const text = (name: string): string[] => readFileSync(join(temporary.dir, name), 'utf8').split('\n');
  return {
    status,
    differences,
    lines: text('kernel.log').map((line) => line.replace(/^\[[^\]]*\] /, '')),
    counters: counters(text('iptables-save.txt')),
  };
}

const counters = (lines: readonly string[]): string[] => lines.filter((line) => !line.startsWith('#'));
const at = (name: string): string => DIR + name;

describe('a talk through a Docker host gives the kernel’s log and counters', { timeout: LONG }, () => {
  let expected: Outcome;
  beforeAll(async () => {
    expected = await outcome([at('sll2.pcap')]);
  }, LONG);

  it('as tcpdump -i any captured it', () => {
    const after = readFileSync(at('host/after/iptables-save.txt'), 'utf8').split('\n');
    const { lines, ...rest } = expected;
    expect(rest).toEqual({ status: 0, differences: [], counters: counters(after) });
    const logged = readFileSync(at('kernel.log'), 'utf8').split('\n');
    expect(lines).toEqual(logged.map((line) => line.replace(/^\[[^\]]*\] /, '')));
  });

  it.each<[how: string, captures: string[]]>([
    ['dumpcap captured it on three interfaces, not in order', ['dumpcap.pcapng']],
    ['tcpdump -i any captured it before 4.99, without interfaces', ['sll.pcap']],
    ['dumpcap kept what tcpdump piped to it', ['pipe.pcapng']],
    ['tcpdump captured each interface', ['eth0.pcap', 'docker0.pcap']],
  ])('as %s', async (_, captures) => {
    expect(await outcome(captures.map(at))).toEqual(expected);
  });

  it('as tcpdump captured one interface in two files, by direction', async () => {
    const told = ['--in', `eth0=${at('eth0-in.pcap')}`, '--egress', `eth0=${at('eth0-out.pcap')}`];
    expect(await outcome([at('docker0.pcap'), ...told])).toEqual(expected);
  });

  it.each<[captures: string[], options: string[]]>([
    [['sll2.pcap'], []],
    [['sll.pcap'], []],
    [['dumpcap.pcapng'], []],
    [
      ['eth0.pcap', 'docker0.pcap'],
      ['-i', `${at('eth0.pcap')}=eth0`, '-i', `${at('docker0.pcap')}=docker0`],
    ],
  ])('without a snapshot, from %j', async (captures, options) => {
    const told = [
      '--rules',
      at('host/iptables-save.txt'),
      '--link',
      'docker0=bridge',
      '--link',
      'vethc0@docker0',
    ];
    const addresses = ['--addr', '198.51.100.2/24@eth0', '--addr', '172.17.0.1/16@docker0'];
    const sysctl = ['--sysctl', 'net.bridge.bridge-nf-call-iptables=1', '--log', at('kernel.log')];
    const given = [...told, ...addresses, ...sysctl, ...options, '--search', '0', '--format', 'json'];
    const { stdout } = await run(['compare', ...captures.map(at), ...given]);
    const { summary, differences } = JSON.parse(stdout) as Record<string, unknown>;
    expect({ summary, differences }).toMatchObject({ summary: { matched: 65 }, differences: [] });
  });

  it.skipIf(!hasProgram('editcap'))('as editcap, mergecap and tshark write it again', async () => {
    using temporary = scratch();
    const to = (name: string): string => join(temporary.dir, name);
    const make = (program: string, ...args: string[]): void => {
      execFileSync(program, args, { stdio: 'ignore' });
    };
    make('editcap', '-F', 'pcapng', at('sll2.pcap'), to('sll2.pcapng'));
    make('editcap', '-F', 'nsecpcap', at('sll2.pcap'), to('nanoseconds.pcap'));
    make('tshark', '-r', at('dumpcap.pcapng'), '-w', to('tshark.pcapng.gz'), '--compress', 'gzip');
    const each = ['eth0', 'docker0', 'vethc0'].map((name) => to(`${name}.pcapng`));
    each.forEach((path, i) =>
      make('tshark', '-r', at('dumpcap.pcapng'), '-Y', `frame.interface_id == ${i}`, '-w', path),
    );
    make('mergecap', '-w', to('merged.pcapng'), ...each);
    for (const captures of [
      [to('sll2.pcapng')],
      [to('nanoseconds.pcap')],
      [to('tshark.pcapng.gz')],
      [to('merged.pcapng')],
      each,
    ])
      expect(await outcome(captures), captures.join()).toEqual(expected);
  });

  const compressed = async (program: string, ...options: string[]): Promise<void> => {
    using temporary = scratch();
    for (const name of ['sll2.pcap', 'dumpcap.pcapng']) {
      const bytes = execFileSync(program, options, { input: readFileSync(at(name)) });
      expect(await outcome([temporary.file('compressed', bytes)])).toEqual(expected);
      expect(await outcome(['-'], bytes)).toEqual(expected);
    }
  };

  it('compressed by gzip', async () => {
    await compressed('gzip', '-c');
  });

  it.skipIf(!hasProgram('zstd'))('compressed by zstd', async () => {
    await compressed('zstd', '-qc');
  });

  it('through a pipe', async () => {
    for (const name of ['sll2.pcap', 'dumpcap.pcapng', 'pipe.pcapng'])
      expect(await outcome(['-'], readFileSync(at(name)))).toEqual(expected);
  });
});
