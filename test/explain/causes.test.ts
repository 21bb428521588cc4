import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCaptures } from '../../src/capture/open.js';
import { remember } from '../../src/capture/remember.js';
import { dmesgLine } from '../../src/engine/state.js';
import { loadGiven } from '../../src/given.js';
import { wordsOf } from '../../src/report/words.js';
import { type RunOptions, runReplay } from '../../src/run.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { scratch } from '../cli/examples.js';
import { compareOtherwise, type Compared, type Recording, recordingIn } from './diagnosis.js';
import { randomOf } from './random.js';
import { compareCut } from './router.js';

const RULES = recordingIn('test/explain/recordings/ipt4-L2-4');
const NFT = recordingIn('test/explain/recordings/nft-L3-8');
const DOCKER: Recording = {
  capture: 'captures/docker-published-port/any.pcap',
  host: 'rulesets/docker-published-port',
  log: 'captures/docker-published-port/kernel.log',
};

const EXTRA = `table inet extra {
	chain f {
		type filter hook forward priority -1; policy drop;
		log prefix "EXTRA FORWARD: "
	}
	chain i {
		type filter hook input priority -1; policy accept;
		log prefix "EXTRA INPUT: "
	}
}
`;

function text(recording: Recording, file: string): string {
  return readFileSync(join(recording.host, file), 'utf8');
}

function logOf({ log }: Recording): string[] {
  return readFileSync(log, 'utf8').trimEnd().split('\n');
}

function joined(lines: readonly string[]): string {
  return lines.map((l) => `${l}\n`).join('');
}

function expectFirst({ comparison, findings }: Compared, kind: string): void {
  expect(comparison.differences).not.toEqual([]);
  expect(findings[0]?.kind, JSON.stringify(findings)).toBe(kind);
}

describe('what is otherwise is named as what it is', () => {
  it('forwarding', async () => {
    const off = text(RULES, 'sysctl.txt').replace(
      /^(net\.ipv4\.(ip_forward|conf\..*\.forwarding)) = 1$/gm,
      '$1 = 0',
    );
    const found = await compareOtherwise(RULES, { 'sysctl.txt': off });
    expectFirst(found, 'sysctl');
    expect(found.findings[0]).toMatchObject({
      facts: { name: 'net.ipv4.ip_forward', given: '0', host: '1' },
    });
  });

  it('whether iptables sees what crosses a bridge', async () => {
    const name = 'net.bridge.bridge-nf-call-iptables';
    const sysctl = text(NFT, 'sysctl.txt');
    const value = sysctl.includes(`${name} = 1`) ? '1' : '0';
    const other = value === '1' ? '0' : '1';
    const found = await compareOtherwise(NFT, {
      'sysctl.txt': sysctl.replace(`${name} = ${value}`, `${name} = ${other}`),
    });
    expectFirst(found, 'sysctl');
    expect(found.findings[0]).toMatchObject({ suspect: { sysctl: name }, facts: { host: value } });
  });

  it.each([
    ['is not in the snapshot', '192.168.1.0/24', null],
    ['leaves by another interface there', '192.168.1.0/24', 'docker0'],
  ])('a route that %s', async (_what, destination, device) => {
    const routes = JSON.parse(text(RULES, 'ip-route.json')) as { dst: string; dev: string }[];
    const changed = routes.flatMap((r) =>
      r.dst !== destination ? [r] : device === null ? [] : [{ ...r, dev: device, prefsrc: undefined }],
    );
    const found = await compareOtherwise(RULES, { 'ip-route.json': JSON.stringify(changed) });
    expectFirst(found, 'route');
    expect(wordsOf(found.findings[0]).statement).toContain(destination);
  });

  it('an element that an ipset of the host has', async () => {
    const gone = text(RULES, 'ipset-save.txt').replace('add nets4 172.17.0.0/24\n', '');
    const found = await compareOtherwise(RULES, { 'ipset-save.txt': gone });
    expectFirst(found, 'setElement');
    expect(found.findings[0]).toMatchObject({ suspect: { set: 'nets4' }, facts: { onHost: true }, left: 0 });
  });

  it('tables of nft that were given beside those of iptables, and do not decide', async () => {
    const found = await compareOtherwise(RULES, { 'nft-ruleset.nft': EXTRA });
    expectFirst(found, 'otherTables');
    expect(found.findings[0]).toMatchObject({ left: 0, facts: { onHost: false } });
  });

  it('tables that only the host has', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'nfreplay-tables-'));
    try {
      const tables = join(dir, 'extra.nft');
      writeFileSync(tables, EXTRA);
      const log = await logOfReplay(RULES, [tables], () => ({}));
      const found = await compareOtherwise(RULES, { 'kernel.log': log });
      expectFirst(found, 'otherTables');
      expect(found.findings[0]).toMatchObject({ facts: { onHost: true } });
      expect(wordsOf(found.findings[0]).statement).toContain('"EXTRA FORWARD: "');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('a table that only the host has and that drops without a word: what looks the same is said', async () => {
    using temporary = scratch();
    const chain = '\tchain c {\n\t\ttype filter hook forward priority -1; policy drop;\n\t}\n';
    const tables = temporary.file('silent.nft', `table inet silent {\n${chain}}\n`);
    const log = await logOfReplay(RULES, [tables], () => ({}));
    const found = await compareOtherwise(RULES, { 'kernel.log': log });
    expectFirst(found, 'ruleMissing');
    expect(wordsOf(found.findings[0]).advice).toContain('A table of nft');
  });

  it('an address that the host has', async () => {
    const links = JSON.parse(text(RULES, 'ip-addr.json')) as { addr_info: { local: string }[] }[];
    const without = links.map((l) => ({
      ...l,
      addr_info: l.addr_info.filter(({ local }) => local !== '192.168.1.1'),
    }));
    const routes = JSON.parse(text(RULES, 'ip-route.json')) as { dst: string; type?: string }[];
    const found = await compareOtherwise(RULES, {
      'ip-addr.json': JSON.stringify(without),
      'ip-route.json': JSON.stringify(routes.filter((r) => r.type !== 'local' || r.dst !== '192.168.1.1')),
    });
    expectFirst(found, 'address');
    expect(found.findings[0]).toMatchObject({ facts: { interface: 'eth1', given: null }, left: 0 });
    expect(wordsOf(found.findings[0]).statement).toContain('192.168.1.1');
  });

  it('a capture whose beginning is not there', async () => {
    const { comparison, findings } = await compareCut(DOCKER);
    expect(comparison.differences).not.toEqual([]);
    expect(['olderConnections', 'captureIncomplete']).toContain(findings[0].kind);
  });
});

