import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { includeFiles } from '../../../src/frontend/nft/read/include.js';
import { parseNftJson } from '../../../src/frontend/nft/json/json.js';
import { parseNft } from '../../../src/frontend/nft/read/parse.js';
import { printNft } from '../../../src/frontend/nft/print/print.js';

/*
 * Rulesets as firewall programs write them, with what nft 1.0.6 listed after it had loaded them. JSON is there where it
 * has all that the text has: nft 1.0.6 leaves out auto-merge, comments of tables and the flag dynamic.
 */
const DIR = join(import.meta.dirname, 'programs');
const NAMES = readdirSync(DIR).filter((name) => name.endsWith('.nft'));

describe('rulesets of firewall programs', () => {
  it.each(NAMES)('%s is listed as nft lists it', (name) => {
    const listed = readFileSync(join(DIR, name.replace('.nft', '.listed')), 'utf8');
    const written = join(DIR, name);
    const diagnostics = new Diagnostics();
    const read = (text: string, file: string, wasListed: boolean): string =>
      printNft(parseNft(text, file, diagnostics, includeFiles(), wasListed));
    expect(read(readFileSync(written, 'utf8'), written, false)).toBe(listed);
    expect(read(listed, 'listed', true)).toBe(listed);
    const json = written.replace('.nft', '.json');
    if (existsSync(json))
      expect(printNft(parseNftJson(readFileSync(json, 'utf8'), json, diagnostics, true))).toBe(listed);
    expect(diagnostics.list).toEqual([]);
  });
});

describe('tables that iptables-nft made, as nft lists them', () => {
  const read = (...lines: string[]): { listed: string[]; said: string[] } => {
    const head = [
      'table ip filter {',
      '\tchain INPUT {',
      '\t\ttype filter hook input priority filter; policy accept;',
    ];
    const text = [...head, '\t\tcounter packets 0 bytes 0 jump ~log0', ...lines.map((l) => `\t\t${l}`), '\t}', '', '\tchain ~log0 {', '\t}', '}', ''].join('\n'); // prettier-ignore
    const diagnostics = new Diagnostics();
    const listed = printNft(parseNft(text, 'listing', diagnostics)).split('\n');
    expect(listed).toContain('\tchain ~log0 {');
    expect(listed[3]).toBe('\t\tcounter packets 0 bytes 0 jump ~log0');
    return { listed: listed.slice(4, 4 + lines.length).map((l) => l.trim()), said: diagnostics.list.map((d) => `${d.severity}: ${d.message}`) }; // prettier-ignore
  };

  it('stand as they are listed, with whatever names iptables takes', () => {
    const rules = ['meta l4proto icmp icmp type echo-request counter packets 1 bytes 2 accept', 'tcp dport 25 counter packets 0 bytes 0 goto ~log0']; // prettier-ignore
    expect(read(...rules)).toEqual({ listed: rules, said: [] });
  });

  it.each([
    ['by its name', 'tcp dport 22 xt match recent counter packets 0 bytes 0'],
    ['by its name in quotes', 'tcp dport 22 xt match "recent" counter packets 0 bytes 0'],
    ['as a blank at the end', 'tcp dport 22 counter packets 0 bytes 0 '],
    ['as a comment', 'tcp dport 22 # recent: SET name: x counter packets 0 bytes 0 drop'],
  ])('keep a rule with an extension that is shown %s as one that nobody knows', (_, rule) => {
    const { said } = read(rule);
    expect(said).toEqual(['warning: nft cannot show this iptables extension']);
  });
});
