import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emit } from '../../src/klog/emit.js';
import { parse } from '../../src/klog/parse.js';
import type { ObservedEntry } from '../../src/observed/entry.js';
import { readLog } from '../../src/observed/readLog.js';
import type { ClockOptions } from '../../src/observed/stamps.js';
import { Diagnostics } from '../../src/source/diagnostic.js';

async function* pieces(text: string, size = text.length || 1): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield await Promise.resolve(text.slice(at, at + size));
}

async function read(text: string, options: ClockOptions = {}, size?: number) {
  const diagnostics = new Diagnostics();
  const entries: ObservedEntry[] = [];
  for await (const e of readLog({ file: 'log', text: pieces(text, size) }, options, diagnostics))
    entries.push(e);
  return { entries, diagnostics: diagnostics.list };
}

const FORMATS = new URL('formats/', import.meta.url);
const MESSAGES = readFileSync(new URL('dmesg-t.txt', FORMATS), 'utf8').trimEnd().split('\n');

/** Kernel stamps of the three messages, µs. */
const KERNEL = [2684266579, 2684266684, 2684266721];
const SECOND = 1795311107n;
const JOURNALD = [795588n, 795606n, 795624n];

/** The three messages as real dmesg (util-linux 2.38) and journalctl (systemd 252) print them: which clocks they tell. */
const TELLS: Record<string, { kernel?: true; wall?: 'µs' | 's' | 'dmesg'; level?: true; host?: true }> = {
  'dmesg.txt': { kernel: true },
  'dmesg-t.txt': {},
  'dmesg-e.txt': {},
  'dmesg-d.txt': { kernel: true },
  'dmesg-r.txt': { kernel: true, level: true },
  'dmesg-x.txt': { kernel: true, level: true },
  'dmesg-T.txt': { wall: 'dmesg' },
  'dmesg-xT.txt': { wall: 'dmesg', level: true },
  'dmesg-iso.txt': { wall: 'dmesg' },
  'dmesg-J.json': { kernel: true, level: true },
  'dmesg-xJ.json': { kernel: true, level: true },
  'kmsg.txt': { kernel: true, level: true },
  'journal-cat.txt': {},
  'journal-short.txt': { wall: 's', host: true },
  'journal-short-full.txt': { wall: 's', host: true },
  'journal-short-iso.txt': { wall: 's', host: true },
  'journal-with-unit.txt': { wall: 's', host: true },
  'journal-short-precise.txt': { wall: 'µs', host: true },
  'journal-short-iso-precise.txt': { wall: 'µs', host: true },
  'journal-short-unix.txt': { wall: 'µs', host: true },
  'journal-short-monotonic.txt': { kernel: true, host: true },
  'journal-short-delta.txt': { kernel: true, host: true },
  'journal-verbose.txt': { kernel: true, wall: 'µs', level: true, host: true },
  'journal-export.txt': { kernel: true, wall: 'µs', level: true, host: true },
  'journal-json.txt': { kernel: true, wall: 'µs', level: true, host: true },
  'journal-json-pretty.txt': { kernel: true, wall: 'µs', level: true, host: true },
  'journal-json-sse.txt': { kernel: true, wall: 'µs', level: true, host: true },
  'journal-json-seq.txt': { kernel: true, wall: 'µs', level: true, host: true },
};

describe('a log of dmesg or journalctl', () => {
  it('is tried in every form there is a sample of', () => {
    expect(readdirSync(FORMATS).sort()).toEqual(Object.keys(TELLS).sort());
  });

  it.each(Object.entries(TELLS))('%s', async (name, tells) => {
    const text = readFileSync(new URL(name, FORMATS), 'utf8');
    for (const size of [undefined, 7]) {
      const { entries, diagnostics } = await read(text, { near: (SECOND + 3600n) * 1_000_000_000n }, size);
      expect(diagnostics).toEqual([]);
      expect(entries.map((e) => e.text.trimEnd())).toEqual(MESSAGES.map((m) => m.trimEnd()));
      entries.forEach((entry, i) => {
        expect(entry.record).toEqual(parse(entry.text));
        expect(entry.time.kernel?.ns).toBe(tells.kernel && KERNEL[i] * 1000);
        expect(entry.level).toBe(tells.level && 4);
        expect(entry.host).toBe(tells.host && 'fw');
        const wall = entry.time.wall?.ns;
        if (tells.wall === 'µs') expect(wall).toBe(SECOND * 1_000_000_000n + JOURNALD[i] * 1000n);
        else if (tells.wall === 's') expect(wall).toBe(SECOND * 1_000_000_000n);
        else if (tells.wall === 'dmesg') expect(wall! / 1_000_000_000n).toBe(SECOND - 2n);
        else expect(wall).toBeUndefined();
      });
    }
  });
});

