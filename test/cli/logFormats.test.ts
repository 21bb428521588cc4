import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readKernelLog, WRITERS } from '../observed/writeLog.js';
import { scratch } from './examples.js';
import { run } from './run.js';

const NAMES = readdirSync('captures', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** When the first packet was captured: a pcap file in microseconds or nanoseconds, least significant byte first. */
function startOf(path: string): bigint {
  const file = readFileSync(path);
  const unit = file.readUInt32LE(0) === 0xa1b23c4d ? 1n : 1000n;
  return BigInt(file.readUInt32LE(24)) * 1_000_000_000n + BigInt(file.readUInt32LE(28)) * unit;
}

/** What differs where nothing does, in all recordings. */
async function alarms(write: (typeof WRITERS)[string]) {
  using temporary = scratch();
  const found: unknown[] = [];
  for (const name of NAMES) {
    const capture = `captures/${name}/any.pcap`;
    const log = readKernelLog(readFileSync(`captures/${name}/kernel.log`, 'utf8'), startOf(capture));
    const file = join(temporary.dir, 'host.log');
    writeFileSync(file, write(log));
    const { status, stdout } = await run(
      `compare ${capture} --host rulesets/${name} --log ${file} --format json`,
    );
    const { summary, differences, findings } = JSON.parse(stdout) as {
      summary: { matched: number };
      differences: unknown[];
      findings: unknown[];
    };
    expect(log.length).toBeGreaterThan(0);
    if (status !== 0 || differences.length + findings.length > 0 || summary.matched !== log.length)
      found.push({ name, status, differences, findings, summary, lines: log.length });
  }
  return found;
}

describe('a log that agrees raises no alarm, whoever wrote it', () => {
  it.each(Object.entries(WRITERS))('%s', { timeout: 60_000 }, async (_, write) => {
    expect(await alarms(write)).toEqual([]);
  });
});

/** Numbers from 0 up to 1, the same for a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

describe('a log of which half is missing', () => {
  const recordings = NAMES.map((name) => ({
    name,
    lines: readFileSync(`captures/${name}/kernel.log`, 'utf8').split('\n').filter(Boolean),
  })).filter(({ lines }) => lines.length >= 5);

  it.each(recordings)(
    '$name: what is left finds its packets, and the others are missing',
    { timeout: 60_000 },
    async ({ name, lines }) => {
      using temporary = scratch();
      for (let seed = 1; seed <= 4; seed++) {
        const random = randomOf(seed);
        const kept = lines.filter((_, i) => i === seed || random() < 0.5);
        // The host's clock is nine hours off, and its boot time nobody knows.
        const log = kept.map((line) =>
          line.replace(/^\[ *(\d+)/, (_, seconds: string) => `[${Number(seconds) + 32_400}`),
        );
        const { stdout } = await run(
          `compare captures/${name}/any.pcap --host rulesets/${name} --log ${temporary.file('half.log', `${log.join('\n')}\n`)} --search 0 --format json`,
        );
        const { summary } = JSON.parse(stdout) as { summary: object };
        expect(summary).toMatchObject({
          observed: kept.length,
          matched: kept.length,
          onlyHost: 0,
          fieldMismatch: 0,
        });
      }
    },
  );
});

const hasZstd = spawnSync('zstd', ['--version']).status === 0;

describe('a log that logrotate packed', () => {
  const [name] = NAMES;
  const plain = readFileSync(`captures/${name}/kernel.log`);
  const rows = async (file: string) => (await run(`log ${file} --format csv`)).stdout.split('\n').length;
  const expected = plain.toString().split('\n').length + 1;

  it('with gzip', async () => {
    using temporary = scratch();
    const file = join(temporary.dir, 'kern.log.2.gz');
    writeFileSync(file, gzipSync(plain));
    expect(await rows(file)).toBe(expected);
  });

  it.skipIf(!hasZstd)(`with zstd${hasZstd ? '' : ' (needs zstd)'}`, async () => {
    using temporary = scratch();
    const file = join(temporary.dir, 'kern.log.2.zst');
    writeFileSync(file, execFileSync('zstd', ['-c'], { input: plain }));
    expect(await rows(file)).toBe(expected);
  });

  it('with what is not unpacked here is refused, with what to do', async () => {
    using temporary = scratch();
    const file = temporary.file('kern.log.2.xz', '');
    writeFileSync(file, Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4, 0xe6, 0xd6]));
    const { status, stderr } = await run(`log ${file}`);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /cannot read the log .*kern\.log\.2\.xz: it is an xz file; decompress it first: unxz/,
    );
  });
});
