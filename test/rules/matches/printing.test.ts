import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRule, save } from './reading.js';

interface Row {
  version: 4 | 6;
  rule: string;
  save?: string;
  numeric?: string;
  named?: string;
  error?: string;
}

function read(): Row[] {
  const rows: Row[] = [];
  for (const line of readFileSync(join(import.meta.dirname, 'iptables-1.8.9.txt'), 'utf8').split('\n')) {
    const rule = /^([46]) (.*)$/.exec(line);
    const answer = /^ {3}(error|save|-nL|-L) +(.*)$/.exec(line);
    if (rule) rows.push({ version: Number(rule[1]) as 4 | 6, rule: rule[2] });
    else if (answer) {
      const key = { error: 'error', save: 'save', '-nL': 'numeric', '-L': 'named' } as const;
      rows.at(-1)![key[answer[1] as keyof typeof key]] = answer[2];
    }
  }
  return rows;
}

describe('matches are read and printed as iptables 1.8.9 does', () => {
  for (const row of read()) {
    it(`${row.version} ${row.rule}`, () => {
      const { version } = row;
      const rule = readRule(row.rule, version);
      if (row.error !== undefined) {
        expect(rule.errors[0]).toBe(row.error);
        return;
      }
      expect(rule.errors).toEqual([]);
      expect(save(rule, version)).toBe(row.save);
      const list = (numeric: boolean): string =>
        rule.matches.map(({ definition, data }) => definition.list(data, numeric, version)).join(' ');
      expect(list(true)).toBe(row.numeric);
      expect(list(false)).toBe(row.named ?? row.numeric);
      // What was printed is read back and printed the same.
      expect(save(readRule(row.save!, version, 'restore'), version)).toBe(row.save);
    });
  }
});