const LINE = 'DROP: IN=eth0 OUT= MAC= SRC=10.0.0.1 DST=10.0.0.2 LEN=40 PROTO=2 ';
const NOON = Date.UTC(2026, 10, 22, 12) / 1000;

describe('one line', () => {
  it.each<[string, string, { kernel?: number; wall?: number | string; host?: string; level?: number }]>([
    ['RFC 3164', `Nov 22 12:00:00 fw kernel: ${LINE}`, { wall: NOON, host: 'fw' }],
    [
      'with a kernel stamp',
      `Nov 22 12:00:00 fw kernel: [ 4075.248816] ${LINE}`,
      { wall: NOON, kernel: 4075248816, host: 'fw' },
    ],
    [
      'with <PRI>',
      `<4>Nov 22 12:00:00 fw kernel: [    5.000001] ${LINE}`,
      { wall: NOON, kernel: 5000001, host: 'fw', level: 4 },
    ],
    ['with a year', `Nov 22 2026 12:00:00 fw kernel: ${LINE}`, { wall: NOON, host: 'fw' }],
    ['with the year behind', `Nov 22 12:00:00 2026 fw kernel: ${LINE}`, { wall: NOON, host: 'fw' }],
    ['a day of one digit', `Nov  2 12:00:00 fw kernel: ${LINE}`, { wall: NOON - 20 * 86400, host: 'fw' }],
    [
      'rsyslog',
      `2026-11-22T14:00:00.250000+02:00 fw kernel: [ 1.000000] ${LINE}`,
      { wall: NOON + 0.25, kernel: 1000000, host: 'fw' },
    ],
    [
      'RFC 5424',
      `<4>1 2026-11-22T12:00:00.5Z fw kernel - - - [ 1.000000] ${LINE}`,
      { wall: NOON + 0.5, kernel: 1000000, host: 'fw', level: 4 },
    ],
    [
      'RFC 5424 with data',
      `<5>1 2026-11-22T12:00:00Z fw kernel - - [a b="c\\]"][d] \ufeff${LINE}`,
      { wall: NOON, host: 'fw', level: 5 },
    ],
    [
      'OpenWrt',
      `Sun Nov 22 12:00:00 2026 kern.warn kernel: [ 9.500000] ${LINE}`,
      { wall: NOON, kernel: 9500000, level: 4 },
    ],
    ['busybox', `Nov 22 12:00:00 fw kern.warn kernel: ${LINE}`, { wall: NOON, host: 'fw', level: 4 }],
    ['a line without a tag', `Nov 22 12:00:00 fw ${LINE}`, { wall: NOON, host: 'fw' }],
    ['no host', `Nov 22 12:00:00 ${LINE}`, { wall: NOON }],
    ['a caller', `[ 4075.248816][  T123] ${LINE}`, { kernel: 4075248816 }],
    ['extended netconsole', `6.18.0,4,12,4075248816,-,caller=T12;${LINE}`, { kernel: 4075248816, level: 4 }],
    [
      'Docker',
      JSON.stringify({
        log: `[ 1.000000] ${LINE}\n`,
        stream: 'stdout',
        time: '2026-11-22T12:00:00.123456789Z',
      }),
      { wall: NOON + 0.123456789, kernel: 1000000 },
    ],
    [
      'bytes in JSON',
      JSON.stringify({ MESSAGE: [...Buffer.from(LINE)], __REALTIME_TIMESTAMP: `${NOON}000000` }),
      { wall: NOON },
    ],
    ['nothing before it', LINE, {}],
    ['CR LF', `[    1.000000] ${LINE}\r`, { kernel: 1000000 }],
  ])('%s', async (_, text, wanted) => {
    const { entries, diagnostics } = await read(`${text}\n`, { near: BigInt(NOON) * 1_000_000_000n });
    expect(diagnostics).toEqual([]);
    expect(entries).toHaveLength(1);
    const [{ time, host, level, record }] = entries;
    expect(record).toEqual(parse(LINE));
    expect({
      kernel: time.kernel && time.kernel.ns / 1000,
      wall: time.wall && NOON + Number(time.wall.ns - BigInt(NOON) * 1_000_000_000n) / 1e9,
      host,
      level,
    }).toEqual({
      kernel: wanted.kernel,
      wall: wanted.wall,
      host: wanted.host,
      level: wanted.level,
    });
  });

  it('keeps what looks like a stamp but is the prefix', async () => {
    const text = `[UFW BLOCK] ${LINE}`;
    expect(
      (await read(`[    1.000000] ${text}\nNov 22 12:00:00 fw kernel: ${text}\n`)).entries.map((e) => e.text),
    ).toEqual([text, text]);
  });

  it('decodes the control characters of rsyslog', async () => {
    expect((await read(`Nov 22 12:00:00 fw kernel: A#011${LINE}#012\n`)).entries[0].text).toBe(`A\t${LINE}`);
  });

  it('is two entries where two lines stand on it', async () => {
    const { entries } = await read(`[    1.000000] ${LINE}${LINE}\n`);
    expect(entries.map((e) => e.record)).toEqual([parse(LINE), parse(LINE)]);
  });

  it('takes zone and year from the options, and says that they were assumed', async () => {
    const text = `Dec 31 23:30:00 fw kernel: ${LINE}\n`;
    const near = BigInt(Date.UTC(2027, 0, 1, 1)) * 1_000_000n;
    const wall = async (options: ClockOptions) => (await read(text, options)).entries[0].time.wall!;
    expect(await wall({ near })).toEqual({
      ns: BigInt(Date.UTC(2026, 11, 31, 23, 30)) * 1_000_000n,
      resolution: 1e9,
      zoneAssumed: true,
      yearAssumed: true,
    });
    expect((await wall({ year: 2020, utcOffset: -90 })).ns).toBe(
      BigInt(Date.UTC(2021, 0, 1, 1)) * 1_000_000n,
    );
  });
});

