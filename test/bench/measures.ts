import { join } from 'node:path';
import type { Inputs } from './inputs.js';
import { measureKernel, missingForKernel } from './kernel.js';
import { writeHostLog } from './log.js';
import { bareNode, decode, median, nfreplay, program, type Usage } from './programs.js';
import { docker, logging, noRules } from './rulesets.js';
import { type Scenario, SCENARIOS } from './scenarios.js';
import { sparse } from './sparse.js';
import type { Traffic } from './traffic.js';

/** One line of the result. */
export interface Row {
  readonly what: string;
  readonly result: string;
  /** What was asked for. */
  readonly wanted: string;
  /** The same of another program or of the kernel, and how many times faster nfreplay is. */
  readonly other: string;
}

export interface Setting {
  readonly inputs: Inputs;
  readonly runs: number;
  readonly scale: number;
}

export interface Measure {
  readonly name: string;
  run(setting: Setting): AsyncGenerator<Row>;
}

const MILLION = 1_000_000;
const CONNECTIONS = 100_000;
const FORWARDED: Traffic = { kind: 'forwarded', packets: MILLION, connections: CONNECTIONS };
/** One in a thousand: what it takes is what starting takes. */
const FEW = 1000;
/** s that the kernel is sent packets for. */
const SENDING = 3;

const whole = (n: number): string => Math.round(n).toLocaleString('en');
const rate = (n: number): string => `${whole(n)}/s`;
const ms = (seconds: number): string => `${whole(seconds * 1000)} ms`;
const mb = (megabytes: number): string => `${whole(megabytes)} MB`;
const times = (ours: number, theirs: number): string =>
  `${(ours / theirs).toFixed(ours < 10 * theirs ? 1 : 0)}×`;

async function* decoding({ inputs, runs, scale }: Setting): AsyncGenerator<Row> {
  const capture = inputs.capture({ ...FORWARDED, packets: 10 * MILLION });
  const packets = 10 * MILLION * scale;
  const start = await median(runs, () =>
    decode(inputs.capture({ ...FORWARDED, packets: FEW, connections: FEW })),
  );
  const ours = await median(runs, () => decode(capture));
  const perSecond = packets / (ours.cpu - start.cpu);
  yield row('decode', rate(perSecond), '3,000,000/s');
  yield row('decode: memory for 10,000,000 packets', mb(ours.memory), '');
  const copy = await program(['tcpdump', '-r', capture, '-w', '/dev/null']);
  if (copy)
    yield row('tcpdump -r -w /dev/null', rate(packets / copy.cpu), '', times(perSecond, packets / copy.cpu));
  const fewer = inputs.capture({ ...FORWARDED, packets: MILLION / 10 });
  const fields = 'frame.number ip.src ip.dst ip.proto tcp.srcport udp.srcport'.split(' ');
  const tshark = await program([
    'tshark',
    '-n',
    '-r',
    fewer,
    '-T',
    'fields',
    ...fields.flatMap((f) => ['-e', f]),
  ]);
  if (tshark) {
    const theirs = ((MILLION / 10) * scale) / tshark.cpu;
    yield row('tshark -T fields', rate(theirs), '', times(perSecond, theirs));
  }
}

/** Replays with little output, and with a capture of a few packets: the difference is what packets take. */
async function replaying(
  { inputs, runs, scale }: Setting,
  { name, traffic, rules }: Scenario,
  packets = MILLION,
): Promise<{ perSecond: number; start: Usage; usage: Usage }> {
  const host = inputs.host(name, rules);
  const few = inputs.capture({ kind: traffic, packets: FEW, connections: FEW / 10 });
  const capture = inputs.capture({
    kind: traffic,
    packets,
    connections: CONNECTIONS,
    withCopies: traffic === 'services',
  });
  const start = await median(runs, () => nfreplay(['replay', few, '--host', host, '-q']));
  const usage = await median(runs, () => nfreplay(['replay', capture, '--host', host, '-q']));
  return { perSecond: (packets * scale) / Math.max(1e-9, usage.cpu - start.cpu), start, usage };
}

function scenarioMeasure(scenario: Scenario): Measure {
  return {
    name: scenario.name,
    async *run(setting) {
      const { perSecond, start } = await replaying(setting, scenario);
      let other = '';
      const missing = missingForKernel();
      if (missing === null) {
        const capture = setting.inputs.capture({
          kind: scenario.traffic,
          packets: MILLION,
          connections: CONNECTIONS,
          withCopies: scenario.traffic === 'services',
        });
        const kernel = measureKernel(capture, scenario.rules(), SENDING * Math.max(0.1, setting.scale));
        const theirs = 1e9 / kernel.perPacket;
        other = `kernel ${rate(theirs)}, ${times(perSecond, theirs)}`;
        if (kernel.forwarded < kernel.frames * 0.99)
          other += ` (it let ${whole(kernel.forwarded)} of ${whole(kernel.frames)} through)`;
      } else other = `kernel not asked: ${missing}`;
      yield row(`replay, ${scenario.title}`, rate(perSecond), rate(scenario.wanted), other);
      yield row(`until the first packet, ${scenario.title}`, ms(start.cpu), '');
    },
  };
}

