import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { printList } from '../../../src/frontend/iptables/list.js';
import { printSave } from '../../../src/frontend/iptables/print.js';
import { parseSave } from '../../../src/frontend/iptables/save.js';
import { Diagnostics, formatDiagnostic } from '../../../src/source/diagnostic.js';

/** Rulesets after traffic, as iptables-save -c and iptables -nvL --line-numbers of 1.8.9 printed them. */
const RECORDED = join(import.meta.dirname, 'recorded');
const names = readdirSync(RECORDED)
  .filter((file) => file.endsWith('.save.txt'))
  .map((file) => file.slice(0, -'.save.txt'.length));

const read = (file: string): string => readFileSync(join(RECORDED, file), 'utf8');
const withoutComments = (text: string): string => text.replace(/^#.*\n/gm, '');

describe.each(names)('%s', (name) => {
  const text = read(`${name}.save.txt`);
  const version = name.startsWith('ipt6') ? 6 : 4;
  const diagnostics = new Diagnostics();
  const tables = parseSave(text, name, version, diagnostics);

  it('is understood whole', () => {
    expect(diagnostics.list.map(formatDiagnostic)).toEqual([]);
  });

  it('is printed as iptables-save -c printed it', () => {
    expect(printSave(tables, version)).toBe(withoutComments(text));
  });

  it('is printed as iptables-save without -c prints it', () => {
    const plain = withoutComments(text).replace(/^\[\d+:\d+\] /gm, '');
    expect(printSave(tables, version, undefined, false)).toBe(plain);
  });

  it('is listed as iptables -nvL --line-numbers listed it', () => {
    const listed = read(`${name}.nvL.txt`)
      .split(/^# table (\w+)\n/m)
      .slice(1);
    for (let i = 0; i < listed.length; i += 2) {
      const table = tables.find((t) => t.name === listed[i]);
      const printed = table && printList(table, { numeric: true, verbose: true, lineNumbers: true });
      expect(`${listed[i]}\n${printed}`).toBe(`${listed[i]}\n${listed[i + 1]}`);
    }
  });
});
