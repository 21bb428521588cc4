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
