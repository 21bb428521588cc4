import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openCaptures } from '../../src/capture/open.js';
import { findTarget, isProblem } from '../../src/explain/address.js';
import { wordsOf } from '../../src/explain/change.js';
import type { Advice } from '../../src/explain/result.js';
import { type ReplayWith, why } from '../../src/explain/why.js';
import { collectAll, type RuleSummary } from '../../src/explain/whyAll.js';
import { parseSave } from '../../src/frontend/iptables/save.js';
import { quoteWord } from '../../src/frontend/iptables/words.js';
import { type Given, loadGiven } from '../../src/given.js';
import type { Ruleset, Table } from '../../src/rules/model.js';
import { replayAgain } from '../../src/run.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { countedBy } from './kernelCounters.js';

interface Recording {
  readonly name: string;
  readonly host: string;
  readonly given: Given;
  readonly replay: ReplayWith;
}

function recording(name: string, dir: string, host: string): Recording {
  const given = loadGiven({ hostDir: host }, new Diagnostics());
  return { name, host, given, replay: replayAgain(() => openCaptures([`${dir}/any.pcap`]), given) };
}

/** Recordings of a real kernel: named ones, and rules and packets by chance. */
const RECORDINGS = [
  ...readdirSync('rulesets')
    .filter((name) => !name.includes('.'))
    .map((name) => recording(name, `captures/${name}`, `rulesets/${name}`)),
  recording('random', 'test/explain/recordings/random', 'test/explain/recordings/random/host'),
];

function saved(path: string): string {
  return readFileSync(path, 'utf8');
}

async function rowsOf(replay: ReplayWith, ruleset: Ruleset): Promise<Map<string, RuleSummary>> {
  const collector = collectAll(ruleset);
  await replay(ruleset, collector);
  return new Map(collector.rows().map((row) => [row.rule.address, row]));
}

describe("reached and matched are the kernel's counters", () => {
  it.each(RECORDINGS)('$name', async ({ host, given, replay }) => {
    const tablesOf = (path: string): Table[] => parseSave(saved(path), path, 4, new Diagnostics());
    const before = tablesOf(`${host}/iptables-save.txt`);
    const kernel = tablesOf(`${host}/after/iptables-save.txt`).flatMap((after) =>
      countedBy(before.find((t) => t.name === after.name) as Table, after),
    );
    const rows = await rowsOf(replay, given.ruleset);
    for (const { address, reached, matched } of kernel) {
      const row = rows.get(address);
      expect({ address, reached: reached && row?.reached, matched: row?.matched }).toEqual({
        address,
        reached,
        matched,
      });
      const target = findTarget(address, given.ruleset);
      if (isProblem(target)) throw new Error(target.message);
      const limits = { tries: 0, wanted: 0 };
      const { evidence } = await why({ ruleset: given.ruleset, target, replay, limits });
      expect([evidence.reached, evidence.matched]).toEqual([row?.reached, row?.matched]);
      // Every packet that came and did not match is told of, and so is every one that stayed away.
      const failed = evidence.failed.reduce((sum, { count }) => sum + count, 0);
      expect(failed).toBe(evidence.reached - evidence.matched);
      expect(evidence.away.reduce((sum, { count }) => sum + count, 0)).toBe(evidence.awayTotal);
    }
  });
});

/** The saved rules with what is advised written into them, as a user would: one line out, one line in. */
function withAdvice(save: string, { rule, changed }: Advice, isActing: boolean): string {
  const [from, to] = [rule, changed].map(({ address }) => {
    const [, table, chain, number] = /^([^:]+):(.+):(\d+)$/.exec(address) ?? [];
    return { table, chain, number: Number(number) };
  });
  let text = changed.text;
  if (!isActing) {
    const words = wordsOf(text);
    const at = words.findIndex((word, i) => /^-[jg]$/.test(word) && !words[i - 1].startsWith('--'));
    if (at >= 0) text = words.slice(0, at).map(quoteWord).join(' ');
  }
  const lines = save.split('\n');
  const indexes = ({ table, chain }: typeof from): number[] => {
    const start = lines.indexOf(`*${table}`);
    const end = lines.indexOf('COMMIT', start);
    return [...lines.keys()].filter(
      (i) => i > start && i < end && new RegExp(`^(\\[.*?\\] )?-A ${chain}( |$)`).test(lines[i]),
    );
  };
  lines.splice(indexes(from)[from.number - 1], 1);
  if (!lines.includes(`*${to.table}`)) lines.push(`*${to.table}`, `:${to.chain} ACCEPT [0:0]`, 'COMMIT');
  const there = indexes(to);
  lines.splice(there[to.number - 1] ?? lines.indexOf('COMMIT', lines.indexOf(`*${to.table}`)), 0, text);
  return lines.join('\n');
}

describe('what is advised does in a replay what it says', () => {
  it.each(RECORDINGS)('$name', async ({ name, host, given, replay }) => {
    const save = saved(`${host}/iptables-save.txt`);
    const rows = await rowsOf(replay, given.ruleset);
    let advised = 0;
    for (const [address, { matched: before }] of rows) {
      const target = findTarget(address, given.ruleset);
      if (isProblem(target)) throw new Error(target.message);
      if (target.chain.table.nft || before > 0) continue;
      const { advice } = await why({ ruleset: given.ruleset, target, replay });
      for (const one of advice) {
        advised++;
        const changed = (isActing: boolean): Ruleset => {
          const diagnostics = new Diagnostics();
          const tables = parseSave(withAdvice(save, one, isActing), name, 4, diagnostics);
          expect(diagnostics.list.filter((d) => d.severity === 'error')).toEqual([]);
          return { tables };
        };
        const counting = (await rowsOf(replay, changed(false))).get(one.changed.address);
        expect(counting?.matched, `${address}: ${one.changed.text}`).toBe(one.matched);
        expect(one.matched).toBeGreaterThan(before);
        const acting = changed(true);
        const ends = new Map<number, string>();
        const collector = collectAll(acting);
        await replay(acting, {
          ...collector,
          end: (passage, how) => {
            if (!ends.has(passage.packet.frame)) ends.set(passage.packet.frame, how.kind);
          },
        });
        expect(collector.rows().find((row) => row.rule.address === one.changed.address)?.rule.text).toBe(
          one.changed.text,
        );
        for (const { after, frames } of one.inEffect.fates)
          for (const frame of frames) expect(ends.get(frame), `${one.changed.text}: ${frame}`).toBe(after);
      }
    }
    if (name === 'random' || name.startsWith('docker')) expect(advised).toBeGreaterThan(5);
  });
});
