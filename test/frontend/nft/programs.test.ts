import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { includeFiles } from '../../../src/frontend/nft/include.js';
import { parseNftJson } from '../../../src/frontend/nft/json.js';
import { parseNft } from '../../../src/frontend/nft/parse.js';
import { printNft } from '../../../src/frontend/nft/print.js';

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
