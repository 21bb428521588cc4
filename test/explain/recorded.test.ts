import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openCaptures } from '../../src/capture/open.js';
import { scratch } from '../cli/examples.js';
import type { Passage } from '../../src/engine/passage.js';
import { findTarget, isProblem } from '../../src/explain/why/address.js';
import { wordsOf } from '../../src/explain/change.js';
import type { Advice } from '../../src/explain/result.js';
import { type ReplayWith, why } from '../../src/explain/why/why.js';
import { collectAll, type RuleSummary } from '../../src/explain/why/whyAll.js';
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

/** Where the first statement that does something begins; what stands in braces is no statement. */
function firstAction(text: string): number {
  const flat = text.replace(/\{[^}]*\}|"[^"]*"/g, (inside) => '.'.repeat(inside.length));
  const acts =
    /(^| )(log|accept|drop|reject|jump|goto|return|masquerade|notrack|(dnat|snat|redirect)( ip6?)? to|redirect|(meta|ct|ip|ip6|tcp) [a-z]+ set) ?/;
  return acts.exec(flat)?.index ?? text.length;
}

/** The same for `nft list ruleset`, whose rules stand on a line each. */
function withNftAdvice(list: string, { rule, changed }: Advice, isActing: boolean): string {
  const lines = list.split('\n');
  const linesOf = (address: string): { rules: number[]; number: number } => {
    const [, table, chain, number] = /^(.*):([^:]+):(\d+)$/.exec(address) ?? [];
    const from = lines.indexOf(`\tchain ${chain} {`, lines.indexOf(`table ${table.replace(':', ' ')} {`));
    const to = lines.indexOf('\t}', from);
    const inside = [...lines.keys()].filter((i) => i > from && i < to);
    const head = inside.filter((i) => /^\t\t(type|comment) /.test(lines[i]));
    // Behind the last rule there is room for one more.
    return { rules: [...inside.slice(head.length), to], number: Number(number) };
  };
  const text = isActing ? changed.text : changed.text.slice(0, firstAction(changed.text));
  const from = linesOf(rule.address);
  lines.splice(from.rules[from.number - 1], 1);
  const { rules, number } = linesOf(changed.address);
  lines.splice(rules[number - 1], 0, `\t\t${text === '' ? 'counter' : text}`);
  return lines.join('\n');
}

describe('what is advised does in a replay what it says', () => {
  it.each(RECORDINGS)('$name', async ({ name, host, given, replay }) => {
    const iptables = saved(`${host}/iptables-save.txt`);
    const nft = given.ruleset.tables.some((t) => t.nft) ? saved(`${host}/nft-ruleset.nft`) : '';
    const rows = await rowsOf(replay, given.ruleset);
    let advised = 0;
    for (const [address, { matched: before }] of rows) {
      const target = findTarget(address, given.ruleset);
      if (isProblem(target)) throw new Error(target.message);
      if (before > 0) continue;
      const { advice } = await why({ ruleset: given.ruleset, target, replay });
      for (const one of advice) {
        advised++;
        const changed = (isActing: boolean): Ruleset => {
          using temporary = scratch();
          const text = target.chain.table.nft
            ? withNftAdvice(nft, one, isActing)
            : withAdvice(iptables, one, isActing);
          const diagnostics = new Diagnostics();
          const rules = [temporary.file('rules', text)];
          const { ruleset } = loadGiven({ rulesFiles: rules }, diagnostics);
          expect(diagnostics.list.filter((d) => d.severity === 'error')).toEqual([]);
          return ruleset;
        };
        if (!one.changed.text.includes('vmap')) {
          const counting = (await rowsOf(replay, changed(false))).get(one.changed.address);
          expect(counting?.matched, `${address}: ${one.changed.text}`).toBe(one.matched);
        }
        expect(one.matched).toBeGreaterThan(before);
        const acting = changed(true);
        // An answer of the host has the frame's number, too, and may end before it.
        const ends = new Map<number, string>();
        const first = new Map<number, Passage>();
        const collector = collectAll(acting);
        await replay(acting, {
          ...collector,
          packet: (passage) => {
            const { frame } = passage.packet;
            if (!first.has(frame)) first.set(frame, passage);
          },
          end: (passage, how) => {
            const { frame } = passage.packet;
            if (first.get(frame) === passage) ends.set(frame, how.kind);
          },
        });
        expect(collector.rows().find((row) => row.rule.address === one.changed.address)?.rule.text).toBe(
          one.changed.text,
        );
        for (const { after, frames } of one.inEffect.fates)
          for (const frame of frames) expect(ends.get(frame), `${one.changed.text}: ${frame}`).toBe(after);
      }
    }
    if (name === 'random') expect(advised).toBeGreaterThan(5);
    if (name.endsWith('published-port')) expect(advised).toBeGreaterThan(2);
  });
});
