import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HOOK_NAMES, type Hook } from '../../../src/rules/hook.js';
import { KERNEL_REFUSES } from '../../../src/rules/refusal.js';
import { findTarget, TARGET_NAMES, TARGETS } from '../../../src/rules/targets/index.js';
import { readTarget, type ReadTarget } from './reading.js';

interface Row {
  version: 4 | 6;
  table: string;
  chain: (typeof HOOK_NAMES)[number];
  rule: string;
  save?: string;
  numeric?: string;
  named?: string;
  error?: string;
}

function read(): Row[] {
  const rows: Row[] = [];
  const text = readFileSync(join(import.meta.dirname, 'iptables-1.8.9.txt'), 'utf8');
  for (const line of text.split('\n')) {
    const rule = /^([46]) (\S+) (\S+) (.*)$/.exec(line);
    const answer = /^ {3}(error|save|-nL|-L) {1,4}(.*)$/.exec(line);
    if (rule) {
      const [, version, table, chain, words] = rule;
      rows.push({ version: Number(version) as 4 | 6, table, chain: chain as Row['chain'], rule: words });
    } else if (answer) {
      const key = { error: 'error', save: 'save', '-nL': 'numeric', '-L': 'named' } as const;
      rows.at(-1)![key[answer[1] as keyof typeof key]] = answer[2];
    }
  }
  return rows;
}

/** What the kernel says of the table and the hook, where the options themselves are right. */
function standsWrong({ definition }: ReadTarget, { table, chain }: Row): boolean {
  const hook = HOOK_NAMES.indexOf(chain) as Hook;
  return (
    (definition.tables !== undefined && !definition.tables.includes(table)) ||
    (definition.hooks !== undefined && !definition.hooks.includes(hook))
  );
}

describe('targets are read and printed as iptables 1.8.9 does', () => {
  for (const row of read()) {
    it(`${row.version} ${row.table} ${row.chain} ${row.rule}`, () => {
      const { version } = row;
      const target = readTarget(row.rule, version);
      const { definition, data } = target;
      if (row.error === KERNEL_REFUSES && target.errors.length === 0) {
        expect(standsWrong(target, row)).toBe(true);
        return;
      }
      if (row.error !== undefined) {
        expect(target.errors[0]).toBe(row.error);
        return;
      }
      expect(target.errors).toEqual([]);
      expect(standsWrong(target, row)).toBe(false);
      expect(definition.print(data, version)).toBe(row.save);
      expect(definition.list(data, true, version)).toBe(row.numeric);
      expect(definition.list(data, false, version)).toBe(row.named ?? row.numeric);
      // What was printed is read back and printed the same.
      const before = /^(.*?)-j/.exec(row.rule)![1];
      const again = readTarget(`${before}-j ${definition.name} ${row.save}`, version, 'restore');
      expect(again.errors).toEqual([]);
      expect(definition.print(again.data, version)).toBe(row.save);
    });
  }
});

describe('the registry', () => {
  it('finds each target by the name that its definition has', () => {
    for (const name of TARGET_NAMES) expect(TARGETS[name].name).toBe(name);
  });

  it('knows which IP version has what', () => {
    expect(findTarget('TTL', 4)?.name).toBe('TTL');
    expect(findTarget('TTL', 6)).toBeUndefined();
    expect(findTarget('HL', 6)?.name).toBe('HL');
    expect(findTarget('constructor', 4)).toBeUndefined();
  });

  it('shows NOTRACK as CT', () => {
    expect(findTarget('NOTRACK', 4)?.listedAs).toBe('CT');
  });
});