describe('a fifth of the log is lost', () => {
  const thinned = (): { kept: string[]; lost: number } => {
    const random = randomOf('lost');
    const all = logOf(RULES);
    const kept = all.filter(() => random.below(5) > 0);
    return { kept, lost: all.length - kept.length };
  };

  it('and nothing says so', async () => {
    const { kept, lost } = thinned();
    const found = await compareOtherwise(RULES, { 'kernel.log': joined(kept) });
    expectFirst(found, 'logLost');
    expect(found.comparison.differences.length).toBe(lost);
    expect(found.findings[0]).toMatchObject({ left: 0 });
  });

  it.each([
    ['journald', (n: number) => `systemd-journald[1]: Missed ${n} kernel messages`],
    ['a console of the kernel', (n: number) => `** ${n} printk messages dropped **`],
    ['ulogd', () => 'We lost some netlink events, kernel'],
  ])('and %s says so', async (_who, marker) => {
    const { kept, lost } = thinned();
    const stamp = /^\[[^\]]*\]/.exec(kept[kept.length - 1])?.[0] ?? '';
    const log = [...kept, `${stamp} ${marker(lost)}`];
    // A loss that tells no number, or no interval, was between the lines around it.
    const placed = marker(1).startsWith('systemd')
      ? log
      : [kept[0], `${stamp} ${marker(lost)}`, ...kept.slice(1)];
    const found = await compareOtherwise(RULES, { 'kernel.log': joined(placed) });
    expect(found.comparison.differences.filter((d) => d.kind === 'lost').length).toBeGreaterThan(0);
    expectFirst(found, 'logLost');
  });
});