async function* memory({ inputs, runs, scale }: Setting): AsyncGenerator<Row> {
  const host = inputs.host('docker', docker);
  const capture = inputs.capture({ kind: 'published', packets: 10 * MILLION, connections: CONNECTIONS });
  const usage = await median(Math.min(runs, 1), () => nfreplay(['replay', capture, '--host', host, '-q']));
  yield row('replay of 10,000,000 packets, 100,000 connections: memory', mb(usage.memory), '250 MB');
  yield row('the same: packets', rate((10 * MILLION * scale) / usage.cpu), '');
  const many = inputs.capture({ kind: 'published', packets: 2 * MILLION, connections: MILLION });
  const crowded = await median(Math.min(runs, 1), () => nfreplay(['replay', many, '--host', host, '-q']));
  yield row('1,000,000 connections: memory', mb(crowded.memory), '800 MB');
}

/** Wall time: how much sooner two threads are done. */
async function* sharing({ inputs, runs }: Setting): AsyncGenerator<Row> {
  const host = inputs.host('docker', docker);
  const capture = inputs.capture({ kind: 'published', packets: 4 * MILLION, connections: CONNECTIONS });
  const took = (jobs: number): Promise<Usage> =>
    median(runs, () => nfreplay(['replay', capture, '--host', host, '-q', '--jobs', String(jobs)]), 'wall');
  const one = await took(1);
  const two = await took(2);
  yield row(
    'replay --jobs 2, Docker: time of one thread to that of two',
    `${(one.wall / two.wall).toFixed(2)}×`,
    '1.7×',
    `${ms(one.wall)} to ${ms(two.wall)}`,
  );
  yield row('the same: CPU of two threads to that of one', `${(two.cpu / one.cpu).toFixed(2)}×`, '');
}

/** ns between packets where each writes a line: 10,000 lines a second. */
const LOGGED_STEP = 100_000;

async function* comparing({ inputs, runs, scale }: Setting): AsyncGenerator<Row> {
  const host = inputs.host('logging', logging);
  const capture = inputs.capture({ ...FORWARDED, step: LOGGED_STEP });
  const out = join(inputs.dir, 'simulated');
  await nfreplay(['replay', capture, '--host', host, '-q', '--out', out]);
  const log = join(inputs.dir, 'host.log');
  await writeHostLog(join(out, 'kernel.log'), log);
  const ask = (c: string): string[] => ['compare', c, '--host', host, '--log', log, '-q', '--search', '0'];
  const usage = await median(runs, () => nfreplay(ask(capture)));
  const packets = MILLION * scale;
  yield row(
    'compare, a line each',
    rate(packets / usage.cpu),
    '300,000/s',
    `${rate((2 * packets) / usage.cpu)} of packets and lines`,
  );
  yield row('compare, 1,000,000 packets and lines: memory', mb(usage.memory), '');
  const report = await median(1, () => nfreplay([...ask(capture), '--out', join(inputs.dir, 'report')]));
  yield row('compare --out', rate(packets / report.cpu), '');
}

const EXAMPLE = ['captures/docker-published-port/any.pcap', '--host', 'rulesets/docker-published-port'];

async function* starting({ runs }: Setting): AsyncGenerator<Row> {
  const most = runs * 5;
  const bare = await median(most, bareNode);
  yield row('node -e 0', ms(bare.cpu), '');
  yield row('nfreplay --version', ms((await median(most, () => nfreplay(['--version']))).cpu), '80 ms');
  const small = ['compare', ...EXAMPLE, '--log', 'captures/docker-published-port/kernel.log'];
  yield row('a small compare', ms((await median(most, () => nfreplay(small))).cpu), '250 ms');
}

/** Bytes that come through the pipe. */
const PIPED = 10e9;

async function* piping({ inputs, scale }: Setting): AsyncGenerator<Row> {
  const capture = inputs.capture({ ...FORWARDED, packets: MILLION / 10, connections: CONNECTIONS / 10 });
  const host = inputs.host('none', noRules);
  const input = sparse(capture, PIPED * scale);
  const usage = await nfreplay(['replay', '-', '--host', host, '-q'], { input });
  yield row(`replay of ${(PIPED * scale) / 1e9} GB from a pipe: memory`, mb(usage.memory), '250 MB');
  yield row('the same: CPU', ms(usage.cpu), '');
}

export const MEASURES: readonly Measure[] = [
  { name: 'start', run: starting },
  { name: 'decode', run: decoding },
  ...SCENARIOS.map(scenarioMeasure),
  { name: 'compare', run: comparing },
  { name: 'jobs', run: sharing },
  { name: 'memory', run: memory },
  { name: 'pipe', run: piping },
];

function row(what: string, result: string, wanted: string, other = ''): Row {
  return { what, result, wanted, other };
}