describe('losses', () => {
  it.each([
    ['** 12 printk messages dropped ** ', { by: 'printk', count: 12 }],
    ['[    1.000000] net_ratelimit: 34 callbacks suppressed', { by: 'ratelimit', count: 34 }],
    [
      'Nov 22 12:00:00 fw systemd-journald[300]: Suppressed 5 messages from /system.slice/x.service',
      { by: 'journald', count: 5 },
    ],
    ['Nov 22 12:00:00 fw systemd-journald[300]: Missed 6 kernel messages', { by: 'journald', count: 6 }],
    [
      'Nov 22 12:00:00 fw systemd-journald[300]: /dev/kmsg buffer overrun, some messages lost.',
      { by: 'journald', count: null },
    ],
    [
      'Nov 22 12:00:00 fw rsyslogd: imjournal: 7 messages lost due to rate-limiting (20000 allowed within 600 seconds)',
      { by: 'syslog', count: 7 },
    ],
    [
      '{"MESSAGE":"Missed 8 kernel messages","SYSLOG_IDENTIFIER":"systemd-journald"}',
      { by: 'journald', count: 8 },
    ],
  ])('%s', async (line, loss) => {
    const { entries } = await read(`${line}\n`);
    expect(entries).toEqual([expect.objectContaining({ record: null, loss, line: 1 })]);
  });

  it.each(['[    1.000000] usb 1-1: device lost', 'Nov 22 12:00:00 fw app: dropped privileges'])(
    'are not seen in %s',
    async (line) => {
      expect((await read(`${line}\n`)).entries).toEqual([]);
    },
  );
});