describe("the host's clock", () => {
  const shifted = (hours: number, ppm: number): string =>
    joined(
      logOf(DOCKER).map((line) =>
        line.replace(/^\[\s*(\d+\.\d+)\]/, (_, stamp: string) => {
          const ms = START + (Number(stamp) - FIRST) * 1000 * (1 + ppm * 1e-6) + hours * 3_600_000;
          return `${new Date(ms).toISOString().replace('Z', '000+00:00')} host kernel:`;
        }),
      ),
    );
  const FIRST = Number(/^\[\s*(\d+\.\d+)\]/.exec(logOf(DOCKER)[0])?.[1]);
  /** ms: the time of the first packet. */
  const START = ((): number => {
    const file = readFileSync(DOCKER.capture);
    const unit = file.readUInt32LE(0) === 0xa1b23c4d ? 1e6 : 1e3;
    return file.readUInt32LE(24) * 1000 + file.readUInt32LE(28) / unit;
  })();

  it.each([
    [9, 50, 'is 9 h ahead of', true],
    [-5.5, 0, 'is 5 h 30 min behind', true],
    [61.5, 0, 'is 2 days 13 h ahead of', false],
  ])('is off by %d hours and drifts %d ppm', async (hours, ppm, words, isZone) => {
    const { comparison, findings } = await compareOtherwise(DOCKER, { 'kernel.log': shifted(hours, ppm) });
    expect(comparison.differences).toEqual([]);
    expect(findings.map((f) => f.kind)).toEqual(['clock']);
    const { statement } = wordsOf(findings[0]);
    expect(statement).toContain(words);
    expect(statement.includes('time zone')).toBe(isZone);
  });

  it('is right', async () => {
    const { findings } = await compareOtherwise(DOCKER, { 'kernel.log': shifted(0, 0) });
    expect(findings).toEqual([]);
  });
});

describe('another ruleset is loaded while the capture runs', () => {
  it.each([
    ['a rule gone', DOCKER, 'iptables-save.txt', /^.*-A FORWARD -j LOG .*\n/m],
    ['a log gone', NFT, 'nft-ruleset.nft', /^\t\tlog prefix "L5: ".*\n/m],
  ])('%s', async (_what, recording, file, gone) => {
    const { log, at } = await reloadedLog(recording, file, gone);
    const { comparison, findings } = await compareOtherwise(recording, { 'kernel.log': log, after: null });
    expectFirst({ comparison, findings }, 'reloaded');
    const { facts } = findings[0] as { facts: { at: number } };
    expect(facts.at).toBeGreaterThanOrEqual(at);
    expect(findings[0].left).toBe(0);
  });

  it('and the snapshot is of after that', async () => {
    const gone = /^.*-A FORWARD -j LOG .*\n/m;
    const { log, at } = await reloadedLog(DOCKER, 'iptables-save.txt', gone);
    const { comparison, findings } = await compareOtherwise(DOCKER, {
      'iptables-save.txt': text(DOCKER, 'iptables-save.txt').replace(gone, ''),
      'kernel.log': log,
      after: null,
    });
    expectFirst({ comparison, findings }, 'reloaded');
    const { facts } = findings[0] as { facts: { at: number } };
    expect(facts).toMatchObject({ isLater: false });
    expect(facts.at).toBeLessThanOrEqual(at);
  });
});

/** The log that the host would have written had it loaded the ruleset without some rule amid the capture. */
async function reloadedLog(
  recording: Recording,
  file: string,
  gone: RegExp,
): Promise<{ log: string; at: number }> {
  const dir = mkdtempSync(join(tmpdir(), 'nfreplay-reload-'));
  try {
    const rules = text(recording, file);
    expect(rules).toMatch(gone);
    const path = join(dir, file);
    writeFileSync(path, rules.replace(gone, ''));
    const { ruleset } = loadGiven({ rulesFiles: [path] }, new Diagnostics());
    let at = 0;
    const log = await logOfReplay(recording, [], (times) => {
      at = times[times.length >> 1];
      return { later: { at, ruleset } };
    });
    return { log, at };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What a host with some more rules would have logged. */
async function logOfReplay(
  { capture, host }: Recording,
  rulesFiles: readonly string[],
  options: (times: readonly number[]) => Pick<RunOptions, 'later'>,
): Promise<string> {
  const given = loadGiven({ hostDir: host, rulesFiles }, new Diagnostics());
  const frames = remember(openCaptures([capture]));
  await frames.open();
  const times: number[] = [];
  for await (const batch of frames.batches()) for (const { time } of batch) times.push(time);
  const { lines } = await runReplay(frames.again(), given, options(times));
  return [...lines].map((line) => dmesgLine(line)).join('');
}
