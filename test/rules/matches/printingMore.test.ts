import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRule, save } from './reading.js';

const TEXT = readFileSync(join(import.meta.dirname, 'iptables-1.8.9-more.txt'), 'utf8');

/** A rule with what iptables printed of it. */
function rows(): { version: 4 | 6; rule: string; answers: Map<string, string> }[] {
  return TEXT.split(/\n(?=[46] )/)
    .slice(1)
    .map((block) => {
      const [head, ...lines] = block.trimEnd().split('\n');
      const answers = lines.map((line) => {
        const [, key, value] = /^ {3}(\S+) +(.*)$/.exec(line)!;
        return [key, value] as const;
      });
      return { version: Number(head[0]) as 4 | 6, rule: head.slice(2), answers: new Map(answers) };
    });
}

describe('matches are read and printed as iptables 1.8.9 does', () => {
  for (const { version, rule, answers } of rows())
    it(`${version} ${rule}`, () => {
      const read = readRule(rule, version);
      expect(read.errors).toEqual([]);
      expect(save(read, version)).toBe(answers.get('save'));
      const list = (numeric: boolean): string =>
        read.matches
          .map(({ definition, data }) => definition.list(data, numeric, version))
          .join(' ')
          // The byte of 0 after a program of -m bpf does not stand in the text file.
          .replace('\0', '')
          .trimEnd();
      expect(list(true)).toBe(answers.get('-nL')!.trimEnd());
      expect(list(false)).toBe((answers.get('-L') ?? answers.get('-nL')!).trimEnd());
      const again = readRule(answers.get('save')!, version, 'restore');
      expect(again.errors).toEqual([]);
      expect(save(again, version)).toBe(answers.get('save'));
    });
});
