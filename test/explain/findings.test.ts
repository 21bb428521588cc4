import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCaptures } from '../../src/capture/open.js';
import { remember } from '../../src/capture/remember.js';
import type { Comparison } from '../../src/compare/result.js';
import type { Finding } from '../../src/explain/finding.js';
import { loadAfter, loadGiven } from '../../src/given.js';
import { suspectAddress } from '../../src/report/suspect.js';
import { wordsOf } from '../../src/report/words.js';
import { causes, compareWithHost, keepSets, readLogs } from '../../src/run.js';
import { Diagnostics } from '../../src/source/diagnostic.js';

const NAME = 'docker-published-port';

interface Found {
  readonly findings: readonly Finding[];
  readonly comparison: Comparison;
}

/** What is found where a snapshot file, or the log, of a real host has other words. */
async function found(
  file: string,
  change: (text: string) => string,
  name = NAME,
  trials = 4000,
): Promise<Found> {
  const dir = mkdtempSync(join(tmpdir(), 'nfreplay-findings-'));
  try {
    cpSync(`rulesets/${name}`, dir, { recursive: true });
    const from = file === 'kernel.log' ? `captures/${name}/${file}` : join(dir, file);
    const log = join(dir, 'kernel.log');
    writeFileSync(log, readFileSync(`captures/${name}/kernel.log`));
    writeFileSync(join(dir, file), change(readFileSync(from, 'utf8')));
    const frames = remember(openCaptures([`captures/${name}/any.pcap`]));
    await frames.open();
    const diagnostics = new Diagnostics();
    const given = loadGiven({ hostDir: dir }, diagnostics);
    const after = loadAfter(dir);
    const sets = keepSets(given.sets);
    const observed = await readLogs([{ file: log }], diagnostics);
    const held = await compareWithHost(frames, given, { observed, after });
    const limits = { trials, isOver: () => false };
    const findings = await causes({ frames, ...held, sets, after, limits });
    const { comparison } = held;
    return { findings, comparison };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** One line of the saved rules otherwise. */
function instead(from: string, to: string): (text: string) => string {
  return (text) => {
    if (!text.includes(from)) throw new Error(`there is no ${from}`);
    return text.replace(from, to);
  };
}

const RULES = 'iptables-save.txt';

describe('one thing in the given rules is not as on the host', () => {
  it.each([
    [
      'a rule too many',
      '[0:0] -A DOCKER-USER -p tcp',
      '[0:0] -A DOCKER-USER -p tcp -j DROP\n[0:0] -A DOCKER-USER -p tcp',
      'ruleExtra',
      'filter:DOCKER-USER:1',
    ],
    ['a port', '--dport 6379 -j ACCEPT', '--dport 6380 -j ACCEPT', 'ruleChanged', 'filter:DOCKER:1'],
    ['a target', '--dport 6379 -j ACCEPT', '--dport 6379 -j DROP', 'ruleChanged', 'filter:DOCKER:1'],
    ['an interface', '-i docker0 ! -o docker0', '-i eth0 ! -o docker0', 'ruleChanged', 'filter:FORWARD:5'],
    [
      'a prefix',
      '--log-prefix "BEFORE FORWARD: "',
      '--log-prefix "IN FRONT: "',
      'ruleChanged',
      'filter:FORWARD:1',
    ],
    [
      'a translation',
      '--to-destination 172.17.0.2:6379',
      '--to-destination 172.17.0.3:6379',
      'ruleChanged',
      'nat:DOCKER:2',
    ],
    [
      'a rule that only the host has',
      '[0:0] -A POSTROUTING -j LOG --log-prefix "BEFORE POSTROUTING: "\n',
      '',
      'ruleMissing',
      'nat:POSTROUTING:1',
    ],
  ])('%s', async (_what, from, to, kind, suspect) => {
    // The recording is of a host on which all of these decide: each has differences to show.
    const { findings, comparison } = await found(RULES, instead(from, to));
    expect(comparison.differences).not.toEqual([]);
    // One connection cannot tell apart all rules that it meets: the cause is among the first.
    const named = findings.slice(0, 3).map((f) => [f.kind, suspectAddress(f.suspect), f.left]);
    expect(named).toContainEqual([kind, suspect, 0]);
    expect(comparison.differences.filter((d) => d.finding === null)).toEqual([]);
    expect(findings[0].evidence.length).toBeGreaterThan(0);
  });

  it('a policy', async () => {
    const given = instead(':OUTPUT ACCEPT', ':OUTPUT DROP');
    const { findings } = await found(RULES, given, 'ping-to-itself');
    expect(findings[0]).toMatchObject({ kind: 'policy', facts: { given: 'DROP', host: 'ACCEPT' }, left: 0 });
  });

  it('says what the host must have instead', async () => {
    const { findings } = await found(RULES, instead('--dport 6379 -j ACCEPT', '--dport 6380 -j ACCEPT'));
    expect(wordsOf(findings[0]).statement).toBe(
      'On the host, filter:DOCKER:1 has --dport 6379; the given ruleset says 6380.',
    );
  });
});

describe('no line of the log tells of it', () => {
  it('packets that leave with other addresses', async () => {
    const given = instead('-o eth0 -j MASQUERADE', '-o eth0 -j SNAT --to-source 198.51.100.77');
    const { findings, comparison } = await found(RULES, given, 'router-masquerade');
    expect(comparison.differences.some((d) => d.kind === 'egress')).toBe(true);
    expect(comparison.differences.filter(({ finding }) => finding !== 0)).toEqual([]);
    expect(findings[0]).toMatchObject({ left: 0 });
    expect(suspectAddress(findings[0].suspect)).toBe('nat:POSTROUTING:1');
  });

  it('counters behind the capture', async () => {
    const given = instead('-A INPUT -p icmp -j ACCEPT', '-A INPUT -p icmp -m icmp --icmp-type 8 -j RETURN');
    const { findings, comparison } = await found(RULES, given, 'default-reject');
    expect(new Set(comparison.differences.map((d) => d.kind))).toEqual(new Set(['counter']));
    expect(findings[0]).toMatchObject({ kind: 'ruleChanged', left: 0 });
    expect(suspectAddress(findings[0].suspect)).toBe('filter:INPUT:4');
  });
});

describe('what is otherwise beside the rules', () => {
  it('forwarding', async () => {
    const off = (text: string): string =>
      text.replace(/^(net\.ipv4\.(ip_forward|conf\..*\.forwarding)) = 1$/gm, '$1 = 0');
    const { findings } = await found('sysctl.txt', off);
    expect(findings[0]).toMatchObject({
      kind: 'sysctl',
      facts: { name: 'net.ipv4.ip_forward', given: '0', host: '1' },
      left: 0,
    });
  });

  it('lines that the log has lost, of one rule and another', async () => {
    const some = (text: string): string =>
      text
        .split('\n')
        .filter((_, i) => i % 6 !== 4)
        .join('\n');
    const { findings } = await found('kernel.log', some);
    expect(findings[0]).toMatchObject({ kind: 'logLost', left: 0, suspect: null });
  });
});

describe('where nothing is to be found', () => {
  it.each([
    'docker-published-port',
    'default-reject',
    'goto-runs-a-chain-twice',
    'redirect-to-local-port',
    'router-masquerade',
  ])('a true ruleset has no finding: %s', async (name) => {
    const { findings, comparison } = await found(RULES, (text) => text, name);
    expect(comparison.differences).toEqual([]);
    expect(findings).toEqual([]);
  });

  it('tells the rules whose lines differ where nothing may be tried', async () => {
    const { findings } = await found(RULES, instead(':FORWARD DROP', ':FORWARD ACCEPT'), NAME, 0);
    for (const finding of findings) expect(['unexplained', 'logLost']).toContain(finding.kind);
  });
});
