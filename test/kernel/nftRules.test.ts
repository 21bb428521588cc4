import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { includeFiles } from '../../src/frontend/nft/read/include.js';
import { parseNft } from '../../src/frontend/nft/read/parse.js';
import { modelValues, printNft, printRule } from '../../src/frontend/nft/print/print.js';
import type { Family } from '../../src/rules/model.js';
import { cases, inTable } from '../frontend/nft/rows.js';

/*
 * The rules of nft-1.0.6.txt, given to the nft and the kernel of this machine: what they list is what is printed here.
 */

const NAMESPACE = `nfr-rules-${process.pid}`;
const FAMILIES: readonly Family[] = ['ip', 'ip6', 'inet', 'bridge', 'arp', 'netdev'];

function run(
  command: string,
  args: readonly string[],
  input?: string,
): { status: number | null; out: string } {
  const { status, stdout, stderr } = spawnSync(command, args, {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return { status, out: status === 0 ? stdout : `${stdout}${stderr}` };
}

const nft = (args: readonly string[], input?: string): { status: number | null; out: string } =>
  run('ip', ['netns', 'exec', NAMESPACE, 'nft', ...args], input);

/** Why this machine cannot be asked; null where it can. */
function missing(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  const version = run('nft', ['--version']).out;
  if (!version.includes('v1.0.6')) return 'needs nft 1.0.6';
  return run('ip', ['netns', 'list']).status === 0 ? null : 'needs ip netns';
}

const lacking = missing();
const rows = cases();

/** What a chain of the listing has. */
function rulesOf(listing: string, chain: string): string[] {
  const lines = listing.split('\n');
  const start = lines.indexOf(`\tchain ${chain} {`);
  return lines.slice(start + 1, lines.indexOf('\t}', start)).map((line) => line.slice(2));
}

describe.skipIf(lacking !== null)(`nft and this kernel${lacking === null ? '' : ` (${lacking})`}`, () => {
  beforeAll(() => {
    expect(run('ip', ['netns', 'add', NAMESPACE]).status).toBe(0);
    expect(nft(['-f', '-'], 'add table ip t').status).toBe(0);
  });
  afterAll(() => {
    run('ip', ['netns', 'del', NAMESPACE]);
  });

  it.each(FAMILIES)(
    '%s: list the rules that are accepted as they are printed here',
    { timeout: 120_000 },
    (family) => {
      const accepted = rows.filter((row) => row.family === family && row.listed !== null);
      const text = inTable(family, accepted.map((row) => row.input).join('\n'));
      const loaded = nft(['-f', '-'], `flush ruleset\n${text}`);
      expect(loaded).toEqual({ status: 0, out: '' });
      const listed = rulesOf(nft(['list', 'ruleset']).out, 'c');
      const diagnostics = new Diagnostics();
      const ruleset = parseNft(text, 'rules', diagnostics);
      expect(diagnostics.list).toEqual([]);
      const printed = ruleset.tables[0].chains
        .get('c')
        ?.rules.map((rule) => printRule(rule, family, modelValues));
      expect(printed).toEqual(listed);
    },
  );

  const programs = join(import.meta.dirname, '../frontend/nft/programs');
  const names = readdirSync(programs).filter((name) => name.endsWith('.nft'));
  it.each(names)('list %s as it is printed here', (name) => {
    const file = join(programs, name);
    expect(nft(['-f', '-'], 'flush ruleset')).toEqual({ status: 0, out: '' });
    expect(nft(['-I', programs, '-f', file])).toEqual({ status: 0, out: '' });
    const ruleset = parseNft(readFileSync(file, 'utf8'), file, new Diagnostics(), includeFiles());
    expect(printNft(ruleset)).toBe(nft(['list', 'ruleset']).out);
  });

  it('refuse what is refused here', { timeout: 120_000 }, () => {
    const taken = rows
      .filter((row) => row.refused !== null)
      .filter(
        ({ family, input }) =>
          nft(['-c', '-f', '-'], `flush ruleset\n${inTable(family, input)}`).status === 0,
      )
      .map(({ family, input }) => `${family}: ${input}`);
    expect(taken).toEqual([]);
  });
});