describe('a whole file', () => {
  it('gives the line numbers and skips what is no LOG line', async () => {
    const { entries } = await read(
      `[    0.000000] Linux version 6.18.0 (x)\n[    1.000000] foo\n\n[    2.000000] ${LINE}\n-- Boot 12ab --\n[    1.500000] ${LINE}`,
    );
    expect(entries.map((e) => [e.line, e.boot, e.time.kernel?.ns])).toEqual([
      [4, 0, 2e9],
      [6, 1, 1.5e9],
    ]);
  });

  it('is read from disk, also packed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'log-'));
    const diagnostics = new Diagnostics();
    writeFileSync(join(dir, 'kern.log'), `[    1.000000] ${LINE}\n`);
    writeFileSync(join(dir, 'kern.log.1.gz'), gzipSync(`[    1.000000] ${LINE}\n`));
    for (const name of ['kern.log', 'kern.log.1.gz']) {
      const lines: string[] = [];
      for await (const e of readLog({ file: join(dir, name) }, {}, diagnostics)) lines.push(emit(e.record!));
      expect(lines).toEqual([LINE]);
    }
    expect(diagnostics.list).toEqual([]);
  });

  it.each([
    ['missing', 'no-such-file', 'error', /cannot read the log .*there is no such file/],
    ['a directory', '.', 'error', /it is a directory/],
  ])('that is %s is an error, told in words', async (_, path, severity, message) => {
    const diagnostics = new Diagnostics();
    for await (const e of readLog({ file: join(tmpdir(), path) }, {}, diagnostics)) expect(e).toBeUndefined();
    expect(diagnostics.list).toEqual([
      expect.objectContaining({ severity, message: expect.stringMatching(message) as string }),
    ]);
  });

  it('that is packed and cut is an error after what could be read', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'log-'));
    const noise = Array.from(
      { length: 20000 },
      (_, i) => `[    1.000000] ${LINE.replace('LEN=40', `LEN=${(i * 7919) % 65536}`)}`,
    );
    const packed = gzipSync(noise.join('\n'));
    writeFileSync(join(dir, 'k.gz'), packed.subarray(0, packed.length >> 1));
    const diagnostics = new Diagnostics();
    let n = 0;
    for await (const e of readLog({ file: join(dir, 'k.gz') }, {}, diagnostics)) n += e.line > 0 ? 1 : 0;
    expect(n).toBeGreaterThan(100);
    expect(diagnostics.hasErrors).toBe(true);
  });

  it.each([
    ['', /is empty/],
    ['[    1.000000] nothing here\n', /no LOG line/],
    ['{"MESSAGE":"IN=eth0\n{"MESSAGE" "IN="}\n', /no JSON/],
  ])('%j is a warning', async (text, message) => {
    const { diagnostics } = await read(text);
    expect(diagnostics[0].severity).toBe('warning');
    expect(diagnostics.map((d) => d.message).join()).toMatch(message);
  });

  it('cuts a line without an end and says so', async () => {
    async function* endless(): AsyncGenerator<string> {
      yield `[    1.000000] ${LINE}`;
      for (let i = 0; i < 64; i++) yield await Promise.resolve('x'.repeat(1 << 16));
    }
    const diagnostics = new Diagnostics();
    for await (const e of readLog({ file: 'x', text: endless() }, {}, diagnostics))
      expect(e.text.length).toBeLessThanOrEqual(1 << 20);
    expect(diagnostics.list[0].message).toMatch(/was cut/);
  });

  it.each(['{ ', '} ', '{"IN=":', '[[', 'IN= OUT= ', 'lost ', ', '])(
    'takes time in proportion to a long line of %s',
    async (piece) => {
      const start = performance.now();
      await read(
        `${piece}${' '.repeat(300_000)}x\n{IN=${piece.repeat(300_000)}x}\n<4>1 - ${piece.repeat(300_000)}`,
      );
      expect(performance.now() - start).toBeLessThan(5000);
    },
  );

  it('is read the same in pieces of any size, and nothing in it throws', async () => {
    const samples = readdirSync(FORMATS).flatMap((f) =>
      readFileSync(new URL(f, FORMATS), 'utf8').split('\n'),
    );
    const piece = fc.oneof(
      fc.constantFrom(...samples),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '{',
        '},{',
        '}',
        '[',
        '',
        '__CURSOR=x',
        '    MESSAGE=IN=a OUT=',
        'MESSAGE',
        `[1.0] ${LINE}`,
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece), fc.integer({ min: 1, max: 50 }), async (lines, size) => {
        const text = lines.join('\n');
        expect(await read(text, {}, size)).toEqual(await read(text));
      }),
    );
  });
});
