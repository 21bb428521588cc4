import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadGiven } from '../src/given.js';
import { Diagnostics } from '../src/source/diagnostic.js';

const RULESETS = join(import.meta.dirname, 'frontend/nft/rulesets');
const JSON_FILE = join(RULESETS, 'nft-docker-like.json');
const TEXT_FILE = join(RULESETS, 'nft-docker-like.nft');

describe('the nft rules of a host', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'given-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  /** The rules that are read, as text, and what is said of them; what is said of the rest of the host is left out. */
  function rulesOf(sources: Parameters<typeof loadGiven>[0]): { rules: string[]; said: string[] } {
    const diagnostics = new Diagnostics();
    const { ruleset, unusable } = loadGiven(sources, diagnostics);
    expect(unusable).toEqual([]);
    return {
      rules: ruleset.tables.flatMap((t) =>
        [...t.chains.values()].flatMap((c) =>
          c.rules.map((r) => `${t.family} ${t.name} ${c.name}: ${r.text}`),
        ),
      ),
      said: diagnostics.list.map((d) => d.message).filter((m) => m.includes('nft')),
    };
  }

  it('that iptables-nft made are taken from iptables-save where that is given', () => {
    const nft = join(directory, 'nft.nft');
    const save = join(directory, 'save.txt');
    writeFileSync(
      nft,
      'table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tcounter packets 0 bytes 0 drop\n\t}\n}\ntable inet own {\n\tchain c {\n\t\tdrop\n\t}\n}\n',
    );
    writeFileSync(save, '*filter\n-A INPUT -m recent --set -j DROP\nCOMMIT\n');
    for (const rulesFiles of [
      [nft, save],
      [save, nft],
    ])
      expect(
        rulesOf({ rulesFiles })
          .rules.map((rule) => rule.slice(0, 30))
          .sort(),
      ).toEqual(['inet own c: drop', 'ip filter INPUT: -m recent --s']);
  });

  it('that a shell script makes are those of its commands, told by its lines', () => {
    const script = join(directory, 'fw.sh');
    const lines = [
      '#!/bin/sh',
      'NFT=/usr/sbin/nft',
      '$NFT flush ruleset',
      'nft -f - <<E',
      'table inet fw {',
      '  chain in { type filter hook input priority 0; policy drop; }',
      '}',
      'E',
      'add() {',
      '  nft add rule inet fw in tcp dport $1 accept',
      "  nft 'add rule inet fw in udp dport $1 nonsense'",
      '}',
      'for p in 22 80; do add $p; done',
      'nft list ruleset',
    ];
    writeFileSync(script, lines.join('\n'));
    const diagnostics = new Diagnostics();
    const { ruleset } = loadGiven({ rulesFiles: [script] }, diagnostics);
    const [table] = ruleset.tables;
    expect(table.chains.get('in')?.rules.map((r) => `${r.position?.line} ${r.text}`)).toEqual([
      '10 tcp dport 22 accept',
      '11 udp dport $1 nonsense',
      '10 tcp dport 80 accept',
      '11 udp dport $1 nonsense',
    ]);
    expect(diagnostics.list.every((d) => d.position?.line === 11 && d.position.file === script)).toBe(true);
  });

  it('are the same from JSON as from text', () => {
    copyFileSync(JSON_FILE, join(directory, 'nft-ruleset.json'));
    const fromJson = rulesOf({ hostDir: directory });
    expect(fromJson.rules.length).toBeGreaterThan(5);
    expect(fromJson.said).toEqual([]);
    expect(fromJson.rules).toEqual(rulesOf({ rulesFiles: [TEXT_FILE] }).rules);
    expect(fromJson.rules).toEqual(rulesOf({ rulesFiles: [JSON_FILE] }).rules);
  });

  it('are those of the text where both are there', () => {
    copyFileSync(JSON_FILE, join(directory, 'nft-ruleset.json'));
    writeFileSync(join(directory, 'nft-ruleset.nft'), 'table ip t {\n\tchain c {\n\t\taccept\n\t}\n}\n');
    expect(rulesOf({ hostDir: directory }).rules).toEqual(['ip t c: accept']);
  });

  it('are reported with the file where the JSON is none', () => {
    const file = join(directory, 'nft-ruleset.json');
    writeFileSync(file, readFileSync(JSON_FILE, 'utf8').slice(0, 400));
    const diagnostics = new Diagnostics();
    expect(loadGiven({ hostDir: directory }, diagnostics).ruleset.tables).toEqual([]);
    const [said] = diagnostics.list.filter((d) => d.position?.file === file);
    expect(said.message).toBe('this is no JSON');
  });
});
